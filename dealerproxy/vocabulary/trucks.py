"""The words of Encar's truck index (trucks.toml, truck_options.toml): makers, models, bodies, loads, badges, options.

The index has its own words for makers and models, and other axes than the cars. Words are sent exactly as in the file;
words of rows are compared as everywhere, so blanks make no difference.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

from msgspec import Struct

from dealerproxy.vocabulary.files import English, File, Word, read_file
from dealerproxy.vocabulary.terms import Body, Make, MakeFacet, Model, Option
from dealerproxy.vocabulary.text import nearest_word, word_key

CACHE_SIZE = 4_096
Confidence = Literal["certain", "high", "medium", "guess"]
# The word for models of an unknown maker.
ANY_MAKER = "*"


class _MakerEntry(Struct, frozen=True, forbid_unknown_fields=True):
    make: English
    confidence: Confidence
    generic: bool = False
    aliases: list[Word] = []


class _ModelEntry(Struct, frozen=True, forbid_unknown_fields=True):
    name: English
    confidence: Confidence
    generation: English | None = None
    family: English | None = None
    body: Body | None = None
    stock: int = 0
    conversion: bool = False
    electric: bool = False
    aliases: list[Word] = []


class _NameEntry(Struct, frozen=True, forbid_unknown_fields=True):
    name: English
    confidence: Confidence


class _FormEntry(Struct, frozen=True, forbid_unknown_fields=True):
    name: English
    confidence: Confidence
    body: Body | None = None
    aliases: list[Word] = []


class _OptionEntry(Struct, frozen=True, forbid_unknown_fields=True):
    korean: Word
    name: English
    confidence: Confidence
    token: English | None = None


class TruckModel(NamedTuple):
    """A model of the index under one maker; `korean` and `maker` are its words exactly as the index expects them.

    `model` is the partner's model; several words may share one. `generation` is the rest of the word's meaning. A name
    of its `family` means all models of that family.
    """

    maker: str
    korean: str
    make: Make
    model: Model
    generation: str | None
    electric: bool
    family: str | None


class TruckForm(NamedTuple):
    """The body on a chassis: its kind and name in English, and its body class if it differs from the model's.

    `name` is None if only the kind is known.
    """

    form: str
    name: str | None
    body: Body | None


class TruckOption(NamedTuple):
    """An option of trucks; `token` is the partner's, None if no token means the same."""

    name: str
    token: str | None


class TruckWords:
    """Look-ups for the truck index. `makes` has the makes that only it has, by the index's word as their facet.

    `options`: by code. `fuels_with_make`: the site's words for the fuels of trucks in a search for a make alone.
    """

    def __init__(
        self,
        folder: Path,
        makes: Iterable[Make],
        cars: Callable[[Make, str], Sequence[Model]],
        options: Mapping[str, Option],
    ) -> None:
        """Read both files. `makes` and `options` (by token) are those of cars; `cars` returns the cars of a name.

        Raises VocabularyError at the first error.
        """
        file = read_file(folder, "trucks.toml")
        self._makers, self.makes, self._makes_by_word = _makers(file, {make.name: make for make in makes})
        entries = {
            maker: {korean: file.convert(row, _ModelEntry, "models", maker, korean) for korean, row in rows.items()}
            for maker, rows in file.value("models", dict[str, dict[str, object]]).items()
        }
        generic = [word for word, entry in file.entries("makers", _MakerEntry).items() if entry.generic]
        self._models: dict[str, dict[str, TruckModel]] = {}
        self._asked: dict[tuple[str, str], tuple[TruckModel, ...]] = {}
        self._words: set[str] = set()
        self._families = file.value("families", dict[str, tuple[str, ...]])
        self._brought = frozenset(file.value("with_make", tuple[str, ...]))
        self.fuels_with_make = frozenset(file.value("fuels_with_make", tuple[str, ...]))
        self._with_make: dict[str, tuple[TruckModel, ...]] = {}
        for maker, models in entries.items():
            if maker != ANY_MAKER and maker not in self._makers:
                raise file.error("is no maker of this file", "models", maker)
            for each in generic if maker == ANY_MAKER else [maker]:
                self._enter(each, models, cars)
        unknown = {entry.family for models in entries.values() for entry in models.values()}
        for table, names in (("with_make", self._brought), ("families", self._families.keys())):
            for family in names - unknown:
                raise file.error(f"{family!r} is no family", table)
        self._any_maker = entries.get(ANY_MAKER, {})
        self._forms, self._forms_alone = _forms(file)
        self._standards = _by_key(file, "standards")
        self._uses = _by_key(file, "uses")
        self._units = file.entries("units", English)
        self._limits = file.entries("limits", English)
        self._nothing = frozenset(map(word_key, file.value("nothing", dict[str, list[str]])["words"]))
        self._badges = {word_key(korean): english for korean, english in file.entries("badges", English).items()}
        self._load = re.compile(
            rf"(\d{{1,4}}(?:\.\d{{1,3}})?)({'|'.join(self._limits)})?({'|'.join(map(re.escape, self._units))})"
            rf"({'|'.join(self._limits)})?",
            re.ASCII | re.IGNORECASE,
        )
        self.options = _options(read_file(folder, "truck_options.toml"), options)
        self.model_of = lru_cache(CACHE_SIZE)(self._model_of)

    # Makers and models

    def make_of(self, maker: str) -> Make | None:
        """Return the make of the index's word for a maker."""
        return self._makers.get(maker)

    def makers_of(self, make: Make) -> tuple[str, ...]:
        """Return the index's words for a make."""
        return tuple(word for word, known in self._makers.items() if known.name == make.name)

    def find_make(self, text: str) -> Make | None:
        """Return the make that one of the index's own words means."""
        return self._makes_by_word.get(word_key(text))

    def has_alone(self, make: Make) -> bool:
        """Whether only the index has a make."""
        return make in self.makes

    def _model_of(self, maker: str, korean: str) -> TruckModel | None:
        """Return the model of a row's words; None if unknown."""
        found = self._models.get(maker, {}).get(word_key(korean))
        if found is not None or maker not in self._makers:
            return found
        entry = next((entry for word, entry in self._any_maker.items() if word_key(word) == word_key(korean)), None)
        return None if entry is None else _truck_model(maker, self._makers[maker], korean, entry)

    def meant(self, make: Make, text: str) -> tuple[TruckModel, ...]:
        """Return the models that a word means for a make: a name, the index's own word, or a family's name.

        Converted passenger cars are meant only by words that mean no car.
        """
        return self._asked.get((make.name, word_key(text)), ())

    def name_of(self, make: Make, words: Sequence[str]) -> str | None:
        """Return a name that means exactly these words of the index for a make; None if there is none."""
        names = (name for name, models in self._asked.items() if [model.korean for model in models] == list(words))
        return next((name for owner, name in names if owner == make.name), None)

    def with_make(self, make: Make) -> tuple[TruckModel, ...]:
        """Return the models that a search for a make without a model includes, beside its cars."""
        return self._with_make.get(make.name, ())

    def family_of(self, truck: TruckModel) -> tuple[TruckModel, ...]:
        """Return the models of a truck's maker in its family, including itself."""
        if truck.family is None:
            return (truck,)
        models = self._models.get(truck.maker, {}).values()
        return tuple(model for model in models if model.family == truck.family)

    def models_of(self, maker: str) -> tuple[str, ...]:
        """Return the index's words for a maker's models."""
        return tuple(truck.korean for truck in self._models.get(maker, {}).values())

    def is_brought(self, make: Make, name: str) -> bool:
        """Whether a search for the make alone includes its trucks of this name."""
        return any(truck.model.name == name for truck in self.with_make(make))

    def knows_model(self, text: str) -> bool:
        """Whether any make has a truck of this name."""
        return word_key(text) in self._words

    def nearest_model(self, makes: Iterable[Make], text: str) -> tuple[str, Model] | None:
        """Return the word closest to a mistyped one, and the model of these makes that it means."""
        names = {make.name for make in makes}
        words = {word: models[0].model for (make, word), models in self._asked.items() if make in names}
        found = nearest_word(text, words)
        return (found, words[found]) if found else None

    @cached_property
    def names(self) -> Mapping[str, tuple[str, ...]]:
        """The names of the trucks that can be requested, by make."""
        found: dict[str, dict[str, None]] = {}
        for (make, _), models in self._asked.items():
            for model in models:
                found.setdefault(make, {})[model.model.name] = None
        return {make: tuple(names) for make, names in found.items()}

    def _enter(
        self, maker: str, entries: Mapping[str, _ModelEntry], cars: Callable[[Make, str], Sequence[Model]]
    ) -> None:
        make = self._makers[maker]
        asked: dict[str, dict[TruckModel, None]] = {}
        for korean, entry in entries.items():
            model = _truck_model(maker, make, korean, entry)
            self._models.setdefault(maker, {})[word_key(korean)] = model
            family = (entry.family, *self._families.get(entry.family, ())) if entry.family else ()
            for word in (korean, entry.name, *family, *entry.aliases):
                if not (entry.conversion and cars(make, word)):
                    asked.setdefault(word_key(word), {})[model] = None
            if entry.family in self._brought:
                self._with_make[make.name] = (*self._with_make.get(make.name, ()), model)
        for word, models in asked.items():
            known = self._asked.get((make.name, word), ())
            self._asked[make.name, word] = tuple(dict.fromkeys((*known, *models)))
        self._words |= asked.keys()

    # Words of rows

    def form(self, detail: str) -> TruckForm | None:
        """Return the body that a row's form detail names; None if unknown."""
        return self._forms.get(word_key(detail))

    def form_alone(self, form: str) -> TruckForm | None:
        """Return the kind of a body that a form names; None if unknown."""
        return self._forms_alone.get(word_key(form))

    def standard(self, korean: str) -> str | None:
        """Return a wheelbase or a number of axles: `Extra-Long`."""
        return self._standards.get(word_key(korean))

    def use(self, korean: str) -> str | None:
        """Return how a vehicle is registered: private, commercial or registered_copy."""
        return self._uses.get(word_key(korean))

    def load(self, korean: str) -> str | None:
        """Return a load in English: `1 t`, `30 t or more`, `under 0.4 m3`."""
        match = self._load.fullmatch("".join(korean.split()))
        if match is None:
            return None
        number, before, unit, after = match.groups()
        amount = f"{number} {self._units.get(unit) or self._units[unit.upper()]}"
        limit = self._limits.get(before or after or "")
        if limit is None:
            return amount
        return f"{amount} {limit}" if limit.startswith("or ") else f"{limit} {amount}"

    def badge(self, korean: str) -> str | None:
        """Return a badge in English; None if it has no line of its own."""
        return self._badges.get(word_key(korean))

    def says_nothing(self, korean: str) -> bool:
        """Whether a word of a row means that there is no value."""
        return word_key(korean) in self._nothing


def _truck_model(maker: str, make: Make, korean: str, entry: _ModelEntry) -> TruckModel:
    model = Model(make.facets[0].korean, korean, entry.name, entry.body, None, entry.stock)
    return TruckModel(maker, korean, make, model, entry.generation, entry.electric, entry.family)


def _makers(file: File, makes: Mapping[str, Make]) -> tuple[dict[str, Make], tuple[Make, ...], dict[str, Make]]:
    """Return the makes by the index's word, the makes that only it has, and these by any word for them."""
    makers: dict[str, Make] = {}
    own: dict[str, Make] = {}
    by_word: dict[str, Make] = {}
    for korean, entry in file.entries("makers", _MakerEntry).items():
        known = makes.get(entry.make)
        words = [*entry.aliases]
        if known is None:
            known = own[entry.make] = Make(entry.make, (MakeFacet(korean, None, domestic=True),))
            words += entry.make, korean
        for word in words:
            if by_word.setdefault(word_key(word), known) is not known:
                raise file.error(f"{word!r} already means {by_word[word_key(word)].name}", "makers", korean)
        makers[korean] = known
    return makers, tuple(own.values()), by_word


def _forms(file: File) -> tuple[dict[str, TruckForm], dict[str, TruckForm]]:
    """Return bodies, and kinds of them without a name, by the index's word."""
    forms = {
        korean: TruckForm(entry.name, None, entry.body) for korean, entry in file.entries("forms", _FormEntry).items()
    }
    details: dict[str, TruckForm] = {}
    for form, rows in file.value("form_details", dict[str, dict[str, object]]).items():
        if form not in forms:
            raise file.error("is no form", "form_details", form)
        for korean, row in rows.items():
            entry = file.convert(row, _FormEntry, "form_details", form, korean)
            found = TruckForm(forms[form].form, entry.name, entry.body)
            for word in (korean, *entry.aliases):
                if details.setdefault(word_key(word), found) is not found:
                    raise file.error(f"{word!r} is repeated", "form_details", form, korean)
    return details, {word_key(korean): form for korean, form in forms.items()}


def _by_key(file: File, table: str) -> dict[str, str]:
    return {word_key(korean): entry.name for korean, entry in file.entries(table, _NameEntry).items()}


def _options(file: File, cars: Mapping[str, Option]) -> Mapping[str, TruckOption]:
    options: dict[str, TruckOption] = {}
    for code, entry in file.entries("options", _OptionEntry).items():
        if entry.token is not None and entry.token not in cars:
            raise file.error(f"{entry.token!r} is no token of options.toml", "options", code)
        options[code] = TruckOption(entry.name, entry.token)
    return options
