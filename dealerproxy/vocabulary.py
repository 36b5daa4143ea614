"""The Korean and English words of the two sites: loads `translations/`, answers look-ups both ways.

The files are data, reviewed like code. They are read once, checked as a whole and turned into dictionaries,
so that a look-up costs the same however long they grow. What has no translation is counted, never guessed.
"""

import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, Protocol, TypeVar

import msgspec

Body = Literal["suv", "minivan", "van", "truck", "sedan", "compact", "wagon", "coupe", "convertible"]
Group = Literal["exterior", "safety", "convenience", "seats"]

SELLER_TYPES = frozenset({"private", "dealer", "brand_certified", "rental_company"})
SELL_TYPES = frozenset({"outright", "lease", "rent"})

OPTION_COUNT = 62  # the partner API's catalogue of tokens a dealer search can filter on
CACHE_SIZE = 4096  # generation names and trims; Encar has a few thousand of each in stock
RUN_LENGTH = 40  # Hangul without a blank beyond this is no trim, and not worth taking apart
MISSES_KEPT = 1000  # distinct untranslated words; later ones share one line per kind
MISS_LENGTH = 40  # characters of an untranslated word that are kept
MISSES_BEYOND = "*"  # stands for all words past MISSES_KEPT


class VocabularyError(Exception):
    """A translation file is wrong; the message names file, line and what to correct."""


@dataclass(frozen=True, slots=True)
class MakeFacet:
    """One Korean make word as Encar files cars under it; `domestic` says on which side (CarType Y or N)."""

    korean: str
    code: str | None
    domestic: bool


@dataclass(frozen=True, slots=True)
class Make:
    """A make as the partner knows it; Chevrolet and Renault have two facets, everybody else one."""

    name: str
    facets: tuple[MakeFacet, ...]


@dataclass(frozen=True, slots=True)
class Model:
    """A model group of one make facet; `stock` is how many adverts it had when the list was taken."""

    make_facet: str
    korean: str
    name: str
    body: Body | None
    code: str | None
    stock: int


@dataclass(frozen=True, slots=True)
class Option:
    """One option token of the partner API with the Encar facet that filters on it."""

    token: str
    facet: str
    code: str
    name: str
    group: Group


@dataclass(frozen=True, slots=True)
class Colour:
    """One colour facet; `family` is the plain English word that covers it."""

    korean: str
    name: str
    family: str


# The shapes of the entries as they stand in the files. English is printable ASCII without blanks at its ends.
_English = Annotated[str, msgspec.Meta(pattern=r"^[!-~]([ -~]*[!-~])?$")]
_Word = Annotated[str, msgspec.Meta(min_length=1)]


class _FacetEntry(msgspec.Struct, forbid_unknown_fields=True):
    korean: _Word
    market: Literal["domestic", "import"]
    code: _Word | None = None


class _MakeEntry(msgspec.Struct, forbid_unknown_fields=True):
    facets: Annotated[list[_FacetEntry], msgspec.Meta(min_length=1)]
    aliases: list[_Word] = []


class _ModelEntry(msgspec.Struct, forbid_unknown_fields=True):
    name: _English
    stock: Annotated[int, msgspec.Meta(ge=0)]
    code: _Word | None = None
    body: Body | None = None
    aliases: list[_Word] = []
    confidence: Literal["low"] | None = None


class _TokenEntry(msgspec.Struct, forbid_unknown_fields=True):
    name: _English
    code: _Word | None = None
    token: _English | None = None


class _ColourEntry(msgspec.Struct, forbid_unknown_fields=True):
    name: _English
    family: _English
    hex: _English | None = None


class _CategoryEntry(msgspec.Struct, forbid_unknown_fields=True):
    name: _English
    code: _Word
    body: Body | None = None


class _OptionEntry(msgspec.Struct, forbid_unknown_fields=True):
    facet: _Word
    code: _Word
    group: Group
    name: _English


T = TypeVar("T")


class _Named(Protocol):
    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=_Named)


# --------------------------------------------------------------------------------------- reading the files


@dataclass(frozen=True, slots=True)
class _File:
    """One translation file: its text is kept so that an error can name the line of an entry."""

    name: str
    text: str
    data: dict[str, Any]

    def error(self, problem: str, *path: str) -> VocabularyError:
        line = _line_of(self.text, path)
        return VocabularyError(f"translations/{self.name} line {line}: {': '.join((*path, problem))}")

    def convert(self, value: object, kind: type[T], *path: str) -> T:
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as wrong:
            raise self.error(str(wrong), *path) from None

    def value(self, name: str, kind: type[T]) -> T:
        if name not in self.data:
            raise self.error("is missing", name)
        return self.convert(self.data[name], kind, name)

    def entries(self, table: str, kind: type[T]) -> dict[str, T]:
        rows = self.value(table, dict[str, Any])
        return {key: self.convert(row, kind, table, key) for key, row in rows.items()}


def _read(folder: Path, name: str) -> _File:
    try:
        text = (folder / name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as wrong:
        raise VocabularyError(f"translations/{name} line 1: cannot be read: {wrong}") from None
    try:
        return _File(name, text, tomllib.loads(text))
    except tomllib.TOMLDecodeError as wrong:
        place = re.search(r"at line (\d+)", str(wrong))
        line = int(place[1]) if place else text.count("\n") + 1  # without a line it means the file's end
        raise VocabularyError(f"translations/{name} line {line}: {wrong}") from None


def _line_of(text: str, path: tuple[str, ...]) -> int:
    """Return the line on which the entry `path` (table, key) begins, else its table's, else 1.

    Every entry starts on a line of its own, so each line that is TOML by itself tells its own key.
    """
    table: tuple[str, ...] = ()
    found = 1
    for number, line in enumerate(text.split("\n"), 1):
        try:
            keys = tuple(tomllib.loads(line))
        except tomllib.TOMLDecodeError:
            continue  # the inside of a list over several lines
        if not keys:
            continue  # a comment or an empty line
        if line.lstrip().startswith("["):
            table = here = keys
        else:
            here = table + keys
        if here == path:
            return number
        if here == path[:1]:
            found = number
    return found


# --------------------------------------------------------------------------------------------- plain words


def _squeeze(text: str) -> tuple[str, frozenset[int]]:
    """Return the text as look-ups compare it, and the places in it where a blank or hyphen was left out.

    Case, accents, width and the two ways to write Hangul in Unicode make no difference.
    """
    marks_apart = unicodedata.normalize("NFKD", text)
    plain = unicodedata.normalize("NFC", "".join(c for c in marks_apart if unicodedata.category(c) != "Mn")).casefold()
    kept: list[str] = []
    breaks: set[int] = set()
    for char in plain:
        if char.isspace() or unicodedata.category(char) in {"Pd", "Cf"}:  # dashes, and characters nobody sees
            breaks.add(len(kept))
        else:
            kept.append(char)
    return "".join(kept), frozenset(breaks)


def _key(text: str) -> str:
    return _squeeze(text)[0]


def _place(term: str, text: str, breaks: frozenset[int]) -> int | None:
    """Return where `term` stands as a word of its own in a squeezed text."""
    at = text.find(term)
    while at >= 0:
        if _is_edge(text, at, breaks) and _is_edge(text, at + len(term), breaks):
            return at
        at = text.find(term, at + 1)
    return None


def _is_edge(text: str, at: int, breaks: frozenset[int]) -> bool:
    """Tell whether a word may begin or end here: not between two Latin letters, nor between two digits.

    Hangul runs on without blanks (뉴SM5), and a letter may meet a digit: an ES300h is an ES, a K50 no K5.
    """
    if at in {0, len(text)} or at in breaks:
        return True
    before, after = text[at - 1], text[at]
    both = before + after
    return not (both.isascii() and (both.isalpha() or both.isdigit()))


def _claim(index: dict[str, N], word: str, owner: N, file: _File, *path: str, new: bool = False) -> None:
    """Enter a word into a name space; a second owner is an error, and so is a `new` word that is there."""
    key = _key(word)
    if not key:
        raise file.error(f"{word!r} is empty once blanks and hyphens are ignored", *path)
    if key in index and (new or index[key] is not owner):
        raise file.error(f"{word!r} already means {index[key].name}", *path)
    index[key] = owner


# ------------------------------------------------------------------------------------------------ building


def _build_makes(file: _File) -> tuple[tuple[Make, ...], dict[str, Make], dict[str, Make]]:
    """Return the makes, by any word for them and by Korean facet."""
    entries = {name: file.convert(row, _MakeEntry, name) for name, row in file.data.items()}
    makes: list[Make] = []
    by_word: dict[str, Make] = {}
    by_facet: dict[str, Make] = {}
    for name, entry in entries.items():
        file.convert(name, _English, name)
        facets = tuple(MakeFacet(f.korean, f.code, f.market == "domestic") for f in entry.facets)
        make = Make(name, facets)
        makes.append(make)
        _claim(by_word, name, make, file, name)
        for facet in facets:
            if facet.korean in by_facet:
                raise file.error(f"{facet.korean!r} already belongs to {by_facet[facet.korean].name}", name, "facets")
            by_facet[facet.korean] = make
            _claim(by_word, facet.korean, make, file, name, "facets")
    for make in makes:
        for alias in entries[make.name].aliases:
            _claim(by_word, alias, make, file, make.name, "aliases", new=True)
    return tuple(makes), by_word, by_facet


def _build_models(file: _File, makes: Mapping[str, Make]) -> dict[str, dict[str, Model]]:
    """Return per make facet the models by any word for them."""
    return {facet: _models_of_facet(file, facet, makes) for facet in file.data}


def _models_of_facet(file: _File, facet: str, makes: Mapping[str, Make]) -> dict[str, Model]:
    if facet not in makes:
        raise file.error("is no facet of any make in makes.toml", facet)
    entries = file.entries(facet, _ModelEntry)
    models = {k: Model(facet, k, e.name, e.body, e.code, e.stock) for k, e in entries.items()}
    by_word: dict[str, Model] = {}
    for korean, model in models.items():
        _claim(by_word, korean, model, file, facet, korean)
        _claim(by_word, model.name, model, file, facet, korean)
    for korean, entry in entries.items():
        for alias in entry.aliases:
            _claim(by_word, alias, models[korean], file, facet, korean, new=True)
    return by_word


def _build_tokens(file: _File) -> tuple[dict[str, str | None], Mapping[str, tuple[str, ...]]]:
    """Return the token of each facet and the facets of each filter token (fuels, transmissions)."""
    tokens = {korean: entry.token for korean, entry in file.entries("facets", _TokenEntry).items()}
    filters = file.entries("filters", tuple[str, ...])
    for wanted, facets in filters.items():
        for facet in facets:
            if facet not in tokens:
                raise file.error(f"{facet!r} is no facet of this file", "filters", wanted)
    for korean, token in tokens.items():
        if token is not None and token not in filters:
            raise file.error(f"token {token!r} has no line under [filters]", "facets", korean)
    return tokens, MappingProxyType(filters)


def _build_colours(file: _File) -> tuple[tuple[str, ...], dict[str, Colour], dict[str, tuple[Colour, ...]]]:
    """Return the families, the colours by facet, and by any English word for a family or a single colour."""
    families = file.value("families", tuple[str, ...])
    colours: dict[str, Colour] = {}
    for korean, entry in file.entries("facets", _ColourEntry).items():
        if entry.family not in families:
            raise file.error(f"family {entry.family!r} is not in the list of families", "facets", korean)
        colours[korean] = Colour(korean, entry.name, entry.family)
    by_word: dict[str, tuple[Colour, ...]] = {}
    for colour in colours.values():
        by_word[_key(colour.name)] = (*by_word.get(_key(colour.name), ()), colour)
    for family in families:  # after the single names: "white" asks for all whites
        by_word[_key(family)] = tuple(c for c in colours.values() if c.family == family)
    for alias, family in file.entries("aliases", str).items():
        if family not in families:
            raise file.error(f"family {family!r} is not in the list of families", "aliases", alias)
        if _key(alias) in by_word:
            raise file.error("already means something", "aliases", alias)
        by_word[_key(alias)] = by_word[_key(family)]
    return families, colours, by_word


def _build_options(file: _File) -> tuple[Mapping[str, Option], frozenset[str]]:
    """Return the options by token, in the catalogue's order, and the tokens no facet exists for."""
    unsupported = frozenset(file.value("unsupported", list[str]))
    options: dict[str, Option] = {}
    seen: dict[str, str] = {}
    for token, entry in file.entries("options", _OptionEntry).items():
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


def _build_choices(file: _File, table: str, allowed: frozenset[str]) -> dict[str, str]:
    """Return a table whose values all come from a closed set (seller and sell types)."""
    choices = file.entries(table, str)
    for key, value in choices.items():
        if value not in allowed:
            raise file.error(f"{value!r} is none of {', '.join(sorted(allowed))}", table, key)
    return choices


def _build_words(file: _File) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return English by Hangul word, and the texts that mean nothing."""
    words = file.entries("words", _English)
    for word in words:
        if not _HANGUL.fullmatch(word):
            raise file.error("a word is Hangul without blanks or anything else", "words", word)
    return words, file.value("placeholders", tuple[str, ...])


# --------------------------------------------------------------------------------------------- translating

# Syllables, the letters they are made of and two tone marks; all but syllables only come from odd input.
_HANGUL = re.compile(r"[\uac00-\ud7a3\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\ud7b0-\ud7ff\u302e\u302f]+")
_GAP = "\0"  # stands where a word was left out, until the text is tidied
_JOINERS = r"[/+&,·-]"
_TIDY: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), with_)
    for pattern, with_ in (
        (rf"{_GAP}[\s{_GAP}]*", f"{_GAP} "),  # neighbouring gaps are one
        (rf"({_JOINERS}\s*){_GAP}\s*{_JOINERS}", r"\1"),  # of two joiners around a gap one stays
        (rf"\s*{_JOINERS}?\s*{_GAP}", " "),  # a joiner before a gap goes with it
        (r"\(\s+", "("),
        (r"\s+\)", ")"),
        (rf"(^|\()(\s*{_JOINERS})+\s*", r"\1"),  # nothing before it to join
        (r"\(\)|\[\s*\]", " "),
        (r"(?<=[^\s(])\(", " ("),
        (r"\s+", " "),
    )
)


def _tidy(text: str) -> str:
    for pattern, replacement in _TIDY:
        text = pattern.sub(replacement, text)
    return text.strip()


def _split(run: str, words: Mapping[str, str]) -> list[str] | None:
    """Return the known words that make up the whole run, longer ones preferred from the left, or None."""
    if run in words:
        return [run]
    if len(run) > RUN_LENGTH:
        return None
    rests: list[list[str] | None] = [None] * len(run) + [[]]  # rests[i] makes up run[i:]
    for start in range(len(run) - 1, -1, -1):
        for end in range(len(run), start, -1):
            rest = rests[end]
            if rest is not None and run[start:end] in words:
                rests[start] = [run[start:end], *rest]
                break
    return rests[0]


# ------------------------------------------------------------------------------------------------- the API


class Vocabulary:
    """Every translation the service knows; immutable but for the count of what it could not translate.

    `makes`: all makes in the file's order. `options`: the partner's tokens in the catalogue's order.
    `unsupported_options`: tokens the partner API documents and Encar has no facet for.
    `fuel_filters`, `transmission_filters`: the partner's filter token -> Encar facets, () where it has none.
    `colour_families`: the plain colour words. `untranslated`: (kind, Korean word) -> how often it was met.
    """

    def __init__(self, folder: Path) -> None:
        """Read all files of `folder`; raises VocabularyError at the first thing wrong."""
        self.makes, self._makes_by_word, self._makes_by_facet = _build_makes(_read(folder, "makes.toml"))
        self._models = _build_models(_read(folder, "models.toml"), self._makes_by_facet)
        self._model_words = frozenset(word for models in self._models.values() for word in models)
        self._fuels, self.fuel_filters = _build_tokens(_read(folder, "fuels.toml"))
        self._transmissions, self.transmission_filters = _build_tokens(_read(folder, "transmissions.toml"))
        self.colour_families, self._colours, self._colours_by_word = _build_colours(_read(folder, "colours.toml"))
        self.options, self.unsupported_options = _build_options(_read(folder, "options.toml"))
        self._options_by_code = {option.code: option for option in self.options.values()}
        categories = _read(folder, "categories.toml").entries("categories", _CategoryEntry)
        self._category_bodies = {korean: entry.body for korean, entry in categories.items()}
        regions = _read(folder, "regions.toml")
        self._regions: dict[str, str | None] = dict.fromkeys(regions.value("nothing", list[str]))
        self._regions |= regions.entries("regions", _English)
        self._seller_types = _build_choices(_read(folder, "seller_types.toml"), "seller_types", SELLER_TYPES)
        self._sell_types = _build_choices(_read(folder, "sell_types.toml"), "sell_types", SELL_TYPES)
        self._words, self._placeholders = _build_words(_read(folder, "words.toml"))
        self.untranslated: Counter[tuple[str, str]] = Counter()
        self._generation = lru_cache(CACHE_SIZE)(self._find_generation)
        self._translation = lru_cache(CACHE_SIZE)(self._translate)

    # Makes and models

    def find_make(self, text: str) -> Make | None:
        """Return the make a word means: English, alias or Korean; case, blanks and hyphens are ignored."""
        return self._makes_by_word.get(_key(text))

    def make_of(self, facet: str) -> Make | None:
        """Return the make of a Korean facet exactly as it stands on a row."""
        return self._makes_by_facet.get(facet)

    def models_of(self, make: Make) -> tuple[Model, ...]:
        """Return all models of a make, facet by facet, in the file's order."""
        return tuple(model for facet in make.facets for model in _unique(self._models.get(facet.korean, {}).values()))

    def find_models(self, make: Make, text: str) -> tuple[Model, ...]:
        """Return the models a word means for this make: at most one per facet, () when it has none."""
        word = _key(text)
        found = (self._models.get(facet.korean, {}).get(word) for facet in make.facets)
        return tuple(model for model in found if model is not None)

    def knows_model(self, text: str) -> bool:
        """Tell whether any make has a model of this name."""
        return _key(text) in self._model_words

    def model_of_generation(self, make_facet: str, generation: str) -> Model | None:
        """Return the model group a generation name belongs to: "더 뉴 쏘렌토 4세대" is a 쏘렌토.

        Rows carry no model group. The longest word for one that stands in the name decides, of equals the
        first. None is not counted as untranslated, because callers also ask to find out.
        """
        return self._generation(make_facet, generation)

    def _find_generation(self, make_facet: str, generation: str) -> Model | None:
        text, breaks = _squeeze(generation)
        best: tuple[int, int] = (0, 0)
        found: Model | None = None
        for word, model in self._models.get(make_facet, {}).items():
            place = _place(word, text, breaks)
            if place is not None and (len(word), -place) > best:
                best, found = (len(word), -place), model
        return found

    # Values of a row, and the filters that ask for them

    def fuel(self, korean: str) -> str | None:
        """Return the partner's fuel token for a row's FuelType; None for bi-fuel, CNG, other and unknown."""
        return self._known("fuel", korean, self._fuels)

    def transmission(self, korean: str) -> str | None:
        """Return the partner's transmission token for a row's Transmission."""
        return self._known("transmission", korean, self._transmissions)

    def colour(self, korean: str) -> Colour | None:
        """Return the colour of a Korean colour word."""
        return self._known("colour", korean, self._colours)

    def colours_of(self, text: str) -> tuple[Colour, ...]:
        """Return the facets an English colour word covers.

        A family or its alias ("white", "grey") covers several, an exact name ("Pearl") one; () when unknown.
        """
        return self._colours_by_word.get(_key(text), ())

    def option_of_code(self, code: str) -> Option | None:
        """Return the option of Encar's three-digit code, as the detail lists them."""
        return self._options_by_code.get(code)

    def category_body(self, korean: str) -> Body | None:
        """Return the body class a Category word proves; most say only a size and prove nothing."""
        return self._known("category", korean, self._category_bodies)

    def region(self, korean: str) -> str | None:
        """Return the province or city in English for a row's OfficeCityState."""
        return self._known("region", korean, self._regions)

    def seller_type(self, code: str) -> str | None:
        """Return who sells, for a letter of a row's Separation."""
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

        None when the text is a placeholder or nothing is left; never Hangul.
        """
        translated, left_out = self.translate(text)
        for word in left_out:
            self.missed(kind, word)
        return translated

    def translate(self, text: str) -> tuple[str | None, tuple[str, ...]]:
        """Return the text in English, and the Hangul words that had to be left out of it; counts nothing."""
        return self._translation(text)

    def _translate(self, text: str) -> tuple[str | None, tuple[str, ...]]:
        plain = " ".join(unicodedata.normalize("NFKC", text).replace(_GAP, " ").split())
        for nothing in self._placeholders:
            plain = plain.replace(nothing, " ")
        left_out: list[str] = []

        def replace(match: re.Match[str]) -> str:
            known = _split(match[0], self._words)
            if known is None:
                left_out.append(match[0])
                return _GAP
            return self._spell(known, match)

        translated = _tidy(_HANGUL.sub(replace, plain))
        return translated or None, tuple(left_out)

    def _spell(self, known: Iterable[str], match: re.Match[str]) -> str:
        """Return the English of a run, set apart by blanks from what it was glued to (7인승 is 7-seater)."""
        english = " ".join(self._words[word] for word in known).replace(" -", "-")
        before, after = match.string[: match.start()][-1:], match.string[match.end() :][:1]
        left = " " if before.isalnum() and not english.startswith("-") else ""
        return f"{left}{english}{' ' if after.isalnum() else ''}"

    def missed(self, kind: str, word: str) -> None:
        """Count a word that has no translation; past MISSES_KEPT different ones only how many."""
        miss = (kind, word[:MISS_LENGTH])
        if miss not in self.untranslated and len(self.untranslated) >= MISSES_KEPT:
            miss = (kind, MISSES_BEYOND)
        self.untranslated[miss] += 1


def _unique(models: Iterable[Model]) -> Iterable[Model]:
    """Return each model once: a name space holds it under every word for it."""
    return dict.fromkeys(models)


def load(folder: Path | None = None) -> Vocabulary:
    """Read the translations: from `folder`, else the copy in the installed package, else the checkout's.

    Raises VocabularyError ("translations/models.toml line 41: ...") at the first thing wrong.
    """
    if folder is not None:
        return Vocabulary(folder)
    package = Path(__file__).parent
    installed = package / "translations"
    return Vocabulary(installed if installed.is_dir() else package.parent / "translations")
