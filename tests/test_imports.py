"""Which room of the package may import which: the arrows of the map, read from the source."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import dealerproxy
from dealerproxy.app import SITE_SETUPS
from dealerproxy.contract.terms import UPSTREAMS

PACKAGE = Path(dealerproxy.__file__).parent
# From the ground up. A room may import those on lower floors, never one on its own floor or above.
FLOORS = (
    ("contract", "tasks", "arguments", "sandbox"),
    ("settings", "logs", "client"),
    ("vocabulary",),
    ("transport",),
    ("vehicles",),
    ("cache",),
    ("upstreams",),
    ("stock",),
    tuple(f"upstreams/{site}" for site in UPSTREAMS),
    ("search",),
    ("ops",),
    ("captures",),
    ("api",),
    ("app",),
    ("serving",),
    ("cli",),
    ("__main__",),
)
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}


@cache
def modules() -> dict[str, Path]:
    """Every module of the package but its root, by dotted name below it."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if name:
            found[name] = path
    return found


@cache
def imports_of(module: str) -> frozenset[str]:
    """The modules of the package that a module imports anywhere in its source, in functions too."""
    return frozenset(_imports(modules()[module].read_text()))


def _imports(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where they lead"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            root, _, inner = name.partition(".")
            while root == "dealerproxy" and inner and inner not in modules():
                inner = inner.rpartition(".")[0]
            if root == "dealerproxy" and inner:
                yield inner


def room_of(module: str) -> str:
    """The room a module stands in; a site's folder is a room of its own."""
    parts = module.split(".")
    return "/".join(parts[:2]) if parts[0] == "upstreams" and parts[1:2] and parts[1] in UPSTREAMS else parts[0]


def arrows() -> Iterator[tuple[str, str]]:
    """Every import that leaves its room: the module, and what it imports."""
    for module in modules():
        for imported in imports_of(module):
            if room_of(imported) != room_of(module):
                yield module, imported


def of_room(room: str) -> list[str]:
    found = [module for module in modules() if room_of(module) == room]
    assert found, f"there is no {room}"
    return found


def rooms_imported_by(room: str) -> set[str]:
    return {room_of(imported) for module in of_room(room) for imported in imports_of(module)} - {room}


def test_imports_of_every_form_are_seen() -> None:
    source = (
        "import dealerproxy.cache.memory\n"
        "import dealerproxy.contract.terms as words, json\n"
        "from dealerproxy import logs\n"
        "from dealerproxy.transport import errors\n"
        "from dealerproxy.vehicles.car import Car\n"
        "def later():\n    from dealerproxy.search.plan import plan\n"
        "from dealerproxy import __version__\n"
        "from dealerproxyother import api\n"
    )
    expected = {"cache.memory", "contract.terms", "logs", "transport.errors", "vehicles.car", "search.plan"}
    assert set(_imports(source)) == expected


def test_every_room_has_its_floor() -> None:
    assert {room_of(module) for module in modules()} == FLOOR_OF.keys()


def test_the_readme_lists_the_rooms_from_the_top_down() -> None:
    rows = re.findall(r"^\| (`.+?`) \|", (PACKAGE / "README.md").read_text(), re.MULTILINE)
    listed = [name.removesuffix("/").removesuffix(".py") for row in rows for name in re.findall(r"`([^`]+)`", row)]
    assert sorted([*listed, "__main__"]) == sorted(FLOOR_OF)
    places = {room: place for place, room in enumerate(listed)}
    wrong = [
        f"{module} imports {imported}"
        for module, imported in arrows()
        if room_of(module) != "__main__" and places[room_of(imported)] < places[room_of(module)]
    ]
    assert not wrong


def test_no_import_leads_up_or_to_a_room_on_the_same_floor() -> None:
    wrong = [
        f"{module} imports {imported}"
        for module, imported in arrows()
        if FLOOR_OF[room_of(imported)] >= FLOOR_OF[room_of(module)]
    ]
    assert not wrong


def test_no_modules_import_each_other_in_a_circle() -> None:
    done: set[str] = set()

    def visit(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, " -> ".join((*way[way.index(module) :], module))
        if module not in done:
            for imported in sorted(imports_of(module)):
                visit(imported, (*way, module))
            done.add(module)

    for module in modules():
        visit(module, ())


@pytest.mark.parametrize("room", ["client", "settings", "logs"])
def test_what_everybody_may_import_needs_the_contract_alone(room: str) -> None:
    assert rooms_imported_by(room) <= {"contract"}


@pytest.mark.parametrize("room", ["transport", "cache"])
@pytest.mark.parametrize("cars", ["vocabulary", "vehicles", "upstreams"])
def test_what_carries_bytes_and_values_knows_no_car(room: str, cars: str) -> None:
    assert cars not in rooms_imported_by(room)


@pytest.mark.parametrize("site", UPSTREAMS)
def test_a_site_imports_nothing_of_another_site(site: str) -> None:
    others = {f"upstreams/{other}" for other in UPSTREAMS if other != site}
    assert not rooms_imported_by(f"upstreams/{site}") & others


@pytest.mark.parametrize("room", ["search", "upstreams", "cache", "transport", "vehicles", "api", "serving"])
def test_only_what_lists_the_sites_imports_one(room: str) -> None:
    assert not rooms_imported_by(room) & {f"upstreams/{site}" for site in UPSTREAMS}


def test_every_listed_site_is_set_up_in_the_order_of_the_list() -> None:
    assert tuple(SITE_SETUPS) == UPSTREAMS


@pytest.mark.parametrize("site", UPSTREAMS)
def test_the_application_imports_of_a_site_the_site_alone(site: str) -> None:
    assert {module for module in imports_of("app") if room_of(module) == f"upstreams/{site}"} == {
        f"upstreams.{site}.site"
    }


@pytest.mark.parametrize("module", [*of_room("search"), *of_room("upstreams")])
def test_the_search_and_what_the_sites_share_name_no_site(module: str) -> None:
    named = re.compile("|".join((*UPSTREAMS, "m-?park")), re.IGNORECASE)
    lines = modules()[module].read_text().splitlines()
    assert not [f"{number}: {line}" for number, line in enumerate(lines, 1) if named.search(line)]
