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
from dealerproxy.settings import Settings

DASHBOARD = json.loads(shipped.read("dashboard"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUESTIONS = [target["expr"] for panel in PANELS for target in panel["targets"]]
VARIABLES = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
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
    variable = VARIABLES["datasource"]
    assert (variable["type"], variable["query"]) == ("datasource", "prometheus")
    for panel in PANELS:
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert [target["refId"] for target in panel["targets"]] == ["A", "B", "C"][: len(panel["targets"])]


def test_every_family_has_a_place_on_the_dashboard_and_no_panel_asks_for_another() -> None:
    asked = {re.sub(r"_(bucket|count)$", "", name) for name in re.findall(r"\bdealerproxy_\w+", " ".join(QUESTIONS))}
    assert asked == set(FAMILIES)


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_every_panel_shows_the_chosen_instances(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        selectors = re.findall(r"\b(?:dealerproxy_\w+|process_\w+|ALERTS)\b(\{[^}]*\})?", target["expr"])
        assert selectors
        # An alert of no instance is shown for each.
        assert all(re.search(r'instance=~"\$instance\|?"\}$', selector) for selector in selectors)


def test_the_instances_to_choose_from_are_those_that_are_scraped_and_all_of_them_at_first() -> None:
    variable = VARIABLES["instance"]
    assert variable["query"]["query"] == variable["definition"] == "label_values(dealerproxy_build_info, instance)"
    assert (variable["includeAll"], variable["allValue"], variable["current"]["value"]) == (True, ".*", "$__all")


def test_the_first_row_answers_whether_it_is_fine() -> None:
    titles = [panel["title"] for panel in sorted(DASHBOARD["panels"], key=lambda panel: panel["gridPos"]["y"])]
    assert titles[0] == "Is it fine?"
    first_row = {panel["title"]: panel for panel in PANELS if panel["gridPos"]["y"] == 1}
    assert list(first_row) == titles[1:6]
    for title in ("Lists that are whole", "Cars that are answered"):
        assert [target["legendFormat"] for target in first_row[title]["targets"]] == ["{{upstream}}"]
    assert "0.95" in first_row["Time to answer, p95"]["targets"][0]["expr"]
    assert "5.." in first_row["Answers with a 5xx"]["targets"][0]["expr"]


def test_the_dashboard_links_to_the_status_page_the_runbook_and_the_alerts() -> None:
    assert {link["title"]: link["url"] for link in DASHBOARD["links"]} == {
        "Status page": "${status_page}",
        "Runbook": "${status_page}docs/pages/ops#runbook",
        "Alerts": "/alerting/list?search=Dealerproxy",
    }
    assert VARIABLES["status_page"]["type"] == "textbox"
    assert VARIABLES["status_page"]["query"] == f"http://{Settings().host}:{Settings().port}/"


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
