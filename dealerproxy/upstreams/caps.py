"""Size caps for an upstream's answer, which bound the time to read it.

Reading runs on the event loop. Normal texts have some dozen characters, normal answers up to 500 rows; the largest
captured one has 10,000 objects and 100,000 values.
"""

from typing import Annotated

from msgspec import Meta

from dealerproxy.transport.errors import Drift

MOST_TEXT, MOST_ROWS = 500, 1_000
MOST_OBJECTS, MOST_VALUES = 20_000, 300_000

# The type of a row's text when it is decoded.
Text = Annotated[str, Meta(max_length=MOST_TEXT)]


def check_json(body: bytes) -> None:
    """Raise Drift for a JSON body over the caps."""
    if body.count(b"{") > MOST_OBJECTS or body.count(b",") > MOST_VALUES:
        raise Drift("$", "more values than an answer has")


def short_text(value: object) -> str | None:
    """Return a text without surrounding blanks; None if it is empty, too long, or not a text."""
    return value.strip() or None if isinstance(value, str) and len(value) <= MOST_TEXT else None
