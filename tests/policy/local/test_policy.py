from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest
from leaving import leave

from ttcli.engine import machine
from ttcli.engine.branch import Branch, Piece
from ttcli.engine.model import Model
from ttcli.engine.params import SamplingParams
from ttcli.engine.session import Session
from ttcli.errors import ModelError, PromptTooLong
from ttcli.policy.local.policy import LocalPolicy
from ttcli.policy.prompt import Prompt
from ttcli.problem import Problem
from ttcli.seams import ASK, BOX_TOKENS, Extend, Extension, Growth
from ttcli.solution import Ended, Prefix

STORY = Problem("Write a long story about a dog and a cat.")
CAPITAL = Problem("What is the capital of France?")  # no close call, whatever kernels a machine has
FRUIT = Problem("Name three fruits.")

MakePolicy = Callable[..., LocalPolicy]


@pytest.fixture
def make_policy(small_model: Model) -> Iterator[MakePolicy]:
    with ExitStack() as stack:

        def make(**options: Any) -> LocalPolicy:
            prompt = Prompt(system="", instruction="", step_separator=" ")  # a step is a word
            defaults: dict[str, Any] = {
                "name": "small",
                "prompt": prompt,
                "sampling": SamplingParams(),
                "max_tokens": 16,
                "width": 4,
            }
            policy = LocalPolicy(small_model, **defaults | options)
            stack.callback(policy.close)
            return policy

        yield make


def requests(prefix: Prefix, count: int, **options: Any) -> list[Extend]:
    return [Extend(prefix, (0, index), **options) for index in range(count)]


def collect(happenings: Iterable[list[Growth | Extension]]) -> tuple[list[Extension], dict[int, str]]:
    """The extensions in the order they came, and what each request was seen to grow."""
    extensions: list[Extension] = []
    seen: dict[int, str] = {}
    for happening in itertools.chain.from_iterable(happenings):
        if isinstance(happening, Extension):
            extensions.append(happening)
        else:
            seen[happening.request] = seen.get(happening.request, "") + happening.text
    return extensions, seen


def test_every_request_comes_back_once_with_the_text_that_was_seen_to_grow(make_policy: MakePolicy) -> None:
    policy = make_policy()
    root = policy.start(STORY)
    extensions, seen = collect(policy.extend(requests(root, 7)))
    assert sorted(each.request for each in extensions) == list(range(7))
    for each in extensions:
        assert each.prefix.text == seen[each.request]
        assert each.prefix.tokens == each.tokens <= 16
        assert each.prefix.ended in (Ended.STOP, Ended.LENGTH)
        assert each.prefix.problem == STORY
        assert "<|" not in each.prefix.text


@pytest.mark.parametrize("most", [1, 2, 3])
def test_very_short_texts_come_back_too(make_policy: MakePolicy, most: int) -> None:
    policy = make_policy(max_tokens=most)
    extensions, _ = collect(policy.extend(requests(policy.start(STORY), 6)))
    assert len(extensions) == 6
    assert {each.tokens for each in extensions} == {most}


def test_the_prompt_is_shared_by_all_but_the_first(make_policy: MakePolicy) -> None:
    policy = make_policy()
    root = policy.start(STORY)
    extensions, _ = collect(policy.extend(requests(root, 5)))
    shared = {each.request: each.shared for each in extensions}
    assert shared == {0: 0} | dict.fromkeys(range(1, 5), root.prompt_tokens)
    decoded = policy.scheduler.session.decoded
    assert decoded == root.prompt_tokens + sum(each.tokens - 1 for each in extensions)


def test_a_step_is_shared_by_all_that_stand_on_it(make_policy: MakePolicy) -> None:
    policy = make_policy(max_tokens=60)
    root = policy.start(STORY)
    [step], _ = collect(policy.extend(requests(root, 1, until="step", temperature=0)))
    assert step.prefix.ended is Ended.OPEN
    before = policy.scheduler.session.decoded
    further, _ = collect(policy.extend(requests(step.prefix, 3, until="step")))
    length = root.prompt_tokens + step.tokens
    assert sorted(each.shared for each in further) == [length - 1, length, length]
    # the last token of the step is decoded when somebody goes on from it
    assert policy.scheduler.session.decoded - before == 1 + sum(each.tokens - 1 for each in further)
    for each in further:
        assert each.prefix.steps[0] == step.prefix.steps[0]
        assert each.prefix.prompt_tokens == root.prompt_tokens


def test_requests_are_taken_when_there_is_a_place_and_none_means_not_now(make_policy: MakePolicy) -> None:
    policy = make_policy(width=2, max_tokens=6)
    root = policy.start(STORY)
    asked: list[str] = []

    def lazy() -> Iterator[Extend | None]:
        for index, item in enumerate(["request", "none", "request", "request", "request"]):
            asked.append(item)
            yield None if item == "none" else Extend(root, (0, index))

    running = policy.extend(lazy())
    next(running)
    assert asked == ["request", "none"]
    next(running)
    assert asked == ["request", "none", "request", "request"][: len(asked)]
    assert len(asked) >= 3
    extensions, _ = collect(running)
    assert len(asked) == 5
    assert {each.request for each in extensions} == {0, 1, 2, 3}


def test_none_ends_a_call_when_nothing_is_under_way(make_policy: MakePolicy) -> None:
    policy = make_policy()
    assert list(policy.extend([])) == []
    assert list(policy.extend([None])) == []
    root = policy.start(STORY)
    assert list(policy.extend([None, *requests(root, 1)])) == []


def test_the_same_seed_gives_the_same_texts_and_another_seed_others(make_policy: MakePolicy) -> None:
    def draw(seed: int) -> list[str]:
        policy = make_policy()
        root = policy.start(STORY)
        extensions, _ = collect(policy.extend([Extend(root, (seed, STORY.key, index)) for index in range(4)]))
        return [each.prefix.text for each in sorted(extensions, key=lambda each: each.request)]

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)


def test_closing_a_call_cancels_its_texts_and_frees_their_cells(make_policy: MakePolicy) -> None:
    policy = make_policy()
    root = policy.start(STORY)
    running = policy.extend(requests(root, 6))
    for _ in range(4):
        next(running)
    session = policy.scheduler.session
    assert session.cells_used > root.prompt_tokens
    leave(running)
    assert session.cells_used == root.prompt_tokens
    assert not policy.scheduler.busy
    assert not policy._calls
    extensions, _ = collect(policy.extend(requests(root, 2)))
    assert len(extensions) == 2
    policy.release([root])
    assert session.cells_used == 0


def test_a_step_whose_call_was_closed_before_it_was_read_frees_its_cells(make_policy: MakePolicy) -> None:
    policy = make_policy(max_tokens=40)
    root = policy.start(STORY)
    first, second = (policy.extend(requests(root, 2, until="step")) for _ in range(2))
    next(second)
    for _ in first:  # takes the other's steps along
        pass
    leave(second)
    policy.release([root, *(Prefix(STORY, number) for number in list(policy._plain.branches))])
    assert policy.scheduler.session.cells_used == 0
    assert not policy.scheduler._idle


def test_two_calls_driven_in_turn_share_their_decodes_and_both_get_theirs(make_policy: MakePolicy) -> None:
    policy = make_policy(max_tokens=10)
    calls = [policy.extend(requests(policy.start(problem), 2)) for problem in (STORY, FRUIT)]
    got: list[list[Extension]] = [[], []]
    open_calls = dict(enumerate(calls))
    while open_calls:
        for number, call in list(open_calls.items()):
            happenings = next(call, None)
            if happenings is None:
                del open_calls[number]
            else:
                got[number] += [each for each in happenings if isinstance(each, Extension)]
    assert [[each.prefix.problem for each in extensions] for extensions in got] == [[STORY] * 2, [FRUIT] * 2]
    assert policy.scheduler.session.decodes < 2 * 10
    assert policy.load.rows > 3 * policy.load.decodes


def test_a_call_that_finds_all_places_taken_waits_for_its_turn(make_policy: MakePolicy) -> None:
    policy = make_policy(width=2, max_tokens=5)
    first = policy.extend(requests(policy.start(STORY), 4))
    next(first)
    extensions, _ = collect(policy.extend(requests(policy.start(FRUIT), 3)))
    assert [each.prefix.problem for each in extensions] == [FRUIT] * 3
    assert len(collect(first)[0]) == 4


def test_a_stop_cuts_what_is_under_way_and_keeps_its_text(make_policy: MakePolicy) -> None:
    policy = make_policy()
    root = policy.start(STORY)
    stop = [False]
    running = policy.extend(requests(root, 6), stop=lambda tokens: stop[0])
    _, seen = collect(itertools.islice(running, 5))
    stop[0] = True
    extensions, _ = collect(running)
    assert {each.request for each in extensions} == {0, 1, 2, 3}  # those not begun do not come back
    for each in extensions:
        assert each.prefix.ended is Ended.CUT
        assert each.prefix.text == seen[each.request]
        assert each.prefix.tokens == each.tokens > 0
    policy.release([root])
    assert policy.scheduler.session.cells_used == 0


def test_an_interrupt_within_a_decode_cuts_what_is_under_way(make_policy: MakePolicy) -> None:
    asked, halt = [0], [False]

    def interrupted() -> bool:
        asked[0] += halt[0]
        return asked[0] > 30

    policy = make_policy(interrupted=interrupted)
    root = policy.start(STORY)
    running = policy.extend(requests(root, 3))
    _, seen = collect(itertools.islice(running, 4))
    halt[0] = True
    extensions, rest = collect(running)
    assert [each.prefix.ended for each in extensions] == [Ended.CUT] * 3
    for each in extensions:
        assert each.prefix.text == seen[each.request] + rest.get(each.request, "")
    assert list(policy.extend(requests(root, 2))) == []  # interrupted for good
    policy.release([root])
    assert policy.scheduler.session.cells_used == 0


def test_a_prompt_that_leaves_no_room_for_the_answer_is_refused_before_anything_runs(
    make_policy: MakePolicy, small_model: Model
) -> None:
    policy = make_policy(max_tokens=8000)
    with pytest.raises(PromptTooLong, match="context of 8192") as caught:
        policy.start(Problem("word " * 300))
    fits = int((caught.value.hint or "").removeprefix("--max-tokens "))
    assert 0 < fits < 8000
    with pytest.raises(PromptTooLong) as caught:
        policy.start(Problem("word " * 9000))
    assert "shorten" in (caught.value.hint or "")
    with pytest.raises(ModelError, match="not been given a problem"):
        _ = policy.scheduler


def test_a_longer_prompt_gets_a_larger_context_once_nothing_is_held(make_policy: MakePolicy) -> None:
    policy = make_policy(cells=256)
    root = policy.start(STORY)
    longer = Problem("word " * 400)
    with pytest.raises(PromptTooLong, match="context in use") as caught:
        policy.start(longer)
    assert caught.value.hint
    policy.release([root])
    extensions, _ = collect(policy.extend(requests(policy.start(longer), 1)))
    assert len(extensions) == 1


def test_a_model_that_cannot_be_branched_is_refused(
    make_policy: MakePolicy, small_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(small_model._lib, "llama_model_is_diffusion", lambda _: True)
    with pytest.raises(ModelError, match="diffusion") as caught:
        make_policy()
    assert caught.value.hint


def test_a_model_without_a_chat_template_is_refused(make_policy: MakePolicy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Model, "chat_template", None)
    with pytest.raises(ModelError, match="no chat template"):
        make_policy()


def test_an_error_in_the_middle_leaves_nothing_behind(make_policy: MakePolicy) -> None:
    policy = make_policy()
    root = policy.start(STORY)

    def broken() -> Iterator[Extend | None]:
        yield from requests(root, 2)
        yield None
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        collect(policy.extend(broken()))
    policy.release([root])
    assert policy.scheduler.session.cells_used == 0
    assert not policy._calls


def test_a_closed_policy_lets_go_of_a_call_under_way(make_policy: MakePolicy) -> None:
    policy = make_policy()
    running = policy.extend(requests(policy.start(STORY), 2))
    next(running)
    policy.close()
    leave(running)
    policy.close()


def test_two_hundred_beams_extended_and_released_at_random_end_with_no_cell_used(make_policy: MakePolicy) -> None:
    policy = make_policy(width=8, max_tokens=24, cells=300)
    rng = random.Random(3)
    beams: list[Prefix] = []
    extended = 0
    while extended < 200:
        if not beams:
            beams = [policy.start(rng.choice([STORY, FRUIT]))]
        chosen = [rng.choice(beams) for _ in range(rng.randint(4, 16))]
        extended += len(chosen)
        keys = [(extended, index) for index in range(len(chosen))]
        running = policy.extend(Extend(beam, key, "step") for beam, key in zip(chosen, keys, strict=True))
        if rng.random() < 0.15:
            collect(itertools.islice(running, 2))
            leave(running)
        else:
            extensions, _ = collect(running)
            assert len(extensions) == len(chosen)
            beams += [each.prefix for each in extensions if each.prefix.ended is Ended.OPEN]
        rng.shuffle(beams)
        policy.release(beams[4:])
        del beams[4:]
        if rng.random() < 0.2:
            policy.release(beams)
            beams = []
    policy.release(beams)
    policy.release([Prefix(STORY, number) for number in list(policy._plain.branches)])  # read by nobody: cut short
    session = policy.scheduler.session
    assert session.cells_used == 0
    assert session.sequences_free == session.sequences
    assert not policy.scheduler.busy
    assert not policy.scheduler._idle


def tokens_of(branch: Branch | None) -> list[int]:
    return [*tokens_of(branch.parent), *branch.tokens] if branch else []


@pytest.mark.parametrize("cells", [None, 1024], ids=["streams", "one buffer"])
def test_a_search_of_four_by_four_decodes_nothing_twice_and_forks_the_right_cells(
    make_policy: MakePolicy, small_model: Model, monkeypatch: pytest.MonkeyPatch, cells: int | None
) -> None:
    monkeypatch.setattr(machine, "has_gpu", lambda: False)
    policy = make_policy(width=16, max_tokens=60, beams=16, cells=cells, observe=(12,))
    policy.expect([STORY, STORY])  # a bench may take more memory than a single problem
    root = policy.start(STORY)
    session = policy.scheduler.session
    assert session.streams is (cells is None)
    rng = random.Random(5)
    kept, decoded = [root], root.prompt_tokens
    held = [root]
    for turn in range(6):
        keys = [(turn, n) for n in range(16)]
        parents = [kept[n % len(kept)] for n in range(16)]
        drawn, _ = collect(policy.extend(Extend(p, key, "step") for p, key in zip(parents, keys, strict=True)))
        assert len(drawn) == 16
        decoded += sum(each.tokens - 1 for each in drawn) + (len(kept) if turn else 0)
        live = [each.prefix for each in drawn if each.prefix.ended is Ended.OPEN]
        kept = rng.sample(live, 4)
        policy.release([prefix for prefix in (*held, *live) if prefix not in kept])
        held = [*kept]
        assert session.cells_used <= root.prompt_tokens + sum(prefix.tokens for prefix in kept)
    assert policy.scheduler.again == 0
    assert session.decoded == decoded
    for prefix in kept:
        _check_states(small_model, prefix, tokens_of(policy._plain.branches[prefix.id]))
    policy.release(kept)
    assert session.cells_used == 0
    assert session.sequences_free == session.sequences
    assert not policy.scheduler._idle


def test_a_text_written_elsewhere_goes_on_as_if_it_had_been_drawn_here(make_policy: MakePolicy) -> None:
    policy = make_policy(max_tokens=12)
    root = policy.start(CAPITAL)
    [drawn], _ = collect(policy.extend(requests(root, 1, until="step", steps=3, temperature=0)))
    resumed = policy.resume(root, drawn.prefix.steps)
    assert resumed.text == drawn.prefix.text
    ends = [collect(policy.extend(requests(each, 1, temperature=0)))[0][0] for each in (drawn.prefix, resumed)]
    assert ends[0].prefix.text == ends[1].prefix.text
    assert ends[0].tokens == ends[1].tokens
    policy.release([root, drawn.prefix, resumed])
    assert policy.scheduler.session.cells_used == 0


def _check_states(model: Model, prefix: Prefix, tokens: list[int]) -> None:
    """Each step's states are those of the token before its last one in the whole text, decoded alone."""
    session = Session(model, cells=512, width=1, sequences=1, observe=(12,), flash_attention=False)
    try:
        text = Branch(None, tokens)
        session.attach(text)
        end = prefix.prompt_tokens
        for step in prefix.steps:
            end += step.tokens
            session.decode([Piece(text, end - 1 - text.cached, True)])
            one, other = step.states[12], session.states[0][12]
            assert one @ other / np.linalg.norm(one) / np.linalg.norm(other) > 0.999
    finally:
        session.close()


def test_a_call_is_asked_to_stop_before_decodes_that_others_bring_about(make_policy: MakePolicy) -> None:
    """It learns what the decode would add to what it has seen, so that no budget is passed while others decode."""
    policy = make_policy(max_tokens=20)
    told: list[int] = []
    seen = 0

    def stop(tokens: int) -> bool:
        told.append(seen + tokens)
        return seen + tokens > 9

    bounded = policy.extend(requests(policy.start(STORY), 2), stop=stop)
    other = policy.extend(requests(policy.start(FRUIT), 2))
    ended: list[Extension] = []
    while (happenings := next(bounded, None)) is not None:
        seen += sum(isinstance(each, Growth) for each in happenings)
        ended += [each for each in happenings if isinstance(each, Extension)]
        for _ in range(2):  # the other call decodes twice as often
            next(other, None)
    assert [each.prefix.ended for each in ended] == [Ended.CUT] * 2
    assert sum(each.tokens for each in ended) == seen <= 9 < max(told)
    assert seen >= 8


def test_texts_have_streams_of_their_own_where_memory_allows(
    make_policy: MakePolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "has_gpu", lambda: False)
    policy = make_policy(width=4)
    policy.start(STORY)
    assert policy.scheduler.session.streams
    assert policy.width == policy.scheduler.session.width == 4


def test_texts_share_one_buffer_where_memory_is_short_or_a_gpu_has_it(
    make_policy: MakePolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "has_gpu", lambda: False)
    monkeypatch.setattr(machine, "available_memory", lambda: 600 * 23_040)
    short = make_policy(width=32)
    short.start(STORY)
    assert not short.scheduler.session.streams
    assert short.width == 32
    monkeypatch.undo()
    monkeypatch.setattr(machine, "has_gpu", lambda: True)
    offloaded = make_policy(width=4)
    offloaded.start(STORY)
    assert not offloaded.scheduler.session.streams


def test_as_many_texts_grow_at_once_as_have_streams(make_policy: MakePolicy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "has_gpu", lambda: False)
    policy = make_policy(width=32, max_tokens=200)
    cells = 2 * 24 * (256 + 256)  # half of them may be taken
    monkeypatch.setattr(machine, "available_memory", lambda: cells * policy.model.memory.cell_bytes)
    policy.start(STORY)
    assert policy.scheduler.session.streams
    assert 16 <= policy.width == policy.scheduler.session.width < 32


def test_a_solution_that_is_asked_for_its_answer_goes_on_until_the_box_is_closed(make_policy: MakePolicy) -> None:
    policy = make_policy(max_tokens=80)
    root = policy.start(CAPITAL)
    solutions = ["It is Paris, of course.", "I think it is Paris. " * 13]  # the latter as long as one can be
    asked = [policy.ask(root, each) for each in solutions]
    extensions, _ = collect(policy.extend([Extend(each, (0, 0), until="box", temperature=0.0) for each in asked]))
    assert len(extensions) == 2
    for extension in extensions:
        before = solutions[extension.request] + ASK
        assert extension.prefix.text.startswith(before)
        said = extension.prefix.text.removeprefix(before)
        assert 0 < extension.tokens <= BOX_TOKENS
        assert said.count("}") - said.count("{") == 1 or extension.prefix.ended is not Ended.OPEN
    policy.release([root, *asked, *(each.prefix for each in extensions)])


def test_a_solution_that_hardly_fits_is_not_asked_for_its_answer(make_policy: MakePolicy) -> None:
    policy = make_policy(max_tokens=80)
    root = policy.start(CAPITAL)
    with pytest.raises(PromptTooLong, match="do not fit the context in use"):
        policy.ask(root, "Paris " * 5000)
    policy.release([root])
