"""The one car that is always in the sandbox, for the documented examples."""

from dealerproxy.sandbox.encar.cars import Car
from dealerproxy.sandbox.encar.inventory import Inventory
from dealerproxy.sandbox.encar.papers import Accident, Diagnosis, Record, Sheet

SHOWN_ID = "41985016"


def shown_car(inventory: Inventory) -> Car:
    """Invent the car: a repaired fender, a small gearbox leak, one accident, and all three papers."""
    return inventory.new_car(
        id=SHOWN_ID,
        manufacturer="기아",
        model_group="쏘렌토",
        model="더 뉴 쏘렌토 4세대",
        badge="디젤 2.2 4WD",
        badge_detail="프레스티지",
        fuel="디젤",
        year=202305,
        price=3050,
        mileage=41_250,
        sheet=Sheet(
            panels=(("P021", ("X",)), ("P033", ("W",))), items=(("s013", "4"),), repairs=(("e006", ("1", "3")),)
        ),
        record=Record(
            accidents=(Accident(kind="2", date="2024-11-02", cost=1_840_000, benefit=1_640_000),),
            owner_changes=("2026-02-11",),
            uninsured=("202601~202602",),
        ),
        diagnosis=Diagnosis(replaced=("FRONT_FENDER_LEFT",)),
    )
