"""What is told while cars are invented."""

from dealerproxy.sandbox.danawa.inventory import generate_danawa
from dealerproxy.sandbox.encar.inventory import generate
from dealerproxy.sandbox.progress import Progress


def test_slow_work_is_told_at_most_once_a_second_with_its_step_and_share() -> None:
    clock, said = [0.0], list[str]()
    progress = Progress(2, said.append, now=lambda: clock[0])
    for step in (range(10), range(4)):
        for _ in progress(step):
            clock[0] += 0.5
    assert said == [f"inventing cars, step {step} of 2: {share} %" for step, share in
                    [(1, 20), (1, 40), (1, 60), (1, 80), (2, 0), (2, 50)]]  # fmt: skip


def test_quick_work_is_done_without_a_word() -> None:
    said = list[str]()
    assert list(Progress(1, said.append, now=lambda: 0.0)(range(1000))) == list(range(1000))
    assert said == []


def test_who_watches_changes_no_car() -> None:
    said = list[str]()
    seconds = iter(range(10**9))
    progress = Progress(3, said.append, now=lambda: next(seconds))
    watched = generate(5, 200, trucks=10, watch=progress)
    plain = generate(5, 200, trucks=10)
    assert list(watched.known()) == list(plain.known())
    assert list(generate_danawa(5, 50, also=watched, watch=progress)) == list(generate_danawa(5, 50, also=plain))
    assert [f"step {step} of 3" in " ".join(said) for step in (1, 2, 3)] == [True] * 3
