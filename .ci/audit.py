#!/usr/bin/env python3
"""Asks whether a package of the lock files has a known vulnerability. Ends with 1 if one has, or if one is not known.

`pip-audit` (on the path) says "no known vulnerabilities" of packages that it could not ask about, too, so its report is
read here. That nobody could be asked at all is no failure, but it is said.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

LOCKS = (".ci/requirements.lock", ".ci/requirements.build.lock")
_NO_SERVICE = re.compile(r"requests\.exceptions\.|ServiceError|your network may be blocking|not redirecting properly")


def main() -> int:
    """Audit the lock files of the working directory."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = ["pip-audit", "--disable-pip", "--require-hashes", "--progress-spinner", "off"]
        for lock in LOCKS:
            command += ["--requirement", lock]
        done = subprocess.run(  # noqa: S603  # nothing of it comes from outside
            [*command, "--format", "json", "--output", str(report)], stderr=subprocess.PIPE, text=True, check=False
        )
        if not report.exists():
            if _NO_SERVICE.search(done.stderr):
                return _not_audited(done.stderr.strip().rpartition("\n")[2])
            print(done.stderr, file=sys.stderr)
            return 1
        packages = json.loads(report.read_text(encoding="utf-8"))["dependencies"]
    unknown = [package for package in packages if "skip_reason" in package]
    if packages and len(unknown) == len(packages):
        return _not_audited(f"the advisory service knows none of {len(packages)} packages")
    for package in unknown:
        print(f"not audited: {package['skip_reason']}", file=sys.stderr)
    found = [(package, flaw) for package in packages for flaw in package.get("vulns", ())]
    for package, flaw in found:
        fixed = ", ".join(flaw["fix_versions"]) or "no version"
        print(f"{package['name']} {package['version']}: {flaw['id']}, mended in {fixed}", file=sys.stderr)
    print(f"{len(packages) - len(unknown)} packages audited, {len(found)} known vulnerabilities")
    return 1 if unknown or found or not packages else 0


def _not_audited(why: str) -> int:
    print(f"! NOT AUDITED, the advisory service cannot be asked from here: {why}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
