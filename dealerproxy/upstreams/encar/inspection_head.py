"""The head of an inspection sheet (`master.detail`): dates, mileage, history, ticks. It may be null."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from dealerproxy.upstreams.caps import MOST_ROWS
from dealerproxy.upstreams.values import code, coded, is_year, iso_date, measured, tick, token, whole
from dealerproxy.vocabulary import Vocabulary

# The keys of master.detail, all optional.
INSPECTED, VALID_FROM, VALID_UNTIL = "issueDate", "validityStartDate", "validityEndDate"
FIRST_REGISTERED, MODEL_YEAR, MILEAGE = "firstRegistrationDate", "modelYear", "mileage"
TRANSMISSION, COLOR, GUARANTEE = "transmissionType", "colorType", "guarantyType"
CAR_STATE, BOARD_STATE, MILEAGE_STATE = "carStateType", "boardStateType", "mileageStateType"
USAGE_CHANGES, PAINT, SERIOUS = "usageChangeTypes", "paintPartTypes", "seriousTypes"
TUNING, TUNING_TYPES, WATERLOG = "tuning", "tuningStateTypes", "waterlog"
CO, HC, SMOKE, ENGINE = "coout", "hcout", "smout", "motorType"
RECALL, RECALL_FULFILLED, COMMENTS = "recall", "recallFullFillTypes", "comments"


class Head(NamedTuple):
    """The report's fields from the head, by their names.

    Also the special history for the summary, and the dangers that the inspector's remarks name: tokens of
    dangers.toml.
    """

    fields: dict[str, Any]
    serious: tuple[str, ...] | None
    dangers: tuple[str, ...] = ()


def read_head(detail: object, simple_repair: object, vocabulary: Vocabulary) -> Head:
    """Read the head; a missing or unreadable value is None."""
    if not isinstance(detail, Mapping):
        if detail is not None:
            vocabulary.missed("sheet", "unreadable detail")
        return Head({"simple_repair": tick(simple_repair)}, None)

    def one(key: str, table: str) -> str | None:
        return token(table, coded(detail[key]), vocabulary) if detail.get(key) else None

    def several(key: str, table: str) -> tuple[str, ...] | None:
        values = detail.get(key)
        if not isinstance(values, list):
            return None
        return tuple(dict.fromkeys(token(table, coded(value), vocabulary) for value in values[:MOST_ROWS]))

    serious = several(SERIOUS, "serious")
    comments = detail.get(COMMENTS)
    dangers = vocabulary.remarks.dangers(comments) if isinstance(comments, str) else ()
    tuning_types = several(TUNING_TYPES, "tuning")
    year = whole(detail.get(MODEL_YEAR))
    return Head(
        {
            "simple_repair": tick(simple_repair),
            "inspector_notes": _notes(comments, vocabulary),
            "inspected_on": iso_date(detail.get(INSPECTED)),
            "mileage_km": whole(detail.get(MILEAGE)),
            "model_year": year if year and is_year(year) else None,
            "first_registered_on": iso_date(detail.get(FIRST_REGISTERED)),
            "roadworthy_from": iso_date(detail.get(VALID_FROM)),
            "roadworthy_until": iso_date(detail.get(VALID_UNTIL)),
            "transmission": one(TRANSMISSION, "transmissions"),
            "color_type": one(COLOR, "color_types"),
            "usage_changes": several(USAGE_CHANGES, "usage_changes"),
            "paint_changes": several(PAINT, "paint"),
            "tuning": True if tuning_types else tick(detail.get(TUNING)),
            "tuning_types": tuning_types,
            "flood": _flood(tick(detail.get(WATERLOG)), serious, dangers),
            "fire": _fire(serious, dangers),
            "recall": tick(detail.get(RECALL)),
            "recall_fulfilled": _fulfilled(several(RECALL_FULFILLED, "recalls")),
            "guarantee": one(GUARANTEE, "guarantees"),
            "odometer_state": one(BOARD_STATE, "board_states"),
            "mileage_state": one(MILEAGE_STATE, "mileage_states"),
            "vin_marking": one(CAR_STATE, "vin_markings"),
            "co_percent": measured(detail.get(CO), most=100),
            "hc_ppm": measured(detail.get(HC), most=100_000),
            "smoke_percent": measured(detail.get(SMOKE), most=100),
            "engine_code": code(detail.get(ENGINE)),
        },
        serious,
        dangers,
    )


def _flood(waterlog: bool | None, serious: tuple[str, ...] | None, dangers: tuple[str, ...]) -> bool | None:
    """Return whether there was a flood, by three fields. An unknown special history may be one: then not False."""
    if waterlog or "flood" in (serious or ()) or "flood" in dangers:
        return True
    return False if waterlog is False and not set(serious or ()) - {"fire"} else None


def _fire(serious: tuple[str, ...] | None, dangers: tuple[str, ...]) -> bool | None:
    if "fire" in (serious or ()) or "fire" in dangers:
        return True
    if serious is None:
        return None
    return None if set(serious) - {"flood"} else False


def _fulfilled(recalls: tuple[str, ...] | None) -> bool | None:
    """Return True if all is done, False if something is known not to be."""
    if not recalls:
        return None
    if "not_fulfilled" in recalls:
        return False
    return True if set(recalls) == {"fulfilled"} else None


def _notes(comments: object, vocabulary: Vocabulary) -> str | None:
    """Return the inspector's remarks in English; at the end, the number of untranslated ones.

    Remarks contain names, firms, telephone and plate numbers too, so untranslated text is never shown, not even in the
    count.
    """
    if not isinstance(comments, str):
        return None
    english, untranslated = vocabulary.remarks.translate(comments)
    for _ in range(untranslated):
        vocabulary.missed("notes", "remark")
    told = [f"{phrase}." for phrase in english]
    if untranslated:
        told.append(f"[{untranslated} remark{'s' if untranslated > 1 else ''} not translated]")
    return " ".join(told) or None
