"""A pytest plugin: a directory that is a capture is a test, with one item for each field that is expected.

    tests/captures/encar_detail/meta.json::reads            the page can be read, or fails as it should
    tests/captures/encar_detail/meta.json::car.price_krw    one field; of a list one column (`rows[].price_krw`)
    tests/captures/encar_detail/meta.json::nothing_else     there is no unexpected field

So a drift names the field. An invalid capture is a single item, `sound`, which fails with the reason. Items belong to a
file because pytest cannot select an item below a directory by name: so each can be run by itself.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

# Other modules are imported where they are used: most test runs with this package installed have no captures.
if TYPE_CHECKING:
    from _pytest._code.code import TerminalRepr

    from dealerproxy.captures.capture import Capture
    from dealerproxy.captures.expectations import Difference
    from dealerproxy.captures.reading import Reading
    from dealerproxy.vocabulary import Vocabulary

_VOCABULARY: "pytest.StashKey[Vocabulary]" = pytest.StashKey()
SOUND, NOTHING_ELSE = "sound", "nothing_else"
META = "meta.json"


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect a directory as a capture at its `meta.json`, if that file has this project's format."""
    if file_path.name != META:
        return None
    from dealerproxy.captures.capture import is_described  # noqa: PLC0415

    return CaptureFile.from_parent(parent, path=file_path) if is_described(file_path.parent) else None


class CaptureFile(pytest.File):
    """A capture, which is read once, when the first of its items runs."""

    def collect(self) -> Iterator[pytest.Item]:
        """Yield an item for the outcome, one for each expected field, and one for all unexpected fields."""
        from dealerproxy.captures.capture import BadCapture  # noqa: PLC0415
        from dealerproxy.captures.expectations import READS, compared, expectation  # noqa: PLC0415

        try:
            expected = expectation(self.capture)
        except BadCapture as error:
            yield BadItem.from_parent(self, name=SOUND, problem=str(error))
            return
        yield OutcomeItem.from_parent(self, name=READS)
        if expected is not None:
            self.expected_fields = tuple(compared(expected, expected))
            for field in self.expected_fields:
                yield FieldItem.from_parent(self, name=field)
            yield FieldItem.from_parent(self, name=NOTHING_ELSE)

    @cached_property
    def capture(self) -> "Capture":
        """The capture; raises BadCapture."""
        from dealerproxy.captures import capture as saved  # noqa: PLC0415

        return saved.read(self.path.parent)

    @cached_property
    def reading(self) -> "Reading":
        """What the parsers read from it now."""
        from dealerproxy import vocabulary  # noqa: PLC0415
        from dealerproxy.captures.reading import read  # noqa: PLC0415

        if _VOCABULARY not in self.config.stash:
            self.config.stash[_VOCABULARY] = vocabulary.load()
        return read(self.capture, self.config.stash[_VOCABULARY])

    @cached_property
    def fields(self) -> "Mapping[str, Sequence[Difference]]":
        """The differences by field."""
        from dealerproxy.captures.expectations import compared, expectation  # noqa: PLC0415

        return compared(expectation(self.capture), self.reading.outcome)


class CaptureItem(pytest.Item):
    """One check of a capture."""

    @property
    def file(self) -> CaptureFile:
        """The capture it is about."""
        assert isinstance(self.parent, CaptureFile)  # noqa: S101 - tells the type checker
        return self.parent

    def reportinfo(self) -> tuple[Path, None, str]:
        """Return the location and name for pytest's report."""
        return self.path, None, f"{self.path.parent.name}::{self.name}"

    def repr_failure(self, excinfo: "pytest.ExceptionInfo[BaseException]") -> "str | TerminalRepr":  # type: ignore[override]
        """Show an unreadable capture as one line."""
        from dealerproxy.captures.capture import BadCapture  # noqa: PLC0415

        return str(excinfo.value) if isinstance(excinfo.value, BadCapture) else super().repr_failure(excinfo)

    def fail(self, message: str) -> None:
        """Fail with the message and without a traceback."""
        pytest.fail(f"{self.path.parent.name}: {message}", pytrace=False)


class BadItem(CaptureItem):
    """A capture that cannot be used."""

    def __init__(self, *, problem: str, **kwargs: object) -> None:
        super().__init__(**kwargs)  # type: ignore[arg-type]  # whatever pytest passes on
        self._problem = problem

    def runtest(self) -> None:
        """Fail with the reason."""
        self.fail(self._problem)


class OutcomeItem(CaptureItem):
    """Whether the page could be read, or failed as it should."""

    def runtest(self) -> None:
        """Fail with the error, which names the path."""
        from dealerproxy.captures.expectations import told, unexpected  # noqa: PLC0415

        failure = unexpected(self.file.capture, self.file.reading)
        if failure is not None:
            self.fail(told([failure]))


class FieldItem(CaptureItem):
    """A field, or all unexpected fields."""

    def runtest(self) -> None:
        """Fail with every difference in the field; skip when there is nothing to compare."""
        from dealerproxy.captures.expectations import READS, told, unexpected  # noqa: PLC0415

        file = self.file
        if unexpected(file.capture, file.reading) is not None:
            pytest.skip(f"see {READS}")
        if self.name == NOTHING_ELSE:
            names = [name for name in file.fields if name not in file.expected_fields]
            found = [difference for name in names for difference in file.fields[name]]
        else:
            found = list(file.fields.get(self.name, ()))
        if found:
            self.fail(told(found))
