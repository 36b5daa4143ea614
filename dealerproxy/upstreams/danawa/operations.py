"""Danawa's operations: a page of its list, and a car of its feeder M-Park."""

from yarl import URL

from dealerproxy.upstreams.danawa.feeder import read_advert
from dealerproxy.upstreams.danawa.listing import read_list
from dealerproxy.upstreams.danawa.urls import FOLDER, HOME
from dealerproxy.upstreams.operations import Host, Operation

SITE = Host("danawa", "danawa_url", HOME)
MPARK = Host("danawa", "mpark_api_url", URL("https://api.m-park.co.kr"))

LIST = Operation(name="list", host=SITE, circuit="list", path=f"{FOLDER}/", html=True, read=read_list)
# The feeder's own API; the address was observed in September 2026.
FEEDER = Operation(
    name="feeder",
    host=MPARK,
    circuit="feeder",
    path="home/api/v1/wb/searchmycar/cardetailinfo/get",
    id_parameter="demoNo",
    read=read_advert,
)
OPERATIONS: tuple[Operation[..., object], ...] = (LIST, FEEDER)
