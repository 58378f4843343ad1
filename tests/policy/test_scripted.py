from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from leaving import leave

from ttcli.errors import ModelError
from ttcli.policy.script import Script, ScriptLine
from ttcli.policy.scripted import ScriptedPolicy, ScriptedVerifier
from ttcli.problem import Problem
from ttcli.seams import Extend, Extension, Growth, StepScores
from ttcli.solution import Attempt, Ended, Prefix

PROBLEM = Problem("What is 2 + 2?")
TEXT = "First add.\n\nThen check it.\n\nIt is \\boxed{4}."
WORDS = st.text("ab \n.", min_size=0, max_size=30)


def policy_of(*lines: str | ScriptLine, width: int = 4) -> ScriptedPolicy:
    return ScriptedPolicy(
        Script({"": [ScriptLine(line) if isinstance(line, str) else line for line in lines]}), width=width
    )


def extensions(happenings: Iterator[list[Growth | Extension]]) -> list[Extension]:
    return [each for step in happenings for each in step if isinstance(each, Extension)]


def whole(policy: ScriptedPolicy, root: Prefix, *seeds: int) -> list[Extension]:
    found = extensions(policy.extend([Extend(root, (seed,)) for seed in seeds]))
    return sorted(found, key=lambda extension: extension.request)


@given(st.lists(WORDS, min_size=1, max_size=4), st.integers(1, 5), st.integers(0, 3))
def test_what_grew_joins_to_the_text(texts: list[str], width: int, seed: int) -> None:
    policy = policy_of(*texts, width=width)
    root = policy.start(PROBLEM)
    grown = [""] * 5
    for step in policy.extend([Extend(root, (seed, i)) for i in range(5)]):
        for happening in step:
            if isinstance(happening, Growth):
                grown[happening.request] += happening.text
            else:
                assert happening.prefix.text == grown[happening.request]
                assert happening.prefix.text in texts
                assert happening.prefix.ended is Ended.STOP
    assert all(text in texts for text in grown)


@given(WORDS)
def test_every_word_is_a_token(text: str) -> None:
    policy = policy_of(ScriptLine(text, logprob=-0.25))
    steps = list(policy.extend([Extend(policy.start(PROBLEM), (0,))]))
    (extension,) = extensions(iter(steps))
    assert extension.tokens == sum(isinstance(each, Growth) for step in steps for each in step)
    assert extension.prefix.tokens == extension.tokens
    assert extension.prefix.logprob == pytest.approx(-0.25 * extension.tokens)


def test_texts_grow_side_by_side_as_many_as_the_width() -> None:
    policy = policy_of("one two three", width=2)
    root = policy.start(PROBLEM)
    steps = list(policy.extend([Extend(root, (i,)) for i in range(3)]))
    grew = [[each.request for each in step if isinstance(each, Growth)] for step in steps]
    assert grew == [[0, 1], [0, 1], [0, 1], [2], [2], [2]]


def test_a_solution_is_given_out_step_by_step() -> None:
    policy = policy_of(TEXT)
    prefix = policy.start(PROBLEM)
    texts = []
    while prefix.ended is Ended.OPEN:
        (extension,) = extensions(policy.extend([Extend(prefix, (0,), until="step")]))
        policy.release([prefix])
        prefix = extension.prefix
        texts.append(prefix.steps[-1].text)
    assert texts == ["First add.\n\n", "Then check it.\n\n", "It is \\boxed{4}."]
    assert prefix.text == TEXT
    assert not policy.live


def test_several_steps_may_be_asked_for_at_once() -> None:
    policy = policy_of(TEXT)
    root = policy.start(PROBLEM)
    (extension,) = extensions(policy.extend([Extend(root, (0,), until="step", steps=2)]))
    assert len(extension.prefix.steps) == 2
    assert extension.prefix.ended is Ended.OPEN
    (rest,) = extensions(policy.extend([Extend(extension.prefix, (0,))]))
    assert rest.prefix.text == TEXT
    assert rest.tokens == rest.prefix.tokens - extension.prefix.tokens
    assert rest.shared == root.prompt_tokens + extension.prefix.tokens


def test_a_prefix_goes_on_with_a_solution_that_begins_as_it_does() -> None:
    policy = policy_of("a\n\nx", "b\n\ny", "a\n\nz")
    root = policy.start(PROBLEM)
    for seed in range(20):
        (step,) = extensions(policy.extend([Extend(root, (seed,), until="step")]))
        (rest,) = extensions(policy.extend([Extend(step.prefix, (seed, 1))]))
        assert rest.prefix.text in ({"b\n\ny"} if step.prefix.text == "b\n\n" else {"a\n\nx", "a\n\nz"})


def test_the_same_seed_draws_the_same_solution_and_others_draw_all() -> None:
    policy = policy_of("a", "b", "c")
    root = policy.start(PROBLEM)
    drawn = [extension.prefix.text for extension in whole(policy, root, *range(30))]
    again = [extension.prefix.text for extension in whole(policy, root, *range(30))]
    assert drawn == again
    assert set(drawn) == {"a", "b", "c"}


def test_temperature_0_draws_the_first_solution() -> None:
    policy = policy_of("a", "b", "c")
    root = policy.start(PROBLEM)
    drawn = extensions(policy.extend([Extend(root, (seed,), temperature=0) for seed in range(9)]))
    assert {extension.prefix.text for extension in drawn} == {"a"}


def test_a_line_may_run_into_the_token_limit() -> None:
    policy = policy_of(ScriptLine("on and on", length=True))
    assert whole(policy, policy.start(PROBLEM), 0)[0].prefix.ended is Ended.LENGTH


def test_none_means_ask_again_after_the_next_token_and_is_no_request() -> None:
    policy = policy_of("one two three")
    root = policy.start(PROBLEM)
    requests = iter([Extend(root, (0,)), None, None, Extend(root, (1,))])
    steps = list(policy.extend(requests))
    grew = [[each.request for each in step if isinstance(each, Growth)] for step in steps]
    assert grew == [[0], [0], [0, 1], [1], [1]]


def test_none_ends_the_call_when_nothing_is_under_way() -> None:
    policy = policy_of("one")
    root = policy.start(PROBLEM)
    assert list(policy.extend([None, Extend(root, (0,))])) == []


@pytest.mark.parametrize("by", ["stop", "interrupt"])
def test_a_stop_cuts_what_is_under_way_and_begins_nothing_more(by: str) -> None:
    asked = 0

    def after_three(*_tokens: int) -> bool:
        nonlocal asked
        asked += 1
        return asked > 3

    script = Script({"": [ScriptLine(TEXT)]})
    policy = ScriptedPolicy(script, width=2, interrupted=after_three if by == "interrupt" else lambda: False)
    root = policy.start(PROBLEM)
    requests = [Extend(root, (i,)) for i in range(5)]
    found = extensions(policy.extend(requests, **({"stop": after_three} if by == "stop" else {})))
    assert [(each.request, each.prefix.text, each.prefix.ended) for each in found] == [
        (0, "First add.\n\nThen", Ended.CUT),
        (1, "First add.\n\nThen", Ended.CUT),
    ]
    assert [step.text for step in found[0].prefix.steps] == ["First add.\n\n", "Then"]
    assert found[0].tokens == found[0].prefix.tokens


def test_what_was_stopped_before_its_first_token_does_not_come_back() -> None:
    policy = policy_of(TEXT)
    assert extensions(policy.extend([Extend(policy.start(PROBLEM), (0,))], stop=lambda tokens: True)) == []


def test_closing_the_iterator_leaves_only_the_root() -> None:
    policy = policy_of(TEXT)
    root = policy.start(PROBLEM)
    happenings = policy.extend([Extend(root, (0,), until="step")])
    next(happenings)
    leave(happenings)
    assert policy.live == {root.id}
    policy.release([root])
    policy.release([root])
    assert not policy.live


def test_a_prefix_that_was_released_is_not_extended() -> None:
    policy = policy_of(TEXT)
    root = policy.start(PROBLEM)
    policy.release([root])
    with pytest.raises(ValueError, match="released"):
        list(policy.extend([Extend(root, (0,))]))


def test_a_finished_solution_holds_nothing() -> None:
    policy = policy_of(TEXT)
    root = policy.start(PROBLEM)
    assert whole(policy, root, 0)[0].prefix.id == 0
    assert policy.live == {root.id}


def test_between_is_called_before_every_step() -> None:
    calls: list[None] = []
    policy = ScriptedPolicy(Script({"": [ScriptLine("one two")]}), between=lambda: calls.append(None))
    steps = list(policy.extend([Extend(policy.start(PROBLEM), (0,))]))
    assert len(calls) == len(steps) == 2


def test_the_verifier_gives_a_line_and_each_of_its_steps_the_scripts_score() -> None:
    script = Script({"": [ScriptLine("a\n\nb", score=0.9), ScriptLine("c", score=0.2)]})
    policy = ScriptedPolicy(script)
    root = policy.start(PROBLEM)
    for extension in whole(policy, root, *range(8)):
        (opinion,) = ScriptedVerifier(script).score([extension.prefix])
        expected = 0.9 if extension.prefix.text.startswith("a") else 0.2
        assert opinion == StepScores(expected, (expected,) * len(extension.prefix.steps), 0)


def test_a_line_may_have_a_score_for_every_step() -> None:
    script = Script({"": [ScriptLine("a\n\nb\n\nc", scores=(0.9, 0.5, 0.1)), ScriptLine("a\n\nd", scores=(0.9, 0.3))]})
    policy, verifier = ScriptedPolicy(script), ScriptedVerifier(script)
    prefix = policy.start(PROBLEM)
    found = []
    while prefix.ended is Ended.OPEN:
        (extension,) = extensions(policy.extend([Extend(prefix, (0,), until="step", temperature=0)]))
        prefix = extension.prefix
        found.append(verifier.score([prefix])[0])
    told = [(0.9, (0.9,)), (0.5, (0.9, 0.5)), (0.1, (0.9, 0.5, 0.1))]
    assert found == [StepScores(score, steps, 0) for score, steps in told]


def test_the_verifier_knows_what_it_scored_and_was_not_released() -> None:
    script = Script({"": [ScriptLine("a\n\nb"), ScriptLine("c\n\nd")]})
    policy, verifier = ScriptedPolicy(script), ScriptedVerifier(script)
    root = policy.start(PROBLEM)
    other = policy.start(Problem("another"))
    requests = [Extend(each, (seed,), until="step") for each in (root, other) for seed in range(8)]
    steps = [extension.prefix for extension in extensions(policy.extend(requests))]
    verifier.score(steps)
    assert len(verifier.live) == 4
    verifier.release([step for step in steps if step.text.startswith("a")])
    assert verifier.live == {(PROBLEM.text, "c\n\n"), ("another", "c\n\n")}
    verifier.release([root])
    assert verifier.live == {("another", "c\n\n")}


def read(path: Path, content: object) -> Script:
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return Script.read(path)


def test_a_script_is_read_by_problem_with_a_fallback(tmp_path: Path) -> None:
    content = {"": [{"text": "é", "score": 1}], PROBLEM.text: [{"text": "4", "logprob": -1, "scores": [0.5]}]}
    script = read(tmp_path / "s.json", content)
    assert script.of(PROBLEM) == [ScriptLine("4", -1, scores=(0.5,))]
    assert [line.text for line in script.of(PROBLEM)] == ["4"]
    assert [line.text for line in script.of(Problem("other"))] == ["é"]


BAD: Sequence[object] = [
    "",
    "GGUF\0",
    "[]",
    "3",
    {"": "text"},
    {"": ["text"]},
    {"": [{"words": "text"}]},
    {"": [{}]},
    {"": [{"text": 3}]},
    {"": [{"text": "a", "score": 1.5}]},
    {"": [{"text": "a", "score": "high"}]},
    {"": [{"text": "a", "logprob": 0.5}]},
    {"": [{"text": "a", "scores": [0.5, 0.5]}]},
    {"": [{"text": "a\n\nb", "scores": [0.5]}]},
    {"": [{"text": "a", "scores": [1.5]}]},
    {"": [{"text": "a", "scores": ["high"]}]},
    {"": [{"text": "a", "scores": 0.5}]},
    {"": [{"text": "a", "after": 5}]},
    {"": 3},
]


@pytest.mark.parametrize("content", BAD)
def test_what_is_no_script_is_a_model_error_that_shows_one(content: object, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is no script") as caught:
        read(tmp_path / "s.json", content)
    assert '"text"' in (caught.value.hint or "")


def test_a_script_that_is_not_there_is_a_model_error(tmp_path: Path) -> None:
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(ModelError, match="cannot read the script"):
            Script.read(path)


def test_a_problem_without_a_script_is_a_model_error() -> None:
    policy = ScriptedPolicy(Script({"other": [ScriptLine("a")], PROBLEM.text: []}))
    with pytest.raises(ModelError, match="no solution of 'What is 2"):
        policy.start(PROBLEM)


def test_a_revision_answers_to_the_last_attempt_or_is_as_any_solution() -> None:
    lines = [ScriptLine("I guess 5"), ScriptLine("It is 4", after="5"), ScriptLine("No, 6", after="4")]
    policy = ScriptedPolicy(Script({"": lines}))

    def drawn(*attempts: str) -> str:
        root = policy.start(PROBLEM, attempts=[*map(Attempt, attempts)])
        [*_, last] = policy.extend([Extend(root, (0,))])
        policy.release([root])
        [extension] = [each for each in last if isinstance(each, Extension)]
        assert extension.shared == root.known_tokens if attempts else root.prompt_tokens
        return extension.prefix.text

    assert [drawn(), drawn("I guess 5"), drawn("I guess 5", "It is 4"), drawn("a 7")] == [
        "I guess 5",
        "It is 4",
        "No, 6",
        "I guess 5",
    ]
    assert not policy.live


def test_a_revision_goes_on_from_an_attempt_that_was_kept() -> None:
    policy = ScriptedPolicy(Script({"": [ScriptLine("so it is")]}))
    root = policy.start(PROBLEM)
    [*_, last] = policy.extend([Extend(root, (0,), keep=True)])
    [extension] = [each for each in last if isinstance(each, Extension)]
    kept = extension.prefix
    assert policy.live == {root.id, kept.id}
    words = root.prompt_tokens
    assert policy.start(PROBLEM, attempts=[Attempt("so it is")]).known_tokens == words + 3
    assert policy.start(PROBLEM, attempts=[Attempt("so it was")]).known_tokens == words
    policy.release([kept])
    assert policy.start(PROBLEM, attempts=[Attempt("so it is")]).known_tokens == words


def test_a_script_of_nothing_but_revisions_has_no_solution() -> None:
    policy = ScriptedPolicy(Script({"": [ScriptLine("a", after="b")]}))
    with pytest.raises(ModelError, match="that is no revision"):
        policy.start(PROBLEM)
