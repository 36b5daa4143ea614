"""The options of partners' traffic reach the service, and what came of it is counted as it should be."""

from collections.abc import Iterator, Sequence

import pytest

from tests.bench import command, traffic
from tests.bench.effort import Effort, Traffic
from tests.bench.figures import Figure
from tests.bench.traffic import HOLDS, Outcome, summed_up
from tests.bench.visitors import Visit

LIST, CAR = Visit("list", "/v1/vehicles?make=Kia", "make=Kia"), Visit("car", "/v1/vehicles/encar_1")


def outcomes(good: int, bad: int) -> Sequence[Outcome]:
    whole = [Outcome(LIST, 0, 0.01, good=True)] * good
    return [*whole, *[Outcome(LIST, 1, 3.0, good=False, reasons=["encar failed: overloaded"])] * bad]


def holds(figures: Sequence[Figure]) -> dict[str, bool | None]:
    return {one.what: one.holds for one in figures}


def test_shares_are_held_to_the_numbers_of_their_rate() -> None:
    cars = [Outcome(CAR, 0, 0.2, good=True, papers=True), Outcome(CAR, 0, 0.2, good=True, papers=False)]
    found = holds(list(summed_up([*outcomes(99, 1), *cars], Traffic(rate=5.0))))
    assert found["whole lists, 5 requests a second"] is True
    assert found["cars, 5 requests a second"] is True
    assert found["cars with papers, 5 requests a second"] is False
    assert found["not whole: encar failed: overloaded"] is None
    assert found["whole lists in minute 2"] is None
    assert found["p95 of all answers"] is True
    assert holds(list(summed_up(outcomes(97, 3), Traffic(rate=5.0))))["whole lists, 5 requests a second"] is False


@pytest.mark.parametrize(
    "other", [Traffic(rate=7.0), Traffic(cold=True), Traffic(settings=(("encar_rps", "8"),))], ids=repr
)
def test_other_traffic_is_held_to_nothing(other: Traffic) -> None:
    assert set(holds(list(summed_up(outcomes(1, 1), other))).values()) == {None}


def test_no_cars_no_share_of_them() -> None:
    assert not any(one.what.startswith("cars") for one in summed_up(outcomes(2, 0), Traffic()))


def test_the_options_of_the_command_are_those_of_the_traffic(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Effort] = []
    monkeypatch.setattr(command, "stay_aside", lambda: None)

    def case(effort: Effort) -> Iterator[Figure]:
        asked.append(effort)
        yield from ()

    monkeypatch.setattr(command, "CASES", {traffic.CASE: case})
    options = "--rate 20 --seconds 9 --quiet 3 --site-page 48 --cold --set DEALERPROXY_ENCAR_RPS=8 --set stock_mb=0"
    command.main([*options.split(), traffic.CASE])
    (effort,) = asked
    assert effort.traffic == Traffic(20.0, 9.0, 3.0, 48, cold=True, settings=(("encar_rps", "8"), ("stock_mb", "0")))
    assert min(HOLDS) == Traffic().rate


@pytest.mark.parametrize("bad", ["encar_rps", "=8"])
def test_a_setting_without_name_or_value_is_refused(bad: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["--set", bad, traffic.CASE])
    assert "NAME=VALUE" in capsys.readouterr().err
