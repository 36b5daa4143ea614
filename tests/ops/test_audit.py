"""The audit of locked packages: a flaw fails it, silence of the advisory service is told, and neither is the other."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.ops.locks import PROJECT

SOUND = {"name": "idna", "version": "3.20", "vulns": []}
FLAWED = {"name": "yarl", "version": "1.0", "vulns": [{"id": "PYSEC-0", "fix_versions": ["1.1"], "aliases": []}]}
SKIPPED = {"name": "orjson", "skip_reason": "Dependency not found and could not be audited: orjson (3.0)"}
# It takes the place of pip-audit: its report, if it has one, goes where it is asked for.
STAND_IN = """#!{python}
import sys
report, complaint = {report!r}, {complaint!r}
if report:
    open(sys.argv[sys.argv.index("--output") + 1], "w").write(report)
sys.stderr.write(complaint)
sys.exit(1)
"""


def audit(folder: Path, *packages: Any, complaint: str = "") -> tuple[int, str]:
    """Run the audit beside a pip-audit that reports these packages, or none; return its end and all it said."""
    report = json.dumps({"dependencies": packages, "fixes": []}) if packages else ""
    stand_in = folder / "pip-audit"
    stand_in.write_text(STAND_IN.format(python=sys.executable, report=report, complaint=complaint), encoding="utf-8")
    stand_in.chmod(0o755)
    done = subprocess.run(
        [sys.executable, PROJECT / ".ci" / "audit.py"],
        env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_sound_packages_are_counted(tmp_path: Path) -> None:
    assert audit(tmp_path, SOUND, SOUND) == (0, "2 packages audited, 0 known vulnerabilities\n")


def test_a_flaw_is_named_and_fails(tmp_path: Path) -> None:
    status, said = audit(tmp_path, SOUND, FLAWED)
    assert status == 1
    assert "yarl 1.0: PYSEC-0, mended in 1.1" in said


def test_a_package_that_alone_is_not_known_fails(tmp_path: Path) -> None:
    status, said = audit(tmp_path, SOUND, SKIPPED)
    assert status == 1
    assert "could not be audited: orjson" in said


@pytest.mark.parametrize(
    "complaint",
    [
        "Traceback\nrequests.exceptions.ProxyError: Max retries exceeded",
        "pip_audit._service.interface.ServiceError",
        "ERROR:pip_audit._cli:Tip: your network may be blocking this service. Try another service",
    ],
)
def test_a_service_that_cannot_be_reached_is_told_of_and_is_no_failure(tmp_path: Path, complaint: str) -> None:
    status, said = audit(tmp_path, complaint=complaint)
    assert status == 0
    assert said.startswith("! NOT AUDITED")


def test_a_service_that_knows_no_package_at_all_was_not_asked(tmp_path: Path) -> None:
    status, said = audit(tmp_path, SKIPPED, SKIPPED)
    assert status == 0
    assert said.startswith("! NOT AUDITED")


def test_any_other_trouble_fails(tmp_path: Path) -> None:
    assert audit(tmp_path, complaint="ERROR: invalid requirements input: requirements.lock") == (
        1,
        "ERROR: invalid requirements input: requirements.lock\n",
    )
