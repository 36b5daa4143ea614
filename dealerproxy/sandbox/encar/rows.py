"""A car as a row of the search's answer, in the three views, exactly as in the site's JSON.

Key order, the float numbers (`202305.0`, `ordering: 1.0`) and what is optional follow captured rows of 2023 to 2026.
An optional key without a value is absent, never null. The position of the lease keys in a row is not captured;
here they follow the price.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from dealerproxy.sandbox.encar.cars import Car
from dealerproxy.sandbox.encar.words import COLOURS

Row = dict[str, object]

_HEX_PAIRS: Final = {colour.value: colour.hex_pair for colour in COLOURS}


def photo_prefix(vehicle_id: str) -> str:
    """The photo path of an 8-digit vehicle id: the folder is its 4th digit (0 is folder 10), then its first four."""
    return f"/carpicture{int(vehicle_id[3]) or 10:02d}/pic{vehicle_id[:4]}/{vehicle_id}_"


def premium(car: Car) -> Row:
    """The row of view `premium`: with transmission, change date, office and dealer."""
    return _shown(car, {
        **_head(car),
        "Transmission": car.transmission,
        "FuelType": car.fuel,
        **_numbers(car),
        "AdWords": car.ad_words,
        "Hotmark": ";".join(car.hotmarks) or None,
        **_tail(car),
        "ModifiedDate": f"{car.modified:%Y-%m-%d %H:%M:%S}.000 +09",
        "OfficeCityState": car.region,
        "OfficeName": car.office,
        "DealerName": car.dealer,
    })  # fmt: skip


def general(car: Car) -> Row:
    """The row of view `general`: with the eco flag, without transmission, change date, office and dealer."""
    return _shown(car, {
        **_head(car),
        "GreenType": "Y" if car.is_green else "N",
        "EvType": "Y" if car.fuel == "전기" else None,
        "FuelType": car.fuel,
        **_numbers(car),
        **_tail(car),
        "OfficeCityState": car.region,
    })  # fmt: skip


def mobile(car: Car) -> Row:
    """The row of view `mobile`: with model group and colour, without the way of selling and the change date."""
    return _shown(car, {
        **_head(car),
        "ModelGroup": car.model_group,
        "Transmission": car.transmission,
        "FuelType": car.fuel,
        **_numbers(car),
        "Hotmark": ";".join(car.hotmarks) or None,
        **_tail(car),
        "SellType": None,
        "OfficeCityState": car.region,
        "AdType": list(car.ad_types),
        "DealerPhoto": "/dealerphoto/0000/none.jpg",
        "MobileAdWords": car.ad_words,
        "Color": car.colour,
        "ColorExpression": _HEX_PAIRS.get(car.colour),
        "SeatColor": car.seat_colour,
        "SeatColorExpression": _HEX_PAIRS.get(car.seat_colour),
    })  # fmt: skip


VIEWS: Final[dict[str, Callable[[Car], Row]]] = {"premium": premium, "general": general, "mobile": mobile}


def _shown(car: Car, row: Row) -> Row:
    return {key: value for key, value in row.items() if value is not None and key not in car.left_out}


def _head(car: Car) -> Row:
    prefix = photo_prefix(car.vehicle_id)
    # The site writes the photos' time in UTC.
    updated = f"{car.modified - timedelta(days=3, hours=9):%Y-%m-%dT%H:%M:%SZ}"
    return {
        "Id": car.id,
        "Separation": list(car.separation),
        "Trust": list(car.trust),
        "ServiceMark": list(car.service_mark),
        "Condition": list(car.condition),
        "Photo": prefix,
        "Photos": [
            {"type": slot, "location": f"{prefix}{slot}.jpg", "updatedDate": updated, "ordering": float(slot)}
            for slot in car.photo_slots
        ],
        "Manufacturer": car.manufacturer,
        "Model": car.model,
        "Badge": car.badge,
        "BadgeDetail": car.badge_detail,
    }


def _numbers(car: Car) -> Row:
    return {"Year": float(car.year), "FormYear": car.form_year, "Mileage": float(car.mileage)}


def _tail(car: Car) -> Row:
    return {
        "HomeServiceProgress": car.home_service_progress,
        "HomeServiceVerification": "Y" if car.home_service_verification else None,
        "ServiceCopyCar": car.copy_kind,
        "Price": float(car.price),
        **_lease(car),
        "SalesStatus": car.sales_status,
        "SellType": car.sell_type,
        "BuyType": list(car.buy_type),
    }


def _lease(car: Car) -> Row:
    if car.lease is None:
        return {}
    return {
        "Lease": {"운용리스": "1", "금융리스": "2"}.get(car.lease.lease_type),
        "LeaseType": car.lease.lease_type,
        "AcceptanceCharge": float(car.lease.acceptance_charge),
        "MonthLeasePrice": float(car.lease.month_price),
        "MonthLeaseRest": float(car.lease.month_rest),
        "MonthLeaseTotal": float(car.lease.month_total),
        "Deposit": float(car.lease.deposit),
        "ResidualValue": float(car.lease.residual_value),
    }
