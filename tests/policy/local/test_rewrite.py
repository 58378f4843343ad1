"""Texts that are cut back in the middle and go on otherwise, on memories of every kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from tiny_models import HYBRID, RECURRENT

from ttcli.engine.branch import Branch
from ttcli.engine.model import Model
from ttcli.policy.local.policy import LocalPolicy
from ttcli.policy.local.rewrite import change_of
from ttcli.policy.mend import cut, go_on
from ttcli.policy.prompt import Prompt
from ttcli.policy.repair import RepairingPolicy
from ttcli.problem import Problem
from ttcli.seams import Extend, Extension, Flaw, Mended
from ttcli.solution import Ended, Prefix, Step
from ttcli.verifier.repairers import ArithmeticRepair

SUM = Problem("What is 7 + 5?")
KINDS = ("llama", HYBRID[0], RECURRENT[0])

MakePolicy = Callable[..., LocalPolicy]


@pytest.fixture
def make_policy(tiny_model: Callable[[str], Model], policy_on: MakePolicy) -> MakePolicy:
    def make(architecture: str, **options: Any) -> LocalPolicy:
        defaults = {"prompt": Prompt(system="", instruction=""), "max_tokens": 24, "beams": 4}
        return policy_on(tiny_model(architecture), **defaults | options)

    return make


class AtTen:
    """Whatever a text has from its sixth character on is wrong, once it has ten."""

    name = "ten"

    @property
    def recipe(self) -> Mapping[str, object]:
        return {"by": "ten"}

    def flaw(self, problem: Problem, text: str, begin: int) -> Flaw | None:
        return Flaw(6, 8, "12") if len(text) >= 10 and begin <= 6 and text[6:8] != "12" else None


def draw(policy: Any, start: Prefix, *, count: int = 1, **options: Any) -> tuple[list[Extension], list[Mended]]:
    requests = [Extend(start, (3, at), **options) for at in range(count)]
    seen = [each for batch in policy.extend(requests) for each in batch]
    return [each for each in seen if isinstance(each, Extension)], [each for each in seen if isinstance(each, Mended)]


def stopped(policy: LocalPolicy, root: Prefix, characters: int = 10) -> Prefix:
    [drawn], _ = draw(policy, root, watch=lambda grown, _ended: len(grown) >= characters)
    assert drawn.prefix.partial
    assert drawn.prefix.ended is Ended.OPEN
    return drawn.prefix


@pytest.mark.parametrize("cells", [None, 2048], ids=["streams", "one buffer"])
@pytest.mark.parametrize("architecture", KINDS)
def test_a_text_that_was_cut_back_goes_on_as_if_it_had_been_written_so(
    make_policy: MakePolicy, architecture: str, cells: int | None
) -> None:
    policy, alone = make_policy(architecture, cells=cells), make_policy(architecture, cells=cells)
    prefix = stopped(policy, policy.start(SUM))
    new = policy.rewrite(prefix, 6, "12")
    assert new is not None
    assert new.prefix.text == prefix.text[:6] + "12"
    assert new.prefix.partial
    branch = policy._context(new.prefix).branches[new.prefix.id]
    written = [token for each in branch.lineage for token in each.tokens][new.prefix.prompt_tokens :]
    assert b"".join(map(policy.model.piece, written)).decode("utf-8", "replace") == new.prefix.text
    assert new.prefix.tokens == len(written)
    assert new.tokens == (branch.pending if policy.model.memory.trim else len(written))
    root = alone.start(SUM)
    fresh = alone._handle(
        replace(root, steps=new.prefix.steps, partial=True),
        Branch(alone._context(root).branches[root.id], written),
    )
    [one], _ = draw(policy, new.prefix, temperature=0.0)
    [other], _ = draw(alone, fresh, temperature=0.0)
    assert one.prefix.text == other.prefix.text
    assert one.prefix.text.startswith(new.prefix.text)
    assert [step.tokens for step in one.prefix.steps] == [step.tokens for step in other.prefix.steps]
    assert one.prefix.tokens <= 24


@pytest.mark.parametrize("architecture", KINDS)
def test_repairs_leave_no_cells_behind_and_others_grow_beside_them(make_policy: MakePolicy, architecture: str) -> None:
    inner = make_policy(architecture)
    policy = RepairingPolicy(inner, AtTen(), most=2)
    root = policy.start(replace(SUM, form="boxed"))
    extensions, mended = draw(policy, root, count=9)
    assert len(extensions) == 9
    for each in extensions:
        if each.prefix.repairs:
            assert each.prefix.text[6:8] == "12"
    told = {each.request for each in mended}
    assert told == {each.request for each in extensions if each.prefix.repairs}
    policy.release([root])
    session = inner.scheduler.session
    assert session.cells_used == 0
    assert session.sequences_free == session.sequences


def test_the_steps_before_the_cut_stay_and_the_log_probability_per_token_too(make_policy: MakePolicy) -> None:
    policy = make_policy("llama")
    prefix = stopped(policy, policy.start(SUM))
    new = policy.rewrite(prefix, 6, "12")
    assert new is not None
    assert new.prefix.steps[-1].confidence == pytest.approx(prefix.steps[-1].confidence)


def test_a_cut_through_a_token_writes_its_beginning_again(make_policy: MakePolicy) -> None:
    model = make_policy("llama").model
    tokens = model.tokenize("What is seven", special=False)
    text = b"".join(map(model.piece, tokens)).decode()
    for keep in range(len(text)):
        change = change_of(model, Branch(None, tokens), text, keep, "60")
        assert change is not None
        left = [*tokens[: len(tokens) - change.dropped], *change.tokens]
        assert b"".join(map(model.piece, left)).decode() == text[:keep] + "60"


def test_what_lies_before_the_branch_is_not_cut(make_policy: MakePolicy) -> None:
    model = make_policy("llama").model
    tokens = model.tokenize("seven", special=False)
    assert change_of(model, Branch(None, tokens), "What is seven", 3, "60") is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_solution_that_was_drawn_elsewhere_goes_on_from_where_it_is_cut(make_policy: MakePolicy, kind: str) -> None:
    steps = (Step("To begin.\n\n", 4, -2.0), Step("Now 7 + 5 = 13. So we go on.\n\n", 20, -10.0))
    one = cut(Prefix(SUM, 0, steps=steps, ended=Ended.STOP), ArithmeticRepair())
    assert one is not None
    ends = [each for _, each in go_on(make_policy(kind, max_tokens=60), ArithmeticRepair(), [one, one], [(0,), (1,)])]
    assert len(ends) == 2
    for each in ends:
        assert each.prefix.text.startswith("To begin.\n\nNow 7 + 5 = 12")
        assert each.prefix.steps[0].text == "To begin.\n\n"
        assert each.prefix.ended in (Ended.STOP, Ended.LENGTH)
        assert each.tokens > 0
        assert (each.prefix.logprob or 0) < 0
