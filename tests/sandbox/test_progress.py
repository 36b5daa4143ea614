"""What is told while cars are invented."""

from dealerproxy.sandbox.danawa.inventory import generate_danawa
from dealerproxy.sandbox.encar.inventory import generate
from dealerproxy.sandbox.progress import Progress


def test_slow_work_is_told_at_most_once_a_second_with_its_step_and_share() -> None:
    clock, said = [0.0], list[tuple[int, int]]()
    progress = Progress(lambda *told: said.append(told), now=lambda: clock[0])
    for step in (range(10), range(4)):
        for _ in progress(step):
            clock[0] += 0.5
    assert said == [(1, 20), (1, 40), (1, 60), (1, 80), (2, 0), (2, 50)]


def test_quick_work_is_done_without_a_word() -> None:
    said = list[tuple[int, int]]()
    assert list(Progress(lambda *told: said.append(told), now=lambda: 0.0)(range(1000))) == list(range(1000))
    assert said == []


def test_who_watches_changes_no_car() -> None:
    said = list[tuple[int, int]]()
    seconds = iter(range(10**9))
    progress = Progress(lambda *told: said.append(told), now=lambda: next(seconds))
    watched = generate(5, 200, trucks=10, watch=progress)
    plain = generate(5, 200, trucks=10)
    assert list(watched.known()) == list(plain.known())
    assert list(generate_danawa(5, 50, also=watched, watch=progress)) == list(generate_danawa(5, 50, also=plain))
    assert {step for step, _ in said} == {1, 2, 3}
    assert {percent for _, percent in said} <= set(range(100))
