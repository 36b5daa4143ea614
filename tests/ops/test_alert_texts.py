"""The texts of the alert rules: each says what it is and what to do, of what the service tells."""

import json
import re
from pathlib import Path

import pytest

from dealerproxy import settings
from dealerproxy.ops import shipped
from dealerproxy.ops.families import FAMILIES
from tests.support.documents import document

TEXT = shipped.read("alerts")
RECORDS = dict(re.findall(r"- record: (\S+)\n((?:(?! +- ).+\n)*)", TEXT))
(RUNBOOK,) = re.findall(r"^## Runbook\n(.*?)^## ", document("dealerproxy/ops/README.md"), re.MULTILINE | re.DOTALL)
# The paragraphs of the runbook, by their headings.
PARAGRAPHS = dict(re.findall(r"^### (\w+)\n\n((?:(?!### ).*\n)*)", RUNBOOK, re.MULTILINE))
# The text of each alert, by its name.
ALERTS = {match[1]: match[0] for match in re.finditer(r"- alert: (\w+)\n(?:(?!      - alert: ).*\n)*", TEXT)}


def with_records(text: str) -> str:
    """A rule and those whose records it reads."""
    return " ".join([text, *(RECORDS[record] for record in re.findall(r"\bdealerproxy:\w+:\w+", text))])


@pytest.mark.parametrize("name", ALERTS)
def test_each_alert_says_how_bad_it_is_what_it_is_and_what_to_do(name: str) -> None:
    text = ALERTS[name]
    assert name.startswith("Dealerproxy")
    assert re.search(r"labels: \{severity: (critical|warning|info)\}", text)
    for annotation in ("summary", "description", "hint", "dashboard", "runbook"):
        assert text.count(f"          {annotation}: ") == 1


@pytest.mark.parametrize("name", ALERTS)
def test_a_text_names_only_labels_that_the_alert_has(name: str) -> None:
    text = ALERTS[name]
    kept = {label for by in re.findall(r" by \(([^)]*)\)", with_records(text)) for label in re.split(r",\s*", by)} - {
        "le"
    }
    kept |= {"instance"} if "dealerproxy_redis_up ==" in text or "up{job=" in text else set()
    assert set(re.findall(r"\$labels\.(\w+)", text)) <= kept


def test_the_rules_ask_only_for_what_the_service_tells() -> None:
    asked = set(re.findall(r"\bdealerproxy_\w+", TEXT))
    told = FAMILIES.keys() | {f"{name}_bucket" for name in FAMILIES}
    assert asked <= told


def test_the_job_that_the_rules_look_for_is_the_one_that_the_readme_scrapes() -> None:
    readme = document("dealerproxy/ops/README.md")
    assert set(re.findall(r'job="(\w+)"', TEXT)) == set(re.findall(r"- job_name: (\w+)", readme)) == {"dealerproxy"}


@pytest.mark.parametrize("name", ALERTS)
def test_each_alert_links_to_its_paragraph_of_the_runbook(name: str) -> None:
    assert f"          runbook: dealerproxy/ops/README.md#{name.lower()}\n" in ALERTS[name]
    assert len(PARAGRAPHS[name].split()) >= 30


def test_the_runbook_has_a_paragraph_for_each_alert_in_their_order_and_no_other() -> None:
    assert list(PARAGRAPHS) == list(ALERTS)


def test_the_runbook_names_only_metrics_that_there_are() -> None:
    assert set(re.findall(r"\bdealerproxy_\w+", RUNBOOK)) <= FAMILIES.keys()


def test_the_runbook_and_the_alerts_name_only_settings_that_there_are() -> None:
    upstreams = TEXT.replace("{{ $labels.upstream | toUpper }}", "ENCAR")
    assert settings.unknown(dict.fromkeys(re.findall(rf"\b{settings.PREFIX}\w+", RUNBOOK + upstreams), "")) == []


@pytest.mark.parametrize("name", ALERTS)
def test_each_alert_links_to_a_panel_that_shows_what_it_is_about(name: str) -> None:
    panels = {panel["id"]: panel for panel in json.loads(shipped.read("dashboard"))["panels"]}
    (number,) = re.findall(r"          dashboard: /d/dealerproxy\?viewPanel=(\d+)\n", ALERTS[name])
    shown = set(re.findall(r"\bdealerproxy_\w+", json.dumps(panels[int(number)]["targets"])))
    about = set(re.findall(r"\bdealerproxy_\w+", with_records(ALERTS[name])))
    assert shown & (about or {"dealerproxy_build_info"})


def test_the_table_of_alerts_has_each_alert_in_order_with_its_severity_its_delay_and_a_link() -> None:
    rows = re.findall(r"^\| \[(\w+)\]\(#(\w+)\) \| (\w+) \| (.+?) \| .{10,} \|$", RUNBOOK, re.MULTILINE)
    assert [name for name, *_ in rows] == list(ALERTS)
    for name, anchor, severity, after in rows:
        delay = re.search(r"^        for: (\d+)m$", ALERTS[name], re.MULTILINE)
        assert (anchor, after) == (name.lower(), f"{delay[1]} min" if delay else "at once")
        assert f"labels: {{severity: {severity}}}" in ALERTS[name]


def test_every_alert_is_put_to_the_test() -> None:
    own = Path(__file__).with_name("test_alerts_clear.py").read_text(encoding="utf-8")
    for name in ALERTS:
        assert f'"{name.removeprefix("Dealerproxy")}' in own, name
