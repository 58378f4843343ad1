"""Revisions in a bench: what is kept and counted of them, and that samples are none the wiser."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from bench.builder import make_rows
from bench.scripts import CountingPolicy, CountingVerifier, ScriptedRuntime, make_engine, make_works, task, told
from ttcli.bench.figures.problem import load_figures
from ttcli.bench.figures.records import summary_record
from ttcli.bench.figures.revisions import Attempt, Share, attempts_of, revision_steps
from ttcli.bench.figures.summary import summarise
from ttcli.bench.store.config import RunConfig, VerifierConfig
from ttcli.bench.store.sample import Sample
from ttcli.bench.store.store import Store
from ttcli.bench.store.task import Finished
from ttcli.cost import Budget
from ttcli.policy.script import Script, ScriptLine
from ttcli.record.encode import outcome_record
from ttcli.seams import Extend
from ttcli.stats.intervals import wilson

FIVE = ScriptLine("I guess \\boxed{5}", score=0.3)
MENDED = ScriptLine("So \\boxed{4}", after="5", score=0.8)
SPOILED = ScriptLine("No, \\boxed{6}", after="4", score=0.1)
SCRIPT = Script({"": [FIVE, MENDED, SPOILED]})
REVISE = task("revise:ratio=4", "4", "scripted")
CONFIG = RunConfig(
    "tiny",
    {"weights": "w"},
    1,
    (REVISE,),
    {"scripted": VerifierConfig("scripted", 3)},
    0.8,
    0,
    "data",
    REVISE.name,
    ("ttc",),
    "0",
)


def runtime() -> ScriptedRuntime:
    return ScriptedRuntime(CountingPolicy(SCRIPT), {"scripted": CountingVerifier(SCRIPT)})


def chain(*rights: bool, number: int = 0) -> list[Attempt]:
    return [Attempt(number, place, right) for place, right in enumerate(rights)]


def test_an_attempt_is_counted_with_the_one_before_it_in_its_chain() -> None:
    first = [*chain(True, False, True), *chain(False, False, number=1)]
    steps = revision_steps([first, chain(True, True)])
    assert [(each.right, each.spoiled, each.mended) for each in steps] == [
        (Share(2, 3), Share(0, 0), Share(0, 0)),
        (Share(1, 3), Share(1, 2), Share(0, 1)),
        (Share(1, 1), Share(0, 0), Share(1, 1)),
    ]
    assert steps[0].right.interval == wilson(2, 3)
    assert (steps[0].spoiled.value, steps[0].spoiled.interval) == (None, None)


@given(st.lists(st.lists(st.booleans(), min_size=1, max_size=6), max_size=8))
def test_who_is_right_next_was_right_and_not_spoiled_or_wrong_and_mended(chains: Sequence[Sequence[bool]]) -> None:
    steps = revision_steps([chain(*rights) for rights in chains])
    assert len(steps) == max(map(len, chains), default=0)
    for step in steps[1:]:
        assert step.right.of == step.spoiled.of + step.mended.of
        assert step.right.number == step.spoiled.of - step.spoiled.number + step.mended.number


def test_revisions_run_in_a_bench_and_their_first_attempts_are_samples_of_the_pool() -> None:
    own = runtime()
    majority = task("majority", "2")
    records = [*make_engine(own).run(make_works(1, majority, REVISE))]
    samples = told(records, Sample)
    assert [item.key.number for _, item in samples] == [0, 1]
    assert not own.policy.live
    [outcome] = [each.outcome for each in records if isinstance(each, Finished) and each.task == REVISE]
    assert [each.answer for each in outcome.candidates] == ["5", "4", "6", "5"]
    assert own.policy.asked.count(Extend(own.policy.asked[0].prefix, own.policy.asked[0].seed)) == 1
    roots = [each.prefix for each in own.policy.asked]
    assert [len(root.attempts) for root in roots] == [0, 0, 1, 2, 3]  # the first attempt came from the pool
    assert outcome.cost.generations == 4


def test_the_attempts_of_an_outcome_come_back_from_its_record() -> None:
    records = [*make_engine(runtime()).run(make_works(1, REVISE))]
    [outcome] = [each.outcome for each in records if isinstance(each, Finished)]
    content = json.loads(json.dumps(outcome_record(outcome)))
    assert attempts_of(content, "4") == tuple(chain(False, True, False, False))
    for each in content["candidates"]:
        del each["chain"], each["attempt"]  # as a store from before there were revisions has it
    assert attempts_of(content, "4") == ()


def test_a_summary_tells_of_revisions_and_of_none_where_there_are_none(tmp_path: Path) -> None:
    config = replace(CONFIG, tasks=(task("majority", "2"), REVISE), baseline="majority")
    rows = make_rows(3)
    with Store(tmp_path / "runs.sqlite3") as store:
        run = store.begin(config, rows)
        for record in make_engine(runtime()).run(make_works(3, *config.tasks)):
            if record is not None:
                store.write(run, rows[record.position].problem, record)
        summary = summarise(store, run)
        attempts = [each.settled[REVISE.key].attempts for each in load_figures(store, run)]
    [revisions] = summary.revisions
    assert revisions.task == REVISE.key
    assert revisions.steps == revision_steps(attempts)
    assert [step.right.of for step in revisions.steps] == [3, 3, 3, 3]
    [record] = summary_record(summary)["revisions"]
    assert record["method"] == REVISE.key
    assert record["attempts"][0]["wrong_to_right"] == {"count": 0, "of": 0, "interval": None}
    assert [each["attempt"] for each in record["attempts"]] == [1, 2, 3, 4]


def test_the_words_of_revisions_make_another_run_of_the_same_samples() -> None:
    rows = make_rows(1)
    plain = replace(CONFIG, tasks=(task("majority", "4"),))
    worded = [replace(CONFIG, revisions={"revise": words}) for words in ("Again.", "Once more.")]
    assert len({each.run_id(rows) for each in (plain, CONFIG, *worded)}) == 4
    assert len({each.source_key for each in (plain, *worded)}) == 1
    assert RunConfig.from_json(worded[0].to_json()) == worded[0]


def test_a_configuration_without_revisions_has_the_run_and_the_samples_that_it_always_had() -> None:
    """Keys of stored runs: they were made before there were revisions."""
    recipe = {"weights": "w", "prompt": {"system": None}, "sampler": {"temperature": 0.8, "top_k": 40}, "max_tokens": 9}
    config = RunConfig("m", recipe, 7, (task("majority", "4"),), {}, 0.8, 0, "d", "majority", ("ttc",), "0.1")
    assert config.source_key == "c2d9a14a089b950e9aab7a27c660d485"
    assert config.run_id([]) == "c906260f"
    content = json.loads(config.to_json())
    del content["revisions"]
    assert RunConfig.from_json(json.dumps(content)) == config


def test_a_budget_counts_every_attempt() -> None:
    works = make_works(2, task("revise", "9", "scripted"), task("search-revise", "8", "scripted"))
    finished = [each for each in make_engine(runtime()).run(works) if isinstance(each, Finished)]
    for each in finished:
        assert each.outcome.cost.generations <= int(each.task.budget.amount)
        assert each.task.budget in (Budget(9), Budget(8))
