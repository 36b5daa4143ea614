"""Shell blocks of documents as commands."""

import argparse
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
SHELLS = {"sh", "bash", "shell", "console"}
# The addresses that documents use: the service, and the stand-ins.
SERVICE, SITES = ("127.0.0.1:8080", "localhost:8080"), ("127.0.0.1:8081", "localhost:8081")
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
_ENDS = {"&&", "||", ";", "|", "&"}
_REDIRECTIONS = {">", ">>", "<"}


class Command(NamedTuple):
    """One command: its variables, its words, and the files it is redirected to or from."""

    variables: Mapping[str, str]
    words: Sequence[str]
    files: Sequence[str]

    @property
    def program(self) -> str:
        """The program without the folder of a virtual environment."""
        return self.words[0].removeprefix(".venv/bin/")


class Request(NamedTuple):
    """The request of a curl command."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None


def request_of(command: Command, servers: Mapping[str, str]) -> Request:
    """Read a curl command. `servers` maps the addresses that documents use to those of running servers.

    Raises SystemExit for an unknown option, ValueError for another address.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    for flags in (("-s", "--silent"), ("-i", "--include"), ("-S",), ("-f",), ("-N",)):
        parser.add_argument(*flags, action="store_true")
    parser.add_argument("-X", "--request", dest="method")
    parser.add_argument("-d", "--data", dest="data")
    parser.add_argument("-H", "--header", dest="headers", action="append", default=[])
    options = parser.parse_args(list(_apart(command.words[1:])))
    address, slash, path = options.url.removeprefix("http://").partition("/")
    if address not in servers:
        raise ValueError(f"{options.url} is at no server of the test")
    return Request(
        options.method or ("GET" if options.data is None else "POST"),
        f"{servers[address]}{slash}{path}",
        dict(header.split(": ", 1) for header in options.headers),
        None if options.data is None else options.data.encode(),
    )


def _apart(words: Sequence[str]) -> Iterator[str]:
    """Yield flags one by one: `-si` is `-s -i`."""
    for word in words:
        if word.startswith("-") and word[1:].islower():
            yield from (f"-{letter}" for letter in word[1:])
        else:
            yield word


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """The language and the content of each fenced block."""
    for match in BLOCK.finditer(text):
        yield match[2], re.sub(rf"^{match[1]}", "", match[3], flags=re.MULTILINE)


def commands(text: str) -> Iterator[Command]:
    """The commands of all shell blocks of a document, in order."""
    for language, block in blocks(text):
        if language in SHELLS:
            for line in block.replace("\\\n", " ").splitlines():
                yield from _commands(line.removeprefix("$ "))


def _commands(line: str) -> Iterator[Command]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    variables: dict[str, str] = {}
    words: list[str] = []
    files: list[str] = []
    tokens = iter([*lexer, ";"])
    for token in tokens:
        assignment = _ASSIGNMENT.fullmatch(token)
        if token in _ENDS:
            if words:
                yield Command(variables, words, files)
            variables, words, files = {}, [], []
        elif token in _REDIRECTIONS:
            files.append(next(tokens))
        elif assignment and not words:
            variables[assignment[1]] = assignment[2]
        else:
            words.append(token)
