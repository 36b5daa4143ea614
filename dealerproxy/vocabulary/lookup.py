"""The look-ups: the class Vocabulary, and `load`, which finds the folder of the translations."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from copy import copy
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from dealerproxy.vocabulary.build import (
    build_choices,
    build_colours,
    build_makes,
    build_models,
    build_options,
    build_tokens,
    shared_by,
)
from dealerproxy.vocabulary.danawa import DanawaWords
from dealerproxy.vocabulary.dangers import Dangers
from dealerproxy.vocabulary.files import CategoryEntry, English, read_file
from dealerproxy.vocabulary.name_codes import NameCodes
from dealerproxy.vocabulary.phrases import Phrases, Translated
from dealerproxy.vocabulary.remarks import Remarks
from dealerproxy.vocabulary.sheet import TABLES, build_sheet
from dealerproxy.vocabulary.terms import SELL_TYPES, SELLER_TYPES, Body, Colour, Make, Model, Option
from dealerproxy.vocabulary.text import longest_word, nearest_word, squeeze, word_key
from dealerproxy.vocabulary.trucks import TruckWords
from dealerproxy.vocabulary.vehicles import GenerationNames

CACHE_SIZE = 4096  # generation names and trims; Encar has a few thousand of each in stock
MOST_TEXT = 500  # characters of a text that is translated; trims have some dozen
MISSES_KEPT = 1000  # distinct untranslated words; later ones share one line per kind
MISS_LENGTH = 40  # characters of an untranslated word that are kept
MISSES_BEYOND = "*"  # replaces all words past MISSES_KEPT
# Kinds with words from a closed list of the site, so that each new word is reported; not names or free text.
CODE_KINDS = frozenset(
    {"panel", "damage", "checklist", "diagnosis", "option", "truck", "sell_type", "seller_type", *TABLES}
)

T = TypeVar("T")


class Vocabulary:
    """All translations of the service; immutable except for the count of untranslated words.

    `makes`: all makes in the file's order. `options`: the partner's tokens in the catalogue's order.
    `unsupported_options`: tokens that the partner API documents and for which Encar has no facet.
    `fuel_filters`, `transmission_filters`: the partner's filter token -> Encar facets, () without one.
    `colour_families`: the plain colour words. `sheet`: the words of inspections, records and diagnoses.
    `danawa`: Danawa's codes and labels, and the makes and groups that only Danawa has.
    `trucks`: the words of Encar's truck index, and the makes and models that only it has.
    `generations`: the names of generations, and the vehicles of a group that they name.
    `name_codes`: the codes in names that mean a fuel.
    `remarks`, `dangers`: the free texts of inspectors and sellers, and the danger words in them.
    `untranslated`: (kind, foreign word) -> number of look-ups.
    `report_code`: called with (kind, word) for every untranslated word of CODE_KINDS; see `reporting`.
    """

    def __init__(self, folder: Path) -> None:
        """Read all files of `folder`; raises VocabularyError at the first error."""
        self.makes, self._makes_by_word, self._makes_by_facet = build_makes(read_file(folder, "makes.toml"))
        self._models, shared = build_models(read_file(folder, "models.toml"), self._makes_by_facet)
        self._shared = shared
        self._fuels, self.fuel_filters = build_tokens(read_file(folder, "fuels.toml"))
        self._transmissions, self.transmission_filters = build_tokens(read_file(folder, "transmissions.toml"))
        self.colour_families, self._colours, self._colours_by_word = build_colours(read_file(folder, "colours.toml"))
        self.options, self.unsupported_options = build_options(read_file(folder, "options.toml"))
        self._options_by_code = {option.code: option for option in self.options.values()}
        categories = read_file(folder, "categories.toml").entries("categories", CategoryEntry)
        self._category_bodies = {korean: entry.body for korean, entry in categories.items()}
        regions = read_file(folder, "regions.toml")
        self._regions: dict[str, str | None] = dict.fromkeys(regions.value("nothing", list[str]))
        self._regions |= regions.entries("regions", English)
        self._seller_types = build_choices(read_file(folder, "seller_types.toml"), "seller_types", SELLER_TYPES)
        self._sell_types = build_choices(read_file(folder, "sell_types.toml"), "sell_types", SELL_TYPES)
        self._phrases = Phrases(read_file(folder, "words.toml"), self._makes_by_word)
        self._packages = Phrases(read_file(folder, "packages.toml"), self._makes_by_word)
        self.sheet = build_sheet(folder)
        self.dangers = Dangers(read_file(folder, "dangers.toml"))
        self.remarks = Remarks(read_file(folder, "remarks.toml"), self.dangers, self._makes_by_word)
        self.danawa = DanawaWords(folder, self._makes_by_facet, self._models, shared)
        self.generations = GenerationNames(
            read_file(folder, "vehicles.toml"), (self._models, self.danawa.models), self.translate
        )
        self.trucks = TruckWords(folder, (*self.makes, *self.danawa.makes), self.find_models, self.options)
        self._model_words = frozenset(word for models in self._models.values() for word in models)
        self.name_codes = NameCodes(read_file(folder, "name_codes.toml"), self._makes_by_facet, self.fuel_filters)
        self.untranslated: Counter[tuple[str, str]] = Counter()
        self.report_code: Callable[[str, str], object] = _ignore
        self._generation = lru_cache(CACHE_SIZE)(self._find_generation)
        self._translation = lru_cache(CACHE_SIZE)(self._phrases.translate)

    # Makes and models

    def find_make(self, text: str) -> Make | None:
        """Return the make that a word means: English, alias or Korean; case, blanks and hyphens are ignored."""
        return self._makes_by_word.get(word_key(text))

    def nearest_make(self, text: str) -> Make | None:
        """Return the make whose name is closest to a mistyped one; None if none is close."""
        found = nearest_word(text, self._makes_by_word)
        return self._makes_by_word[found] if found else None

    def make_of(self, facet: str) -> Make | None:
        """Return the make of a Korean facet, written exactly as on a row."""
        return self._makes_by_facet.get(facet)

    def models_of(self, make: Make) -> tuple[Model, ...]:
        """Return all models of a make, facet by facet, in the file's order."""
        return tuple(model for facet in make.facets for model in _unique(self._models.get(facet.korean, {}).values()))

    def find_models(self, make: Make, text: str) -> tuple[Model, ...]:
        """Return the models that a word means for this make: at most one per facet, () without any."""
        word = word_key(text)
        found = (self._models.get(facet.korean, {}).get(word) for facet in make.facets)
        return tuple(model for model in found if model is not None)

    def models_meant(self, make: Make, text: str) -> tuple[Model, ...]:
        """Return the models to search for a name: those it means, then those that share it (Elantra: Avante)."""
        return (*self.find_models(make, text), *shared_by(self._shared, make, text))

    def knows_model(self, text: str) -> bool:
        """Whether any make has a model of this name."""
        return word_key(text) in self._model_words

    def find_make_anywhere(self, text: str) -> Make | None:
        """Return the make that a word means, including makes that only one site has."""
        return self.find_make(text) or self.danawa.find_make(text) or self.trucks.find_make(text)

    def find_models_anywhere(self, make: Make, text: str) -> tuple[Model, ...]:
        """Return the models that a word means for this make, including those of one site or the truck index alone."""
        return self.danawa.find_models(make, text) or self._trucks(make, text)

    def models_meant_anywhere(self, make: Make, text: str) -> tuple[Model, ...]:
        """Return the result of `models_meant` and the models that only one site or only the truck index has."""
        found = self.danawa.models_meant(make, text)
        names = {self.generations.name_of(text, model) for model in found}
        return (*found, *(model for model in self._trucks(make, text) if model.name not in names))

    def _trucks(self, make: Make, text: str) -> tuple[Model, ...]:
        """Return the models of the truck index that a word means, one for each name."""
        return tuple({truck.model.name: truck.model for truck in self.trucks.meant(make, text)}.values())

    def nearest_model(self, makes: Iterable[Make], text: str) -> str | None:
        """Return the name of the model (or vehicle) of these makes that a mistyped name most likely means."""
        makes = tuple(makes)
        found = self.danawa.nearest_model(makes, text) or self.trucks.nearest_model(makes, text)
        return self.generations.name_of(*found) if found else None

    def knows_model_anywhere(self, text: str) -> bool:
        """Whether any make has a model of this name, including models of only one site."""
        return self.danawa.knows_model(text) or self.trucks.knows_model(text)

    def model_of_generation(self, make_facet: str, generation: str) -> Model | None:
        """Return the model group of a generation name: "더 뉴 쏘렌토 4세대" is a 쏘렌토.

        Rows have no model group. The longest word for a group in the name decides; among equals, the first. None is not
        counted as untranslated, because callers also use it as a test.
        """
        return self._generation(make_facet, generation)

    def _find_generation(self, make_facet: str, generation: str) -> Model | None:
        models = self._models.get(make_facet, {})
        found = longest_word(models, *squeeze(generation))
        return models[found[0]] if found else None

    # Values of a row, and their filters

    def fuel(self, korean: str) -> str | None:
        """Return the partner's fuel token for a row's FuelType; None for bi-fuel, CNG, other and unknown."""
        return self._known("fuel", korean, self._fuels)

    def transmission(self, korean: str) -> str | None:
        """Return the partner's transmission token for a row's Transmission."""
        return self._known("transmission", korean, self._transmissions)

    def colour(self, korean: str) -> Colour | None:
        """Return the colour of a Korean colour word."""
        return self._known("colour", korean, self._colours)

    @property
    def colours(self) -> Collection[Colour]:
        """All of Encar's colours."""
        return self._colours.values()

    def colours_of(self, text: str) -> tuple[Colour, ...]:
        """Return the facets that an English colour word covers.

        A family or its alias ("white", "grey") covers several, an exact name ("Pearl") one; () if unknown.
        """
        return self._colours_by_word.get(word_key(text), ())

    def option_of_code(self, code: str) -> Option | None:
        """Return the option of Encar's three-digit code, as in the details."""
        return self._options_by_code.get(code)

    def category_body(self, korean: str) -> Body | None:
        """Return the body class that a Category word implies; None for most, which only name a size."""
        return self._known("category", korean, self._category_bodies)

    def region(self, korean: str) -> str | None:
        """Return the province or city in English for a row's OfficeCityState."""
        return self._known("region", korean, self._regions)

    def seller_type(self, code: str) -> str | None:
        """Return the seller's type for a letter of a row's Separation."""
        return self._known("seller_type", code, self._seller_types)

    def sell_type(self, korean: str) -> str | None:
        """Return how the car is sold, for a row's SellType or LeaseType."""
        return self._known("sell_type", korean, self._sell_types)

    def _known(self, kind: str, word: str, table: Mapping[str, T]) -> T | None:
        if word and word not in table:
            self.missed(kind, word)
        return table.get(word)

    # Free text

    def english(self, text: str, kind: str = "trim") -> str | None:
        """Return a trim text in English without its unknown words, which are counted under `kind`.

        None if the text is a placeholder or nothing is left; else printable ASCII.
        """
        translated, left_out = self.translate(text)
        for word in left_out:
            self.missed(kind, word)
        return translated

    def translate(self, text: str, make: str | None = None, after: str | None = None) -> Translated:
        """Return the text in printable ASCII, and the words that were left out; counts nothing.

        Some words have another meaning in the trims of a `make` (English name), or behind another word: `after` is the
        text before this one. Words without an entry are left out if they are Hangul or of another script (Hanja too);
        a text that is longer than any trim is left out whole.
        """
        if len(text) > MOST_TEXT:
            return Translated(None, (text[:MISS_LENGTH],))
        return self._translation(text, make, self._phrases.last_word(after[-MOST_TEXT:]) if after else "")

    def maker_words(self, text: str, kind: str) -> str | None:
        """Return a maker's words for equipment in English; None, counted as `kind`, unless every word is known."""
        translated, left_out = self._packages.translate(text[:MOST_TEXT])
        for word in left_out:
            self.missed(kind, word)
        return None if left_out else translated

    def missed(self, kind: str, word: str) -> None:
        """Count a word without a translation; past MISSES_KEPT distinct words, only the number of look-ups."""
        miss = (kind, word[:MISS_LENGTH])
        if miss not in self.untranslated and len(self.untranslated) >= MISSES_KEPT:
            miss = (kind, MISSES_BEYOND)
        self.untranslated[miss] += 1
        if kind in CODE_KINDS:
            self.report_code(kind, word[:MISS_LENGTH])

    def reporting(self, report: Callable[[str, str], object]) -> "Vocabulary":
        """Return a view with the same words and count that calls `report(kind, word)` at every miss of CODE_KINDS."""
        reporting = copy(self)
        reporting.report_code = report
        return reporting

    def counting_apart(self) -> "Vocabulary":
        """Return a view with the same words and its own count, without reports, for readings that no answer uses."""
        apart = self.reporting(_ignore)
        apart.untranslated = Counter()
        return apart


def _ignore(kind: str, word: str) -> None:
    """Ignore a miss."""


def _unique(models: Iterable[Model]) -> Iterable[Model]:
    """Return each model once: a name space has it under every word for it."""
    return dict.fromkeys(models)


def load(folder: Path | None = None) -> Vocabulary:
    """Read the translations: from `folder`, else the copy in the installed package, else the checkout's.

    Raises VocabularyError ("translations/models.toml line 41: ...") at the first error.
    """
    if folder is not None:
        return Vocabulary(folder)
    package = Path(__file__).parent.parent  # dealerproxy/
    installed = package / "translations"
    return Vocabulary(installed if installed.is_dir() else package.parent / "translations")
