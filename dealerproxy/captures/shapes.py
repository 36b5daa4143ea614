"""The shape of a site's pages: the paths in them, how often each is present, and how often it is not empty.

A path is that of a value in JSON, with `[]` for any element of a list; in Danawa's list it is a selector inside a car's
item. The parsers define which paths are mandatory and optional; a path is new if it was in no captured answer.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec
from selectolax.lexbor import LexborNode

from dealerproxy.captures.scrub.keys import HARMLESS, PERSONAL
from dealerproxy.transport.errors import Drift
from dealerproxy.upstreams.danawa import feeder, listing
from dealerproxy.upstreams.danawa import operations as danawa
from dealerproxy.upstreams.encar import advert as detail
from dealerproxy.upstreams.encar import operations as encar
from dealerproxy.upstreams.encar import rows, truck_rows
from dealerproxy.upstreams.encar.advert_names import TRUCK_KEYS
from dealerproxy.upstreams.markup import parse

Need = Literal["mandatory", "optional", "new"]


class Known(NamedTuple):
    """The paths that a parser reads."""

    mandatory: tuple[str, ...]
    optional: tuple[str, ...]


class Line(NamedTuple):
    """A path: how often it was present, how often it could have been, and how often it was not empty."""

    path: str
    need: Need
    found: int
    of: int
    filled: int


def _paths(prefix: str, text: str) -> tuple[str, ...]:
    return tuple(f"{prefix}{path}" for path in text.split())


def _under(prefix: str, known: Known) -> Known:
    return Known(*(tuple(prefix + path for path in paths) for paths in known))


_ROWS = f"{rows.ROWS}[]"


def _known_rows(kind: type[rows.Offer]) -> Known:
    fields = msgspec.structs.fields(kind)
    return Known(
        (rows.COUNT, rows.ROWS, *(f"{_ROWS}.{field.name}" for field in fields if field.required)),
        (
            *(f"{_ROWS}.{field.name}" for field in fields if not field.required),
            *_paths(f"{_ROWS}.Photos[].", "location type ordering"),
        ),
    )


_DETAIL = Known(
    mandatory=(
        *(detail.VEHICLE_ID, detail.STATUS, detail.PRICE, detail.MANUFACTURER, detail.MODEL_NAME),
        *(detail.YEAR_MONTH, detail.FORM_YEAR, detail.MILEAGE),
    ),
    optional=(
        *_paths("", "vehicleType vin vehicleNo manage.dummy manage.dummyVehicleId photos photos[].path photos[].code"),
        *_paths("advertisement.", "salesStatus advertisementType leaseRentInfo oneLineText trust homeService meetGo"),
        *_paths("advertisement.", "extendWarranty directInspected preVerified encarCheck underBodyPhotos"),
        *_paths("", "advertisement.underBodyPhotos[].photoPath manage.firstAdvertisedDateTime"),
        *_paths("category.", "importType domestic originPrice warranty warranty.userDefined warranty.bodyMonth"),
        *_paths("category.warranty.", "bodyMileage transmissionMonth transmissionMileage"),
        *_paths("", "spec.seatCount spec.horsePower options.choice options.tuning"),
        *_paths("view.", "hasEvBatteryInfo isBatteryPass"),
        *(f"{section}.{key}" for section, keys in TRUCK_KEYS.items() for key in keys),
        *_paths("category.", "type manufacturerEnglishName modelGroupName modelGroupEnglishName gradeName"),
        *_paths("spec.", "type displacement transmissionName fuelName colorName bodyName"),
        *_paths("", "category.gradeDetailName contact.userType contact.address options.type options.standard"),
        *_paths("", "condition.accident condition.inspection condition.seizing photos[].type contents.text"),
    ),
)
_FEEDER = "data.detailInfo[]."
_FEEDER_NEEDS = {path.rpartition(".")[2] for path in (feeder.NAME, feeder.PRICE, feeder.MILEAGE, feeder.YEAR)}
KNOWN: Mapping[str, Known] = {
    encar.SEARCH.name: _known_rows(rows.SearchRow),
    encar.TRUCK_SEARCH.name: _known_rows(truck_rows.TruckRow),
    encar.FACETS.name: Known(
        ("iNav.Nodes", "iNav.Nodes[].Name"), _paths("iNav.Nodes[].Facets[].", "Value Count Refinements.Nodes")
    ),
    encar.DETAIL.name: _DETAIL,
    encar.BATCH.name: _under("[].", _DETAIL),
    encar.PAGE.name: _under(f"{'.'.join(detail.STATE_BASE)}.", _DETAIL),
    encar.INSPECTION.name: Known(
        _paths("", "formats inners outers master.accdient"),
        (
            *_paths("", "master.simpleRepair master.detail outers[].type outers[].statusTypes outers[].attributes"),
            *_paths("master.detail.", "issueDate validityStartDate validityEndDate firstRegistrationDate modelYear"),
            *_paths("master.detail.", "mileage transmissionType colorType guarantyType carStateType boardStateType"),
            *_paths("master.detail.", "mileageStateType usageChangeTypes paintPartTypes seriousTypes tuning waterlog"),
            *_paths("master.detail.", "tuningStateTypes recall recallFullFillTypes comments vin coout hcout smout"),
            "master.detail.motorType",
            *_paths("etcs[].", "children children[].type children[].exists children[].statusTypes"),
            *_paths("inners[].", "type children children[].type children[].statusType children[].children"),
        ),
    ),
    encar.RECORD.name: Known(
        _paths("", "accidents myAccidentCnt"),
        (
            *_paths("", "openData otherAccidentCnt ownerChanges ownerChangeCnt carNoChangeCnt totalLossCnt robberCnt"),
            *_paths("", "floodTotalLossCnt floodPartLossCnt government business loan use carInfoUse1s notJoinDate1"),
            *_paths("", "notJoinDate2 notJoinDate3 notJoinDate4 notJoinDate5 totalLossDate floodDate robberDate"),
            *_paths("accidents[].", "type date insuranceBenefit partCost laborCost paintingCost"),
        ),
    ),
    encar.DIAGNOSIS.name: Known(
        ("items",), _paths("", "diagnosisDate realDiagnosisDate items[].name items[].result items[].resultCode")
    ),
    encar.BATTERY.name: Known(
        (),
        (
            *_paths("ensolRawInfo", " .summaryInfo .summaryInfo.soh .summaryInfo.sohGrade"),
            *_paths("", "ensolRawInfo.summaryInfo.diagnosisCompletedDate jatoBatteryInfo"),
            *_paths("jatoBatteryInfo.", "batteryType controlSystem thermalManagementSystem otaUpdateSystem v2lSupport"),
            "jatoBatteryInfo.compositeEfficiency",
        ),
    ),
    encar.PACKAGES.name: Known((), _paths("[].", "optionCd optionName price")),
    danawa.FEEDER.name: Known(
        ("data.detailInfo", *(_FEEDER + name for name in sorted(_FEEDER_NEEDS))),
        tuple(_FEEDER + name for name in feeder.Advert.__struct_fields__ if name not in _FEEDER_NEEDS),
    ),
}
# Keys of captured answers that hold no text: flags, numbers and containers.
_OTHER_KEYS = """
    accdient acceptancecharge accidentcnt accidents active advanceprice advertisement boardstatetype bodymileage
    bodymonth brand breadcrumbs business carinfochanges carnamecode carnochangecnt carstatetype certifiedbrand children
    colortype companyid contact contents count dealer deemedextendwarranty deposit depositprice detail diag2partnered
    diagnosiscar diagnosiscenters directinspected directmanagement domestic dummy encarcheck encardiagnosis encarmeetgo
    etcs exists extendwarranty facets firm floodpartlosscnt floodtotallosscnt government guarantytype hasevbatteryinfo
    hasunderbodyphoto homeservice horsepower inav inners inspection inspectionsource insurancebenefit
    isbatterycompensable isbatterypass isownerpartner ispartneredvehicle isselected issinglead isverifyowner items
    laborcost leaserentinfo loan mainoptiontypes major manage master max meetgo meetgocenters meetgocheckupavailable
    meetgoexpertavailable meetgovisitavailable metadata mileagestatetype min monthleaseprice monthleaserest
    monthleasetotal monthlyfee myaccidentcnt myaccidentcost nodes opendata options ordering origincompanyid originprice
    otheraccidentcnt otheraccidentcost outers ownerchangecnt paintingcost paintparttypes partcost partnership photoplus
    photos pledgecount predelivery preverified recall recallfullfilltypes recordview refinements rent reportexists
    reportversion reregistered residualmonth residualvalue resumeview robbercnt searchresults seatcount seizing
    seizingcount serioustypes spec statusitemtypes statustype statustypes subscribecount testdrive totallosscnt
    transmissionmileage transmissionmonth transmissiontype tuningstatetypes underbodyphotos usagechangetypes
    userdefined verification view viewcount visitreservation warranty waterlog webreserved data detailinfo exchangecnt
    issmallcapacity carryingbox carryingboxbore carryingboxheight carryingboxwidth specialmanufacturercd
    specialmanufacturername
    sheetmetalcnt mydamagecnt mydamageamt otherdamagecnt otherdamageamt ownerchangecnt seizurecnt mortgagecnt
    ensolrawinfo summaryinfo soh jatobatteryinfo encarcomputedinfo"""
_SEEN = frozenset(_OTHER_KEYS.split()) | {key.rpartition(".")[2] for key in (*HARMLESS, *PERSONAL)}


def shape_of(operation: str, documents: Iterable[object]) -> list[Line]:
    """Return every path that a parser reads, and every new one, of some documents in order of path."""
    present: Counter[str] = Counter()
    filled: Counter[str] = Counter()
    for document in documents:
        for path, value in _walk(document):
            present[path] += 1
            filled[path] += value not in (None, "", [], {})
    known = KNOWN[operation]
    base = ".".join(detail.STATE_BASE) if operation == encar.PAGE.name else ""
    needs: dict[str, Need] = dict.fromkeys((path for path in present if path.startswith(base) and _is_new(path)), "new")
    needs |= dict.fromkeys(known.optional, "optional")
    needs |= dict.fromkeys(known.mandatory, "mandatory")
    return [Line(path, needs[path], present[path], _room(path, present), filled[path]) for path in sorted(needs)]


def shape_of_lists(pages: Sequence[str]) -> list[Line]:
    """Return the selectors of Danawa's list in the texts of some pages; an empty text of what was found counts."""
    layout = listing.CURRENT
    cells = (layout.year.selector, layout.mileage.selector, layout.price.selector)
    needs: dict[str, Need] = dict.fromkeys((layout.name, *cells, listing.LINK), "mandatory")
    needs[listing.IMAGE] = "optional"
    containers = list(map(_container, pages))
    items = [item for container in containers if container for item in container.css(listing.ROWS)]
    cars = [item for item in items if any(item.css_first(selector) for selector in (layout.name, listing.CELLS))]
    lines = [Line(listing.CONTAINER, "mandatory", sum(map(bool, containers)), len(pages), sum(map(bool, containers)))]
    for selector, need in needs.items():
        nodes = [node for car in cars if (node := car.css_first(selector)) is not None]
        filled = sum(bool(node.text().strip() or node.attributes.get("src") or node.css_first("img")) for node in nodes)
        lines.append(Line(selector, need, len(nodes), len(cars), filled))
    return lines


def _container(page: str) -> LexborNode | None:
    try:
        return parse(page, listing.CONTAINER).css_first(listing.CONTAINER)
    except Drift:
        return None


def _room(path: str, present: Counter[str]) -> int:
    """Return how often a path could have been present: as often as its container."""
    parent = path.rpartition(".")[0]
    while parent not in present:
        if parent.endswith("[]"):
            return 0  # an empty list has no elements that could lack the path
        parent = parent.rpartition(".")[0]
    return present[parent]


def _is_new(path: str) -> bool:
    """Whether the last key was in no captured answer, while its parents were."""
    *above, last = path.replace("[]", "").lower().split(".")
    return bool(last) and last not in _SEEN and all(key in _SEEN or not key for key in above)


def _walk(document: object) -> Iterator[tuple[str, object]]:
    """Yield every value of a document with its path, at any depth."""
    waiting = [("", document)]
    while waiting:
        path, value = waiting.pop()
        yield path, value
        if isinstance(value, Mapping):
            waiting += ((f"{path}.{key}" if path else str(key), inner) for key, inner in value.items())
        elif isinstance(value, list):
            waiting += ((f"{path}[]", inner) for inner in value)
