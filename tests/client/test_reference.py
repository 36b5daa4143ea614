"""The client's page has the signature of every public name; its tables and numbers are those of the code."""

import ast
import asyncio
import collections.abc
import inspect
import re
import sys
import time
import types
import typing
from collections.abc import Iterator
from enum import StrEnum
from typing import Any, NamedTuple

import aiohttp
import msgspec
import pytest
from msgspec import UNSET, Struct, UnsetType

from dealerproxy import client
from dealerproxy.client import CarEvent, DealerError, decoding, errors, snapshot, watching
from dealerproxy.client import client as calls
from dealerproxy.contract import answers, detail, headers, inspection, pricing, summary, terms
from tests.client.page import PAGE, PATH, blocks, table, words

# The package has a function of the module's name.
merging = sys.modules["dealerproxy.client.merge"]
STUBS = {
    ast.unparse(node.targets[0]) if isinstance(node, ast.Assign) else node.name: node
    for text in blocks("pyi")
    for node in ast.parse(text).body
    if isinstance(node, ast.Assign | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
}
NAMES: dict[str, Any] = {
    name: value
    for module in (client, answers, detail, inspection, pricing, summary, terms, client.sources)
    for name, value in vars(module).items()
}
NAMES |= {name: vars(collections.abc)[name] for name in collections.abc.__all__}
NAMES |= {"Any": Any, "NamedTuple": NamedTuple, "StrEnum": StrEnum, "Struct": Struct}
NAMES |= {"UNSET": UNSET, "UnsetType": UnsetType, "aiohttp": aiohttp, "asyncio": asyncio, "time": time}


def evaluated(source: ast.expr) -> object:
    return eval(compile(ast.Expression(source), PATH, "eval"), dict(NAMES))


def function(stub: ast.stmt, name: str) -> Any:
    namespace = dict(NAMES)
    exec(compile(ast.Module([stub], []), PATH, "exec"), namespace)
    return namespace[name]


def assert_same_function(stub: ast.FunctionDef | ast.AsyncFunctionDef, real: Any) -> None:
    if isinstance(real, property):
        assert [ast.unparse(each) for each in stub.decorator_list] == ["property"]
        stub.decorator_list = []
        real = real.fget
    told = function(stub, stub.name)
    if isinstance(real, staticmethod):
        assert isinstance(told, staticmethod)
        told, real = told.__func__, real.__func__
    assert inspect.signature(told) == inspect.signature(real), stub.name
    assert inspect.iscoroutinefunction(told) is inspect.iscoroutinefunction(real), stub.name


def own_classes(real: type) -> Iterator[type]:
    """A class and its bases in the package, up to those that have a stub of their own."""
    for each in real.__mro__:
        is_other = each is not real and each.__name__ in client.__all__
        if is_other or not each.__module__.startswith("dealerproxy."):
            return
        yield each


def fields_of(real: Any) -> dict[str, tuple[object, object]]:
    """The declared fields by name: type and default, or UNSET for none."""
    if issubclass(real, Struct):
        own = {name for each in own_classes(real) for name in vars(each).get("__annotations__", ())}
        return {
            field.name: (field.type, field.default if field.default is not msgspec.NODEFAULT else ...)
            for field in msgspec.structs.fields(real)
            if field.name in own
        }
    if issubclass(real, tuple):
        hints = typing.get_type_hints(real)
        return {name: (hints[name], real._field_defaults.get(name, ...)) for name in real._fields}
    return {}


@pytest.mark.parametrize("name", STUBS)
def test_a_signature_of_the_page_is_that_of_the_code(name: str) -> None:
    stub, real = STUBS[name], getattr(client, name)
    if isinstance(stub, ast.Assign):
        assert evaluated(stub.value) == real
    elif isinstance(stub, ast.ClassDef):
        assert_same_class(stub, real)
    else:
        assert_same_function(stub, real)


def assert_same_class(stub: ast.ClassDef, real: Any) -> None:
    for base in stub.bases:
        assert ast.unparse(base) == "NamedTuple" or issubclass(real, typing.cast("type", evaluated(base)))
    told = {
        node.target.id: (
            evaluated(node.annotation) or types.NoneType,
            ... if node.value is None else evaluated(node.value),
        )
        for node in stub.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    if issubclass(real, DealerError):
        assert set(told) == (set(vars(real(400, "code", "message"))) if stub.name == "DealerError" else set())
    else:
        assert list(told.items()) == list(fields_of(real).items())
    members = {
        ast.unparse(node.targets[0]): evaluated(node.value) for node in stub.body if isinstance(node, ast.Assign)
    }
    assert members == ({member.name: member.value for member in real} if issubclass(real, StrEnum) else {})
    functions = {node.name: node for node in stub.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    public = {
        name
        for each in own_classes(real)
        for name, value in vars(each).items()
        if not name.startswith("_") and isinstance(value, property | staticmethod | types.FunctionType)
    }
    assert functions.keys() - {"__init__"} == public
    for name, node in functions.items():
        assert_same_function(node, inspect.getattr_static(real, name))


def test_the_page_has_the_signature_of_every_public_name() -> None:
    assert set(STUBS) == set(client.__all__)


# The tables


def test_the_table_of_errors_names_every_exception_and_every_code_that_has_a_class() -> None:
    rows = dict(zip(words(table("## Errors")), table("## Errors", 1), strict=True))
    exceptions = {name for name in client.__all__ if issubclass_safely(getattr(client, name), Exception)}
    assert set(rows) == exceptions
    for code, (_, kind) in errors._BY_CODE.items():
        assert f"`{code}`" in rows[kind.__name__]


def issubclass_safely(value: object, kind: type) -> bool:
    return isinstance(value, type) and issubclass(value, kind)


def test_the_table_of_outages_names_every_reason_that_the_client_gives() -> None:
    source = "".join(inspect.getsource(module) for module in (calls, errors, merging, snapshot))
    reasons = {word for found in re.findall(r"outage\(([^)]*)\)", source) for word in re.findall(r'"(\w+)"', found)}
    # `for_partner` removes the details.
    assert set(words(table("| `details.reason` |"))) == reasons - {"internal"}


def test_the_tables_of_events_headers_and_parts_name_all_of_them() -> None:
    assert words(table("## Watching cars")) == list(CarEvent)
    filtered = merging.FILTERED_OUT_HEADER
    assert words(table("`page.headers` holds")) == [headers.PAGE_MAX_HEADER, headers.PARTIAL_HEADER, filtered]
    assert set(words(table("`parse` decides", 1))) == set(client.DealerPart)
    assert set(terms.AUCTION_ONLY) <= set(re.findall(r"`(\w+)`", PAGE))


def test_the_table_of_methods_names_every_method() -> None:
    public = [name for name, value in vars(client.DealerClient).items() if inspect.isfunction(value) and name[0] != "_"]
    assert words(table("| method |")) == ["DealerClient(...)", *public]


@pytest.mark.parametrize(
    "sentence",
    [
        f"`deadline_s` ({calls.DEADLINE_S} if absent)",
        f"More than {calls.LONGEST_S:.0f}, infinity included",
        f"gets {calls.TOLD_SHARE:.0%}".replace("%", " %"),
        f"at most {calls.CONNECT_S:.0f} s",
        f"plus {calls.LEAST_S} s",
        f"at most {calls.MAX_BODY // 2**20} MiB",
        f"at most {decoding.MAX_DEPTH} nested levels",
        f"takes 1 to {calls.MAX_ROWS} ids, `availability` up to {calls.MAX_CHECKED}",
        f"more than {watching.MASS} cars",
        f"one call for {calls.MAX_ROWS} cars, and one call for up to {calls.MAX_CHECKED}",
        f"snapshots have `version` {snapshot.VERSION}",
        f"watch has `version` {watching._VERSION}",
        f"(1 to {2 * terms.MAX_LIMIT})",
    ],
)
def test_the_numbers_of_the_page_are_those_of_the_code(sentence: str) -> None:
    assert sentence in " ".join(PAGE.split())


def test_a_mass_absence_lasts_as_long_as_the_page_says() -> None:
    assert watching.MASS_S == 2 * 3600
    assert "until this has lasted two hours" in " ".join(PAGE.split())
