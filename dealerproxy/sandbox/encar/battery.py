"""What is known of a vehicle's drive battery, as in `/v1/readside/vehicle/ev-battery/{vehicleId}`.

Three nulls for a car without one. The values of the maker's data are not captured, so they are guessed.
"""

from datetime import timedelta

from dealerproxy.sandbox.encar.cars import Car, chance
from dealerproxy.sandbox.encar.details import Json, battery_marks
from dealerproxy.sandbox.encar.identity import stamp


def battery(car: Car) -> Json:
    """Return the battery's report, whose parts are null where the advert announces none."""
    rng, marks = chance("battery report", car), battery_marks(car)
    tested: Json = {
        "soh": round(rng.uniform(86, 99.5), 1),
        "sohGrade": rng.choice(("SS", "S", "A")),
        "diagnosisCompletedDate": stamp(car.modified - timedelta(days=rng.randint(2, 60))),
    }
    by_maker: Json = {
        "batteryType": rng.choice(("리튬이온", "Lithium-ion", "리튬인산철")),
        "controlSystem": "BMS",
        "thermalManagementSystem": rng.choice(("수랭식", "Liquid cooling")),
        "otaUpdateSystem": rng.choice(("지원", "미지원")),
        "v2lSupport": rng.choice(("지원", "미지원")),
        "compositeEfficiency": f"{rng.uniform(3.8, 6.2):.1f}",
    }
    return {
        "ensolRawInfo": {"summaryInfo": tested} if marks.is_tested else None,
        "jatoBatteryInfo": by_maker if marks.is_described else None,
        "encarComputedInfo": None,
    }
