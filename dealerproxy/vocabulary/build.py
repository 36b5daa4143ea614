"""Builds the dictionaries of the look-ups from the translation files, and checks references between entries."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol, TypeVar

from dealerproxy.vocabulary.files import ColourEntry, English, File, MakeEntry, ModelEntry, OptionEntry, TokenEntry
from dealerproxy.vocabulary.terms import Colour, Make, MakeFacet, Model, Option
from dealerproxy.vocabulary.text import word_key

OPTION_COUNT = 62  # the partner API's catalogue of tokens by which a dealer search can filter


class _Named(Protocol):
    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=_Named)
# By facet and word key: further models that share the word with the model it means.
SharedNames = Mapping[tuple[str, str], tuple[Model, ...]]


def build_makes(file: File) -> tuple[tuple[Make, ...], dict[str, Make], dict[str, Make]]:
    """Return the makes, by any word for them and by Korean facet."""
    entries = {name: file.convert(row, MakeEntry, name) for name, row in file.data.items()}
    makes: list[Make] = []
    by_word: dict[str, Make] = {}
    by_facet: dict[str, Make] = {}
    for name, entry in entries.items():
        file.convert(name, English, name)
        facets = tuple(MakeFacet(f.korean, f.code, f.market == "domestic") for f in entry.facets)
        make = Make(name, facets)
        makes.append(make)
        claim(by_word, name, make, file, name)
        for facet in facets:
            if facet.korean in by_facet:
                raise file.error(f"{facet.korean!r} already belongs to {by_facet[facet.korean].name}", name, "facets")
            by_facet[facet.korean] = make
            claim(by_word, facet.korean, make, file, name, "facets")
    for make in makes:
        for alias in entries[make.name].aliases:
            claim(by_word, alias, make, file, make.name, "aliases", new=True)
    return tuple(makes), by_word, by_facet


def build_models(file: File, makes: Mapping[str, Make]) -> tuple[dict[str, dict[str, Model]], SharedNames]:
    """Return the models by any word for them, per make facet, and the models that share a word of another one."""
    models: dict[str, dict[str, Model]] = {}
    shared: dict[tuple[str, str], tuple[Model, ...]] = {}
    for facet in file.data:
        models[facet] = by_word = _models_of_facet(file, facet, makes)
        for korean, entry in file.entries(facet, ModelEntry).items():
            model = by_word[word_key(korean)]
            for name in entry.shared:
                if by_word.get(word_key(name), model) is model:
                    raise file.error(f"{name!r} is no word for another model of {facet}", facet, korean)
                key = facet, word_key(name)
                shared[key] = (*shared.get(key, ()), model)
    return models, shared


def shared_by(shared: SharedNames, make: Make, text: str) -> tuple[Model, ...]:
    """Return the further models of a make that share a name with the model that it means."""
    return tuple(model for facet in make.facets for model in shared.get((facet.korean, word_key(text)), ()))


def _models_of_facet(file: File, facet: str, makes: Mapping[str, Make]) -> dict[str, Model]:
    if facet not in makes:
        raise file.error("is no facet of any make in makes.toml", facet)
    entries = file.entries(facet, ModelEntry)
    models = {k: Model(facet, k, e.name, e.body, e.code, e.stock) for k, e in entries.items()}
    by_word: dict[str, Model] = {}
    for korean, model in models.items():
        claim(by_word, korean, model, file, facet, korean)
        claim(by_word, model.name, model, file, facet, korean)
    for korean, entry in entries.items():
        for alias in entry.aliases:
            claim(by_word, alias, models[korean], file, facet, korean, new=True)
    return by_word


def build_tokens(file: File) -> tuple[dict[str, str | None], Mapping[str, tuple[str, ...]]]:
    """Return the token of each facet and the facets of each filter token (fuels, transmissions)."""
    tokens = {korean: entry.token for korean, entry in file.entries("facets", TokenEntry).items()}
    filters = file.entries("filters", tuple[str, ...])
    for wanted, facets in filters.items():
        for facet in facets:
            if facet not in tokens:
                raise file.error(f"{facet!r} is no facet of this file", "filters", wanted)
    for korean, token in tokens.items():
        if token is not None and token not in filters:
            raise file.error(f"token {token!r} has no line under [filters]", "facets", korean)
    return tokens, MappingProxyType(filters)


def build_colours(file: File) -> tuple[tuple[str, ...], dict[str, Colour], dict[str, tuple[Colour, ...]]]:
    """Return the families, the colours by facet, and the colours by any English word for a family or a colour."""
    families = file.value("families", tuple[str, ...])
    colours: dict[str, Colour] = {}
    for korean, entry in file.entries("facets", ColourEntry).items():
        if entry.family not in families:
            raise file.error(f"family {entry.family!r} is not in the list of families", "facets", korean)
        colours[korean] = Colour(korean, entry.name, entry.family)
    by_word: dict[str, tuple[Colour, ...]] = {}
    for colour in colours.values():
        by_word[word_key(colour.name)] = (*by_word.get(word_key(colour.name), ()), colour)
    for family in families:  # after the single names: "white" means all whites
        by_word[word_key(family)] = tuple(c for c in colours.values() if c.family == family)
    own = frozenset(by_word)
    for alias, meant in file.entries("aliases", str).items():
        if word_key(meant) not in own:
            raise file.error(f"{meant!r} is neither a family nor the name of a colour", "aliases", alias)
        if word_key(alias) in by_word:
            raise file.error("already means something", "aliases", alias)
        by_word[word_key(alias)] = by_word[word_key(meant)]
    return families, colours, by_word


def build_options(file: File) -> tuple[Mapping[str, Option], frozenset[str]]:
    """Return the options by token, in the catalogue's order, and the tokens without a facet."""
    unsupported = frozenset(file.value("unsupported", list[str]))
    options: dict[str, Option] = {}
    seen: dict[str, str] = {}
    for token, entry in file.entries("options", OptionEntry).items():
        if token in unsupported:
            raise file.error("is listed as unsupported too", "options", token)
        for value in (entry.facet, entry.code):
            if value in seen:
                raise file.error(f"{value!r} already belongs to {seen[value]}", "options", token)
            seen[value] = token
        options[token] = Option(token, entry.facet, entry.code, entry.name, entry.group)
    if len(options) != OPTION_COUNT:
        raise file.error(f"{len(options)} options, the catalogue has {OPTION_COUNT}", "options")
    return MappingProxyType(options), unsupported


def build_choices(file: File, table: str, allowed: frozenset[str]) -> dict[str, str]:
    """Return a table whose values all are in a closed set (seller and sell types)."""
    choices = file.entries(table, str)
    for key, value in choices.items():
        if value not in allowed:
            raise file.error(f"{value!r} is none of {', '.join(sorted(allowed))}", table, key)
    return choices


def claim(index: dict[str, N], word: str, owner: N, file: File, *path: str, new: bool = False) -> None:
    """Add a word to a name space. Raises if it has another owner, or is `new` but exists already."""
    key = word_key(word)
    if not key:
        raise file.error(f"{word!r} is empty once blanks and hyphens are ignored", *path)
    if key in index and (new or index[key] is not owner):
        raise file.error(f"{word!r} already means {index[key].name}", *path)
    index[key] = owner
