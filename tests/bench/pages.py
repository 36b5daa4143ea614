"""What the sites answer, in the captured shapes, with invented cars: made once, the same on every machine and day."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count, islice
from typing import NamedTuple
from urllib.parse import quote

import orjson

from dealerproxy.sandbox.danawa.inventory import DanawaInventory
from dealerproxy.sandbox.danawa.pages import Manners, listing
from dealerproxy.sandbox.encar.cars import Car
from dealerproxy.sandbox.encar.details import detail
from dealerproxy.sandbox.encar.inspections import inspection
from dealerproxy.sandbox.encar.inventory import Inventory
from dealerproxy.sandbox.encar.papers import Diagnosis, Record, Sheet
from dealerproxy.sandbox.encar.records import diagnosis, record
from dealerproxy.sandbox.encar.rows import premium
from dealerproxy.vocabulary import Vocabulary

ROWS = 48
LIST_ROWS = 30
TOTAL = 1234
MAKE = "기아"
# Encar's model group, and the partner's name for it: a leg each.
MODELS = {"K5": "K5", "K8": "K8", "쏘렌토": "Sorento", "카니발": "Carnival"}
DETAIL_ID = "41985016"
# As much as a captured answer with all levels of the navigation open.
FACETS_BYTES = 870_000
_BELOW = {"Manufacturer": "ModelGroup", "ModelGroup": "Model"}

Json = dict[str, object]


class Route(NamedTuple):
    """A body for every path that holds `needle`; where `number` stands in it, the number asked for is put."""

    needle: str
    body: bytes
    number: str = ""


def routes() -> Sequence[Route]:
    """Everything Encar is asked for here."""
    car = Inventory().new_car(id=DETAIL_ID, manufacturer=MAKE, model_group="K5")
    papers = replace(car, sheet=Sheet(), record=Record(), diagnosis=Diagnosis())
    documents = {"inspection": inspection(papers), "record": record(papers), "diagnosis": diagnosis(papers)}
    return (
        *(Route(f"ModelGroup.{quote(group)}.", search_page(group, at)) for at, group in enumerate(MODELS)),
        *(Route(f"/{name}/vehicle/", orjson.dumps(paper), DETAIL_ID) for name, paper in documents.items()),
        Route("/readside/vehicle/", orjson.dumps(detail(papers)), DETAIL_ID),
    )


def search_page(group: str = "K5", number: int = 0, rows: int = ROWS) -> bytes:
    """A page of a search, cheapest first: ordinary cars, all of which are shown. Another `number`, other cars."""
    cars = sorted(islice(_cars(group, number), rows), key=lambda car: car.price)
    return orjson.dumps({"Count": TOTAL, "SearchResults": [premium(car) for car in cars]})


def list_page() -> bytes:
    """A page of Danawa's list."""
    inventory = DanawaInventory()
    cars = [inventory.insert(inventory.new_car(brand=MAKE)) for _ in range(LIST_ROWS)]
    return listing(cars, 1, TOTAL // LIST_ROWS, cars[0].brand_code or "", Manners()).encode()


def facets(vocabulary: Vocabulary, size: int = FACETS_BYTES) -> bytes:
    """A navigation with all makes, their model groups and as many models below each as make up the size."""
    without, with_one = (len(_navigation(vocabulary, models)) for models in (0, 1))
    return _navigation(vocabulary, round((size - without) / (with_one - without)))


def counted(axis: str, counts: Mapping[str, int]) -> bytes:
    """A navigation with one axis: its words, and how many cars each has."""
    node = _node(axis, [_facet(axis, word) | {"Count": count} for word, count in counts.items()])
    return orjson.dumps({"Count": sum(counts.values()), "iNav": {"Nodes": [node], "BreadCrumbs": []}})


def _cars(group: str, number: int) -> Iterator[Car]:
    inventory = Inventory(seed=number)
    for at in count(10_000_000 + 100_000 * number):
        car = inventory.new_car(id=str(at), manufacturer=MAKE, model_group=group)
        yield inventory.insert(replace(car, mileage=10_000 + at % 100_000))


def _navigation(vocabulary: Vocabulary, models: int) -> bytes:
    makes = [
        _facet("Manufacturer", facet.korean, [_group(model.korean, models) for model in vocabulary.models_of(make)])
        for make in vocabulary.makes
        for facet in make.facets
    ]
    return orjson.dumps({"Count": TOTAL, "iNav": {"Nodes": [_node("Manufacturer", makes)], "BreadCrumbs": []}})


def _group(name: str, models: int) -> Json:
    return _facet("ModelGroup", name, [_facet("Model", f"{name} {at}세대") for at in range(models)])


def _facet(name: str, value: str, inside: Sequence[Json] = ()) -> Json:
    facet: Json = {
        "IsSelected": bool(inside),
        "Value": value,
        "DisplayValue": value,
        "Action": f"(And.Hidden.N._.(C.CarType.Y._.(C.Manufacturer.현대._.{name}.{value}.)))",
        "Count": 20,
        "Expression": f"{name}.{value}.",
        "Metadata": {"Ordering": [1.0], "Code": ["001"], "Price": [{"Min": 80.0, "Max": 6622.0}]},
    }
    if not inside:
        return facet
    return facet | {"Refinements": {"Nodes": [_node(_BELOW[name], inside)]}}


def _node(name: str, facets: Sequence[Json]) -> Json:
    return {
        "IsSelected": True,
        "PlaceholderExpression": "(And.Hidden.N._.(<!>))",
        "MultiSelectMode": "Or",
        "RemoveAction": "Hidden.N.",
        "Facets": facets,
        "Metadata": {},
        "Name": name,
        "DisplayName": name,
        "Type": "Aspect",
    }
