"""Invented cars of a listing."""

from hypothesis import strategies as st

from dealerproxy.stock.table import StockedCar


def car(number: int, **facts: object) -> StockedCar:
    """A car with so much the same as the others."""
    known: dict[str, object] = {
        "kind": ("기아", "쏘렌토"),
        "place": ("경기", "B"),
        "year": 2020,
        "registered": 202_003,
        "mileage_km": 40_000,
        "price_krw": 25_000_000,
        "vehicle": number,
        "original": True,
        "photo": f"/carpicture01/pic{number}_001.jpg",
    }
    return StockedCar(number=number, **(known | facts))  # type: ignore[arg-type]


cars = st.builds(
    StockedCar,
    number=st.integers(1, 60) | st.integers(10**17, 10**17 + 5),
    kind=st.tuples(st.sampled_from(["기아", "현대"]), st.none() | st.sampled_from(["K5", "쏘렌토", "아반떼"])),
    place=st.sampled_from([(), ("경기", "B"), ("서울",)]),
    year=st.integers(1990, 2027),
    registered=st.integers(1990, 2027).map(lambda year: year * 100 + 5),
    mileage_km=st.integers(0, 999_998),
    price_krw=st.integers(1, 99_998).map(lambda manwon: manwon * 10_000),
    vehicle=st.integers(1, 10**12),
    original=st.booleans(),
    photo=st.none() | st.sampled_from(["/a_001.jpg", "/사진/b_001.jpg"]),
    colour=st.none() | st.sampled_from(["흰색", "검정색"]),
)
