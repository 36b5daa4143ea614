"""The lock files say what the project says, each package by its hash."""

import re
import tomllib
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, requires
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tests.ops.locks import BUILD, PROJECT, RUN, pins

SHA256 = re.compile(r"sha256:[0-9a-f]{64}")
PYTHONS = ("3.11.0", "3.11.14", "3.12.0", "3.13.0")


@pytest.fixture(scope="module")
def project() -> Mapping[str, Any]:
    return tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))


def linux(python: str) -> dict[str, str]:
    """What markers are asked under."""
    return {
        "python_version": python.rpartition(".")[0],
        "python_full_version": python,
        "sys_platform": "linux",
        "platform_system": "Linux",
        "os_name": "posix",
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
        "extra": "",
    }


@pytest.mark.parametrize("name", [RUN, BUILD])
def test_each_package_is_pinned_and_has_hashes_and_no_address(name: str) -> None:
    locked = pins(name)
    assert locked
    for pin in locked.values():
        assert not pin.version.is_devrelease
        assert pin.requirement.url is None
        assert pin.hashes
        assert all(SHA256.fullmatch(each) for each in pin.hashes)
    assert "://" not in (PROJECT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("python", PYTHONS)
def test_every_python_gets_all_that_the_project_asks_for_within_its_bounds(
    project: Mapping[str, Any], python: str
) -> None:
    assert SpecifierSet(project["project"]["requires-python"]).contains(python)
    for name, wanted in (
        (RUN, project["project"]["dependencies"]),
        (BUILD, project["build-system"]["requires"]),
    ):
        locked = pins(name)
        for requirement in map(Requirement, wanted):
            pin = locked[canonicalize_name(requirement.name)]
            assert pin.needed(**linux(python))
            assert requirement.specifier.contains(pin.version), f"{requirement} is locked as {pin.version}"


@pytest.mark.parametrize("python", PYTHONS)
def test_what_locked_packages_ask_for_is_locked_too(python: str) -> None:
    locked = pins(RUN)
    for name, pin in locked.items():
        try:
            wanted = requires(name) or []
        except PackageNotFoundError:
            # Not one this Python needs.
            assert pin.requirement.marker is not None
            continue
        for requirement in map(Requirement, wanted):
            if requirement.marker is None or requirement.marker.evaluate(linux(python)):
                found = locked[canonicalize_name(requirement.name)]
                assert found.needed(**linux(python))
                assert requirement.specifier.contains(found.version)


def test_nothing_is_locked_that_nobody_asks_for(project: Mapping[str, Any]) -> None:
    asked = {canonicalize_name(Requirement(text).name) for text in project["project"]["dependencies"]}
    locked = pins(RUN)
    for name in locked:
        try:
            asked |= {canonicalize_name(Requirement(text).name) for text in requires(name) or []}
        except PackageNotFoundError:
            continue
    assert set(locked) <= asked
