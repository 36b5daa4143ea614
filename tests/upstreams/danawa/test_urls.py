"""Danawa's addresses: the list's pages, and the bridge links that name a car."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from dealerproxy.upstreams.danawa.urls import HOME, bridge, bridge_url, list_url

LINK = "loadingBridge.php?refer=usedcarList&sCompany=mpark&sDemoNo=6061500368"


def test_a_list_page_is_asked_for_as_the_site_itself_does() -> None:
    assert str(list_url(HOME, 2)) == (
        "https://auto.danawa.com/usedcar/?Work=list&Tab=list&Page=2&Order=8&Brand=&Series=&Model="
    )


def test_a_list_page_is_asked_for_at_the_address_in_the_settings() -> None:
    url = list_url(URL("http://127.0.0.1:9000"), 1)
    assert (str(url.origin()), url.path, url.query["Page"]) == ("http://127.0.0.1:9000", "/usedcar/", "1")


def test_a_cars_address_is_the_bridge_to_its_feeder() -> None:
    assert str(bridge_url(HOME, "mpark", "6061500368")) == f"https://auto.danawa.com/usedcar/{LINK}"


@pytest.mark.parametrize(
    "href",
    [
        LINK,
        f"./{LINK}",
        f"/usedcar/{LINK}",
        f" {LINK}\n",
        f"{LINK}#top",
        f"https://auto.danawa.com/usedcar/{LINK}",
        f"http://AUTO.danawa.com:80/usedcar/{LINK}",
        f"//auto.danawa.com/usedcar/{LINK}",
        "loadingBridge.php?sDemoNo=6061500368&x=&sCompany=MPARK&utm=1",
        f"{LINK}&sDemoNo=6061500368",
    ],
)
def test_a_bridge_link_is_read_relative_or_absolute_in_any_order(href: str) -> None:
    assert bridge(href, HOME) == ("mpark", "6061500368")


@pytest.mark.parametrize(
    "href",
    [
        "",
        "#",
        "/usedcar/?Work=list",
        "loadingBridge.php",
        "loadingBridge.php?sCompany=mpark",
        "loadingBridge.php?sDemoNo=1",
        "loadingBridge.php?sCompany=mpark&sDemoNo=",
        "loadingBridge.php?sCompany=&sDemoNo=1",
        "loadingBridge.php?sCompany=mpark&sDemoNo=12x",
        "loadingBridge.php?sCompany=mpark&sDemoNo=١٢",
        "loadingBridge.php?sCompany=mpark&sDemoNo=" + "1" * 20,
        "loadingBridge.php?sCompany=m/park&sDemoNo=1",
        f"{LINK}&sDemoNo=2",
        f"{LINK}&sCompany=other",
        "loadingBridge.php?xsCompany=mpark&xsDemoNo=1",
        f"x{LINK}",
        f"javascript:{LINK}",
        f"https://elsewhere.example/usedcar/{LINK}",
        f"//elsewhere.example/{LINK}",
        f"https://auto.danawa.com@elsewhere.example/{LINK}",
    ],
)
def test_any_other_link_names_no_car(href: str) -> None:
    assert bridge(href, HOME) is None


@given(st.from_regex(r"[a-z0-9_-]{1,32}", fullmatch=True), st.from_regex(r"[0-9]{1,19}", fullmatch=True))
def test_a_cars_address_names_that_car(feeder: str, listing_id: str) -> None:
    url = URL(bridge_url(HOME, feeder, listing_id))
    assert bridge(str(url), HOME) == bridge(url.path_qs, HOME) == (feeder, listing_id)


@given(st.text() | st.text(alphabet="/:?&=#@sCompanysDemoNoloadingBridge.php1"))
def test_any_text_is_a_car_or_none(href: str) -> None:
    found = bridge(href, HOME)
    assert found is None or found[1].isdigit()
