"""Danawa's own words: its brand labels, and the makes and groups that only Danawa has.

Its cars have the same makes and model groups as Encar's, so that rows of both sites can be merged and compared. Its
list includes light trucks, which Encar lists in another index (trucks.toml); a few small makes are only at Danawa.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import accumulate
from pathlib import Path

from msgspec import Struct

from dealerproxy.vocabulary.build import SharedNames, claim, shared_by
from dealerproxy.vocabulary.files import English, File, Word, read_file
from dealerproxy.vocabulary.terms import Body, Make, MakeFacet, Model
from dealerproxy.vocabulary.text import longest_word, nearest_word, squeeze, word_key

CACHE_SIZE = 16_384  # names are free text: some thousand different ones are in stock


class _GroupEntry(Struct, frozen=True, forbid_unknown_fields=True):
    facet: Word
    name: English
    body: Body | None = None
    aliases: list[Word] = []
    shared: list[Word] = []


class _FeederEntry(Struct, frozen=True, forbid_unknown_fields=True):
    facet: Word


class DanawaWords:
    """Look-ups for Danawa's list. `makes`: those that only Danawa has.

    A make facet is Encar's Korean word for a make; for a make that only Danawa has, it is the one in danawa.toml.
    """

    def __init__(
        self,
        folder: Path,
        makes: Mapping[str, Make],
        models: Mapping[str, Mapping[str, Model]],
        shared: SharedNames,
    ) -> None:
        """Read danawa.toml; `makes` (by facet), `models` (by facet and word) and `shared` come from the other files."""
        file = read_file(folder, "danawa.toml")
        own = _own_makes(file, makes)
        self.makes = tuple(own.values())
        self._by_facet = {**makes, **own}
        self._models = _with_own_groups(file, self._by_facet, models)
        self._shared = _with_own_names(file, self._models, shared)
        self._labels = _labels(file, self._by_facet)
        self._feeder = {word: entry.facet for word, entry in file.entries("feeder", _FeederEntry).items()}
        self._split = lru_cache(CACHE_SIZE)(self._find_split)

    @property
    def models(self) -> Mapping[str, dict[str, Model]]:
        """All groups by make facet and by any word for them, including Danawa's own."""
        return self._models

    def make_facet_of(self, label: str) -> str | None:
        """Return the make facet of the brand label at the start of a name."""
        return self._labels.get(label)

    def make_of(self, facet: str) -> Make | None:
        """Return the make of a facet."""
        return self._by_facet.get(facet)

    def find_make(self, text: str) -> Make | None:
        """Return the make that a word means, among those that only Danawa has."""
        word = word_key(text)
        return next((make for make in self.makes if word in map(word_key, (make.name, make.facets[0].korean))), None)

    def knows_model(self, text: str) -> bool:
        """Whether any make has a model of this name, including Danawa's own."""
        word = word_key(text)
        return any(word in words for words in self._models.values())

    def find_models(self, make: Make, text: str) -> tuple[Model, ...]:
        """Return the groups that a word means for this make, including Danawa's own: at most one per facet."""
        word = word_key(text)
        found = (self._models.get(facet.korean, {}).get(word) for facet in make.facets)
        return tuple(model for model in found if model is not None)

    def models_meant(self, make: Make, text: str) -> tuple[Model, ...]:
        """Return the models to search for a name: those it means, then those that share it (Elantra: Avante)."""
        return (*self.find_models(make, text), *shared_by(self._shared, make, text))

    def nearest_model(self, makes: Iterable[Make], text: str) -> tuple[str, Model] | None:
        """Return the word closest to a mistyped one, and these makes' model that it means, including Danawa's own."""
        words = {
            word: model
            for make in makes
            for facet in make.facets
            for word, model in self._models.get(facet.korean, {}).items()
        }
        found = nearest_word(text, words)
        return (found, words[found]) if found else None

    def encar_word(self, word: str) -> str:
        """Return Encar's word for the feeder's word for a fuel, a transmission or a colour; most are the same."""
        return self._feeder.get(word, word)

    def split_name(self, facet: str, name: str) -> tuple[Model, int] | None:
        """Return the group in a name without its brand, and the number of words up to its end.

        As for Encar's generations, the longest word for a group decides. A label may mean several facets of a make
        (`쉐보레` means two), so the make's other facets are tried second.
        """
        return self._split(facet, name)

    def _find_split(self, facet: str, name: str) -> tuple[Model, int] | None:
        make = self._by_facet.get(facet)
        others = (other.korean for other in make.facets if other.korean != facet) if make else ()
        text, breaks = squeeze(name)
        for place in (facet, *others):
            models = self._models.get(place, {})
            found = longest_word(models, text, breaks)
            if found is not None:
                word, end = found
                model = models[word]
                # A longer word may have a grade (NX 300h) or a vehicle of the group in it, so the group's word ends it.
                own = longest_word((word_key(model.korean),), text[:end], breaks)
                return model, _words_to(name, own[1] if own else end)
        return None


def _words_to(name: str, end: int) -> int:
    """Return how many words of a name contain its first `end` characters, not counting blanks and hyphens."""
    lengths = accumulate(len(word_key(word)) for word in name.split())
    return next(count for count, length in enumerate(lengths, 1) if length >= end)


def _own_makes(file: File, makes: Mapping[str, Make]) -> dict[str, Make]:
    """Return the makes under [makes] by their Korean facet."""
    own: dict[str, Make] = {}
    names = {word_key(make.name) for make in makes.values()}
    for facet, name in file.entries("makes", English).items():
        if facet in makes or word_key(name) in names:
            raise file.error("is a make of makes.toml", "makes", facet)
        names.add(word_key(name))
        own[facet] = Make(name, (MakeFacet(facet, None, domestic=True),))
    return own


def _with_own_groups(
    file: File, makes: Mapping[str, Make], models: Mapping[str, Mapping[str, Model]]
) -> dict[str, dict[str, Model]]:
    merged = {facet: dict(words) for facet, words in models.items()}
    for korean, entry in file.entries("models", _GroupEntry).items():
        _check_facet(file, entry.facet, makes, "models", korean)
        group = Model(entry.facet, korean, entry.name, entry.body, None, 0)
        words = merged.setdefault(entry.facet, {})
        for word in (korean, entry.name, *entry.aliases):
            claim(words, word, group, file, "models", korean)
    return merged


def _with_own_names(file: File, models: Mapping[str, Mapping[str, Model]], shared: SharedNames) -> SharedNames:
    """Add the names of other groups that mean these groups too (Porter: Porter II)."""
    merged = dict(shared)
    for korean, entry in file.entries("models", _GroupEntry).items():
        for name in entry.shared:
            key, words = (entry.facet, word_key(name)), models[entry.facet]
            if words.get(word_key(name), words[word_key(korean)]) is words[word_key(korean)]:
                raise file.error(f"{name!r} is no word for another model of {entry.facet}", "models", korean)
            merged[key] = (*merged.get(key, ()), words[word_key(korean)])
    return merged


def _labels(file: File, makes: Mapping[str, Make]) -> dict[str, str]:
    labels: dict[str, str] = file.entries("labels", str)
    for label, facet in labels.items():
        _check_facet(file, facet, makes, "labels", label)
        if len(label.split()) != 1:
            raise file.error("a label has no blank", "labels", label)
    return labels


def _check_facet(file: File, facet: str, makes: Mapping[str, Make], *path: str) -> None:
    if facet not in makes:
        raise file.error(f"{facet!r} is no facet of a make", *path)
