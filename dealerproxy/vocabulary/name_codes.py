"""Makers' codes for fuels in a car's name (name_codes.toml), such as TDI, 530e or P400e."""

import re
from collections.abc import Iterable, Mapping

from msgspec import Struct

from dealerproxy.vocabulary.files import File, Word
from dealerproxy.vocabulary.terms import Make

PLUG_IN = "plug_in_hybrid"
_Patterns = Mapping[str, re.Pattern[str]]


class _PlugInEntry(Struct, frozen=True, forbid_unknown_fields=True):
    sure: list[Word] = []
    hybrid: list[Word] = []


class NameCodes:
    """Look-ups by a make's Korean facet. Fuels are the partner's tokens."""

    def __init__(self, file: File, makes: Mapping[str, Make], fuels: Iterable[str]) -> None:
        """Read the file. Raises VocabularyError for an unknown make or fuel, and for an invalid regular expression."""
        plug_ins = file.entries("plug_ins", _PlugInEntry)
        by_make = file.entries("makes", dict[str, list[Word]])
        shared = file.value("any", dict[str, list[Word]])
        known = frozenset(fuels)
        for table, facets in (("plug_ins", plug_ins), ("makes", by_make)):
            for facet in facets:
                if facet not in makes:
                    raise file.error("is no facet of a make", table, facet)
        for facet, codes in (("any", shared), *by_make.items()):
            for fuel in codes:
                if fuel not in known:
                    raise file.error(f"{fuel!r} is no fuel token", "makes", facet)
        self._gasoline_hybrids = frozenset(file.value("gasoline_hybrids", list[Word]))
        self._lpg_hybrids = {
            facet: _any_of(file, patterns, "lpg_hybrids", facet)
            for facet, patterns in file.entries("lpg_hybrids", list[Word]).items()
        }
        self._plug_ins = {
            facet: _any_of(file, [*entry.sure, *entry.hybrid], "plug_ins", facet) for facet, entry in plug_ins.items()
        }
        self._fuels: dict[str, _Patterns] = {}
        for facet in makes:
            codes = {fuel: [*shared.get(fuel, ()), *by_make.get(facet, {}).get(fuel, ())] for fuel in known}
            if facet in plug_ins:
                codes[PLUG_IN] = [*codes[PLUG_IN], *plug_ins[facet].sure]
            self._fuels[facet] = {
                fuel: _any_of(file, patterns, "makes", facet) for fuel, patterns in codes.items() if patterns
            }

    def names_plug_in(self, facet: str, text: str) -> bool:
        """Whether a hybrid of this name is a plug-in; undefined for a car that is not a hybrid."""
        pattern = self._plug_ins.get(facet)
        return pattern is not None and pattern.search(text) is not None

    def hybrid(self, facet: str, text: str) -> str:
        """Return the fuel token of a make's car whose name only states that it is a hybrid."""
        burns_lpg = self._lpg_hybrids.get(facet)
        if facet not in self._gasoline_hybrids or (burns_lpg and burns_lpg.search(text)):
            return "hybrid"
        return "gasoline_hybrid"

    def fuel(self, facet: str, text: str) -> str | None:
        """Return the fuel of the codes in a name; None without a code, or if codes conflict."""
        found = [fuel for fuel, pattern in self._fuels.get(facet, {}).items() if pattern.search(text)]
        return found[0] if len(found) == 1 else None


def _any_of(file: File, patterns: Iterable[str], *path: str) -> re.Pattern[str]:
    try:
        return re.compile("|".join(f"(?:{pattern})" for pattern in patterns) or r"(?!)", re.ASCII)
    except re.error as error:
        raise file.error(f"no regular expression: {error}", *path) from error
