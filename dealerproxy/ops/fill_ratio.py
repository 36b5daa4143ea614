"""How well what a site sends is filled: a field that silently drifted away shows as a falling share."""

from collections import Counter
from collections.abc import Mapping, Sequence
from operator import attrgetter

# What a car may do without; the rest is mandatory, and its loss is a rejected row or drift.
ROW_FIELDS = (
    *("trim", "fuel", "transmission", "engine_cc", "drivetrain", "body"),
    *("thumbnail_url", "seller_type", "region"),
)
CAR_FIELDS = (
    *("trim", "mileage_km", "price_krw", "fuel", "transmission", "colour", "engine_cc", "drivetrain", "body"),
    *("options", "photos", "vin", "license_plate", "seller_type", "region"),
)


class FillRatio:
    """The share of the latest things that have each field; about the last `window` of them count.

    Nothing is told before there were `least`: a share of three cars means nothing.
    """

    def __init__(self, fields: Sequence[str], *, window: int, least: int) -> None:
        self._fields, self._window, self._least = fields, window, least
        self._values = attrgetter(*fields)
        self._seen: Counter[str] = Counter()
        self._shares: dict[str, float] = {}

    @property
    def shares(self) -> Mapping[str, float]:
        """Each field's share, from 0 to 1."""
        return {field: share for field, share in self._shares.items() if self._seen[field] >= self._least}

    def add(self, things: Sequence[object]) -> None:
        """Look at what came at once; an empty tuple is as good as nothing."""
        for field, values in zip(self._fields, zip(*map(self._values, things), strict=True), strict=False):
            self._weigh_in(field, len(values) - values.count(None) - values.count(()), len(values))

    def note(self, field: str, filled: Sequence[bool]) -> None:
        """Look at one field: exact up to `window`, from then on what is older counts less and less."""
        if filled:
            self._weigh_in(field, sum(filled), len(filled))

    def _weigh_in(self, field: str, filled: int, of: int) -> None:
        self._seen[field] += of
        weight = min(1.0, of / min(self._seen[field], self._window))
        share = self._shares.get(field, 0.0)
        self._shares[field] = share + weight * (filled / of - share)
