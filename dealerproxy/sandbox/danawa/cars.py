"""One invented row of Danawa's used-car list: a feeder's car, what the row says and what only the feeder knows."""

from dataclasses import dataclass
from typing import Final

MPARK: Final = "mpark"
# Words for a car that is off sale. None was ever captured: these are the usual ones of the trade.
MARKS: Final = ("판매완료", "예약", "거래완료", "판매종료", "계약중", "판매대기")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The feeder's summary of its inspection and of the insurance history, amounts in won."""

    number: str
    date: str  # 2026-06-08
    accident: bool = False
    repaired: bool = False  # simple repairs, which are no accident
    replaced: int = 0
    welded: int = 0
    use_changed: bool = False
    flooded: bool = False
    own_damages: int = 0
    own_damage_cost: int = 0
    other_damages: int = 0
    other_damage_cost: int = 0
    owners_changed: int = 0
    seizures: int = 0
    mortgages: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DanawaCar:
    """One car of the list.

    `id` is the feeder's number of ten digits. Brand, model, grade and detail are the four parts of the name, the last
    two may be empty. A code is None where the site's is unknown: such a car is on the wider listings only.

    `year` is the row's (the model year), `registered` the month of first registration as YYYYMM; `price` is
    in 만원 (10,000 KRW), `mileage` in km. `mark` is shown outside the name and means that the car is off sale.
    `feeder` is the car's feeder, `at_feeder` whether the feeder still has it. `encar_id` is the advert of the
    same car at Encar. Raises ValueError for an id that is not ten digits.
    """

    id: str
    brand: str
    brand_code: str | None
    series: str
    series_code: str | None
    model: str
    model_code: str | None
    grade: str
    detail: str
    year: int
    registered: int
    mileage: int
    price: int
    body: str
    fuel: str
    colour: str
    plate: str
    cc: int = 1998
    transmission: str = "오토"
    feeder: str = MPARK
    at_feeder: bool = True
    mark: str | None = None
    check: Check | None = None
    encar_id: str | None = None

    def __post_init__(self) -> None:
        if not (len(self.id) == 10 and self.id.isascii() and self.id.isdecimal()):
            raise ValueError(f"a car's id must be ten digits, not {self.id!r}")

    @property
    def name(self) -> str:
        """The name as the row writes it: an empty part leaves its blank behind."""
        return f"{self.brand} {self.model} {self.grade} {self.detail}"
