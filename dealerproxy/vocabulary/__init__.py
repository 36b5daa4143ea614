"""The Korean and English words of the two sites: loads `translations/` and looks words up both ways.

The files are data, reviewed like code. They are read once, checked as a whole and turned into dictionaries,
so a look-up takes constant time. A word without a translation is counted, never guessed.

Each module uses only the modules before it: `terms` (the types of the look-ups), `text` (comparing and composing
words), `files` (reading one file, naming the line of an error), `build` (files into dictionaries), `sheet` (the words
of inspections, insurance records and diagnoses), `phrases` (trims), `dangers` and `remarks` (free texts), `danawa`
(that site's own words), `trucks` (words of Encar's truck index), `name_codes` (makers' codes that mean a fuel),
`vehicles` (generations), `lookup`.
"""

from dealerproxy.vocabulary.build import OPTION_COUNT
from dealerproxy.vocabulary.danawa import DanawaWords
from dealerproxy.vocabulary.dangers import Danger
from dealerproxy.vocabulary.lookup import (
    CACHE_SIZE,
    CODE_KINDS,
    MISS_LENGTH,
    MISSES_BEYOND,
    MISSES_KEPT,
    Vocabulary,
    load,
)
from dealerproxy.vocabulary.name_codes import PLUG_IN, NameCodes
from dealerproxy.vocabulary.sheet import SEVERITIES, SheetWords
from dealerproxy.vocabulary.terms import (
    SELL_TYPES,
    SELLER_TYPES,
    Body,
    Colour,
    Group,
    Make,
    MakeFacet,
    Model,
    Option,
    VocabularyError,
)
from dealerproxy.vocabulary.text import RUN_LENGTH
from dealerproxy.vocabulary.trucks import TruckForm, TruckModel, TruckOption, TruckWords
from dealerproxy.vocabulary.vehicles import Generation, Vehicle

__all__ = [
    "CACHE_SIZE",
    "CODE_KINDS",
    "MISSES_BEYOND",
    "MISSES_KEPT",
    "MISS_LENGTH",
    "OPTION_COUNT",
    "PLUG_IN",
    "RUN_LENGTH",
    "SELLER_TYPES",
    "SELL_TYPES",
    "SEVERITIES",
    "Body",
    "Colour",
    "DanawaWords",
    "Danger",
    "Generation",
    "Group",
    "Make",
    "MakeFacet",
    "Model",
    "NameCodes",
    "Option",
    "SheetWords",
    "TruckForm",
    "TruckModel",
    "TruckOption",
    "TruckWords",
    "Vehicle",
    "Vocabulary",
    "VocabularyError",
    "load",
]
