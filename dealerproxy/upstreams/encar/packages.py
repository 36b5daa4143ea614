"""The factory packages of a car's trim (`/v1/readside/vehicles/car/{vehicleId}/options/choice`), priced in 만원.

The document lists all packages of the trim; the advert's `options.choice` names those on the car.
"""

import re
from collections.abc import Mapping
from typing import Any

from dealerproxy.contract.inspection import FactoryPackage, FactoryPackages
from dealerproxy.transport.errors import Drift
from dealerproxy.upstreams.caps import MOST_ROWS, short_text
from dealerproxy.upstreams.car_words import WON_PER_MANWON
from dealerproxy.upstreams.values import code, decode, shown, whole
from dealerproxy.vocabulary import Vocabulary

CODE, NAME, PRICE = "optionCd", "optionName", "price"
# Inches of a wheel or a screen (`20”`), not quotation marks.
_INCHES = re.compile(r"""(\d)\s?(?:["”“″]|''|’’)""")


def read_packages(body: bytes, vocabulary: Vocabulary) -> FactoryPackages:
    """Read the packages of a trim; an entry without a code is skipped. Raises Drift if the body is not a list."""
    entries = decode(body, object)
    if not isinstance(entries, list):
        raise Drift("$", "expected a list of packages")
    found: dict[str, FactoryPackage] = {}
    for entry in entries[:MOST_ROWS]:
        package = _package(entry, vocabulary) if isinstance(entry, Mapping) else None
        if package is None:
            vocabulary.missed("package", "unreadable entry")
        else:
            found.setdefault(package.code, package)
    return FactoryPackages(tuple(found.values()))


def on_the_car(codes: tuple[str, ...], listed: FactoryPackages) -> tuple[FactoryPackage, ...]:
    """Return the packages with these codes, in the advert's order; an unlisted package has only its code."""
    by_code = {package.code: package for package in listed.packages}
    return tuple(by_code.get(wanted) or FactoryPackage(wanted, None, None) for wanted in codes)


def _package(entry: Mapping[str, Any], vocabulary: Vocabulary) -> FactoryPackage | None:
    found, price = code(entry.get(CODE)), whole(entry.get(PRICE))
    if found is None:
        return None
    return FactoryPackage(found, _name(entry.get(NAME), vocabulary), None if price is None else price * WON_PER_MANWON)


def _name(value: object, vocabulary: Vocabulary) -> str | None:
    text = short_text(value)
    plain = shown(_INCHES.sub(r"\1인치", " ".join(text.split()))) if text else None
    return vocabulary.maker_words(plain, "package") if plain else None
