"""Changing invented cars by the names of their fields, with the same errors for every site."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    class _Car(DataclassInstance, Protocol):
        @property
        def id(self) -> str: ...


C = TypeVar("C", bound="_Car")


def check_names(kind: "type[DataclassInstance]", changes: Mapping[str, object]) -> None:
    """Raise TypeError for names that are no fields of this kind of car."""
    unknown = changes.keys() - {field.name for field in fields(kind)}
    if unknown:
        raise TypeError(f"a car has no field {', '.join(sorted(unknown))}")


def changed(car: C, changes: Mapping[str, Any]) -> C:
    """The car with fields changed. Raises TypeError for a name that is no field, ValueError for another id."""
    if changes.get("id", car.id) != car.id:
        raise ValueError("the id of a car cannot change")
    check_names(type(car), changes)
    return replace(car, **changes)
