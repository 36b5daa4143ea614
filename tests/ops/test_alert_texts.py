"""The texts of the alert rules: each says what it is and what to do, of what the service tells."""

import re
from pathlib import Path

import pytest

from dealerproxy.ops import shipped
from dealerproxy.ops.families import FAMILIES
from tests.support.documents import document

TEXT = shipped.read("alerts")
# The text of each alert, by its name.
ALERTS = {match[1]: match[0] for match in re.finditer(r"- alert: (\w+)\n(?:(?!      - alert: ).*\n)*", TEXT)}


@pytest.mark.parametrize("name", ALERTS)
def test_each_alert_says_how_bad_it_is_what_it_is_and_what_to_do(name: str) -> None:
    text = ALERTS[name]
    assert name.startswith("Dealerproxy")
    assert re.search(r"labels: \{severity: (critical|warning)\}", text)
    for annotation in ("summary", "description", "hint"):
        assert text.count(f"          {annotation}: ") == 1


@pytest.mark.parametrize("name", ALERTS)
def test_a_text_names_only_labels_that_the_alert_has(name: str) -> None:
    text = ALERTS[name]
    kept = {label for by in re.findall(r" by \(([^)]*)\)", text) for label in re.split(r",\s*", by)} - {"le"}
    kept |= {"upstream", "kind", "field"} if "dealerproxy:field_fill:avg" in text else set()
    kept |= {"instance"} if "dealerproxy_redis_up ==" in text or "up{job=" in text else set()
    assert set(re.findall(r"\$labels\.(\w+)", text)) <= kept


def test_the_rules_ask_only_for_what_the_service_tells() -> None:
    asked = set(re.findall(r"\bdealerproxy_\w+", TEXT))
    told = FAMILIES.keys() | {f"{name}_bucket" for name in FAMILIES}
    assert asked <= told


def test_the_job_that_the_rules_look_for_is_the_one_that_the_readme_scrapes() -> None:
    readme = document("dealerproxy/ops/README.md")
    assert set(re.findall(r'job="(\w+)"', TEXT)) == set(re.findall(r"- job_name: (\w+)", readme)) == {"dealerproxy"}


def test_every_alert_is_in_the_readme() -> None:
    readme = document("dealerproxy/ops/README.md")
    told = {name for row in re.findall(r"^\| (`Dealerproxy.*?) \|", readme, re.MULTILINE) for name in row.split(", ")}
    assert told == {f"`{name}`" for name in ALERTS}


def test_every_alert_is_put_to_the_test() -> None:
    own = Path(__file__).with_name("test_alerts.py").read_text(encoding="utf-8")
    for name in ALERTS:
        assert f'"{name.removeprefix("Dealerproxy")}' in own, name
