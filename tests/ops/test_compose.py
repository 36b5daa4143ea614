"""The documented compose file fits the settings, the image and the prometheus.yml beside it."""

import re
from collections.abc import Mapping
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # its stubs are not worth a package here
from yarl import URL

from dealerproxy.serving.serve import DRAIN_S, SHUTDOWN_S
from dealerproxy.settings import PREFIX, Settings, load, unknown
from tests.ops.dockerfile import PROJECT, steps
from tests.support.documents import document

DOCKERFILE = steps((PROJECT / "Dockerfile").read_text(encoding="utf-8"))
REQUIRED = re.compile(r"\$\{(\w+):\?\}")


@pytest.fixture(scope="module")
def readme() -> str:
    return document("dealerproxy/ops/README.md")


def block(readme: str, name: str) -> Mapping[str, Any]:
    """The YAML block that begins with a file's name."""
    (text,) = re.findall(rf"^```yaml\n# {re.escape(name)}\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    content: Mapping[str, Any] = yaml.safe_load(text)
    return content


@pytest.fixture
def services(readme: str) -> Mapping[str, Any]:
    content: Mapping[str, Any] = block(readme, "compose.yaml")["services"]
    return content


@pytest.fixture
def service(services: Mapping[str, Any]) -> Mapping[str, Any]:
    content: Mapping[str, Any] = services["dealerproxy"]
    return content


def seconds(text: str) -> float:
    return float(text.removesuffix("s"))


def test_every_setting_in_it_is_one_and_can_be_used(services: Mapping[str, Any], service: Mapping[str, Any]) -> None:
    env = {name: REQUIRED.sub("given for this test", value) for name, value in service["environment"].items()}
    assert not unknown(env)
    settings = load(env)
    assert settings.keys == ("given for this test",)
    assert {name for value in service["environment"].values() for name in REQUIRED.findall(value)} == {
        f"{PREFIX}API_KEYS",
        f"{PREFIX}CURSOR_SECRET",
    }
    redis = URL(settings.redis_url)
    assert redis.host in services
    assert redis.port == 6379


def test_all_of_it_is_read_only_but_its_volumes(
    readme: str, services: Mapping[str, Any], service: Mapping[str, Any]
) -> None:
    assert all(each["read_only"] for each in services.values())
    assert service["volumes"] == [f"captures:{service['environment'][PREFIX + 'CAPTURE_DIR']}"]
    named = {volume.split(":")[0] for each in services.values() for volume in each.get("volumes", ())}
    assert {name for name in named if not name.startswith("./")} == set(block(readme, "compose.yaml")["volumes"])


def test_the_captures_go_where_the_image_has_a_folder_for_them(service: Mapping[str, Any]) -> None:
    folder = service["environment"][f"{PREFIX}CAPTURE_DIR"]
    user = next(step.text for step in DOCKERFILE if step.name == "USER")
    (made,) = [step.text for step in DOCKERFILE if step.name == "RUN" and step.text.endswith(f" {folder}")]
    assert re.findall(r"--(?:owner|group)=(\d+)", made) == user.split(":")


def test_it_is_killed_only_after_it_had_the_time_it_takes_to_end(service: Mapping[str, Any]) -> None:
    assert seconds(service["stop_grace_period"]) > DRAIN_S + SHUTDOWN_S + 2


def test_its_port_is_the_images_and_the_one_that_prometheus_scrapes(readme: str, service: Mapping[str, Any]) -> None:
    port = Settings().port
    assert service["ports"] == [f"127.0.0.1:{port}:{port}"]
    (target,) = set(re.findall(r"`(dealerproxy:\d+)`", readme))
    assert target == f"dealerproxy:{port}"
    ((own,),) = [job["static_configs"][0]["targets"] for job in block(readme, "prometheus.yml")["scrape_configs"]]
    assert URL(f"//{own}").port == port


def test_prometheus_finds_its_files_side_by_side_and_waits_for_the_health_check(
    readme: str, services: Mapping[str, Any]
) -> None:
    prometheus = services["prometheus"]
    mounted = {volume.split(":")[0]: volume.split(":")[1] for volume in prometheus["volumes"]}
    for file in ("prometheus.yml", *block(readme, "prometheus.yml")["rule_files"]):
        assert mounted[f"./{file}"] == f"/etc/prometheus/{file}"
        assert f"> {file}" in readme or file == "prometheus.yml"
    assert prometheus["depends_on"] == {"dealerproxy": {"condition": "service_healthy"}}
    assert [step.name for step in DOCKERFILE].count("HEALTHCHECK") == 1
