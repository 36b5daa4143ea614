"""The car of the documented examples."""

from dealerproxy.sandbox.encar.inventory import Inventory, generate
from dealerproxy.sandbox.showcase import SHOWN_ID, shown_car


def test_the_shown_car_is_the_same_in_every_inventory_and_has_all_papers() -> None:
    for inventory in (Inventory(), generate(1, 50), generate(2, 50)):
        car = shown_car(inventory)
        assert (car.id, car.vehicle_id, car.manufacturer, car.price) == (SHOWN_ID, SHOWN_ID, "기아", 3050)
        assert None not in (car.sheet, car.record, car.diagnosis)
