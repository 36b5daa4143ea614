"""What of an answer depends on the day it is given."""

from typing import Any

# Days on offer, and the months left of a warranty.
OF_THE_DAY = frozenset({"days_on_offer", "months_left"})


def of_any_day(part: Any) -> Any:
    """A decoded answer whose numbers that change from day to day are None."""
    if isinstance(part, dict):
        return {key: None if key in OF_THE_DAY else of_any_day(inner) for key, inner in part.items()}
    return [of_any_day(inner) for inner in part] if isinstance(part, list) else part
