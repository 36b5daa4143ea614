"""The dashboard: what Grafana needs to load it, and questions that Prometheus understands."""

import json
import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from dealerproxy.cli import main
from dealerproxy.ops import shipped
from dealerproxy.ops.families import FAMILIES

DASHBOARD = json.loads(shipped.read("dashboard"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUESTIONS = [target["expr"] for panel in PANELS for target in panel["targets"]]
COLUMNS = 24


def covers(panel: dict[str, Any], other: dict[str, Any]) -> bool:
    one, two = panel["gridPos"], other["gridPos"]
    beside = one["x"] + one["w"] <= two["x"] or two["x"] + two["w"] <= one["x"]
    above = one["y"] + one["h"] <= two["y"] or two["y"] + two["h"] <= one["y"]
    return not (beside or above)


def test_panels_have_their_own_numbers_titles_and_places() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= COLUMNS for panel in panels)
    assert not [(one["title"], two["title"]) for one, two in combinations(panels, 2) if covers(one, two)]


def test_every_panel_asks_the_data_source_that_is_chosen() -> None:
    (variable,) = DASHBOARD["templating"]["list"]
    assert (variable["name"], variable["type"], variable["query"]) == ("datasource", "datasource", "prometheus")
    for panel in PANELS:
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert [target["refId"] for target in panel["targets"]] == ["A", "B", "C"][: len(panel["targets"])]


def test_every_family_has_a_place_on_the_dashboard_and_no_panel_asks_for_another() -> None:
    asked = {re.sub(r"_(bucket|count)$", "", name) for name in re.findall(r"\bdealerproxy_\w+", " ".join(QUESTIONS))}
    assert asked == set(FAMILIES)


@pytest.mark.slow
def test_promtool_understands_every_question(promtool: str, tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:{number}", "expr": question.replace("$__rate_interval", "1m")}
        for number, question in enumerate(QUESTIONS)
    ]
    path = tmp_path / "panels.json"
    path.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}), encoding="utf-8")
    ran = subprocess.run([promtool, "check", "rules", str(path)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert f"{len(QUESTIONS)} rules found" in ran.stdout


@pytest.mark.parametrize("what", shipped.FILES)
def test_a_command_prints_it_and_nothing_else(what: str) -> None:
    command = [sys.executable, "-m", "dealerproxy", "ops", what]
    ran = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True)
    assert (ran.stdout, ran.stderr) == (shipped.read(what), "")


def test_the_command_names_what_it_can_print(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["ops", "everything"])
    assert "alerts" in capsys.readouterr().err
