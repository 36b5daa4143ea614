"""The stand-in can only catch the service's mistakes while it shares nothing with it."""

import ast
from pathlib import Path

import dealerproxy.sandbox

FOLDER = Path(dealerproxy.sandbox.__file__).parent


def _imports(source: str) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where they lead"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_the_stand_in_imports_nothing_from_the_rest_of_the_package() -> None:
    files = sorted(FOLDER.rglob("*.py"))
    assert len(files) > 5
    for file in files:
        ours = {name for name in _imports(file.read_text()) if name.partition(".")[0] == "dealerproxy"}
        assert all(name.startswith("dealerproxy.sandbox.") for name in ours), file.name
