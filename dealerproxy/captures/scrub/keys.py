"""The keys of the sites' JSON that hold personal data, and those that never do.

Both lists are of keys seen in captured answers of 2023 to 2026, or read by programs. A key on neither list is new:
its value is kept only if it cannot be personal. Case is ignored; a key with a dot applies under that parent only.
"""

import re
from functools import lru_cache

from dealerproxy.captures.scrub.stand_ins import Kind


def _keys(text: str) -> frozenset[str]:
    return frozenset(text.split())


_BY_KIND = {
    Kind.PLATE: _keys("vehicleno carno carnumber platenumber platenum plateno"),
    Kind.VIN: _keys("vin chassisno framenumber"),
    Kind.PHONE: _keys(
        """contact.no telephonenumber phone phone2 phonenumber phnno mobile tel fax sellerphonenumber
        centerphonenumber customermobilephonenumber dealermobilephonenumber verifiedphone safenumber"""
    ),
    Kind.NAME: _keys(
        """dealername officename dealer.name firm.name diagnosiscenters.name meetgocenters.name inspname noticename
        performtester tradecompanyname sellername ownernames customername accountholdername receivename sendname
        username membername shopname companyname corporatename businessname dealershipname salesmanname sangsaname"""
    ),
    Kind.USER: _keys(
        """userid dealerid memberid sellerid registrantid updaterid customeruserid statuschangeuserid
        manageremployeeid loginid"""
    ),
    Kind.NUMBER: _keys(
        """recordno supplynum firm.code reservationid accountnumber businessnumber certificationnumber birth uuid
        employeeno licenseno checkno dealerphoto dealerprofile"""
    ),
    Kind.EMAIL: _keys("email invoiceemail receiveemail sendemail"),
    Kind.ADDRESS: _keys(
        """address addressdetail currentaddress certifiedaddress postaladdress shippingaddress businessaddress
        centeraddress"""
    ),
    Kind.TEXT: _keys(
        """onelinetext adwords mobileadwords powerpack text meetgotext desc comments comment memo etc customcolor
        items.result reservationcentername warranty.companyname content additionalcomment
        description"""
    ),
}
PERSONAL = {key: kind for kind, keys in _BY_KIND.items() for key in keys}
# A new key that contains one of these holds personal data.
LOOKS_LIKE = (
    (Kind.TOKEN, re.compile(r"token|secret|session|cookie|passw|credential|csrf|certificationkey|authoriz|api_?key")),
    (Kind.PHONE, re.compile(r"phone|mobile(?!adwords)|telno|^tel|_tel")),
    (Kind.PLATE, re.compile(r"plate_?n|(?:vehicle|car)_?(?:no$|number)")),
    (Kind.EMAIL, re.compile(r"e_?mail")),
    (Kind.USER, re.compile(r"(?:user|member|dealer|seller|owner|customer|login)_?id$")),
    (
        Kind.NAME,
        re.compile(
            r"(?:user|member|dealer|seller|owner|customer|shop|firm|company|office|person|insp\w*)_?(?:full)?name"
        ),
    ),
    (Kind.ADDRESS, re.compile(r"addr(?:ess)?(?:\d|detail)?$")),
)

HARMLESS = frozenset().union(
    # A row of a search.
    _keys(
        """searchresults.id .id separation trust servicemark condition photo location type updateddate manufacturer
        model modelgroup
        badge badgedetail greentype evtype transmission fueltype formyear year mileage homeserviceprogress
        homeserviceverification servicecopycar price leasetype lease salesstatus selltype buytype modifieddate
        officecitystate adtype color colorexpression seatcolor seatcolorexpression hotmark"""
    ),
    # A truck, in a row and in its detail.
    _keys(
        """form formdetail capacity standard use formname formdetailname capacityname capacitystandardname varaxis
        formcd formdetailcd capacitycd"""
    ),
    # Facets.
    _keys(
        """value displayvalue action expression placeholderexpression removeaction querywithplaceholder aspect
        aspectdisplay facet facetdisplay facets.name nodes.name displayname multiselectmode engname code category
        cartype placeholder upperplaceholder lowerplaceholder latitudeplaceholder longitudeplaceholder
        distanceinkmsplaceholder"""
    ),
    # An advert, and the page's state around it.
    _keys(
        """vehicleid vehicletype dummyvehicleid registdatetime firstadvertiseddatetime modifydatetime manufacturercd
        manufacturername manufacturerenglishname modelcd modelname modelgroupcd modelgroupname modelgroupenglishname
        gradecd gradename gradeenglishname gradedetailcd gradedetailname gradedetailenglishname yearmonth importtype
        jatovehicleid advertisement.status advertisementtype warrantystylecolor encarpasstype encarpasscategorytype
        phototype photopath photourl path updatedatetime usertype contacttype transmissionname fuelcd fuelname
        colorname bodyname tradetype tradeownertype standard choice tuning options.type formats querycarid requesturl
        adstatus inspecttype leaserenttype successtype serverdrivenvehicleid detailserverdriven.message"""
    ),
    # An inspection, a record, a diagnosis, packages, a battery.
    _keys(
        """title modelyear validitystartdate validityenddate firstregistrationdate motortype coout hcout smout
        issuedate enginecheck trnscheck version attributes inspectionversion registrationdate regdate maker carkind
        use displacement firstdate fuel carshape totallossdate flooddate robberdate carinfouse1s carinfouse2s
        ownerchanges notjoindate1 notjoindate2 notjoindate3 notjoindate4 notjoindate5 date diagnosisdate
        realdiagnosisdate ordno centercode diagnosisno items.name resultcode optionname optioncd
        sohgrade diagnosiscompleteddate batterytype controlsystem thermalmanagementsystem otaupdatesystem v2lsupport
        compositeefficiency"""
    ),
    # The feeder's car.
    _keys(
        """demono carname modeldetailname demoamt yymm yyyy startyearmonth km cargas carcolor numcc carautogbn
        noaccident images checkdate accident simplerepair usagechange flood demostatus"""
    ),
)


@lru_cache(maxsize=4096)
def kind_of(parent: str, key: str) -> Kind | None:
    """Return the kind of personal data under a key; None if there is none."""
    for name in (f"{parent}.{key}".lower(), key.lower()):
        if name in PERSONAL:
            return PERSONAL[name]
        if name in HARMLESS:
            return None
    return next((kind for kind, pattern in LOOKS_LIKE if pattern.search(key.lower())), None)


@lru_cache(maxsize=4096)
def is_harmless(parent: str, key: str) -> bool:
    """Whether any value under a key can be kept unchanged."""
    return f"{parent}.{key}".lower() in HARMLESS or (key.lower() in HARMLESS and kind_of(parent, key) is None)
