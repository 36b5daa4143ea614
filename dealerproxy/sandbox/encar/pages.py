r"""The detail page for people, `/cars/detail/{id}`: HTML with the page's state as JSON, as captured in August 2026.

The state is assigned without `window.` and without a semicolon and ends straight at `</script>`. Its `cars.base` is the
detail document as a browser's JavaScript holds it, so numbers past 2^53 are rounded. `<` is written `\u003c` in it.

The page of a removed advert is known by its words and class names only; that it has a state whose `base` is empty is
a guess, and so are the values of `adStatus`, `leaseRentType` and `inspectType` the capture does not show.
"""

import html
from decimal import Decimal
from typing import Final

import orjson

from dealerproxy.sandbox.encar.cars import Car
from dealerproxy.sandbox.encar.details import Json, narrowed

INCLUDE: Final = "ADVERTISEMENT,CATEGORY,CONDITION,CONTACT,MANAGE,OPTIONS,PHOTOS,SPEC,PARTNERSHIP,CENTER,VIEW"
GONE: Final = "이 차량은 판매되었거나 삭제된 차량입니다."

_LARGEST_EXACT: Final = 2**53
_BEFORE_CARS: Final = (
    "pender", "homeservice", "encarpay", "loan", "auth", "carInfo", "address", "tooltip", "model", "ryvuss", "saleCar",
    "company", "page", "estimate",
)  # fmt: skip
_AFTER_CARS: Final = (
    "encarcenter", "hsContracts", "estimatePictureUpload", "auction", "buyInquiry", "carInfoSelect", "board",
    "ohMyCall", "escrow", "carVerification", "escrowV2", "meetgo", "contracts", "orders", "preDelivery", "join",
)  # fmt: skip
# The parts of the state that the page loads later.
_LATER: Final[Json] = {
    "explain": {}, "sellingpoint": {}, "photo": [], "diagnosis": {"items": []}, "inspect": {}, "inspectSummary": {},
    "option": {}, "optionStandard": {}, "optionStandardTruck": {}, "optionChoice": [], "optionTuning": [],
    "accident": {}, "warranty": {}, "leaseSuccession": [], "rent": {}, "rentSuccession": [], "profile": {},
    "mochaFaq": {}, "mochaRequest": {}, "usersFavorites": [], "loggedAuth": {}, "falseCar": {}, "items": [],
    "acquisitionCost": {}, "address": [], "estimate": {}, "encarpayLimitCheck": None, "escrow": {"existence": None},
    "encarpayAcitvatedFinancial": [{"inflowType": "", "financialCompany": ""}], "inquiryOpen": False,
    "newCarPriceAccessKey": {"pageAccessToken": ""}, "partnerCenter": None, "affiliationCompany": None,
    "userSelectRentValue": {"amount": "", "month": "", "contractType": ""},
}  # fmt: skip
_PAGE: Final = """<!DOCTYPE html>
<html lang="ko" class="pc_look pclayout_car_detail" data-react-helmet="lang,class"><head>
		<meta charset="utf-8">
		<meta name="viewport" content="user-scalable=no,initial-scale=1,width=device-width">
		<title>{title}</title>
		<link data-chunk="main" rel="stylesheet" href="/static/css/main.css">
		<script>var IP_ADDRESS_INFO = '127.0.0.1';</script>
	</head>
	<body>
		<div id="wrap"><div class="PcHeaderCarDetail-module_header__y8G20">{body}</div></div>
		<div id="page"></div>
		<div id="modal"></div>
		<script>__PRELOADED_STATE__ = {state}</script><script id="__LOADABLE_REQUIRED_CHUNKS__" \
type="application/json">[49194,31147]</script><script id="__LOADABLE_REQUIRED_CHUNKS___ext" \
type="application/json">{{"namedChunks":["cars-CarsPage","DetailPage"]}}</script>
<script async="" data-chunk="main" src="/static/js/main.js"></script>
	</body></html>
"""


def live(car: Car, document: Json) -> bytes:
    """The page of an advert of any status that is not removed; `document` is its whole detail."""
    name = html.escape(f"{car.model} {car.badge} {car.region} 중고차 : 내차팔기·내차사기")
    price = f"{car.price:,}만원" + ("(계약중)" if car.sales_status == "CONTRACT" else "")
    base: Json = {
        **narrowed(_as_javascript(document), INCLUDE),
        "queryCarId": int(car.id),
        "requestUrl": f"/v1/readside/vehicle/{car.id}?include={INCLUDE}",
    }
    state = _state(
        {"isRefresh": False, "detailFlags": _flags(car, document), "base": base, **_LATER, **_driven(car.id)}
    )
    return _page(name, f"<h3>{name}</h3><p>{price}</p>", state)


def gone(car_id: str) -> bytes:
    """The page of an advert that was removed."""
    body = (
        '<div class="DetailNone_no_data__3kq9d"><p class="DetailNone_text__1zXhT">'
        f'{GONE}</p><button type="button">동급 차량 보기</button></div>'
    )
    return _page("엔카", body, _state({"isRefresh": False, "detailFlags": {}, "base": {}, **_LATER, **_driven(car_id)}))


def _page(title: str, body: str, state: Json) -> bytes:
    text = orjson.dumps(state).decode().replace("<", "\\u003c")
    return _PAGE.format(title=title, body=body, state=text).encode()


def _state(cars: Json) -> Json:
    return {**{key: {} for key in _BEFORE_CARS}, "cars": cars, **{key: {} for key in _AFTER_CARS}}


def _as_javascript(document: Json) -> Json:
    category = document["category"]
    number = category.get("jatoVehicleId") if isinstance(category, dict) else None
    if not isinstance(category, dict) or not isinstance(number, int):
        return document
    return {**document, "category": {**category, "jatoVehicleId": _rounded(number)}}


def _rounded(number: int) -> int:
    """Return the number as JavaScript prints it: the shortest digits of the nearest double, then zeros."""
    return int(Decimal(repr(float(number)))) if number > _LARGEST_EXACT else number


def _driven(car_id: str) -> Json:
    return {
        "detailServerDriven": {
            "version": None,
            "success": False,
            "message": "This transaction has been restricted by traffic limits.",
            "result": None,
            "serverDrivenVehicleId": int(car_id),
        },
        "detailServerDrivenFlags": {"successType": "failed", "isServerDrivenValid": False, "sduiVersion": None},
        "evBattery": {},
    }


def _flags(car: Car, document: Json) -> Json:
    view, condition = document["view"], document["condition"]
    battery = view if isinstance(view, dict) else {}
    sheets = condition["inspection"]["formats"] if isinstance(condition, dict) else []
    return {
        "isAvailableMoveToDummy": False,
        "isBrandCertification": None,
        "isBrandCertificationDomestic": False,
        "isAffiliateRent": False,
        "isAffiliateLease": False,
        "isCarVerification": False,
        "isCompensate": False,
        "isDealer": not car.is_private,
        "isDiagnosisExist": "EncarDiagnosisP0" in car.service_mark,
        "isExtendWarranty": "ExtendWarranty" in car.trust,
        "isHomeService": "HomeService" in car.trust,
        "isInsuranceExist": "Record" in car.condition,
        "isHistoryView": "Resume" in car.condition,
        "isMeetgo": False,
        "isDummySafetyZone": False,
        "isSafetyZoneExpert": False,
        "isTruck": car.vehicle_type == "TRUCK",
        "adStatus": car.status.lower(),
        "advertisementType": "AD_NORMAL",
        "encarDiagnosisTag": None,
        "inspectType": "INSPECT" if sheets else "NONE",
        "leaseRentType": {"리스": "LEASE", "렌트": "RENT"}.get(car.sell_type, "NO_TYPE"),
        "encarServiceType": None,
        "isBatteryPass": battery.get("isBatteryPass", False),
        "hasEvBatteryInfo": battery.get("hasEvBatteryInfo", False),
        "isMeetgoSingle": False,
    }
