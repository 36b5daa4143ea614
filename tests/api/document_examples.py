"""The examples of a document: each curl line with the answer below it, and how that differs from a real one."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

BASE = "http://127.0.0.1:8080"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Strings come first, so that dots and brackets inside them are no tokens.
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\.\.\.|[\[\]{}:,]')
REST = "..."


class Example(NamedTuple):
    """A request, and what the document shows of its answer: `head` the status line and headers, `body` text."""

    method: str
    path: str
    data: str | None
    head: str
    body: str


def examples(document: str) -> Iterator[Example]:
    """The curl lines of a document with their answers. A curl line without an answer below it is an error."""
    blocks = BLOCK.findall(document)
    for (language, command), (_, shown) in zip(blocks, [*blocks[1:], ("", "")], strict=True):
        if language == "sh" and command.startswith("curl "):
            assert shown, command
            head, _, body = shown.partition("\n\n") if shown.startswith("HTTP/") else ("", "", shown)
            yield _asked(command)._replace(head=head, body=body)


def _asked(command: str) -> Example:
    method, data, path = "GET", None, ""
    words = iter(shlex.split(command)[1:])
    for word in words:
        if word == "-X":
            method = next(words)
        elif word == "-d":
            data = next(words)
        elif word.startswith(BASE):
            path = word.removeprefix(BASE)
        else:
            assert word in {"-s", "-si"}, word
    return Example(method, path, data, "", "")


def shown_json(text: str) -> Any:
    """Decode JSON in which `...` may stand for a value, for further members, or for a part of a string."""
    out: list[str] = []
    brackets: list[str] = []
    last, end = "", 0
    for match in TOKEN.finditer(text):
        token = match[0]
        out.append(text[end : match.start()])
        end = match.end()
        if token in {"[", "{"}:
            brackets.append(token)
        elif token in {"]", "}"}:
            brackets.pop()
        if token == REST:
            is_member = brackets[-1:] == ["{"] and last != ":"
            token = f'"{REST}": null' if is_member else f'"{REST}"'
        out.append(token)
        last = match[0]
    return json.loads("".join(out) + text[end:])


def differences(shown: Any, real: Any, at: str = "") -> Iterator[str]:
    """The places where a real value is not what a document shows of it."""
    if isinstance(shown, str) and REST in shown:
        if shown != REST and not (isinstance(real, str) and _pattern(shown).fullmatch(real)):
            yield at
    elif isinstance(shown, dict) and isinstance(real, dict):
        hidden = real.keys() - shown.keys() if REST not in shown else set()
        yield from (f"{at}.{key}" for key in (shown.keys() - real.keys() - {REST}) | hidden)
        for key in shown.keys() & real.keys():
            yield from differences(shown[key], real[key], f"{at}.{key}")
    elif isinstance(shown, list) and isinstance(real, list):
        first = shown[:-1] if shown[-1:] == [REST] else shown
        if len(first) > len(real) or (first is shown and len(first) < len(real)):
            yield f"{at}[]"
        for index, pair in enumerate(zip(first, real, strict=False)):
            yield from differences(*pair, f"{at}[{index}]")
    elif type(shown) is not type(real) or shown != real:
        yield at


def head_differences(head: str, status: int, reason: str, headers: Mapping[str, str]) -> Iterator[str]:
    """The lines of a status line and headers that are not those of an answer."""
    first, *lines = head.splitlines() or [f"HTTP/1.1 {status} {reason}"]
    if first != f"HTTP/1.1 {status} {reason}":
        yield first
    for line in lines:
        name, _, value = line.partition(": ")
        if name not in headers or list(differences(value, headers[name])):
            yield line


def _pattern(shown: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, shown.split(REST))), re.DOTALL)
