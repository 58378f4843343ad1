from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from leaving import leave

from bench.scripts import (
    FIVE,
    FOUR,
    SCRIPT,
    SILENT,
    SIX,
    CountingPolicy,
    CountingVerifier,
    ScriptedRuntime,
    make_engine,
    make_works,
    task,
    told,
)
from ttcli.bench.execute.work import ATTEMPTS, Engine
from ttcli.bench.store.sample import Rating, Sample
from ttcli.bench.store.task import Failed, Finished, Happened, News, Record, Task, Work
from ttcli.catalog.progress import NoProgress
from ttcli.cost import Budget, Cost, Unit
from ttcli.errors import BackendError, PromptTooLong, UsageError
from ttcli.events import CandidateFinished, CostUpdated, Outcome
from ttcli.interrupt import Interrupt
from ttcli.policy.script import Script, ScriptLine
from ttcli.problem import Problem
from ttcli.solution import Ended

MAJORITY = task("majority", "4")
SCORED = task("best-of-n", "4", "scripted")


def make_runtime(script: Script = SCRIPT, **options: Any) -> ScriptedRuntime:
    return ScriptedRuntime(CountingPolicy(script, **options), {"scripted": CountingVerifier(script)})


def run(works: Iterable[Work], runtime: ScriptedRuntime | None = None) -> list[Record]:
    """All records; nothing is left under way after them."""
    runtime = runtime or make_runtime()
    engine = make_engine(runtime)
    records = list(engine.run(works))
    check_nothing_left(engine, runtime)
    return records


def check_nothing_left(engine: Engine, runtime: ScriptedRuntime) -> None:
    assert engine._flight.under_way == 0
    assert not runtime.policy.live


def of(kind: type[Finished | Failed | Happened], records: Iterable[Record]) -> list[tuple[int, str]]:
    """Positions and tasks of the records of a kind, in order."""
    return [(each.position, each.task.key) for each in records if isinstance(each, kind)]


def outcomes(records: Iterable[Record]) -> dict[tuple[int, str], Outcome]:
    """What was finished, without the time it took."""
    return {
        (each.position, each.task.key): replace(each.outcome, cost=replace(each.outcome.cost, seconds=0.0))
        for each in records
        if isinstance(each, Finished)
    }


def without_time(record: Record) -> Record:
    match record:
        case News(item=Sample() as sample):
            return record._replace(item=replace(sample, seconds=0.0))
        case News(item=Rating() as rating):
            return record._replace(item=rating._replace(seconds=0.0))
        case Finished(outcome=outcome):
            return record._replace(outcome=replace(outcome, cost=replace(outcome.cost, seconds=0.0)))
        case Happened(event=CostUpdated()):
            return record._replace(event=CostUpdated(Cost()))
    return record


# -- what comes of it


def test_every_task_of_every_problem_is_finished() -> None:
    tasks = (MAJORITY, SCORED, task("adaptive", "8"), task("greedy", "1"))
    records = run(make_works(5, *tasks))
    assert sorted(of(Finished, records)) == sorted((at, each.key) for at in range(5) for each in tasks)
    assert of(Failed, records) == []


def test_the_methods_of_a_problem_share_its_samples() -> None:
    runtime = make_runtime()
    records = run(make_works(3, MAJORITY, SCORED), runtime)
    assert len(runtime.policy.asked) == 3 * 4
    assert len(told(records, Sample)) == 3 * 4
    found = outcomes(records)
    assert all(
        [each.text for each in found[at, "majority@4"].candidates]
        == [each.text for each in found[at, "best-of-n[scripted]@4"].candidates]
        for at in range(3)
    )


def test_samples_and_ratings_are_told_once_and_before_the_task_is_finished() -> None:
    records = run(make_works(3, MAJORITY, SCORED, task("adaptive", "8")))
    keys = [(at, each.key) for at, each in told(records, Sample)]
    assert len(keys) == len(set(keys))
    for number, record in enumerate(records):
        if isinstance(record, Finished):
            before = {at for at, _ in told(records[:number], Sample)}
            assert record.position in before
    answered = {(at, each.key) for at, each in told(records, Sample) if each.answer is not None and each.key.number < 4}
    ratings = [(at, each.sample) for at, each in told(records, Rating)]
    assert len(ratings) == len(set(ratings))
    assert set(ratings) >= answered


def test_samples_that_are_known_are_neither_drawn_nor_told_again() -> None:
    first = run(make_works(2, SCORED))
    samples = [each for at, each in told(first, Sample) if at == 1]
    ratings = [each for at, each in told(first, Rating) if at == 1]
    works = make_works(2, SCORED)
    works[1] = replace(works[1], samples=tuple(samples[:3]), ratings=tuple(ratings))
    runtime = make_runtime()
    again = run(works, runtime)
    assert len(runtime.policy.asked) == 4 + 1
    assert outcomes(again) == outcomes(first)
    assert len([at for at, _ in told(again, Sample) if at == 1]) == 1


def test_the_same_works_give_the_same_records() -> None:
    tasks = (MAJORITY, SCORED, task("adaptive", "8"), task("greedy", "1"))
    first, again = (
        [*map(without_time, make_engine(make_runtime(width=3)).run(make_works(7, *tasks)))] for _ in range(2)
    )
    assert first == again


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 12), st.integers(1, 6), st.integers(1, 6))
def test_neither_the_width_nor_the_neighbours_change_what_a_problem_comes_to(
    width: int, problems: int, budget: int
) -> None:
    tasks = (task("majority", str(budget)), task("best-of-n", str(budget), "scripted"), task("adaptive", "6"))
    together = outcomes(run(make_works(problems, *tasks), make_runtime(width=width)))
    for work in make_works(problems, *tasks):
        alone = outcomes(run([work]))
        assert alone == {key: outcome for key, outcome in together.items() if key[0] == work.position}


def test_the_engine_tells_its_policy_what_to_expect() -> None:
    runtime = make_runtime(width=7)
    engine = make_engine(runtime)
    problems = [work.problem for work in make_works(3)]
    engine.expect(problems)
    assert runtime.policy.expected == problems
    assert engine.width == 7
    assert engine.load is not None
    assert engine.load.decodes == 0


# -- the batch


def test_problems_are_opened_until_the_batch_is_full_and_no_further() -> None:
    runtime = make_runtime(Script({"": [FOUR]}), width=10)
    engine = make_engine(runtime)
    taken: list[int] = []
    flying: list[int] = []
    runtime.policy._between = lambda: flying.append(engine._flight.under_way)

    def works() -> Iterator[Work]:
        for work in make_works(9, MAJORITY):
            assert engine._flight.under_way < 10
            taken.append(work.position)
            yield work

    records = engine.run(works())
    next(records)
    assert taken == [0]
    next(record for record in records if isinstance(record, Happened) and isinstance(record.event, CandidateFinished))
    assert taken == [0, 1, 2]  # 4 + 4 texts leave two places, 4 + 4 + 4 none
    list(records)
    assert taken == list(range(9))
    assert max(flying) <= 9 + 4


def test_no_problem_is_opened_that_the_context_has_no_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = make_runtime(Script({"": [FOUR]}), width=10)
    engine = make_engine(runtime)
    monkeypatch.setattr(runtime.policy, "holds", lambda problems: problems <= 2)
    flying: list[int] = []
    runtime.policy._between = lambda: flying.append(engine._flight.under_way)
    records = list(engine.run(make_works(5, MAJORITY)))
    assert len(of(Finished, records)) == 5
    assert max(flying) == 2 * 4
    monkeypatch.setattr(runtime.policy, "holds", lambda _: False)
    assert len(of(Finished, list(engine.run(make_works(5, MAJORITY))))) == 5


def test_problems_take_turns_decode_by_decode() -> None:
    runtime = make_runtime(Script({"": [FOUR]}), width=8)
    records = list(make_engine(runtime).run(make_works(2, MAJORITY)))
    finished = [number for number, record in enumerate(records) if isinstance(record, Finished)]
    begun = [number for number, record in enumerate(records) if isinstance(record, Happened) and record.position == 1]
    assert begun[0] < finished[0]
    turns = [position for position, _ in itertools.groupby(records, key=lambda record: record.position)]
    assert len(turns) > 6


def test_no_works_are_no_records() -> None:
    assert run([]) == []
    assert run(make_works(2)) == []  # nothing to do on them


# -- budgets of tokens and seconds

TOKENS = st.integers(1, 80)
LINES = st.lists(st.sampled_from([FOUR, FIVE, SIX, SILENT]), min_size=1, max_size=4)


@settings(deadline=None, max_examples=60)
@given(LINES, st.sampled_from(["majority", "adaptive"]), TOKENS, st.integers(1, 6))
def test_a_budget_of_tokens_is_kept_while_others_decode(
    lines: list[ScriptLine], method: str, tokens: int, width: int
) -> None:
    limit = Task(method, "", Budget(tokens, Unit.TOKENS))
    for outcome in outcomes(run(make_works(4, limit), make_runtime(Script({"": lines}), width=width))).values():
        prompt = outcome.cost.prompt_tokens
        assert outcome.cost.tokens <= max(prompt, tokens)


@settings(deadline=None, max_examples=60)
@given(LINES, st.sampled_from(["majority", "best-of-n", "adaptive"]), TOKENS, st.integers(1, 6), st.integers(0, 8))
def test_a_budget_of_tokens_comes_to_the_same_whatever_was_drawn_before(
    lines: list[ScriptLine], method: str, tokens: int, width: int, known: int
) -> None:
    script = Script({"": lines})
    limit = Task(method, "scripted" if method == "best-of-n" else "", Budget(tokens, Unit.TOKENS))
    before = run(make_works(1, task("majority", "8")), make_runtime(script))
    samples = tuple(each for _, each in told(before, Sample))[:known]
    works = make_works(1, limit)
    alone = outcomes(run(works, make_runtime(script, width=width)))
    after = outcomes(run([replace(works[0], samples=samples)], make_runtime(script, width=width)))
    assert after == alone


def test_what_a_budget_of_tokens_drew_whole_is_told_and_what_it_cut_is_not() -> None:
    cut = 0
    for tokens in range(8, 60):
        records = run(make_works(1, task("majority", f"{tokens}tok")))
        events = [each.event for each in records if isinstance(each, Happened)]
        drawn = [each.candidate for each in events if isinstance(each, CandidateFinished)]
        whole = {each.index for each in drawn if each.ended is not Ended.CUT}
        cut += len(drawn) - len(whole)
        assert {each.key.number for _, each in told(records, Sample)} == whole
    assert cut


def test_budgets_of_seconds_run_alone() -> None:
    runtime = make_runtime(width=64)
    timed = task("majority", "0.05s")
    opened: list[int] = []
    done: list[int] = []

    def works() -> Iterator[Work]:
        for work in make_works(3, timed):
            assert opened == done
            opened.append(work.position)
            yield work

    for record in make_engine(runtime).run(works()):
        if isinstance(record, Finished):
            done.append(record.position)
            assert 0.03 <= record.outcome.cost.seconds < 1
    assert done == [0, 1, 2]
    time.sleep(0.06)
    assert not runtime.interrupt()  # no deadline stays behind


def test_a_budget_of_seconds_waits_for_the_problems_before_it_and_lets_none_beside_it() -> None:
    works = make_works(4, task("majority", "16"))
    works[1] = replace(works[1], tasks=(task("majority", "0.05s"),))
    records = run(works, make_runtime(width=64))
    spans = {
        at: (min(numbers), max(numbers))
        for at in range(4)
        if (numbers := [number for number, record in enumerate(records) if record.position == at])
    }
    begin, end = spans[1]
    assert all(last < begin or first > end for at, (first, last) in spans.items() if at != 1)


def test_a_budget_of_seconds_takes_nothing_from_the_pool() -> None:
    before = run(make_works(1, task("best-of-n", "8", "scripted")))
    runtime = make_runtime()
    work = replace(
        make_works(1, task("best-of-n", "0.03s", "scripted"))[0],
        samples=tuple(each for _, each in told(before, Sample)),
        ratings=tuple(each for _, each in told(before, Rating)),
    )
    records = run([work], runtime)
    numbers = [request.seed[2] for request in runtime.policy.asked]
    assert sorted(numbers) == [*range(len(numbers))]  # as many as there was time for, from the first on
    assert numbers
    verifier = runtime.verifiers["scripted"]
    assert isinstance(verifier, CountingVerifier)
    assert verifier.asked
    assert told(records, Sample) == []


# -- searches down a tree

TREE = Script(
    {
        "": [
            ScriptLine("Two and two.\n\nThat is 4.\n\nIt is \\boxed{4}.", scores=(0.6, 0.8, 0.9)),
            ScriptLine("Two and two.\n\nThat is 5.\n\nIt is \\boxed{5}.", scores=(0.6, 0.2, 0.2)),
            ScriptLine("I guess.\n\nIt is \\boxed{6}.", scores=(0.3, 0.3)),
        ]
    }
)
SEARCHES = [task("beam", "8", "scripted"), task("lookahead", "8", "scripted"), task("rebase:t=0.1", "6", "scripted")]


def test_searches_are_tasks_like_others_and_leave_the_pool_alone() -> None:
    runtime = make_runtime(TREE)
    records = run(make_works(3, MAJORITY, SCORED, *SEARCHES), runtime)
    assert of(Failed, records) == []
    assert len(of(Finished, records)) == 3 * 5
    assert len(told(records, Sample)) == 3 * 4
    found = outcomes(records)
    for (at, key), outcome in found.items():
        assert bool(outcome.tree) == (key.partition("@")[0] not in ("majority", "best-of-n[scripted]"))
        assert at < 3
        if outcome.tree:
            assert outcome.answer == "4"
            assert outcome.cost.policy_tokens == sum(node.tokens for node in outcome.tree)
            assert outcome.cost.verifier_tokens > 0
    assert not runtime.policy.live
    verifier = runtime.verifiers["scripted"]
    assert isinstance(verifier, CountingVerifier)
    assert not verifier.live


def test_neither_the_pool_nor_the_neighbours_change_what_a_search_comes_to() -> None:
    alone = outcomes(run(make_works(4, SEARCHES[0]), make_runtime(TREE, width=1)))
    together = outcomes(run(make_works(4, MAJORITY, SCORED, *SEARCHES), make_runtime(TREE, width=9)))
    assert {key: outcome for key, outcome in together.items() if key[1] == SEARCHES[0].key} == alone


def test_problems_take_turns_in_a_search_too() -> None:
    order = [
        record.position
        for record in make_engine(make_runtime(TREE, width=40)).run(make_works(3, SEARCHES[0]))
        if isinstance(record, Happened) and isinstance(record.event, CostUpdated)
    ]
    assert order[:6] == [0, 1, 2, 0, 1, 2]


def test_a_verifier_that_a_search_cannot_work_with_ends_the_bench() -> None:
    runtime = make_runtime(TREE)
    verifier = runtime.verifiers["scripted"]
    verifier.partial = False
    with pytest.raises(UsageError, match="beam asks for a score after every step, and scripted judges only finished"):
        run(make_works(3, SEARCHES[0]), runtime)
    assert not runtime.policy.live


# -- failures


def failing_at(*positions: int, times: int = 1000, error: type[Exception] = BackendError) -> ScriptedRuntime:
    """A runtime whose policy fails at the start of some problems, so many times each."""
    runtime = make_runtime()
    left = {str(at): times for at in positions}
    texts = {work.problem.text: work.problem.id for work in make_works(20)}

    def fail(problem: Problem) -> BackendError | None:
        name = texts[problem.text]
        if not left.get(name):
            return None
        left[name] -= 1
        return error(f"problem {name} is too much")  # type: ignore[return-value]

    runtime.policy.fail = fail
    return runtime


def test_a_task_that_fails_once_is_done_at_the_second_attempt() -> None:
    records = run(make_works(3, MAJORITY), failing_at(1, times=1))
    assert of(Failed, records) == []
    assert outcomes(records) == outcomes(run(make_works(3, MAJORITY)))


def test_a_problem_that_fails_twice_is_failed_and_the_others_go_on() -> None:
    runtime = failing_at(1)
    records = run(make_works(4, MAJORITY, SCORED), runtime)
    assert of(Failed, records) == [(1, MAJORITY.key), (1, SCORED.key)]
    assert [each.reason for each in records if isinstance(each, Failed)] == ["problem 1 is too much"] * 2
    assert {at for at, _ in of(Finished, records)} == {0, 2, 3}


def test_attempts_at_a_task_are_two() -> None:
    assert ATTEMPTS == 2
    assert of(Failed, run(make_works(1, MAJORITY), failing_at(0, times=2))) == [(0, MAJORITY.key)]


def test_the_second_attempt_takes_up_what_the_first_one_drew() -> None:
    runtime = make_runtime()
    verifier = runtime.verifiers["scripted"]
    assert isinstance(verifier, CountingVerifier)
    verifier.error = BackendError("the verifier failed")
    records = []
    for record in make_engine(runtime).run(make_works(1, SCORED)):
        records.append(record)
        if verifier.asked:
            verifier.error = None
    assert of(Failed, records) == []
    assert len(told(records, Sample)) == 4
    assert len({each.key for _, each in told(records, Sample)}) == 4


def test_a_verifier_that_fails_leaves_methods_without_it_alone() -> None:
    runtime = make_runtime()
    verifier = runtime.verifiers["scripted"]
    assert isinstance(verifier, CountingVerifier)
    verifier.error = PromptTooLong("never mind")
    assert of(Failed, run(make_works(2, MAJORITY, SCORED), runtime)) == []
    verifier.error = BackendError("the verifier failed")
    records = run(make_works(2, MAJORITY, SCORED), runtime)
    assert of(Failed, records) == [(0, SCORED.key), (1, SCORED.key)]
    assert len(of(Finished, records)) == 2
    assert len(told(records, Sample)) == 8


def test_three_failures_of_the_engine_in_a_row_end_the_bench_with_the_last_one() -> None:
    runtime = failing_at(*range(1, 20))
    engine = make_engine(runtime)
    records: list[Record] = []
    with pytest.raises(BackendError, match=r"problem \d is too much"):
        records.extend(engine.run(make_works(20, MAJORITY)))
    check_nothing_left(engine, runtime)


def test_two_failures_of_the_engine_in_a_row_do_not_end_the_bench() -> None:
    runtime = failing_at(0, 1, 12, 13)
    records = run(make_works(20, MAJORITY), runtime)
    assert of(Failed, records) == [(at, MAJORITY.key) for at in (0, 1, 12, 13)]
    assert len(of(Finished, records)) == 16


def test_the_third_failure_in_a_row_is_not_held_against_its_problem() -> None:
    runtime = failing_at(*range(20))
    runtime.policy.width = 1
    records: list[Record] = []
    with pytest.raises(BackendError, match="problem 2 is too much"):
        records.extend(make_engine(runtime).run(make_works(20, MAJORITY)))
    assert of(Failed, records) == [(0, MAJORITY.key), (1, MAJORITY.key)]


def test_prompts_that_are_too_long_are_no_failures_of_the_engine() -> None:
    records = run(make_works(6, MAJORITY), failing_at(*range(6), error=PromptTooLong))
    assert len(of(Failed, records)) == 6


def test_what_is_a_bug_ends_the_bench_and_leaves_nothing_under_way() -> None:
    runtime = failing_at(3, error=ZeroDivisionError)
    engine = make_engine(runtime)
    with pytest.raises(ZeroDivisionError):
        list(engine.run(make_works(6, MAJORITY)))
    check_nothing_left(engine, runtime)


# -- interrupts


@pytest.mark.parametrize("at", [1, 2, 5, 17, 60, 61, 62, 63, 150])
def test_an_interrupt_ends_the_bench_with_nothing_half_done(at: int) -> None:
    tasks = (MAJORITY, SCORED, task("adaptive", "8"))
    whole = run(make_works(6, *tasks))
    runtime = make_runtime(width=6)
    engine = make_engine(runtime)
    records: list[Record] = []
    for number, record in enumerate(engine.run(make_works(6, *tasks)), 1):
        records.append(record)
        if number == at:
            runtime.interrupt.request()
    assert len(records) < at + 40
    check_nothing_left(engine, runtime)
    expected = outcomes(whole)
    assert all(expected[key] == outcome for key, outcome in outcomes(records).items())
    samples = {(position, each.key): each.steps for position, each in told(whole, Sample)}
    assert all(samples[position, each.key] == each.steps for position, each in told(records, Sample))


class Sudden(Interrupt):
    """Is requested when it is asked for the so many-th time."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self._left = times

    @property
    def requested(self) -> bool:
        self._left -= 1
        if self._left <= 0:
            self.request()
        return super().requested


def test_whatever_the_moment_of_an_interrupt_only_what_is_done_is_finished() -> None:
    tasks = (SCORED, task("adaptive", "8"))
    expected = outcomes(run(make_works(2, *tasks)))
    finished = 0
    for times in range(1, 700, 3):
        runtime = ScriptedRuntime(CountingPolicy(), {"scripted": CountingVerifier()}, Sudden(times))
        found = outcomes(run(make_works(2, *tasks), runtime))
        assert found == {key: expected[key] for key in found}
        finished = max(finished, len(found))
    assert finished == 4


def test_an_interrupt_before_the_beginning_does_nothing() -> None:
    runtime = make_runtime()
    runtime.interrupt.request()
    assert list(make_engine(runtime).run(make_works(3, MAJORITY))) == []
    assert runtime.policy.asked == []


def test_closing_a_bench_leaves_nothing_under_way() -> None:
    for records in range(0, 100, 7):
        runtime = make_runtime(width=6)
        engine = make_engine(runtime)
        running = engine.run(make_works(6, MAJORITY, SCORED))
        for _ in range(records):
            next(running)
        leave(running)
        check_nothing_left(engine, runtime)


def test_an_interrupted_bench_that_goes_on_comes_to_the_same() -> None:
    whole = outcomes(run(make_works(4, SCORED)))
    runtime = make_runtime(width=6)
    records: list[Record] = []
    for number, record in enumerate(make_engine(runtime).run(make_works(4, SCORED))):
        records.append(record)
        if number == 70:
            runtime.interrupt.request()
    done = {at for at, _ in of(Finished, records)}
    assert len(done) < 4
    rest = [
        replace(
            work,
            samples=tuple(each for at, each in told(records, Sample) if at == work.position),
            ratings=tuple(each for at, each in told(records, Rating) if at == work.position),
        )
        for work in make_works(4, SCORED)
        if work.position not in done
    ]
    again = make_runtime()
    assert outcomes(records) | outcomes(run(rest, again)) == whole
    drawn = len(told(records, Sample)) + len(again.policy.asked)
    assert drawn == 4 * 4


# -- on a real model

QUESTIONS = ["2 + 2", "3 * 5", "7 - 4", "20 / 4", "9 + 8", "6 * 6"]


def real_works(tasks: Sequence[Task]) -> list[Work]:
    return [Work(at, Problem(f"What is {text}?", str(at), ""), tuple(tasks)) for at, text in enumerate(QUESTIONS)]


def test_a_real_batch_is_shared_and_kept_full_and_the_same_again(small_model_path: Path) -> None:
    from ttcli.runtime.runtime import load_runtime
    from ttcli.runtime.settings import Machine, Settings

    width, max_tokens = 6, 8
    chosen = Settings(str(small_model_path), max_tokens=max_tokens, machine=Machine(width=width))
    runs: list[dict[object, object]] = []
    with load_runtime(chosen, Interrupt(), NoProgress(), bench=()) as runtime:
        for _ in range(2):
            engine = Engine(runtime, seed=0, temperature=0.8, max_tokens=max_tokens)
            before = engine.load
            waiting = None

            def works() -> Iterator[Work]:
                nonlocal waiting
                yield from real_works([MAJORITY])
                waiting = engine.load  # noqa: B023 - the loop waits for it

            engine.expect([work.problem for work in real_works([])])
            records = list(engine.run(works()))
            assert before is not None
            assert waiting is not None
            decodes, rows = waiting.decodes - before.decodes, waiting.rows - before.rows
            assert rows >= 0.9 * width * (decodes - len(QUESTIONS))  # a decode of a prompt alone grows nothing
            runs.append({(at, each.key): each.steps for at, each in told(records, Sample)})
            assert all(seconds > 0 for seconds in [each.seconds for _, each in told(records, Sample)])
        limits = [Task("majority", "", Budget(80, Unit.TOKENS))]
        for outcome in outcomes(engine.run(real_works(limits)[:2])).values():
            assert outcome.cost.tokens <= 80
    assert len(runs[0]) == 4 * len(QUESTIONS)
    assert runs[0] == runs[1]
