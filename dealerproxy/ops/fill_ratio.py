"""The fill ratio of a site's fields: a field that a site silently renames or drops shows as a falling share."""

from collections import Counter
from collections.abc import Mapping, Sequence
from operator import attrgetter

# The optional fields. The others are required; without one a row is rejected or counts as drift.
ROW_FIELDS = (
    *("trim", "fuel", "transmission", "engine_cc", "drivetrain", "body"),
    *("thumbnail_url", "seller_type", "region"),
)
CAR_FIELDS = (
    *("trim", "mileage_km", "price_krw", "fuel", "transmission", "colour", "engine_cc", "drivetrain", "body"),
    *("options", "photos", "vin", "license_plate", "seller_type", "region"),
)


class FillRatio:
    """The share of the latest items that have each field; about the last `window` of them count.

    There is no share before `least` items: a share of three cars means nothing.
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
        """Adds the items of one answer; an empty tuple counts as missing."""
        for field, values in zip(self._fields, zip(*map(self._values, things), strict=True), strict=False):
            self._weigh_in(field, len(values) - values.count(None) - values.count(()), len(values))

    def note(self, field: str, filled: Sequence[bool]) -> None:
        """Adds values of one field. The share is exact up to `window` values; after that, older ones count less."""
        if filled:
            self._weigh_in(field, sum(filled), len(filled))

    def _weigh_in(self, field: str, filled: int, of: int) -> None:
        self._seen[field] += of
        weight = min(1.0, of / min(self._seen[field], self._window))
        share = self._shares.get(field, 0.0)
        self._shares[field] = share + weight * (filled / of - share)
