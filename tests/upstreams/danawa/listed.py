"""A list of numbered cars, thirty a page, that can be slow, failing or odd."""

import asyncio

from dealerproxy.stock.table import StockedCar
from dealerproxy.transport.errors import UpstreamError
from dealerproxy.upstreams.danawa.whole import CARS_A_PAGE, Entry, PageRead
from dealerproxy.vehicles.listing import LeftOut, LeftOutReason

K5, AVANTE = "기아 K5 2.0 가솔린", "현대 아반떼 1.6 디젤"


def car(number: int, name: str = K5, *, year: int = 2021, mileage_km: int = 50_000) -> StockedCar:
    return StockedCar(
        number=number,
        kind=(name,),
        place=(),
        year=year,
        registered=year * 100 + 12,
        mileage_km=mileage_km,
        price_krw=10_000_000 + 10_000 * number,
        vehicle=number,
        original=True,
    )


def sold(number: int) -> LeftOut:
    return LeftOut(LeftOutReason.SOLD_OR_RESERVED, str(number), "K5", "Kia")


def page(*entries: Entry | int, cars: int | None = None, says_empty: bool = False) -> PageRead:
    rows = tuple(car(entry) if isinstance(entry, int) else entry for entry in entries)
    return PageRead(rows, len(rows) if cars is None else cars, says_empty)


class Site:
    """Shows the cars 1, 2, ... `cars`; `odd` pages and `errors` by page come first, `error` before all."""

    def __init__(self, cars: int = 0) -> None:
        self.cars, self.asked = cars, list[int]()
        self.error: UpstreamError | None = None
        self.odd: dict[int, PageRead] = {}
        self.errors: dict[int, UpstreamError] = {}
        self.gate = asyncio.Event()
        self.gate.set()

    async def read(self, number: int) -> PageRead:
        self.asked.append(number)
        await self.gate.wait()
        error = self.error or self.errors.get(number)
        if error is not None:
            raise error
        first = (number - 1) * CARS_A_PAGE
        return self.odd.get(number) or page(
            *range(first + 1, min(first + CARS_A_PAGE, self.cars) + 1), says_empty=not self.cars
        )
