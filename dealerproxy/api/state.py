"""What the application holds for its routes, by typed key."""

from aiohttp import web

from dealerproxy.search.availability import Availability
from dealerproxy.search.facets import Facets
from dealerproxy.search.service import SearchService
from dealerproxy.settings import Settings
from dealerproxy.upstreams.encar.cars import EncarCars
from dealerproxy.upstreams.encar.client import EncarClient
from dealerproxy.vehicles.fx import FxRates
from dealerproxy.vocabulary import Vocabulary

SETTINGS = web.AppKey("settings", Settings)
VOCABULARY = web.AppKey("vocabulary", Vocabulary)
ENCAR = web.AppKey("encar", EncarClient)
RATES = web.AppKey("rates", FxRates)
SEARCH = web.AppKey("search", SearchService)
CARS = web.AppKey("cars", EncarCars)
AVAILABILITY = web.AppKey("availability", Availability)
FACETS = web.AppKey("facets", Facets)
