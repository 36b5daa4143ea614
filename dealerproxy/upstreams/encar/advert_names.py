"""The names of the vehicle in an advert; a truck's document differs from a car's.

A truck has no model group and no body name, but a form, a load and a wheelbase. No full document was captured: the
keys come from typed models in public programs, so all of them are optional.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from dealerproxy.contract.summary import CarryingBox, TruckDetail
from dealerproxy.upstreams.caps import MOST_ROWS, short_text
from dealerproxy.upstreams.car_words import facts_in_name
from dealerproxy.upstreams.encar.truck_kinds import fuel_of, truck_body
from dealerproxy.upstreams.truck_words import compose, read_badge, read_cargo
from dealerproxy.upstreams.values import shown, whole
from dealerproxy.vocabulary import TruckModel, TruckOption, Vocabulary

# Returns the value at a dotted path of a document, None if there is none.
At = Callable[[str], object]

TRUCK = "TRUCK"
_KINDS = ("vehicleType", "category.type", "spec.type", "options.type")
# The used parts of a truck's document besides those of a car's, by section.
TRUCK_KEYS: Mapping[str, tuple[str, ...]] = {
    "category": ("formName", "formDetailName", "capacityName"),
    "spec": ("use", "capacityStandardName", "carryingBox", "carryingBoxBore", "carryingBoxHeight", "carryingBoxWidth"),
}


class Naming(NamedTuple):
    """The names of a vehicle; `truck` is None for a car."""

    make: str
    model: str
    trim: str | None
    trim_korean: str | None
    generation: str | None
    fuel: str | None
    drivetrain: str | None
    body: str | None
    truck: TruckDetail | None = None


def is_truck(at: At) -> bool:
    """Whether a document calls its vehicle a truck; this includes pickups among the cars."""
    return TRUCK in map(at, _KINDS)


def name_truck(at: At, vocabulary: Vocabulary) -> Naming | None:
    """Return the names of a vehicle of the truck index, as its list has them; None for a car."""
    truck = _truck(at, vocabulary)
    if truck is None:
        return None
    texts = {path: short_text(at(path)) for path in ("category.gradeName", "spec.fuelName", "spec.use")}
    standard, detail = short_text(at("spec.capacityStandardName")), short_text(at("category.formDetailName"))
    capacity = short_text(at("category.capacityName"))
    form = short_text(at("category.formName"))
    cargo = read_cargo(detail, capacity, standard, texts["spec.use"], vocabulary, form=form)
    badge = read_badge(texts["category.gradeName"], vocabulary)
    for kind, missing in (("trim", badge.missing), ("truck", cargo.missing)):
        for word in missing:
            vocabulary.missed(kind, word)
    fuel = fuel_of(truck, texts["category.gradeName"], texts["spec.fuelName"])
    korean = (badge.korean, *(text and shown(text) for text in (standard, detail, capacity)))
    return Naming(
        make=truck.make.name,
        model=truck.model.name,
        trim=compose(badge.english, cargo, truck.generation),
        trim_korean=" ".join(filter(None, korean)) or None,
        generation=truck.generation,
        fuel=vocabulary.fuel(fuel) if fuel else None,
        drivetrain=facts_in_name(badge.korean or "", truck.maker, vocabulary).drivetrain,
        body=truck_body(truck, cargo),
        truck=TruckDetail(
            form=cargo.body.form if cargo.body else None,
            form_detail=cargo.body.name if cargo.body else None,
            capacity=cargo.load,
            standard=cargo.standard,
            use=cargo.use,
            horse_power=whole(at("spec.horsePower")),
            carrying_box=_box(at),
            options=tuple(option.name for option in _options(at, vocabulary) if option.token is None),
        ),
    )


def truck_tokens(at: At, vocabulary: Vocabulary) -> tuple[str, ...]:
    """Return the partner's tokens of a truck's option codes, whose meanings differ from those of cars."""
    return tuple(dict.fromkeys(option.token for option in _options(at, vocabulary, count=True) if option.token))


def _truck(at: At, vocabulary: Vocabulary) -> TruckModel | None:
    maker, korean = short_text(at("category.manufacturerName")), short_text(at("category.modelName"))
    if not (is_truck(at) and maker and korean):
        return None
    is_car = at("category.modelGroupName") and vocabulary.model_of_generation(maker, korean)
    return None if is_car else vocabulary.trucks.model_of(maker, korean)


def _options(at: At, vocabulary: Vocabulary, *, count: bool = False) -> list[TruckOption]:
    codes = at("options.standard")
    found: list[TruckOption] = []
    for code in codes[:MOST_ROWS] if isinstance(codes, list) else ():
        option = vocabulary.trucks.options.get(code) if isinstance(code, str) else None
        if option is not None:
            found.append(option)
        elif count:
            vocabulary.missed("option", str(code)[:8])
    return found


def _box(at: At) -> CarryingBox | None:
    if at("spec.carryingBox") is not True:
        return None
    bore, height, width = (whole(at(f"spec.carryingBox{side}")) for side in ("Bore", "Height", "Width"))
    return CarryingBox(bore=bore, height=height, width=width)
