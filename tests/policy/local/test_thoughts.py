"""Thoughts on tiny models that have Qwen3.5's switch: what they are worth nobody knows, but every token is counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ttcli.engine.model import Model
from ttcli.engine.params import SamplingParams, ThinkParams
from ttcli.errors import PromptTooLong, UsageError
from ttcli.policy.local.policy import LocalPolicy
from ttcli.policy.prompt import Prompt
from ttcli.problem import Problem
from ttcli.seams import ASK, Extend, Extension, Growth
from ttcli.solution import Ended, Prefix

PROBLEM = Problem("What is 2 + 2?")
ARCHITECTURES = ["llama", "qwen35", "lfm2"]
MakePolicy = Callable[..., LocalPolicy]


@pytest.fixture
def make_policy(thinking_model: Callable[[str], Model], policy_on: MakePolicy) -> MakePolicy:
    def make(architecture: str = "llama", **options: Any) -> LocalPolicy:
        think = {"think_budget": 80, "think_message": "Enough."} | options.pop("think", {})
        defaults = {"prompt": Prompt(step_separator=" "), "max_tokens": 12, "think": ThinkParams(**think)}
        return policy_on(thinking_model(architecture), **defaults | options)

    return make


def draw(policy: LocalPolicy, *requests: Extend) -> tuple[list[Extension], list[Growth]]:
    happenings = [each for step in policy.extend(requests) for each in step]
    extensions = [each for each in happenings if isinstance(each, Extension)]
    grown = [each for each in happenings if isinstance(each, Growth)]
    return sorted(extensions, key=lambda each: each.request), grown


def requests(root: Prefix, count: int, **options: Any) -> list[Extend]:
    return [Extend(root, (0, index), **options) for index in range(count)]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_thoughts_are_closed_and_all_tokens_are_counted(make_policy: MakePolicy, architecture: str) -> None:
    policy = make_policy(architecture)
    root = policy.start(PROBLEM)
    extensions, grown = draw(policy, *requests(root, 6))
    for each in extensions:
        prefix, thought = each.prefix, each.prefix.thought
        assert thought is not None
        assert prefix.spoken_tokens <= 12
        assert each.tokens <= 80 + 12  # a closing tag in the text makes a thought of what was before it
        assert prefix.tokens == thought.tokens + prefix.spoken_tokens == each.tokens
        assert each.tokens == sum(growth.request == each.request for growth in grown)
        assert not thought.forced or "Enough." in thought.text
    assert any(each.prefix.thought and each.prefix.thought.forced for each in extensions)
    session = policy.scheduler.session
    policy.release([root])
    assert session.cells_used == 0
    assert session.sequences_free == session.sequences


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_same_seed_gives_the_same_thoughts_at_any_width(make_policy: MakePolicy, architecture: str) -> None:
    def texts(width: int) -> list[tuple[str, str]]:
        policy = make_policy(architecture, width=width, sampling=SamplingParams(temperature=0.0))
        extensions, _ = draw(policy, *requests(policy.start(PROBLEM), 3))
        return [(each.prefix.thought.text, each.prefix.text) for each in extensions if each.prefix.thought]

    one, three = texts(1), texts(3)
    assert len(set(one)) == 1
    assert len(one) == 3
    assert one[0][0][:20] == three[0][0][:20]


def test_what_grows_says_whether_it_is_thought(make_policy: MakePolicy) -> None:
    policy = make_policy()
    (extension,), grown = draw(policy, *requests(policy.start(PROBLEM), 1))
    assert "".join(each.text for each in grown if not each.thought) == extension.prefix.text
    assert sum(each.thought for each in grown) == extension.prefix.thought.tokens  # type: ignore[union-attr]


def test_off_and_on_are_other_prompts_and_other_recipes(make_policy: MakePolicy) -> None:
    silent = make_policy(think={"think": "off", "think_budget": None})
    (extension,), _ = draw(silent, *requests(silent.start(PROBLEM), 1))
    assert extension.prefix.thought is None
    assert extension.tokens <= 12
    assert silent.thought_tokens == 0
    thinking = make_policy()
    assert thinking.thought_tokens == 80
    assert thinking.recipe["thinking"] != silent.recipe["thinking"]
    assert thinking.recipe["thinking"]["budget"] == 80  # type: ignore[index]


def test_the_usual_budget_leaves_room_for_the_prompt_and_the_answer(make_policy: MakePolicy) -> None:
    policy = make_policy(think={"think_budget": None}, max_tokens=1024)
    assert policy.thought_tokens == (4096 - 1024) * 3 // 4
    policy.start(PROBLEM)


def test_a_budget_smaller_than_what_ends_a_thought_is_an_error(make_policy: MakePolicy) -> None:
    with pytest.raises(UsageError, match="no room for a thought") as caught:
        make_policy(think={"think_budget": 10})
    assert "--think-budget" in str(caught.value.hint)


def test_a_budget_beyond_the_context_is_an_error_that_says_what_fits(make_policy: MakePolicy) -> None:
    policy = make_policy(think={"think_budget": 5000})
    with pytest.raises(PromptTooLong, match="its thought up to 5000") as caught:
        policy.start(PROBLEM)
    assert str(caught.value.hint).startswith("--think-budget ")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_search_goes_on_from_the_steps_behind_a_thought(make_policy: MakePolicy, architecture: str) -> None:
    policy = make_policy(architecture, max_tokens=40, beams=4)
    root = policy.start(PROBLEM)
    (first,), _ = draw(policy, Extend(root, (1,), until="step"))
    assert first.prefix.thought is not None
    if first.prefix.ended is Ended.OPEN:
        children, _ = draw(policy, *requests(first.prefix, 2, until="step"))
        assert all(each.prefix.thought == first.prefix.thought for each in children)
        assert all(each.tokens == each.prefix.steps[-1].tokens for each in children)
        policy.release([each.prefix for each in children])
    policy.release([root, first.prefix])
    assert policy.scheduler.session.cells_used == 0


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_thought_is_forked_asked_and_gone_on_with(make_policy: MakePolicy, architecture: str) -> None:
    policy = make_policy(architecture, beams=4)
    root = policy.start(PROBLEM)
    (part,), _ = draw(policy, Extend(root, (1,), until="thought"))
    thought = part.prefix.thought
    assert thought is not None
    assert (thought.closed, part.prefix.steps, part.prefix.ended) == (True, (), Ended.OPEN)
    # a thought that is still open: as if a paragraph had just come to its end
    running = policy.extend([Extend(root, (2,), until="paragraph")])
    (paragraph,) = [each for step in running for each in step if isinstance(each, Extension)]
    held = [root, part.prefix, paragraph.prefix]
    if paragraph.prefix.thought is not None and not paragraph.prefix.thought.closed:
        fork = policy.speak(paragraph.prefix, ASK.lstrip())
        held.append(fork)
        (trial,), _ = draw(policy, Extend(fork, (3,), until="box", temperature=0.0))
        held.append(trial.prefix)
        assert trial.prefix.thought is not None
        assert trial.prefix.thought.closed
        (more,), _ = draw(policy, Extend(paragraph.prefix, (4,), until="paragraph"))
        held.append(more.prefix)
        assert more.prefix.thought is not None
        assert more.prefix.thought.text.startswith(paragraph.prefix.thought.text)
    (whole,), _ = draw(policy, Extend(part.prefix, (5,)))
    assert whole.prefix.thought is not None
    assert whole.prefix.thought.text.startswith(thought.text)
    assert whole.tokens > 0
    policy.release(held)
    assert policy.scheduler.session.cells_used == 0


def test_a_solution_is_asked_again_behind_its_thought(make_policy: MakePolicy) -> None:
    policy = make_policy()
    root = policy.start(PROBLEM)
    asked = policy.ask(root, "It is", "hm")
    (extension,), _ = draw(policy, Extend(asked, (1,), until="box", temperature=0.0))
    assert extension.prefix.text.startswith("It is" + ASK)
    ids = policy.model.tokenize("hm", special=False)
    assert policy.ask(root, "", None).tokens < policy.ask(root, "", "hm").tokens + len(ids)


def test_tokens_carry_how_sure_the_model_was_where_that_is_wanted(make_policy: MakePolicy) -> None:
    policy = make_policy(traced=True)
    (extension,), _ = draw(policy, *requests(policy.start(PROBLEM), 1))
    thought = extension.prefix.thought
    assert thought is not None
    assert len(thought.certainty) == thought.tokens - thought.forced
    assert len(extension.prefix.certainty) == extension.tokens - thought.forced
    assert policy.recipe["certainty"] == 20
    assert min(extension.prefix.certainty) > 0
