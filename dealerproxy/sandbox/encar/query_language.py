"""A strict reader of the search's query language (`q`, Carsales' "Ryvuss" dialect), and what a query finds.

    query := group | term
    group := "(And." item {"_." item} ")" | "(Or." item {"_." item} ")" | "(C." term "_." item ")"
    term  := Name "." value "."  |  Name ".range(" [lo] ".." [hi] ")."  |  "Simple.keyword(" text ")."

In a value `_.` means `.` and `_)` means `)`; either one alone ends it, every other character stands for itself. A value
that ends in `_` therefore cannot be written. Bounds are whole numbers, both inclusive. `Location.location(…)` and
`MetaData.custom(…)` exist on the site but are not served here.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from dealerproxy.sandbox.encar.axes import FACETS, RANGES, mentions
from dealerproxy.sandbox.encar.cars import Car

# The site's own deepest queries nest about nine groups; recursion must end long before the interpreter's limit.
MAX_DEPTH: Final = 32

_NAME: Final = re.compile(r"([A-Za-z][A-Za-z0-9]*)\.")
_TEXT: Final = re.compile(r"(?:_[.)]|_(?![.)])|[^._)])+")
_RANGE: Final = re.compile(r"range\(([0-9]{0,12})\.\.([0-9]{0,12})\)\.")
_GROUP: Final = re.compile(r"\((And|Or|C)\.")
_GROUP_WORDS: Final = frozenset({"And", "Or", "C"})


class Malformed(ValueError):
    """A text that is no query; the message says where. The site returns an empty body for it."""


class UnknownAxis(Malformed):
    """A well-formed query with an unknown name (`FormYear`). The site returns 404."""


@dataclass(frozen=True, slots=True)
class Term:
    """`Name.value.`, the value decoded."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Range:
    """`Name.range(lo..hi).`, both inclusive; None is an open end."""

    name: str
    lo: int | None
    hi: int | None


@dataclass(frozen=True, slots=True)
class Keyword:
    """`Simple.keyword(text).`, the text decoded."""

    text: str


@dataclass(frozen=True, slots=True)
class And:
    """All of the items."""

    items: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Or:
    """Any of the items."""

    items: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Child:
    """`(C.facet_.item)`: the item read in the context of the facet, so both must hold."""

    facet: Term
    item: "Node"


Node = And | Or | Child | Term | Range | Keyword


Axes = Mapping[str, Callable[[Car], Collection[str]]]


def parse(q: str, axes: Axes = FACETS) -> Node:
    """Read a whole query over these axes. Raises Malformed, or UnknownAxis when only a name is wrong."""
    reader = _Reader(q)
    node = reader.item(0)
    if reader.at != len(q):
        raise reader.malformed("text after the end of the query")
    for term in terms(node):
        _check_name(term, axes)
    return node


def terms(node: Node) -> Iterator[Term | Range | Keyword]:
    """The terms of a query from left to right, the facets of `C` groups included."""
    match node:
        case And(items) | Or(items):
            for item in items:
                yield from terms(item)
        case Child(facet, item):
            yield facet
            yield from terms(item)
        case _:
            yield node


def matches(node: Node, car: Car) -> bool:
    """Whether the query finds the car. For many cars, build the `predicate` once."""
    return predicate(node)(car)


def predicate(node: Node, axes: Axes = FACETS) -> Callable[[Car], bool]:
    """The query as a function of a car. Raises KeyError for a name that `parse` rejects."""
    match node:
        case Term(name, value):
            read = axes[name]
            return lambda car: value in read(car)
        case Range(name, lo, hi):
            return _within(RANGES[name], lo, hi)
        case Keyword(text):
            return lambda car: mentions(car, text)
        case Or(items):
            return _any([predicate(item, axes) for item in items])
        case And(items):
            return _all([predicate(item, axes) for item in items])
        case Child(facet, item):
            return _all([predicate(facet, axes), predicate(item, axes)])


def write(node: Node) -> str:
    """The query as the site writes it: the inverse of `parse`."""
    match node:
        case Term(name, value):
            return f"{name}.{escape(value)}."
        case Range(name, lo, hi):
            return f"{name}.range({'' if lo is None else lo}..{'' if hi is None else hi})."
        case Keyword(text):
            return f"Simple.keyword({escape(text)})."
        case And(items):
            return f"(And.{'_.'.join(map(write, items))})"
        case Or(items):
            return f"(Or.{'_.'.join(map(write, items))})"
        case Child(facet, item):
            return f"(C.{write(facet)}_.{write(item)})"


def escape(value: str) -> str:
    """A value as a query writes it."""
    return value.replace(".", "_.").replace(")", "_)")


class _Reader:
    """A cursor over the query text; each method reads one rule of the grammar and moves on."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def malformed(self, why: str) -> Malformed:
        return Malformed(f"{why} at {self.at}: {self.text[self.at : self.at + 30]!r}")

    def item(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise self.malformed(f"more than {MAX_DEPTH} groups inside each other")
        return self._group(depth) if self.text.startswith("(", self.at) else self._term()

    def _group(self, depth: int) -> Node:
        kind = self._take(_GROUP, "a group that is neither And, Or nor C")[1]
        if kind == "C":
            facet = self._term()
            if not isinstance(facet, Term):
                raise self.malformed("a C group needs a facet before its item")
            self._expect("_.")
            item = self.item(depth + 1)
            self._expect(")")
            return Child(facet, item)
        items = [self.item(depth + 1)]
        while self.text.startswith("_.", self.at):
            self.at += 2
            items.append(self.item(depth + 1))
        self._expect(")")
        return And(tuple(items)) if kind == "And" else Or(tuple(items))

    def _term(self) -> Term | Range | Keyword:
        name = self._take(_NAME, "no axis name")[1]
        if name in _GROUP_WORDS:
            raise self.malformed(f"{name} without its bracket")
        if bounds := _RANGE.match(self.text, self.at):
            self.at = bounds.end()
            lo, hi = (int(bound) if bound else None for bound in bounds.groups())
            return Range(name, lo, hi)
        if name == "Simple" and self.text.startswith("keyword(", self.at):
            self.at += len("keyword(")
            text = self._value()
            self._expect(").")
            return Keyword(text)
        value = self._value()
        self._expect(".")
        return Term(name, value)

    def _value(self) -> str:
        return re.sub(r"_([.)])", r"\1", self._take(_TEXT, "an empty value")[0])

    def _take(self, pattern: re.Pattern[str], otherwise: str) -> re.Match[str]:
        found = pattern.match(self.text, self.at)
        if found is None:
            raise self.malformed(otherwise)
        self.at = found.end()
        return found

    def _expect(self, mark: str) -> None:
        if not self.text.startswith(mark, self.at):
            raise self.malformed(f"no {mark!r}")
        self.at += len(mark)


def _check_name(term: Term | Range | Keyword, axes: Axes) -> None:
    match term:
        case Term(name) if name not in axes:
            raise UnknownAxis(f"{name} is not a facet of the search")
        case Range(name) if name not in RANGES:
            raise UnknownAxis(f"{name} is not a range of the search")


def _within(read: Callable[[Car], int | None], lo: int | None, hi: int | None) -> Callable[[Car], bool]:
    low, high = (float("-inf") if lo is None else lo), (float("inf") if hi is None else hi)

    def holds(car: Car) -> bool:
        value = read(car)
        return value is not None and low <= value <= high

    return holds


# Plain loops: all() and any() over a generator cost twice as much, and this runs for every car of the inventory.
def _all(checks: list[Callable[[Car], bool]]) -> Callable[[Car], bool]:
    def holds(car: Car) -> bool:
        for check in checks:  # noqa: SIM110
            if not check(car):
                return False
        return True

    return holds


def _any(checks: list[Callable[[Car], bool]]) -> Callable[[Car], bool]:
    def holds(car: Car) -> bool:
        for check in checks:  # noqa: SIM110
            if check(car):
                return True
        return False

    return holds
