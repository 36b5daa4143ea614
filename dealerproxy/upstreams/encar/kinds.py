"""Templates of Encar's rows: rows with the same words share one template, and a car fills it.

Live rows and cars in stock become listings only here, so both look the same.
"""

from functools import lru_cache
from typing import NamedTuple

from msgspec.structs import replace

from dealerproxy.stock.table import StockedCar, Words
from dealerproxy.upstreams.car_words import body_of, facts_in_name, fuel_token, full_trim, join_grades
from dealerproxy.upstreams.encar.addresses import PAGE_BASE, UPSTREAM, photo_url
from dealerproxy.upstreams.encar.truck_kinds import TruckKind, truck_template
from dealerproxy.upstreams.values import shown
from dealerproxy.vehicles.listing import LeftOut, LeftOutReason, Listing
from dealerproxy.vocabulary import Make, Model, Vocabulary

# Encar has about 15,000 kinds of cars.
_KINDS_KEPT, _PLACES_KEPT = 32_768, 1_024
# A word without a translation: its kind in the vocabulary, and the word.
Miss = tuple[str, str]


class Kind(NamedTuple):
    """The words of a row on which make, model, trim, fuel and transmission depend, as the site writes them.

    `facet` and `group` are the make and the model group that the search named.
    """

    facet: str
    group: str | None
    manufacturer: str
    generation: str
    badge: str | None = None
    badge_detail: str | None = None
    fuel: str | None = None
    transmission: str | None = None


class Template(NamedTuple):
    """A listing without the values that differ between cars, None for an unknown model.

    `misses` are the words without a translation.
    """

    listing: Listing | None
    misses: tuple[Miss, ...]


class _Place(NamedTuple):
    region: str | None
    seller_type: str | None
    misses: tuple[Miss, ...]


@lru_cache(maxsize=_KINDS_KEPT)
def template(words: Words, vocabulary: Vocabulary) -> Template:
    """Return the template of a kind's words. Counts no misses. The generation must be a text that can be shown."""
    if len(words) == len(TruckKind._fields):
        return Template(*truck_template(TruckKind._make(words), vocabulary))
    kind = Kind._make(words)
    make, model = _make_and_model(kind, vocabulary)
    if make is None or model is None:
        return Template(None, (("model", kind.generation),))
    korean = shown(kind.generation) or ""
    heard = vocabulary.counting_apart()
    grades = join_grades(vocabulary, make.name, korean, kind.badge, kind.badge_detail)
    names = facts_in_name(f"{korean} {grades.korean or ''}", kind.manufacturer, vocabulary)
    generation = vocabulary.generations.read(model, korean)
    listing = Listing(
        upstream=UPSTREAM,
        listing_id="",
        vehicle_key="",
        original=True,
        make=make.name,
        model=model.name,
        trim=full_trim(grades, generation),
        year=0,
        registered=0,
        mileage_km=0,
        price_krw=0,
        fuel=fuel_token(kind.fuel, names, heard),
        fuel_word=kind.fuel,
        transmission=heard.transmission(kind.transmission) if kind.transmission else None,
        transmission_word=kind.transmission,
        engine_cc=None,  # a size in litres is rounded; the advert has the exact one
        drivetrain=names.drivetrain,
        body=body_of(model, generation),
        thumbnail_url=None,
        url=PAGE_BASE,
        seller_type=None,
        region=None,
        model_korean=korean,
        trim_korean=grades.korean,
        untranslated=len(grades.missing) + len(generation.missing),
        vehicle=generation.vehicle.name if generation.vehicle else None,
        generation=generation.english,
    )
    misses = [("trim", word) for word in (*grades.missing, *generation.missing)]
    return Template(listing, (*misses, *heard.untranslated.elements()))


def listing_of(car: StockedCar, vocabulary: Vocabulary) -> Listing | LeftOut:
    """Return a car for display; it is left out if its model is unknown to this vocabulary. Counts no misses."""
    shared, number = template(car.kind, vocabulary).listing, str(car.number)
    if shared is None:
        return LeftOut(LeftOutReason.UNKNOWN_MODEL, number)
    place = _place(car.place, vocabulary)
    shade = vocabulary.colour(car.colour) if car.colour else None
    return replace(
        shared,
        listing_id=number,
        vehicle_key=str(car.vehicle),
        original=car.original,
        year=car.year,
        registered=car.registered,
        mileage_km=car.mileage_km,
        price_krw=car.price_krw,
        thumbnail_url=photo_url(car.photo) if car.photo else None,
        url=PAGE_BASE + number,
        seller_type=place.seller_type,
        region=place.region,
        colour=shade.name if shade else None,
    )


def count_misses(shared: Template, place: Words, vocabulary: Vocabulary) -> None:
    """Count the words of a row that have no translation, each time the row is read."""
    for miss in (*shared.misses, *_place(place, vocabulary).misses):
        vocabulary.missed(*miss)


def place_of(region: str | None, letters: tuple[str, ...]) -> Words:
    """Return the words for a car's place and seller: the region, then the letters of the seller."""
    return (region, *letters)


@lru_cache(maxsize=_PLACES_KEPT)
def _place(place: Words, vocabulary: Vocabulary) -> _Place:
    heard = vocabulary.counting_apart()
    region, *letters = place
    # The first letter for a seller counts.
    sellers = filter(None, (heard.seller_type(letter) for letter in letters if letter is not None))
    return _Place(
        region=heard.region(region) if region else None,
        seller_type=next(sellers, None),
        misses=tuple(heard.untranslated.elements()),
    )


def _make_and_model(kind: Kind, vocabulary: Vocabulary) -> tuple[Make | None, Model | None]:
    """Return the search's own make and model if the row agrees with its make, else those of the row's words.

    Encar's model group is not on the row; the generation name (`더 뉴 쏘렌토 4세대`) mostly contains it.
    """
    searched, own = vocabulary.make_of(kind.facet), vocabulary.make_of(kind.manufacturer)
    if searched is not None and kind.group is not None and kind.manufacturer == kind.facet:
        groups = vocabulary.find_models(searched, kind.group)
        return searched, next((model for model in groups if model.make_facet == kind.facet), None)
    return own or searched, vocabulary.model_of_generation(kind.manufacturer if own else kind.facet, kind.generation)
