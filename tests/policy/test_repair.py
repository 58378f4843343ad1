from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from ttcli.cost import Budget, Meter
from ttcli.events import Event, Outcome, RunFinished, RunStarted, TextMended
from ttcli.policy.repair import MOST, RepairingPolicy
from ttcli.policy.script import Script, ScriptLine
from ttcli.policy.scripted import ScriptedPolicy, ScriptedVerifier
from ttcli.problem import Problem
from ttcli.record.encode import event_record, record
from ttcli.record.recording import read_event, read_record
from ttcli.seams import Extend, Extension, Growth, Mended
from ttcli.search.methods import METHODS, parse_method
from ttcli.solution import Ended
from ttcli.verifier.repairers import ArithmeticRepair

PROBLEM = Problem("What is 12 x 5 + 10 ?")
WRONG = ScriptLine("First 12 x 5 = 70.\n\nThen 70 + 10 = 80.\n\n\\boxed{80}", score=0.4)
MENDED = ScriptLine("First 12 x 5 = 60.\n\nThen 60 + 10 = 70.\n\n\\boxed{70}", score=0.8)


def script(*lines: ScriptLine) -> Script:
    return Script({"": list(lines)})


def policy_of(*lines: ScriptLine, most: int = MOST, width: int = 4) -> tuple[RepairingPolicy, ScriptedPolicy]:
    inner = ScriptedPolicy(script(*lines), width=width)
    return RepairingPolicy(inner, ArithmeticRepair(), most=most), inner


def drawn(policy: RepairingPolicy, count: int = 1, **settings: object) -> list[Sequence[Growth | Mended | Extension]]:
    root = policy.start(PROBLEM)
    requests = [Extend(root, (0, number), **settings) for number in range(count)]  # type: ignore[arg-type]
    happenings = [*policy.extend(requests)]
    policy.release([root])
    return happenings


def flat(happenings: Sequence[Sequence[Growth | Mended | Extension]]) -> Iterator[Growth | Mended | Extension]:
    for some in happenings:
        yield from some


BOTH = (replace(WRONG, text="First 12 x 5 = 70.\n\nso"), MENDED)


def test_a_false_result_is_put_right_and_the_text_goes_on_from_there() -> None:
    policy, inner = policy_of(*BOTH)
    seen = [*flat(drawn(policy, 8))]
    extensions = [each for each in seen if isinstance(each, Extension)]
    mended = [each for each in seen if isinstance(each, Mended)]
    assert {each.prefix.text for each in extensions} == {MENDED.text}
    assert mended
    assert {(each.repair.at, each.repair.wrote, each.repair.mended) for each in mended} == {(15, "70", "60")}
    assert not inner.live


def test_all_that_went_through_the_model_is_counted_once() -> None:
    policy, _ = policy_of(*BOTH)
    seen = [*flat(drawn(policy, 8))]
    for each in seen:
        if isinstance(each, Extension):
            told = [other for other in seen if not isinstance(other, Extension) and other.request == each.request]
            assert each.tokens == sum(other.tokens if isinstance(other, Mended) else 1 for other in told)


def test_a_text_with_nothing_wrong_is_what_would_have_been_drawn_without() -> None:
    fine = ScriptLine("First 12 x 5 = 60.\n\nThen 60 + 10 = 70, rounded 2/3 = 0.67.\n\n\\boxed{70}")
    policy, inner = policy_of(fine, replace(fine, text="I guess \\boxed{5}"))
    plain = [*flat([*inner.extend([Extend(inner.start(PROBLEM), (0, at)) for at in range(4)])])]
    assert [replace(each.prefix, id=0) for each in plain if isinstance(each, Extension)] == [
        replace(each.prefix, id=0) for each in flat(drawn(policy, 4)) if isinstance(each, Extension)
    ]


def test_no_more_repairs_than_allowed() -> None:
    """Each repaired line is followed by another false one."""
    wrong = [f"{n} + 1 = {n + 5}.\n" for n in range(1, 9)]
    right = [f"{n} + 1 = {n + 1}.\n" for n in range(1, 9)]
    lines = [ScriptLine("".join([*right[:at], *wrong[at:]]) + "\\boxed{9}") for at in range(9)]
    for most in (0, 1, 2, 4):
        policy, inner = policy_of(*lines, most=most)
        extensions = [each for each in flat(drawn(policy, 6)) if isinstance(each, Extension)]
        assert all(len(each.prefix.repairs) <= most for each in extensions)
        assert most == 0 or any(len(each.prefix.repairs) == most for each in extensions)
        assert not inner.live


def test_a_result_at_the_very_end_is_mended_too() -> None:
    policy, _ = policy_of(ScriptLine("12 x 5 = 70"), ScriptLine("12 x 5 = 60 so \\boxed{60}"))
    texts = {each.prefix.text for each in flat(drawn(policy, 6)) if isinstance(each, Extension)}
    assert texts == {"12 x 5 = 60 so \\boxed{60}"}


def test_what_cannot_be_written_on_stays_as_it_is() -> None:
    policy, inner = policy_of(WRONG)
    (extension,) = [each for each in flat(drawn(policy)) if isinstance(each, Extension)]
    assert (extension.prefix.text, extension.prefix.ended, extension.prefix.repairs) == (WRONG.text, Ended.STOP, ())
    end = ScriptLine("12 x 5 = 70")
    policy, inner = policy_of(end)
    (extension,) = [each for each in flat(drawn(policy)) if isinstance(each, Extension)]
    assert (extension.prefix.text, extension.prefix.ended) == ("12 x 5 = 70", Ended.STOP)
    assert not inner.live


@pytest.mark.parametrize("form", ["text", "code"])
def test_a_text_and_code_are_left_alone(form: str) -> None:
    policy, _ = policy_of(*BOTH)
    root = policy.start(replace(PROBLEM, form=form))
    seen = flat([*policy.extend([Extend(root, (0, at)) for at in range(6)])])
    assert not [each for each in seen if isinstance(each, Mended)]


def test_a_budget_that_ends_at_a_repair_cuts_the_text() -> None:
    policy, inner = policy_of(ScriptLine("12 x 5 = 70.\n\nso"), ScriptLine("12 x 5 = 60.\n\nso"))
    root = policy.start(PROBLEM)
    asked: list[int] = []

    def stop(tokens: int) -> bool:
        asked.append(tokens)
        return tokens >= 8

    seen = [*flat([*policy.extend([Extend(root, (0, at)) for at in range(4)], stop=stop)])]
    policy.release([root])
    cut = [each.prefix for each in seen if isinstance(each, Extension) and each.prefix.ended is Ended.CUT]
    assert cut
    assert not any(isinstance(each, Mended) for each in seen)
    assert not inner.live


def test_nothing_is_left_behind_when_nobody_reads_on() -> None:
    for reads in range(12):
        policy, inner = policy_of(*BOTH)
        root = policy.start(PROBLEM)
        happenings = policy.extend([Extend(root, (0, at)) for at in range(6)])
        for _ in zip(range(reads), happenings, strict=False):
            pass
        happenings.close()  # type: ignore[attr-defined]
        policy.release([root])
        assert not inner.live


def events_of(method: str, budget: int = 8) -> tuple[list[Event], ScriptedPolicy]:
    policy, inner = policy_of(*BOTH)
    verifier = ScriptedVerifier(script(*BOTH))
    meter = Meter(Budget(budget), max_tokens=60)
    return [*parse_method(method).run(PROBLEM, policy, verifier, meter, seed=1)], inner


def outcome_of(events: Sequence[Event]) -> Outcome:
    last = events[-1]
    assert isinstance(last, RunFinished)
    return last.outcome


@pytest.mark.parametrize("method", sorted({*METHODS} - {"greedy"}))
def test_it_works_under_every_method(method: str) -> None:
    events, inner = events_of(method)
    outcome = outcome_of(events)
    assert outcome.answer == "70"
    assert any(isinstance(event, TextMended) for event in events)
    assert all(one.text == MENDED.text for one in outcome.candidates)
    assert not inner.live
    mended = [event.repair for event in events if isinstance(event, TextMended)]
    assert {*mended} >= {repair for one in outcome.candidates for repair in one.repairs}
    for one in outcome.candidates:
        for repair in one.repairs:
            assert one.text[repair.at :].startswith(repair.mended)


def test_a_record_says_what_was_written_and_what_was_mended_and_is_read_again() -> None:
    for method in ("majority", "beam"):
        events, _ = events_of(method)
        outcome = outcome_of(events)
        began = RunStarted(PROBLEM, method, "scripted", None, Budget(8), 1, "arithmetic")
        told = record(began, outcome)
        assert told["repair"] == "arithmetic"
        repaired = [each for each in told["candidates"] if "repaired" in each]
        assert repaired
        assert repaired[0]["repaired"] == 1
        assert repaired[0]["repairs"][0]["wrote"] == "70"
        assert repaired[0]["repairs"][0]["mended"] == "60"
        assert all("repairs" not in each for each in told["candidates"] if "repaired" not in each)
        assert read_record(json.loads(json.dumps(told)), "it").outcome == outcome
        mended = next(event for event in events if isinstance(event, TextMended))
        assert read_event(json.loads(json.dumps(event_record(mended)))) == mended


def test_samples_that_are_mended_have_a_recipe_of_their_own() -> None:
    policy, inner = policy_of(WRONG)
    assert policy.recipe == {**inner.recipe, "repair": {"by": "arithmetic", "most": MOST}}
