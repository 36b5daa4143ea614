"""What schemathesis cannot know: why a list may be refused although each of its parameters is valid by itself."""

from typing import Any

import schemathesis

# Words of the refusals that are about several parameters, or about the exact names of colours, which no schema lists.
BEYOND_SCHEMAS = (
    "needs `make`",
    "`make` is required",
    "cannot be combined",
    " is above ",
    " is after ",
    "is not a known colour",
)
CODES = {"validation_error", "invalid_cursor", "mixed_source_pagination_unsupported"}


@schemathesis.check
def valid_parameters_are_refused_only_for_what_is_beyond_schemas(
    _: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case[Any]
) -> None:
    if response.status_code != 400 or case.meta is None or case.meta.generation.mode.is_negative:
        return
    error = response.json()["error"]
    assert error["code"] in CODES
    issues = [issue["message"] for issue in error["details"].get("issues", ())]
    assert [issue for issue in issues if not any(words in issue for words in BEYOND_SCHEMAS)] == []


@schemathesis.hook
def filter_query(_: schemathesis.HookContext, query: dict[str, object] | None) -> bool:
    """Leave blank parameters out: they count as absent, whatever their schema says."""
    return all(_text(value).strip(", ") for value in (query or {}).values())


def _text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
