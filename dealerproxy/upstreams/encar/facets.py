"""Encar's facets (`iNav`): which values of an axis have cars, and how many.

The next level is under the selected facet as `Refinements.Nodes`, so an axis is found by its name at any level (four
captured answers of 2023).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from dealerproxy.transport.errors import Drift
from dealerproxy.upstreams.values import Damaged, decode
from dealerproxy.vocabulary import Vocabulary

MAKES, MODEL_GROUPS = "Manufacturer", "ModelGroup"


class _Facet(Struct, frozen=True):
    Value: str | Damaged
    Count: float = 0
    Refinements: "_Nodes | None" = None


class _Node(Struct, frozen=True):
    Name: str | Damaged
    Facets: tuple[_Facet, ...] = ()


class _Nodes(Struct, frozen=True):
    Nodes: tuple[_Node, ...]


class _Answer(Struct, frozen=True):
    iNav: _Nodes
    Count: float | None = None


def read_facets(body: bytes, axis: str) -> Mapping[str, int]:
    """Read an axis's values with their counts, without values that have no cars or are damaged.

    An answer that counts no cars may lack the axis, as for a make without cars. Raises Drift if another answer lacks
    it, or if the answer cannot be read.
    """
    answer = decode(body, _Answer)
    nodes = list(_named(answer.iNav.Nodes, axis))
    if not nodes and answer.Count != 0:
        raise Drift(f"iNav: {axis}")
    facets = ((facet.Value, int(facet.Count)) for node in nodes for facet in node.Facets if facet.Count > 0)
    return {value: count for value, count in facets if isinstance(value, str)}


def known_makes(counts: Iterable[str], vocabulary: Vocabulary) -> frozenset[str]:
    """Return the makes of the axis MAKES that the vocabulary knows. Raises Drift if it knows none."""
    known = frozenset(facet for facet in counts if vocabulary.make_of(facet) is not None)
    if not known:
        raise Drift(f"iNav: {MAKES}", "no known make")
    return known


def _named(nodes: Sequence[_Node], name: str) -> Iterator[_Node]:
    for node in nodes:
        if node.Name == name:
            yield node
        for facet in node.Facets:
            if facet.Refinements is not None:
                yield from _named(facet.Refinements.Nodes, name)
