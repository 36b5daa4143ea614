"""Shell blocks of documents as commands."""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
SHELLS = {"sh", "bash", "shell", "console"}
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
