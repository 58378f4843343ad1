from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from verifier.heads import random_head

from bench.builder import Made, make_rows, make_run
from bench.scripts import CountingPolicy, CountingVerifier, ScriptedRuntime, make_engine, task
from ttcli.bench.execute.runner import Begun, Done, Going, Runner, WorkProgress, open_tasks
from ttcli.bench.figures.problem import Figure, Spending, load_figures
from ttcli.bench.figures.records import problem_record, summary_record
from ttcli.bench.figures.summary import summarise
from ttcli.bench.report.details import problem_records
from ttcli.bench.store.config import RunConfig, VerifierConfig
from ttcli.bench.store.sample import Sample
from ttcli.bench.store.store import Run, Store
from ttcli.bench.store.task import Finished, Task, Work
from ttcli.engine.model import Model
from ttcli.errors import BackendError, PromptTooLong, StoreError
from ttcli.problem import Problem
from ttcli.verifier.head_verifier import HeadVerifier

ROWS = make_rows(6)
MAJORITY = task("majority", "4")
SCORED = task("best-of-n", "4", "scripted")
ADAPTIVE = task("adaptive", "8")
GREEDY = task("greedy", "1")


def config(*tasks: Task) -> RunConfig:
    return replace(
        Made(ROWS).config,
        tasks=tasks,
        verifiers={"scripted": VerifierConfig("scripted", 3)},
        baseline=tasks[0].name,
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "runs.sqlite3") as opened:
        yield opened


def make_runtime() -> ScriptedRuntime:
    return ScriptedRuntime(CountingPolicy(), {"scripted": CountingVerifier()})


def work(store: Store, run: Run, runtime: ScriptedRuntime | None = None) -> list[WorkProgress]:
    return list(Runner(store, run).go(make_engine(runtime or make_runtime())))


def open_of(store: Store, run: Run) -> list[list[str]]:
    return [[each.key for each in open_tasks(figures)] for figures in load_figures(store, run)]


def begin(store: Store, *tasks: Task) -> Run:
    return store.begin(config(*tasks), ROWS)


def stored(store: Store, run: Run) -> list[list[Sample]]:
    """The samples of each problem, in order of their numbers."""
    samples = store.samples(run.config)
    return [sorted(samples.of(row.problem.text, {})[0], key=lambda each: each.key) for row in ROWS]


# -- what is to be done


def test_of_votes_over_one_pool_only_the_largest_is_to_be_done(store: Store) -> None:
    run = begin(store, task("majority", "2"), task("majority", "8"), task("majority", "4"))
    assert open_of(store, run) == [["majority@8"]] * 6


def test_every_verifier_and_every_method_that_is_no_vote_is_to_be_done(store: Store) -> None:
    tasks = (task("best-of-n", "2", "scripted"), task("best-of-n-plain", "8", "scripted"), MAJORITY, ADAPTIVE, GREEDY)
    run = begin(store, *tasks)
    assert open_of(store, run)[0] == ["best-of-n-plain[scripted]@8", "majority@4", "adaptive@8", "greedy@1"]


def test_nothing_of_a_run_that_is_done_is_to_be_done(store: Store) -> None:
    run = begin(store, MAJORITY, SCORED, ADAPTIVE, GREEDY)
    work(store, run)
    assert open_of(store, run) == [[]] * 6


def test_a_vote_is_to_be_done_while_a_sample_or_a_rating_is_missing(store: Store) -> None:
    run = begin(store, MAJORITY, SCORED)
    work(store, run)
    with store._database.write() as db:
        db.execute("DELETE FROM rating WHERE sample IN (SELECT id FROM sample WHERE number = 1 AND answer IS NOT NULL)")
    missing = [["best-of-n[scripted]@4"] if samples[1].answer else [] for samples in stored(store, run)]
    assert open_of(store, run) == missing != [[]] * 6
    with store._database.write() as db:
        db.execute("DELETE FROM sample WHERE number = 3")
    assert open_of(store, run) == [["majority@4", "best-of-n[scripted]@4"]] * 6


# -- how it goes


def test_every_problem_is_begun_once_and_done_once_with_its_figures(store: Store) -> None:
    run = begin(store, MAJORITY, SCORED, ADAPTIVE)
    progress = work(store, run)
    begun = [each.row for each in progress if isinstance(each, Begun)]
    done = [each for each in progress if isinstance(each, Done)]
    assert begun == ROWS
    assert sorted(each.figures.position for each in done) == list(range(6))
    assert all(each.now and all(each.figures.figure(one) for one in run.config.tasks) for each in done)
    position = {row.problem.id: at for at, row in enumerate(ROWS)}
    state = ["waiting"] * 6
    for each in progress:
        if isinstance(each, Begun):
            state[position[each.row.problem.id]] = "begun"
        elif isinstance(each, Going):
            assert state[position[each.row.problem.id]] == "begun"
        else:
            state[each.figures.position] = "done"
    assert state == ["done"] * 6


def test_all_that_is_told_is_in_the_store_already(store: Store) -> None:
    run = begin(store, MAJORITY, SCORED, ADAPTIVE)
    for progress in Runner(store, run).go(make_engine(make_runtime())):
        if isinstance(progress, Done):
            at = progress.figures.position
            assert load_figures(store, run, position=at)[0].facts == progress.figures.facts
            assert open_of(store, run)[at] == []


def test_a_search_is_kept_with_its_events_and_outcome_for_each_budget(store: Store) -> None:
    tasks = (MAJORITY, task("beam:m=2", "4", "scripted"), task("beam:m=2", "8", "scripted"))
    run = begin(store, *tasks)
    work(store, run)
    summary = summarise(store, run)
    lines = {line.key: line for line in summary.lines}
    for beam in tasks[1:]:
        line = lines[beam.key]
        assert (line.problems, line.spending.generations) == (6, beam.budget.amount)
        assert line.spending.verifier_tokens > 0
        assert (line.against is None) == (beam.budget.amount == 8)  # the baseline has no such budget
    assert summary_record(summary)["lines"][-1]
    (figures,) = load_figures(store, run, position=2)
    assert set(problem_record(figures)["results"]) == {each.key for each in tasks}
    for beam in tasks[1:]:
        events = [json.loads(event) for event in store.events(run, 2, beam)]
        kinds = [event["event"] for event in events]
        assert {"forked", "stepped", "valued", "selected", "drawn", "scored", "voted"} == set(kinds)
        (result,) = [each for each in store.results(run) if (each.position, each.task) == (2, beam.key)]
        tree = json.loads(result.outcome or "{}")["tree"]
        assert [node["number"] for node in tree] == [event["node"] for event in events if event["event"] == "forked"]
    details = dict(problem_records(store, run, [figures]))
    assert [each["key"] for each in details[2]["tasks"]] == [each.key for each in tasks]


def test_a_run_that_is_done_is_told_from_the_store_and_nothing_is_drawn(store: Store) -> None:
    run = begin(store, MAJORITY, SCORED, ADAPTIVE, GREEDY)
    work(store, run)
    runtime = make_runtime()
    again = work(store, run, runtime)
    assert [type(each) for each in again] == [Done] * 6
    assert not any(each.now for each in again if isinstance(each, Done))
    assert runtime.policy.asked == []
    assert runtime.policy.expected == []


def test_a_run_goes_on_with_what_is_missing_and_no_more(store: Store) -> None:
    run = begin(store, MAJORITY, SCORED, ADAPTIVE)
    runtime = make_runtime()
    for number, progress in enumerate(Runner(store, run).go(make_engine(runtime))):
        if isinstance(progress, Done) or number > 400:
            runtime.interrupt.request()
    before = stored(store, run)
    done = [not tasks for tasks in open_of(store, run)]
    assert 0 < sum(done) < 6
    again = make_runtime()
    rest = work(store, run, again)
    assert [not each.now for each in sorted(_done(rest), key=lambda each: each.figures.position)] == done
    assert {problem.id for problem in again.policy.expected} == {
        row.problem.id for row, over in zip(ROWS, done, strict=True) if not over
    }
    after = stored(store, run)
    kept = [each for samples in before for each in samples]
    assert all(each in [one for samples in after for one in samples] for each in kept)
    drawn = sum(map(len, after)) - sum(map(len, before))
    assert len(again.policy.asked) == drawn
    assert open_of(store, run) == [[]] * 6


def _done(progress: Sequence[WorkProgress]) -> list[Done]:
    return [each for each in progress if isinstance(each, Done)]


def test_a_run_that_goes_on_comes_to_what_it_would_have_come_to(store: Store, tmp_path: Path) -> None:
    run = begin(store, MAJORITY, SCORED, ADAPTIVE, GREEDY)
    runtime = make_runtime()
    for number, _ in enumerate(Runner(store, run).go(make_engine(runtime))):
        if number == 90:
            runtime.interrupt.request()
    work(store, run)
    with Store(tmp_path / "other.sqlite3") as other:
        whole = other.begin(run.config, ROWS)
        work(other, whole)
        assert [[each.steps for each in samples] for samples in stored(store, run)] == [
            [each.steps for each in samples] for samples in stored(other, whole)
        ]
        for one, two in zip(summarise(store, run).lines, summarise(other, whole).lines, strict=True):
            assert one.accuracy == two.accuracy
            assert one.spending._replace(seconds=0) == two.spending._replace(seconds=0)


def test_a_larger_run_draws_only_what_the_smaller_one_did_not(store: Store) -> None:
    work(store, begin(store, MAJORITY, SCORED))
    larger = begin(store, task("majority", "8"), task("best-of-n", "8", "scripted"))
    runtime = make_runtime()
    work(store, larger, runtime)
    assert len(runtime.policy.asked) == 6 * 4
    assert min(request.seed[2] for request in runtime.policy.asked) == 4
    smaller = begin(store, task("majority", "3"))
    runtime = make_runtime()
    assert [type(each) for each in work(store, smaller, runtime)] == [Done] * 6
    assert runtime.policy.asked == []


# -- failures


def fail_at(runtime: ScriptedRuntime, *positions: int) -> ScriptedRuntime:
    texts = {ROWS[at].problem.text for at in positions}

    def fail(problem: Problem) -> PromptTooLong | None:
        return PromptTooLong("too long") if problem.text in texts else None

    runtime.policy.fail = fail
    return runtime


def test_a_failed_problem_is_done_with_and_stays_in_the_denominator(store: Store) -> None:
    run = begin(store, MAJORITY, SCORED, ADAPTIVE)
    progress = work(store, run, fail_at(make_runtime(), 2))
    assert len(_done(progress)) == 6
    failed = load_figures(store, run)[2]
    assert set(failed.failed.values()) == {"too long"}
    assert all(failed.figure(each) == Figure(0.0, False, Spending()) for each in run.config.tasks)
    summary = summarise(store, run)
    assert (summary.problems, summary.done, summary.failed) == (6, 6, 1)
    assert {line.problems for line in summary.lines} == {6}
    runtime = make_runtime()
    assert [type(each) for each in work(store, run, runtime)] == [Done] * 6
    assert runtime.policy.asked == []


def test_failures_that_are_forgotten_are_done_again(store: Store) -> None:
    run = begin(store, MAJORITY, ADAPTIVE)
    work(store, run, fail_at(make_runtime(), 2, 4))
    store.forget(run, failures=True)
    assert [bool(tasks) for tasks in open_of(store, run)] == [False, False, True, False, True, False]
    work(store, run)
    summary = summarise(store, run)
    assert (summary.done, summary.failed) == (6, 0)


def test_an_engine_that_fails_again_and_again_ends_the_run_and_what_was_drawn_stays(store: Store) -> None:
    run = begin(store, MAJORITY)
    runtime = make_runtime()
    steps = iter(range(10**6))

    def fail() -> None:
        if next(steps) >= 20:
            raise BackendError("out of memory")

    runtime.policy._between = fail
    with pytest.raises(BackendError, match="out of memory"):
        work(store, run, runtime)
    assert any(stored(store, run))
    store.forget(run, failures=True)
    work(store, run)
    assert summarise(store, run).done == 6


def test_a_store_that_fails_ends_the_run_at_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run = begin(store, MAJORITY)
    runtime = make_runtime()
    engine = make_engine(runtime)

    def full(*_: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(store, "write", full)
    with pytest.raises(StoreError, match="the disk is full"):
        list(Runner(store, run).go(engine))
    assert len(runtime.policy.asked) <= runtime.policy.width
    assert engine._flight.under_way == 0
    assert not runtime.policy.live


# -- how full the batch was


def test_how_full_the_batch_was_is_written_down_apart_for_when_problems_waited(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ttcli.bench.execute.runner.LOAD_EVERY", 0.0)
    run = begin(store, MAJORITY)
    runtime = make_runtime()
    work(store, run, runtime)
    loads = store.loads(run)
    assert sum(load.decodes for load in loads) == runtime.policy.load.decodes
    assert sum(load.rows for load in loads) == runtime.policy.load.rows
    assert {load.width for load in loads} == {4}
    assert all(load.seconds >= 0 and load.open >= 0 for load in loads)
    waiting = [load.waiting for load in loads]
    assert waiting == sorted(waiting, reverse=True)
    assert waiting[0] == 6
    assert waiting[-1] == 0


def test_a_short_run_is_written_down_in_two_stretches(store: Store) -> None:
    run = begin(store, MAJORITY)
    work(store, run)
    assert [bool(load.waiting) for load in store.loads(run)] == [True, False]


# -- with runs as others left them


def test_a_run_without_loads_is_gone_on_with(tmp_path: Path) -> None:
    run = make_run(tmp_path / "made.sqlite3", 6, undone=(3, 5), failed=(1,), verifiers=(), others=("adaptive",))
    with Store(tmp_path / "made.sqlite3") as store:
        assert [bool(tasks) for tasks in open_of(store, run)] == [False, False, False, True, False, True]
        done = _done(work(store, run))
        assert [each.figures.position for each in done if not each.now] == [0, 1, 2, 4]
        assert summarise(store, run).done == 6


def test_events_of_a_task_that_was_broken_off_are_written_anew(store: Store) -> None:
    run = begin(store, ADAPTIVE)
    for record in make_engine(make_runtime()).run([Work(0, ROWS[0].problem, (ADAPTIVE,))]):
        if not isinstance(record, Finished):
            store.write(run, ROWS[0].problem, record)
    broken_off = [json.loads(event) for event in store.events(run, 0, ADAPTIVE)]
    work(store, run)
    events = [json.loads(event) for event in store.events(run, 0, ADAPTIVE)]
    opened = [event["candidate"] for event in events if event["event"] == "opened"]
    assert opened == [event["candidate"] for event in broken_off if event["event"] == "opened"]
    assert opened == list(range(len(opened)))


# -- heads on samples of the store

HEAD = random_head(8, layer=3)
HEADED = task("best-of-n", "4", "head")


def headed_runtime(*layers: int) -> ScriptedRuntime:
    """With a head on a model that cannot read anything."""
    model = SimpleNamespace(
        layers=30, width=8, matmul_parameters=3, path=Path("m.gguf"), require_branching=lambda: None
    )

    def encode(problem: Problem) -> list[int]:
        raise AssertionError(f"{problem.text} was to be read")

    verifier = HeadVerifier(HEAD, "head", cast(Model, model), encode, carried=True)
    return ScriptedRuntime(CountingPolicy(), {"head": verifier}, layers=layers)


def begin_headed(store: Store) -> Run:
    """A run whose samples were drawn before, and whose states were read."""
    run = begin(store, MAJORITY)
    work(store, run)
    for each in load_figures(store, run):
        texts = store.samples(run.config).steps([fact.id for fact in each.facts])
        for row, steps in texts.items():
            rng = np.random.default_rng(row)
            store.states.add(row, {layer: rng.normal(size=(len(steps), 8)).astype(np.float32) for layer in (2, 3)})
    return store.begin(replace(config(HEADED), verifiers={"head": VerifierConfig("head:x", 3)}), ROWS)


def test_a_head_scores_samples_of_the_store_by_their_states_and_reads_nothing(store: Store) -> None:
    run = begin_headed(store)
    work(store, run, headed_runtime(3))
    assert open_of(store, run) == [[]] * 6
    for each in load_figures(store, run):
        samples, ratings = store.samples(run.config).of(each.row.problem.text, {"head": "head:x"})
        texts = {sample.key: sample.steps for sample in samples}
        states = store.states.read([fact.id for fact in each.facts], 3)
        ids = {fact.number: fact.id for fact in each.facts}
        # a text that was drawn more than once is scored once, by the states of any of its samples
        expected = {
            steps: [HEAD.scores(states[ids[key.number]]) for key, other in texts.items() if other == steps]
            for steps in texts.values()
        }
        assert len(ratings) == sum(sample.answer is not None for sample in samples) > 0
        for rating in ratings:
            assert rating.scores is not None
            assert rating.scores.tokens == 0
            assert any(rating.scores.steps == pytest.approx(one, abs=1e-3) for one in expected[texts[rating.sample]])


def test_states_are_looked_up_for_a_crew_that_has_a_use_for_them_alone(store: Store) -> None:
    run = begin_headed(store)
    with pytest.raises(AssertionError, match="was to be read"):
        work(store, run, headed_runtime())
    with pytest.raises(AssertionError, match="was to be read"):
        work(store, run, headed_runtime(2))
