"""Templates of rows of the truck index, as in `kinds` for cars."""

import re
from typing import NamedTuple

from dealerproxy.upstreams.car_words import facts_in_name
from dealerproxy.upstreams.encar.addresses import PAGE_BASE, UPSTREAM
from dealerproxy.upstreams.truck_words import Cargo, compose, read_badge, read_cargo, truck_facts
from dealerproxy.upstreams.values import shown
from dealerproxy.vehicles.listing import Listing
from dealerproxy.vocabulary import TruckModel, Vocabulary

# Fuels that a badge names, and the site's word for each.
_FUELS = {
    "전기": re.compile(r"일렉트릭|(?<![A-Za-z])EV(?![A-Za-z])"),
    "LPG(일반인 구입)": re.compile(r"(?<![A-Za-z])LP[GIi](?![A-Za-z])"),
    "디젤": re.compile(r"디젤|(?<![A-Za-z])CRDI(?![A-Za-z])", re.IGNORECASE),
}
_ELECTRIC = "전기"


class TruckKind(NamedTuple):
    """The words of a truck's row; the first eight are those of a car's Kind, so that one table can hold both."""

    facet: str
    group: None
    manufacturer: str
    generation: str
    badge: str | None
    badge_detail: None
    fuel: str | None
    transmission: str | None
    form_detail: str | None
    capacity: str | None
    standard: str | None
    use: str | None
    form: str | None


def truck_template(kind: TruckKind, vocabulary: Vocabulary) -> tuple[Listing | None, tuple[tuple[str, str], ...]]:
    """Return a kind's listing without the values that differ between trucks (None for an unknown model), and misses."""
    truck = vocabulary.trucks.model_of(kind.manufacturer, kind.generation)
    if truck is None:
        return None, (("model", kind.generation),)
    cargo = read_cargo(kind.form_detail, kind.capacity, kind.standard, kind.use, vocabulary, form=kind.form)
    badge = read_badge(kind.badge, vocabulary)
    heard = vocabulary.counting_apart()
    fuel_word = fuel_of(truck, kind.badge, kind.fuel)
    korean = (badge.korean, *(text and shown(text) for text in (kind.standard, kind.form_detail, kind.capacity)))
    listing = Listing(
        upstream=UPSTREAM,
        listing_id="",
        vehicle_key="",
        original=True,
        make=truck.make.name,
        model=truck.model.name,
        trim=compose(badge.english, cargo, truck.generation),
        year=0,
        registered=0,
        mileage_km=0,
        price_krw=0,
        fuel=heard.fuel(fuel_word) if fuel_word else None,
        fuel_word=fuel_word,
        transmission=heard.transmission(kind.transmission) if kind.transmission else None,
        transmission_word=kind.transmission,
        engine_cc=None,
        drivetrain=facts_in_name(badge.korean or "", kind.manufacturer, vocabulary).drivetrain,
        body=truck_body(truck, cargo),
        thumbnail_url=None,
        url=PAGE_BASE,
        seller_type=None,
        region=None,
        model_korean=shown(kind.generation) or "",
        trim_korean=" ".join(filter(None, korean)) or None,
        untranslated=len(badge.missing) + len(cargo.missing),
        generation=truck.generation,
        truck=truck_facts(cargo),
    )
    misses = [("trim", word) for word in badge.missing] + [("truck", word) for word in cargo.missing]
    return listing, (*misses, *heard.untranslated.elements())


def truck_body(truck: TruckModel, cargo: Cargo) -> str | None:
    """Return the body class: from the form, else from the model."""
    return cargo.body.body if cargo.body and cargo.body.body else truck.model.body


def fuel_of(truck: TruckModel, badge: str | None, word: str | None) -> str | None:
    """Return the site's word for the fuel: electric by model, badge or field, else the field's, else the badge's."""
    named = next((fuel for fuel, pattern in _FUELS.items() if badge and pattern.search(badge)), None)
    if truck.electric or named == _ELECTRIC:
        return _ELECTRIC
    return word or named
