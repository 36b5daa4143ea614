"""Encar's operations: its search and read API, and the page of a car."""

from yarl import URL

from dealerproxy.upstreams.encar.advert import read_detail, read_details, read_page
from dealerproxy.upstreams.encar.battery import read_battery
from dealerproxy.upstreams.encar.diagnosis import read_diagnosis
from dealerproxy.upstreams.encar.facets import read_facets
from dealerproxy.upstreams.encar.inspection import read_inspection
from dealerproxy.upstreams.encar.packages import read_packages
from dealerproxy.upstreams.encar.query import SEARCH_PATH, TRUCK_PATH
from dealerproxy.upstreams.encar.record import read_record
from dealerproxy.upstreams.encar.rows import read_search
from dealerproxy.upstreams.encar.truck_rows import read_truck_search
from dealerproxy.upstreams.operations import Host, Operation

# The block page to which a blocked caller is redirected, found in bodies of status 404, 403 and 200.
BLOCK_MARKERS = (b"has_been_cr_blocked",)
API = Host("encar", "encar_api_url", URL("https://api.encar.com"), BLOCK_MARKERS)
PAGES = Host("encar", "encar_page_url", URL("https://fem.encar.com"), BLOCK_MARKERS)

# A search without `sr` returns only facets.
SEARCH = Operation(
    name="search", host=API, circuit="search", path=SEARCH_PATH, required_parameter="sr", read=read_search
)
FACETS = Operation(name="facets", host=API, circuit="search", path=SEARCH_PATH, read=read_facets)
# The index of trucks may be blocked, or gone, while the index of cars is not.
TRUCK_SEARCH = Operation(
    name="truck_search",
    host=API,
    circuit="truck_search",
    path=TRUCK_PATH,
    required_parameter="sr",
    read=read_truck_search,
)
DETAIL = Operation(name="detail", host=API, circuit="detail", path="v1/readside/vehicle/{id}", read=read_detail)
BATCH = Operation(name="batch", host=API, circuit="detail", path="v1/readside/vehicles", read=read_details)
PAGE = Operation(name="page", host=PAGES, circuit="page", path="cars/detail/{id}", html=True, read=read_page)
INSPECTION = Operation(
    name="inspection", host=API, circuit="papers", path="v1/readside/inspection/vehicle/{id}", read=read_inspection
)
# Without `/open` the endpoint returns 404.
RECORD = Operation(
    name="record", host=API, circuit="papers", path="v1/readside/record/vehicle/{id}/open", read=read_record
)
DIAGNOSIS = Operation(
    name="diagnosis", host=API, circuit="papers", path="v1/readside/diagnosis/vehicle/{id}", read=read_diagnosis
)
# Extras that only insiders see; their failures must not affect the papers.
PACKAGES = Operation(
    name="packages",
    host=API,
    circuit="extras",
    path="v1/readside/vehicles/car/{id}/options/choice",
    read=read_packages,
)
BATTERY = Operation(
    name="battery", host=API, circuit="extras", path="v1/readside/vehicle/ev-battery/{id}", read=read_battery
)
OPERATIONS: tuple[Operation[..., object], ...] = (
    *(SEARCH, FACETS, TRUCK_SEARCH, DETAIL, BATCH, PAGE),
    *(INSPECTION, RECORD, DIAGNOSIS, PACKAGES, BATTERY),
)
