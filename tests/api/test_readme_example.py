"""The README's first list and car are what the sandbox answers as it starts by itself."""

import json
import re
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from dealerproxy import cli
from dealerproxy.sandbox.danawa.site import DanawaStandIn
from dealerproxy.sandbox.encar.site import EncarStandIn
from dealerproxy.sandbox.showcase import SHOWN_ID, shown_car
from dealerproxy.sandbox.sites import serve
from dealerproxy.vocabulary import Vocabulary
from tests.support.harness import list_read, service_over
from tests.support.inventories import generate, generate_danawa

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
SECTION = README.partition("## `GET /v1/vehicles`")[2]
OF_THE_MOMENT = {"age_s"}


def agrees(shown: object, answered: object) -> bool:
    """Whether what the README shows is in the answer; dots leave out the rest of a list, an object or a text."""
    if isinstance(shown, dict) and isinstance(answered, dict):
        named = {key: value for key, value in shown.items() if key not in {"...", *OF_THE_MOMENT}}
        whole = "..." in shown or shown.keys() == answered.keys()
        return whole and all(key in answered and agrees(value, answered[key]) for key, value in named.items())
    if isinstance(shown, list) and isinstance(answered, list):
        named_items = shown[:-1] if shown[-1:] == ["..."] else shown
        whole = named_items is not shown or len(shown) == len(answered)
        return whole and all(map(agrees, named_items, answered))
    if isinstance(shown, str) and shown.endswith("..."):
        return isinstance(answered, str) and answered.startswith(shown.removesuffix("..."))
    return shown == answered


async def ask(path: str, options: Namespace, vocabulary: Vocabulary) -> Any:
    inventory = generate(options.seed, options.cars, trucks=options.cars // 20)
    inventory.insert(shown_car(inventory))
    encar = EncarStandIn(inventory)
    danawa = DanawaStandIn(generate_danawa(options.seed, options.cars // 4, also=tuple(inventory)), faults=encar.faults)
    async with service_over(serve(encar, danawa), vocabulary) as client:
        await list_read(client.app)
        async with client.get(path) as answer:
            assert answer.status == 200
            return await answer.json()


@pytest.fixture
def defaults() -> Namespace:
    return cli._parser().parse_args(["sandbox"])


async def test_the_first_list_is_the_sandboxs(defaults: Namespace, vocabulary: Vocabulary) -> None:
    asked = re.search(r"curl -s 'http://127.0.0.1:8080(/v1/vehicles\?[^']+)'", SECTION)
    shown = re.search(r"^```json\n(.*?)^```$", SECTION, re.DOTALL | re.MULTILINE)
    assert asked
    assert shown
    answered = await ask(asked[1], defaults, vocabulary)
    document = json.loads(shown[1])
    document["next_cursor"] = "..."
    for name, value in document.items():
        assert agrees(value, answered[name]), (name, answered[name])


async def test_the_car_shown_first_is_the_sandboxs(defaults: Namespace, vocabulary: Vocabulary) -> None:
    (path,) = set(re.findall(r"curl -s 'http://127.0.0.1:8080(/v1/vehicles/encar_[^']+)'", README))
    assert SHOWN_ID in path
    assert (await ask(path, defaults, vocabulary))["id"] == f"encar_{SHOWN_ID}"
