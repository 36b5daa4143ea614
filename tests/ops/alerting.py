"""Figures for the alert rules, and promtool's answer to which alerts fire on them at which times."""

import json
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dealerproxy.ops import shipped

RULES = shipped.read("alerts")
# What is there whenever the service is.
ALIVE = {'dealerproxy_build_info{version="1"}': "1x9999"}
STEP_S = 15
# The alerts read what the figures record; without an order promtool runs either group first.
GROUPS = re.findall(r"^  - name: (\S+)$", RULES, re.MULTILINE)
SUMMED = "alertname, upstream, operation, kind, field, instance, source"

Figures = Mapping[str, str]
# Runs figures through the rules: which alerts fire at which times?
Check = Callable[..., None]


class Alerts:
    """The rules in a folder, for promtool."""

    def __init__(self, promtool: str, folder: Path) -> None:
        self._promtool, self._folder = promtool, folder
        (folder / "alerts.yml").write_text(RULES, encoding="utf-8")

    def check(
        self,
        figures: Figures,
        firing: Mapping[str, Sequence[str]],
        *,
        interval: str = f"{STEP_S}s",
        only: str = "Dealerproxy.*",
        texts: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """Fail unless exactly these alerts, such as `ListDown upstream=encar`, fire at these times.

        `only` is a pattern of the alerts that count. `texts` are promtool's tests of alerts with their annotations.
        """
        cases = self._folder / "cases.json"
        test = {
            "interval": interval,
            "input_series": [{"series": name, "values": values} for name, values in figures.items()],
            "promql_expr_test": [
                {
                    "expr": f'count by ({SUMMED}) (ALERTS{{alertstate="firing", alertname=~"{only}"}})',
                    "eval_time": at,
                    "exp_samples": [{"labels": _labels(alert), "value": 1} for alert in alerts],
                }
                for at, alerts in firing.items()
            ],
            "alert_rule_test": list(texts),
        }
        document = {
            "rule_files": ["alerts.yml"],
            "evaluation_interval": interval,
            "group_eval_order": GROUPS,
            "tests": [test],
        }
        cases.write_text(json.dumps(document), encoding="utf-8")
        command = [self._promtool, "test", "rules", str(cases)]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr


def _labels(alert: str) -> str:
    """Write `ListDown upstream=encar` as PromQL does."""
    name, *labels = alert.split()
    pairs = {"alertname": f"Dealerproxy{name}"} | dict(label.split("=") for label in labels)
    return f"{{{', '.join(f'{label}={json.dumps(value)}' for label, value in pairs.items())}}}"


def counted(*phases: tuple[float, float]) -> str:
    """A counter that grows, for so many minutes each, by so much a minute."""
    values, total = list[int](), 0.0
    for minutes, a_minute in phases:
        for _ in range(round(minutes * 60 / STEP_S)):
            values.append(int(total + 1e-9))
            total += a_minute * STEP_S / 60
    return " ".join(map(str, values))


def level(*phases: tuple[float, float]) -> str:
    """A gauge with these values, for so many minutes each."""
    return " ".join(f"{value}x{round(minutes * 60 / STEP_S) - 1}" for minutes, value in phases)


def answers(status: str, values: str, kind: str = "list", upstream: str = "encar") -> dict[str, str]:
    return {f'dealerproxy_source_answers_total{{upstream="{upstream}",kind="{kind}",status="{status}"}}': values}


def circuit(values: str, state: str = "suspended", operation: str = "search") -> dict[str, str]:
    return {f'dealerproxy_circuit_state{{upstream="encar",operation="{operation}",state="{state}"}}': values}


def blocked(values: str, reason: str = "blocked") -> dict[str, str]:
    return {f'dealerproxy_circuit_reason{{upstream="encar",operation="search",reason="{reason}"}}': values}


def rows(pages: str, read: str, upstream: str = "encar") -> dict[str, str]:
    return {
        f'dealerproxy_row_pages_read_total{{upstream="{upstream}"}}': pages,
        f'dealerproxy_rows_read_total{{upstream="{upstream}"}}': read,
    }


def not_offered(reason: str, values: str) -> dict[str, str]:
    return {f'dealerproxy_rows_not_offered_total{{upstream="encar",reason="{reason}"}}': values}


def sent(operation: str, outcome: str, values: str) -> dict[str, str]:
    labels = f'upstream="encar",operation="{operation}",outcome="{outcome}"'
    return {f"dealerproxy_upstream_requests_total{{{labels}}}": values}


def every(times: int, count: int) -> str:
    """A counter that grows by one at every so many times, to `count`."""
    return " ".join(f"{number}x{times - 1}" for number in range(count + 1))


def questions(status: int, values: str) -> dict[str, str]:
    return {f'dealerproxy_http_requests_total{{method="GET",route="/v1/vehicles",status="{status}"}}': values}


def drift(operation: str, values: str, upstream: str = "encar") -> dict[str, str]:
    labels = f'upstream="{upstream}",operation="{operation}",reason="drift"'
    return {f"dealerproxy_upstream_troubles_total{{{labels}}}": values}


def in_stock(rows: str, due_age: str, *, up_since: str = "-9999x400") -> dict[str, str]:
    labels = '{upstream="encar",instance="a"}'
    return {
        f"dealerproxy_stock_rows{labels}": rows,
        f"dealerproxy_stock_due_age_seconds{labels}": due_age,
        'process_start_time_seconds{instance="a"}': up_since,
    }
