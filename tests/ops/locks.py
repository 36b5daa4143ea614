"""Lock files as tests read them."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.version import Version

PROJECT = Path(__file__).parent.parent.parent
RUN, BUILD = ".ci/requirements.lock", ".ci/requirements.build.lock"


class Pin(NamedTuple):
    """One package of a lock file."""

    requirement: Requirement
    hashes: Sequence[str]

    @property
    def version(self) -> Version:
        (specifier,) = self.requirement.specifier
        assert specifier.operator == "=="
        return Version(specifier.version)

    def needed(self, **environment: str) -> bool:
        """Whether it is installed by a Python (this one by default)."""
        marker = self.requirement.marker
        return marker is None or marker.evaluate(environment)


def pins(name: str) -> dict[str, Pin]:
    """The packages of a lock file by their names."""
    text = re.sub(r"\\\n\s*", "", (PROJECT / name).read_text(encoding="utf-8"))
    found: dict[str, Pin] = {}
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            requirement, *hashes = line.split(" --hash=")
            pin = Pin(Requirement(requirement), hashes)
            assert pin.requirement.name not in found, f"{pin.requirement.name} stands in {name} twice"
            found[pin.requirement.name] = pin
    return found
