"""The contents of a car's papers: inspection sheet, insurance record, diagnosis.

The papers of an ordinary car are invented from its vehicle number (`inspections.py`, `records.py`); a car that carries
one of these has exactly what it says. Codes are the site's own; any other code given here is served, too.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """An inspection sheet (성능점검기록부); by default that of a clean car.

    * `form`: `TABLE`, `IMAGE` (a scan: only pictures), or `EMPTY` (a table on which nothing is filled in)
    * `panels`: touched panels as (code, statuses): `(("P021", ("X",)), ("P081", ("X", "WC")))`
    * `items`: items that differ from a healthy car's as (code, status), None for unanswered: `(("s013", "4"),)`
    * `accident`, `simple_repair`: the sheet's verdicts; None: follow from frame and exterior panels
    * `usage`: codes 1 rent, 2 lease, 3 commercial; `recall`: None, or whether the recall was carried out
    * `repairs`: what is ticked at the foot of the sheet as (line, places): `(("e006", ("1", "2")),)`; empty: all open
    * `has_detail`: False leaves `master.detail` null
    """

    form: Literal["TABLE", "IMAGE", "EMPTY"] = "TABLE"
    panels: tuple[tuple[str, tuple[str, ...]], ...] = ()
    items: tuple[tuple[str, str | None], ...] = ()
    accident: bool | None = None
    simple_repair: bool | None = None
    usage: tuple[str, ...] = ()
    recall: bool | None = None
    tuning: bool = False
    waterlog: bool = False
    comments: str | None = None
    pictures: bool = False
    repairs: tuple[tuple[str, tuple[str, ...]], ...] = ()
    has_detail: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Accident:
    """One insurance claim: kind `1` or `2` is damage to this car, `3` to another; costs in won, 1 for unknown."""

    kind: str
    date: str
    cost: int
    benefit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What insurers know about a car; dates as `2023-07-19`, newest first, uninsured months as `202307~202407`.

    A `flood` was a total loss unless it is `flood_in_part`.
    """

    accidents: tuple[Accident, ...] = ()
    owner_changes: tuple[str, ...] = ()
    total_loss: str | None = None
    flood: str | None = None
    flood_in_part: bool = False
    stolen: str | None = None
    government: bool = False
    business: bool = False
    rental: bool = False
    plate_changes: tuple[str, ...] = ()
    uninsured: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """The site's own diagnosis of a car: the panels it found replaced (`HOOD`, `FRONT_DOOR_LEFT`)."""

    replaced: tuple[str, ...] = ()
