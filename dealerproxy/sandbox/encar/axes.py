"""The values of a car for each search axis; a query may use only these names.

Names follow the site's own facet answers of 2023 and 2026. An axis without data in the invented cars (dealers' malls,
accidents, price buckets) is a known name without values: a query for one finds nothing, as for an unused facet.
"""

from collections.abc import Callable, Collection
from typing import Final

from dealerproxy.sandbox.encar.cars import Car


def _nothing(_: Car) -> tuple[str, ...]:
    return ()


def _badge_detail(car: Car) -> tuple[str, ...]:
    return (car.badge_detail,) if car.badge_detail else ()


def _sell_type(car: Car) -> tuple[str, ...]:
    # Rows of 2026 say 리스, the facet list of 2023 said 리스승계; which one a query needs is unknown.
    return ("리스", "리스승계") if car.sell_type == "리스" else (car.sell_type,)


def _lease_kind(car: Car) -> tuple[str, ...]:
    return {"운용리스": ("1",), "금융리스": ("2",)}.get(car.lease.lease_type, ()) if car.lease else ()


FACETS: Final[dict[str, Callable[[Car], Collection[str]]]] = {
    "Hidden": lambda car: ("Y",) if car.hidden else ("N",),
    "CarType": lambda car: (car.car_type, "A"),
    "ModelCarType": lambda car: (car.car_type, "A"),
    "Manufacturer": lambda car: (car.manufacturer,),
    "ModelGroup": lambda car: (car.model_group,),
    "Model": lambda car: (car.model,),
    "BadgeGroup": lambda car: (car.badge_group,),
    "Badge": lambda car: (car.badge,),
    "BadgeDetail": _badge_detail,
    "Category": lambda car: (car.category,),
    "CategoryPath": lambda car: (car.category,),
    "GreenType": lambda car: ("Y",) if car.is_green else ("N",),
    "AttributeType": lambda car: ("Green",) * car.is_green + ("Lease",) * (car.lease is not None),
    "SellType": _sell_type,
    "LeaseType": lambda car: (car.lease.lease_type,) if car.lease else (),
    "Lease": _lease_kind,
    "Transmission": lambda car: (car.transmission,),
    "FuelType": lambda car: (car.fuel,),
    "Color": lambda car: (car.colour,),
    "SeatColor": lambda car: (car.seat_colour,),
    "Options": lambda car: car.options,
    "OfficeCityState": lambda car: (car.region,),
    "Trust": lambda car: car.trust,
    "Condition": lambda car: car.condition,
    "Separation": lambda car: car.separation,
    "Hotmarks": lambda car: car.hotmarks,
    "AdType": lambda car: car.ad_types,
    "ServiceCopyCar": lambda car: (car.copy_kind, car.copy_kind.capitalize()),
    "Plate": lambda car: (car.plate,),
    "PlateRegistrationNumber": lambda car: (car.plate,),
    "DealerName": lambda car: (car.dealer,),
    "MultiViewHidden": lambda _: ("N",),
    "MultiView2Hidden": lambda _: ("N",),
    "Price": _nothing,
    "Mileage": _nothing,
    "LeaseBenefits": _nothing,
    "JatoOptions": _nothing,
    "Accident": _nothing,
    "Exhibition": _nothing,
    "DealerShipNm": _nothing,
    "UserId": _nothing,
}

RANGES: Final[dict[str, Callable[[Car], int | None]]] = {
    "Year": lambda car: car.year,
    "Price": lambda car: car.price,
    "Mileage": lambda car: car.mileage,
    "AcceptanceCharge": lambda car: car.lease.acceptance_charge if car.lease else None,
    "MonthLeasePrice": lambda car: car.lease.month_price if car.lease else None,
    "MonthLeaseRest": lambda car: car.lease.month_rest if car.lease else None,
    "CreatedDate": lambda car: int(f"{car.modified:%Y%m%d}"),
}


def mentions(car: Car, text: str) -> bool:
    """Whether a keyword finds the car: people look for plate numbers, model names and trims."""
    return any(text in words for words in (car.plate, car.model, car.badge, car.badge_detail or ""))
