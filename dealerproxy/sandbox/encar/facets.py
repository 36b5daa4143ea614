"""The `iNav` part of an answer: the facets that can narrow the query, with the number of cars of each.

Shape, key order, Korean titles and the rules (next level under the selected facet, counts that ignore an axis's own
selection, facets that count zero stay) follow captured answers of 2023. Kept small: the axes a caller filters on, and
the levels CarType > Manufacturer > ModelGroup > Model.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from dealerproxy.sandbox.encar.axes import FACETS
from dealerproxy.sandbox.encar.cars import Car
from dealerproxy.sandbox.encar.catalogue import GROUPS, MAKES
from dealerproxy.sandbox.encar.query_language import And, Child, Keyword, Node, Or, Range, Term, terms, write
from dealerproxy.sandbox.encar.words import (
    CATEGORIES,
    COLOURS,
    FUELS,
    OPTIONS,
    REGIONS,
    SELL_TYPES,
    TRANSMISSIONS,
    Word,
)

Json = dict[str, object]
Find = Callable[[Node], Sequence[Car]]
# Selected levels of the hierarchy from the top: (CarType.Y, Manufacturer.현대).
Branch = tuple[Term, ...]

_LEVELS: Final = ("CarType", "Manufacturer", "ModelGroup", "Model")
_LEVEL_TITLES: Final = {
    "CarType": "국산여부",
    "Manufacturer": "제조사",
    "ModelGroup": "모델그룹",
    "Model": "모델",
}
_RANGES: Final = {
    "Year": "연식",
    "Price": "가격",
    "Mileage": "주행거리",
    "AcceptanceCharge": "인수비용",
    "MonthLeasePrice": "월리스료",
    "MonthLeaseRest": "잔여개월",
    "CreatedDate": "등록일자",
}
# A query that finds every car: both sides of the axis, shown or not.
_EVERYTHING: Final = Term("CarType", "A")
# A placeholder for the caller's part; no value can hold these letters, because dots in values are escaped.
_HOLE: Final = Term("Hole", "!")


@dataclass(frozen=True, slots=True)
class Axis:
    """One plain axis: its title, how several of its values combine, its values with their metadata."""

    name: str
    title: str
    mode: str
    values: tuple[tuple[str, Json], ...]


def _coded(words: Iterable[Word]) -> tuple[tuple[str, Json], ...]:
    return tuple((word.value, {"Code": [word.code]}) for word in words)


_AXES: Final = (
    Axis("Hidden", "숨김데이터", "None", (("N", {}), ("Y", {}))),
    Axis("Category", "차종", "Or", _coded(CATEGORIES)),
    Axis("SellType", "판매방식", "Or", _coded(SELL_TYPES)),
    Axis("Transmission", "변속기", "Or", _coded(TRANSMISSIONS)),
    Axis("OfficeCityState", "지역(시도)", "Or", tuple((region.value, {}) for region in REGIONS)),
    Axis("FuelType", "연료", "Or", _coded(FUELS)),
    Axis(
        "Color",
        "색상",
        "Or",
        tuple((colour.value, {"Expression": [colour.hex_pair]} if colour.hex_pair else {}) for colour in COLOURS),
    ),
    Axis(
        "Options",
        "옵션",
        "And",
        tuple(
            (
                option.value,
                {
                    "Ordering": [float(at)],
                    "Expression": [option.group_name],
                    "Code": [option.code],
                    "Type": [option.group],
                },
            )
            for at, option in enumerate(OPTIONS, 1)
        ),
    ),
)


def inav(query: Node, find: Find) -> Json:
    """Build the navigation of a query; `find` gives the cars of any query."""
    items = _items(query)
    own = _own(items, *_LEVELS, "BadgeGroup", "Badge", "BadgeDetail")
    rest = [item for item in items if item not in own]
    branches = _branches(own)
    ranges = [_range(name, title, items) for name, title in _RANGES.items()]
    hidden, *axes = (_aspect(axis, items, find) for axis in _AXES)
    return {
        # As captured: ranges in use come first.
        "Nodes": [
            *(node for node in ranges if node["IsSelected"]),
            hidden,
            _level(rest, branches, (), find),
            *axes,
            *(node for node in ranges if not node["IsSelected"]),
            _keyword(items),
        ],
        "BreadCrumbs": _bread_crumbs(items, rest, branches),
    }


def _items(query: Node) -> list[Node]:
    """List the conditions of a query that must all hold, And groups opened."""
    return [inner for item in query.items for inner in _items(item)] if isinstance(query, And) else [query]


def _all_of(items: Sequence[Node]) -> Node:
    return And(tuple(items)) if len(items) > 1 else items[0] if items else _EVERYTHING


def _q(items: Sequence[Node]) -> str:
    return write(_all_of(items)) if items else ""


def _with_placeholder(items: Sequence[Node], placeholder: str) -> str:
    """Write the query with the placeholder where the hole is."""
    return _q(items).replace(write(_HOLE), placeholder)


def _own(items: Sequence[Node], *names: str) -> list[Node]:
    """Pick the conditions that are about these axes only."""
    return [item for item in items if all(getattr(term, "name", None) in names for term in terms(item))]


def _aspect(axis: Axis, items: list[Node], find: Find) -> Json:
    own = _own(items, axis.name)
    rest = [item for item in items if item not in own]
    chosen = list(dict.fromkeys(term.value for item in own for term in terms(item) if isinstance(term, Term)))
    counts = Counter(value for car in find(_all_of(rest)) for value in FACETS[axis.name](car))
    facets = []
    for value, metadata in axis.values:
        selected = value in chosen
        others = [] if axis.mode == "None" else [Term(axis.name, word) for word in chosen if word != value]
        toggled = others if selected else [*others, Term(axis.name, value)]
        action = _q([*rest, *(_any_of(toggled) if axis.mode == "Or" else toggled)])
        facets.append(_facet(Term(axis.name, value), action, counts[value], metadata, selected=selected))
    return _node(axis, facets, rest, [*rest, _HOLE], selected=bool(chosen))


def _any_of(items: Sequence[Node]) -> list[Node]:
    return [Or(tuple(items))] if len(items) > 1 else list(items)


def _branches(own: list[Node]) -> list[Branch]:
    """Read the selected levels, one chain for each car type; a level chosen twice counts with its first value."""
    parts = own[0].items if len(own) == 1 and isinstance(own[0], Or) else (And(tuple(own)),)
    found = ({term.name: term for term in terms(part) if isinstance(term, Term)} for part in parts)
    chains = (tuple(levels[name] for name in _LEVELS if name in levels) for levels in found)
    return [chain for chain in chains if chain and chain[0].name == _LEVELS[0]]


def _level(rest: list[Node], branches: list[Branch], above: Branch, find: Find) -> Json:
    """Build the node of the level below `above`, with the next ones under its selected facets."""
    depth = len(above)
    name = _LEVELS[depth]
    others = [branch for branch in branches if above and branch[0] != above[0]]
    within = [branch for branch in branches if branch[:depth] == above and len(branch) > depth]
    cars = find(_all_of([*rest, *above]))
    counts = Counter(value for car in cars for value in FACETS[name](car))
    facets = []
    for value, metadata in _level_values(name, above, cars):
        chain = (*above, Term(name, value))
        chosen = next((branch for branch in within if branch[: depth + 1] == chain), None)
        beside = others if above else [branch for branch in branches if branch is not chosen]
        # Toggling a selected facet goes back to the level above it.
        action = _q(_placed(rest, beside, above if chosen else chain))
        facet = _facet(chain[-1], action, counts[value], metadata, selected=chosen is not None)
        if chosen:
            facet["Expression"] = write(_chain(chosen[depth:]))
            if depth + 1 < len(_LEVELS):
                crumbs = _level_crumbs(rest, beside, chosen, depth + 1)
                facet["Refinements"] = {"Nodes": [_level(rest, branches, chain, find)], "BreadCrumbs": crumbs}
        facets.append(facet)
    axis = Axis(name, _LEVEL_TITLES[name], "None" if above else "Or", ())
    holed = _placed(rest, others, (*above, _HOLE))
    return _node(axis, facets, _placed(rest, others, above), holed, selected=bool(within))


def _placed(rest: list[Node], beside: list[Branch], chain: Branch) -> list[Node]:
    """Put a chain of levels back into a query, any of it and the branches beside it."""
    return [*rest, *_any_of([_chain(branch) for branch in (*beside, chain) if branch])]


def _chain(levels: Branch) -> Node:
    """Nest the levels to the right, the innermost pair flat, as the site writes them."""
    first, *deeper = levels
    return Child(first, _chain(tuple(deeper))) if deeper else first


def _level_values(name: str, above: Branch, cars: Sequence[Car]) -> list[tuple[str, Json]]:
    """List what a level offers: what the catalogue has below the facets above, and what the cars have."""
    if name == "CarType":
        return [("Y", {}), ("N", {}), ("A", {})]
    at = {term.name: term.value for term in above}
    known: dict[str, Json] = {}
    if name == "Manufacturer":
        for order, make in enumerate(MAKES, 1):
            if at["CarType"] in {make.car_type, "A"}:
                known[make.name] = _metadata(10.0 * order, make.eng_name, make.code) | {"CarType": [make.car_type]}
    elif name == "ModelGroup":
        for order, group in enumerate(GROUPS, 1):
            if group.make.name == at["Manufacturer"]:
                known[group.name] = _metadata(float(order), group.eng_name, group.code)
    stock: dict[str, list[Car]] = {}
    for car in cars:
        stock.setdefault(next(iter(FACETS[name](car))), []).append(car)
    return [(value, known.get(value, {}) | _stock(stock.get(value, []))) for value in known | stock]


def _metadata(order: float, eng_name: str, code: str) -> Json:
    return {"Ordering": [order], "EngName": [eng_name], "Code": [code]}


def _stock(cars: Sequence[Car]) -> Json:
    prices = [float(car.price) for car in cars]
    return {
        "Price": [{"Min": min(prices, default=None), "Max": max(prices, default=None)}],
        "Category": [sorted({car.category for car in cars})],
    }


def _facet(term: Term, action: str, count: int, metadata: Json, *, selected: bool) -> Json:
    return {
        "IsSelected": selected,
        "Value": term.value,
        "DisplayValue": term.value,
        "Action": action,
        "Count": count,
        "Expression": write(term),
        "Metadata": metadata,
    }


def _node(axis: Axis, facets: list[Json], rest: list[Node], holed: list[Node], *, selected: bool) -> Json:
    return {
        "IsSelected": selected,
        "PlaceholderExpression": _with_placeholder(holed, "(<!>)"),
        "MultiSelectMode": axis.mode,
        "RemoveAction": _q(rest) if selected else "",
        "Facets": facets,
        "Metadata": {},
        "Name": axis.name,
        "DisplayName": axis.title,
        "Type": "Aspect",
    }


def _range(name: str, title: str, items: list[Node]) -> Json:
    own = [item for item in items if isinstance(item, Range) and item.name == name]
    rest = [item for item in items if item not in own]
    node: Json = {
        "LowerPlaceholder": "<!lower>",
        "UpperPlaceholder": "<!upper>",
        "QueryWithPlaceholder": _with_placeholder([*rest, _HOLE], f"{name}.range(<!lower>..<!upper>)."),
    }
    if own:
        lower, upper = (None if bound is None else str(bound) for bound in (own[0].lo, own[0].hi))
        node |= {"LowerBound": lower, "UpperBound": upper, "RemoveAction": _q(rest)}
    return {**node, "IsSelected": bool(own), "Name": name, "DisplayName": title, "Type": "RangeAction"}


def _keyword(items: list[Node]) -> Json:
    rest = [item for item in items if not isinstance(item, Keyword)]
    return {
        "Placeholder": "<!>",
        "QueryWithPlaceholder": _with_placeholder([*rest, _HOLE], "Simple.keyword(<!>)."),
        "IsSelected": len(rest) < len(items),
        "Name": "Simple",
        "DisplayName": "Simple",
        "Type": "KeywordAction",
    }


def _bread_crumbs(items: list[Node], rest: list[Node], branches: list[Branch]) -> list[Json]:
    """List the selected facets, those of the hierarchy inside each other."""
    crumbs = []
    for axis in _AXES:
        own = _own(items, axis.name)
        without = _q([item for item in items if item not in own])
        words = (term for item in own for term in terms(item) if isinstance(term, Term))
        crumbs += [_crumb(term, axis.title, without, []) for term in words]
    for branch in branches:
        crumbs += _level_crumbs(rest, [other for other in branches if other is not branch], branch, 0)
    return crumbs


def _level_crumbs(rest: list[Node], beside: list[Branch], branch: Branch, depth: int) -> list[Json]:
    if depth == len(branch):
        return []
    without = _q(_placed(rest, beside, branch[:depth]))
    inside = _level_crumbs(rest, beside, branch, depth + 1)
    return [_crumb(branch[depth], _LEVEL_TITLES[branch[depth].name], without, inside)]


def _crumb(term: Term, title: str, remove: str, children: list[Json]) -> Json:
    return {
        "Aspect": term.name,
        "AspectDisplay": title,
        "Facet": term.value,
        "FacetDisplay": term.value,
        "Children": children,
        "Type": "FacetBreadCrumb",
        "RemoveAction": remove,
    }
