"""A trim's factory packages: read, translated whole or not at all, and those on one car."""

import re
from pathlib import Path
from typing import Any

import orjson
import pytest

from dealerproxy.contract.inspection import FactoryPackage, FactoryPackages
from dealerproxy.transport.errors import Drift
from dealerproxy.upstreams.encar.packages import on_the_car, read_packages
from dealerproxy.vocabulary import Vocabulary

HANGUL = re.compile(r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]")


def packages(vocabulary: Vocabulary, *entries: Any) -> tuple[FactoryPackage, ...]:
    return read_packages(orjson.dumps(entries), vocabulary).packages


def entry(**changes: Any) -> dict[str, Any]:
    return {"optionCd": "1054", "optionName": "파노라마 선루프", "price": 109, "description": None} | changes


def test_a_package_has_its_code_its_english_name_and_its_price_in_won(vocabulary: Vocabulary) -> None:
    assert packages(vocabulary, entry()) == (FactoryPackage("1054", "Panoramic Sunroof", 1_090_000),)


@pytest.mark.parametrize(
    ("korean", "english"),
    [
        ("헤드업 디스플레이\n", "Head-Up Display"),
        ("파노라마 지어낸선루프", None),
        ("지어낸", None),
        ("Smart Sense", "Smart Sense"),
        *((f"20{sign} 알로이 휠", "20-inch Alloy Wheels") for sign in ("”", '"', "″", "''", "인치", " 인치")),
        ('19" & 20" 휠', "19-inch & 20-inch Wheels"),
        *((unfit, None) for unfit in ("<b>휠</b>", '"휠"', "휠\u202e", "<script>")),
        *(("", None), (None, None), (5, None), ([], None)),
    ],
)
def test_a_name_is_shown_whole_or_not_at_all(vocabulary: Vocabulary, korean: object, english: str | None) -> None:
    assert packages(vocabulary, entry(optionName=korean))[0].name == english


@pytest.mark.parametrize(("price", "won"), [(0, 0), ("40", 400_000), (None, None), (-1, None), ("?", None)])
def test_a_price_that_is_not_said_is_null(vocabulary: Vocabulary, price: object, won: int | None) -> None:
    assert packages(vocabulary, entry(price=price))[0].price_krw == won


def test_an_entry_without_a_code_is_left_out_and_a_code_stands_once(vocabulary: Vocabulary) -> None:
    found = packages(vocabulary, entry(), entry(price=1), entry(optionCd=None), entry(optionCd="옵션"), 5, None)
    assert [package.code for package in found] == ["1054"]


@pytest.mark.parametrize("body", [b"{}", b"5", b"null", b"<html>", b""])
def test_anything_but_a_list_is_drift(vocabulary: Vocabulary, body: bytes) -> None:
    with pytest.raises(Drift):
        read_packages(body, vocabulary)


def test_a_car_has_the_packages_that_its_advert_names_in_that_order() -> None:
    roof, wheels = FactoryPackage("1054", "Panoramic Sunroof", 1), FactoryPackage("1011", None, 2)
    assert on_the_car(("1011", "9", "1054"), FactoryPackages((roof, wheels))) == (
        wheels,
        FactoryPackage("9", None, None),
        roof,
    )


def test_a_captured_list_is_read_in_english(captures: Path, vocabulary: Vocabulary) -> None:
    found = read_packages((captures / "encar_options" / "options_choice.json").read_bytes(), vocabulary).packages
    assert [package.price_krw for package in found][:3] == [1_290_000, 400_000, 210_000]
    assert all(package.name and not HANGUL.search(package.name) for package in found)
