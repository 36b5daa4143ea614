"""Real captured documents served over a loopback socket through the whole service, held against reviewed answers.

The answers in `golden/` hold no plate and no VIN. To write one anew after a deliberate change, delete it, run this
test once with DEALERPROXY_TEST_WRITE_GOLDEN=1, and review the difference.
"""

import os
import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from dealerproxy.app import create_app
from dealerproxy.settings import Settings
from dealerproxy.vocabulary import Vocabulary
from tests.support.passing import of_any_day

GOLDEN = Path(__file__).parent / "golden"
HANGUL = re.compile(r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]")
# The documents of one car are not captured together, so each car is served with another's sheets, as if they were its.
CASES = {
    "copy": {
        "id": "41344448",
        "vehicle": "encar_detail/vehicle_41344448_copy_of_41335009_2026-08.json",
        "inspection": "encar_inspection/inspection_42406998_frame_damage.json",
        "record": "encar_record/record_with_accident.json",
        "diagnosis": "encar_diagnosis/diagnosis_42374259.json",
    },
    "under_contract": {
        "id": "42276134",
        "vehicle": "encar_detail/vehicle_42276134_under_contract_2026-08.json",
        "inspection": "encar_inspection/inspection_42106289_ev_7_panels.json",
    },
    "clean": {
        "id": "42391233",
        "vehicle": "encar_detail/vehicle_42391233_grand_koleos_2026-08.json",
        "inspection": "encar_inspection/inspection_42499686_clean.json",
        "record": "encar_record/record_clean.json",
        "options": "encar_options/options_choice.json",
    },
    "page_only": {"id": "41756847", "cars/detail": "encar_detail/page_41756847_preloaded_state_2026-08.html"},
}


def made_its_own(sheet: bytes, car: bytes) -> bytes:
    """The sheet with the VIN of the car."""
    changed = orjson.loads(sheet)
    changed["master"]["detail"]["vin"] = orjson.loads(car)["vin"]
    return orjson.dumps(changed)


async def answer(case: dict[str, str], captures: Path, vocabulary: Vocabulary) -> Any:
    car = (captures / case.get("vehicle", case.get("cars/detail", ""))).read_bytes()

    async def handle(request: web.Request) -> web.Response:
        for name in ("inspection", "record", "diagnosis", "options", "cars/detail", "vehicle"):
            if f"/{name}/" in request.path:
                break
        if name not in case:
            return web.Response(status=404)
        kind = "text/html" if name == "cars/detail" else "application/json"
        body = (captures / case[name]).read_bytes()
        return web.Response(body=made_its_own(body, car) if name == "inspection" else body, content_type=kind)

    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    async with TestServer(app) as upstream:
        url = str(upstream.make_url(""))
        settings = Settings(encar_api_url=url, encar_page_url=url, cursor_secret="x")
        async with TestClient(TestServer(create_app(settings, vocabulary))) as client:
            params = {"include": "dealer", "krw_per_usd": "1300"}
            async with client.get(f"/v1/vehicles/encar_{case['id']}", params=params) as response:
                assert response.status == 200
                return await response.json()


@pytest.mark.parametrize("name", CASES)
async def test_a_captured_car_is_answered_as_reviewed(name: str, captures: Path, vocabulary: Vocabulary) -> None:
    body = of_any_day(await answer(CASES[name], captures, vocabulary))
    body["vin"], body["license_plate"] = (value and "(personal)" for value in (body["vin"], body["license_plate"]))
    korean = {key for key, value in body["dealer"].items() if HANGUL.search(str(value))}
    assert korean <= {"model_korean", "trim_korean"}
    assert not HANGUL.search(str({key: value for key, value in body.items() if key != "dealer"}))
    golden = GOLDEN / f"{name}.json"
    if not golden.exists() and os.environ.get("DEALERPROXY_TEST_WRITE_GOLDEN"):
        golden.write_bytes(orjson.dumps(body, option=orjson.OPT_INDENT_2) + b"\n")
    assert body == orjson.loads(golden.read_bytes())
