"""Names of generations (vehicles.toml): the vehicle of the group that each names, and its English.

A group such as 렉스턴 includes other vehicles (렉스턴 스포츠, a pickup); only the name of the generation shows which.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from msgspec import Struct

from dealerproxy.vocabulary.build import claim
from dealerproxy.vocabulary.files import English, File, Word
from dealerproxy.vocabulary.terms import Body, Model
from dealerproxy.vocabulary.text import longest_word, one_line, squeeze, word_key

CACHE_SIZE = 8192

_ARTICLE = "더"
_ORDINALS = {"1": "1st", "2": "2nd", "3": "3rd"}
_AGES = (r"\d세대", "신형", "구형")  # words for age, which can follow any model
_NO_LINE = r"(?!\s*라인)"  # an N 라인 is a grade, an N another vehicle
_SIZE = re.compile(r"\d{3}(?!\S)", re.ASCII)
_SEPARATORS = re.compile(r"[()\[\],]")


class _VehicleEntry(Struct, frozen=True, forbid_unknown_fields=True):
    name: English
    trim: English
    body: Body | None = None
    own: bool = False
    aliases: list[Word] = []


class Vehicle(NamedTuple):
    """A vehicle or version in a group: its full name, its words in a trim, and its body if it differs."""

    name: str
    trim: str
    body: Body | None
    own: bool


class Generation(NamedTuple):
    """A generation's parsed name: its vehicle (None: the one with the group's name) and its English, if any.

    `missing` are words without English.
    """

    vehicle: Vehicle | None
    english: str | None
    missing: tuple[str, ...]


class _Group(NamedTuple):
    vehicles: Mapping[str, Vehicle]  # by the key of its word in a generation's name
    asked: Mapping[str, Vehicle]  # by the key of its word in a request


_NO_GROUP = _Group({}, {})


class GenerationNames:
    """Reads names of generations, and finds the vehicles of a group that a model's name requests."""

    def __init__(
        self,
        file: File,
        spaces: Sequence[Mapping[str, dict[str, Model]]],
        translate: Callable[[str], tuple[str | None, tuple[str, ...]]],
    ) -> None:
        """Add the vehicles' names to the name spaces (models by facet and word), as further words for their groups.

        Each group is at least in the last of the spaces.
        `translate` returns English (None if there is none) and the words it left out. Raises VocabularyError.
        """
        self._spaces, self._models, self._translate = spaces, spaces[-1], translate
        self._labels = {word_key(word): text for word, text in file.value("labels", dict[str, str]).items()}
        longest_first = sorted(self._labels, key=len, reverse=True)
        labels = "|".join(map(_spaced, longest_first))
        self._label = re.compile(rf"(\d)세대|(?<![A-Za-z가-힣])(?:{labels})", re.IGNORECASE)
        self._codes = {facet: frozenset(codes) for facet, codes in file.entries("codes", list[Word]).items()}
        self._names = {
            (facet, self._group_of(file, "names", facet, group).korean): tuple(words)
            for facet, groups in file.entries("names", dict[str, list[Word]]).items()
            for group, words in groups.items()
        }
        self._groups = {
            (facet, group): self._group(file, facet, group, rows)
            for facet, groups in file.value("vehicles", dict[str, dict[str, dict[str, object]]]).items()
            for group, rows in groups.items()
        }
        self.read = lru_cache(CACHE_SIZE)(self._read)

    def _group(self, file: File, facet: str, group: str, rows: Mapping[str, object]) -> _Group:
        path = ("vehicles", facet, group)
        model = self._group_of(file, *path)
        vehicles, asked = dict[str, Vehicle](), dict[str, Vehicle]()
        for word, row in rows.items():
            entry = file.convert(row, _VehicleEntry, *path, word)
            vehicle = Vehicle(entry.name, entry.trim, entry.body, entry.own)
            vehicles[word_key(word)] = vehicle
            for name in (entry.name, *_both_ways(group, word), *_both_ways(model.name, entry.trim), *entry.aliases):
                for space in self._spaces:
                    if word_key(group) in space.get(facet, {}):
                        claim(space[facet], name, model, file, *path, word)
                asked[word_key(name)] = vehicle
        return _Group(vehicles, asked)

    def _group_of(self, file: File, table: str, facet: str, group: str) -> Model:
        model = self._models.get(facet, {}).get(word_key(group))
        if model is None or model.korean.strip() != group:
            raise file.error("is no model group", table, facet, group)
        return model

    def asked_for(self, model: Model, text: str) -> frozenset[str | None] | None:
        """Return the vehicles of a group that a model's name requests; None is the vehicle with the group's name.

        Returns None instead of a set if the name requests all of them.
        """
        group = self._groups.get((model.make_facet, model.korean), _NO_GROUP)
        vehicle = group.asked.get(word_key(text))
        others = group.vehicles.values()
        if vehicle is not None:
            return frozenset(
                other.name
                for other in others
                if other.name == vehicle.name or other.name.startswith(f"{vehicle.name} ")
            )
        if not any(other.own for other in others):
            return None
        return frozenset((None, *(other.name for other in others if not other.own)))

    def name_of(self, word: str, model: Model) -> str:
        """Return the name for a word of a model: that of a vehicle of its group (Rexton Sports), or of the model."""
        vehicle = self._groups.get((model.make_facet, model.korean), _NO_GROUP).asked.get(word_key(word))
        return vehicle.name if vehicle else model.name

    def split(self, model: Model, rest: str) -> tuple[str, str]:
        """Split the text after a model in a free name into words of its generation (4세대, IG) and its trim.

        A code before a number belongs to both: 그랜저 HG 240 is the grade that Encar writes as HG240.
        """
        key = model.make_facet, model.korean
        words = sorted({*self._groups.get(key, _NO_GROUP).vehicles, *map(word_key, self._names.get(key, ()))})
        markers = map(_spaced, sorted(words, key=len, reverse=True))
        codes = sorted(self._codes.get(model.make_facet, ()))
        patterns = "|".join((*markers, *codes, *_AGES))
        match = re.match(rf"\s*(?:(?:{patterns})(?=[\s(]|$){_NO_LINE}\s*)+", rest, re.IGNORECASE)
        if match is None:
            return "", rest
        generation, grades = match[0], rest[match.end() :]
        code = generation.split()[-1]
        return generation, code + grades if code in codes and _SIZE.match(grades) else grades

    def _read(self, model: Model, korean: str) -> Generation:
        """Read the name of a generation of this group, such as `더 뉴 렉스턴 스포츠 칸` or `K5 3세대 (DL3)`."""
        group = self._groups.get((model.make_facet, model.korean), _NO_GROUP)
        text = one_line(korean)
        marker = longest_word(group.vehicles, *squeeze(text))
        while marker is not None and longest_word((marker[0],), *squeeze(text)):  # e-208 e-208
            text = _without(text, [marker[0]])
        text = _without_model(text, model, self._models.get(model.make_facet, {}))
        text = " ".join(dict.fromkeys(text.replace(model.make_facet, " ").split()))
        parts: list[str] = []
        missing: list[str] = []
        for part in self._parts(text):
            english: str | None = self._labels.get(word_key(part), part)
            if part == _ARTICLE:  # a name whose other words are the group's (더 K9)
                continue
            if english is part and not part.isascii():
                english, left_out = self._translate(part)
                missing += left_out
            if english and english.lower() not in (known.lower() for known in parts):
                parts.append(english)
        return Generation(group.vehicles[marker[0]] if marker else None, ", ".join(parts) or None, tuple(missing))

    def _parts(self, text: str) -> Iterable[str]:
        """Yield labels and numbers in English, and the texts between them unchanged."""
        for piece in _SEPARATORS.split(text):
            at = 0
            for match in self._label.finditer(piece):
                yield piece[at : match.start()].strip(" -/")
                number = match[1]
                yield f"{_ORDINALS.get(number, number + 'th')} Gen" if number else self._labels[word_key(match[0])]
                at = match.end()
            yield piece[at:].strip(" -/")


def _both_ways(first: str, second: str) -> tuple[str, str]:
    return f"{first} {second}", f"{second} {first}"


def _spaced(key: str) -> str:
    """Return a pattern for a squeezed word with any blanks or hyphens in it."""
    return r"[\s-]*".join(map(re.escape, key))


def _without_model(text: str, model: Model, words: Mapping[str, Model]) -> str:
    """Return the text without its model: the group's own word, because other words may contain a grade (NX 300h)."""
    own = word_key(model.korean)
    if longest_word((own,), *squeeze(text)):
        return _without(text, (own,))
    return _without(text, (word for word, other in words.items() if other.korean == model.korean))


def _without(text: str, keys: Iterable[str]) -> str:
    """Return the text without the longest of these words in it."""
    found = longest_word(keys, *squeeze(text))
    return re.sub(_spaced(found[0]), " ", text, count=1, flags=re.IGNORECASE) if found else text
