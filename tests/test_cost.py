from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ttcli.cost import Budget, Cost, Meter, Stopped, Unit
from ttcli.errors import UsageError

WHOLE = st.integers(1, 10**9).map(float)
BUDGETS = st.one_of(
    st.builds(Budget, WHOLE, st.sampled_from([Unit.GENERATIONS, Unit.TOKENS])),
    st.builds(Budget, st.floats(1e-9, 1e12), st.just(Unit.SECONDS)),
)


class Clock:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("64", Budget(64)),
        (" 1 ", Budget(1)),
        ("20000tok", Budget(20000, Unit.TOKENS)),
        ("20000 TOKENS", Budget(20000, Unit.TOKENS)),
        ("30s", Budget(30, Unit.SECONDS)),
        ("0.5 sec", Budget(0.5, Unit.SECONDS)),
        ("2seconds", Budget(2, Unit.SECONDS)),
    ],
)
def test_a_budget_is_read_in_each_unit(text: str, budget: Budget) -> None:
    assert Budget.parse(text) == budget


@given(BUDGETS)
def test_a_budget_written_and_read_again_is_the_same(budget: Budget) -> None:
    assert Budget.parse(str(budget)) == budget


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "0tok",
        "0.0s",
        "-3",
        "1.5",
        "1.5tok",
        "nan",
        "inf",
        "1e3",
        "64 apples",
        "tok",
        "s",
        "9" * 400,
        "9" * 400 + "s",
    ],
)
def test_what_is_no_budget_is_refused_with_examples(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        Budget.parse(text)
    assert "30s" in (caught.value.hint or "")


@given(st.one_of(st.text(max_size=20), st.from_regex(r"[0-9.]{0,12} ?(tok|s|x)?", fullmatch=True)))
def test_any_text_is_a_budget_above_zero_or_a_usage_error(text: str) -> None:
    try:
        budget = Budget.parse(text)
    except UsageError:
        return
    assert budget.amount > 0
    assert budget.unit is Unit.SECONDS or budget.amount == int(budget.amount)


@given(st.lists(st.builds(Cost, *(st.integers(0, 1000) for _ in range(5)), flops=st.floats(0, 1e12)), max_size=5))
def test_costs_add_up_field_by_field(costs: list[Cost]) -> None:
    total = sum(costs, Cost())
    assert total.generations == sum(cost.generations for cost in costs)
    assert total.tokens == sum(cost.tokens for cost in costs)
    assert total.shared_tokens == sum(cost.shared_tokens for cost in costs)
    assert total.tokens == total.prompt_tokens + total.policy_tokens + total.verifier_tokens


@given(st.integers(1, 40), st.lists(st.integers(1, 50), max_size=60))
def test_generations_spent_never_exceed_the_budget(amount: int, lengths: list[int]) -> None:
    meter = Meter(Budget(amount), max_tokens=50)
    for length in lengths:
        if not meter.admits([]):
            break
        meter.add(Cost(generations=1))
        meter.add(Cost(policy_tokens=length))
        meter.finished(length)
    assert meter.spent.generations == min(amount, len(lengths))
    assert meter.stopped is None  # what has begun may finish


@given(st.integers(200, 3000), st.integers(1, 8), st.lists(st.integers(1, 100), min_size=1, max_size=100))
def test_a_token_budget_of_equal_or_shorter_texts_is_kept(amount: int, width: int, lengths: list[int]) -> None:
    """Texts grow a token at a time; none passes the limit, so all that were begun beside others finish."""
    longest = 100
    meter = Meter(Budget(amount, Unit.TOKENS), max_tokens=longest)
    meter.finished(longest)
    under_way: list[list[int]] = []  # tokens so far, tokens at the end
    todo = list(lengths)
    while True:
        while todo and len(under_way) < width and meter.admits([text[0] for text in under_way]):
            under_way.append([0, todo.pop()])
        if not under_way or meter.stopped:
            break
        for text in under_way:
            text[0] += 1
            meter.add(Cost(policy_tokens=1))
        under_way = [text for text in under_way if text[0] < text[1]]
    assert not under_way or len(under_way) == 1  # only the one that had the floor to itself can be cut
    assert meter.spent.tokens <= amount


def test_the_first_candidate_always_begins() -> None:
    for unit in Unit:
        assert Meter(Budget(1, unit), max_tokens=1000).admits([])


def test_a_token_budget_begins_a_candidate_only_if_all_are_expected_to_finish() -> None:
    meter = Meter(Budget(250, Unit.TOKENS), max_tokens=100)
    meter.add(Cost(prompt_tokens=50))
    assert meter.admits([0])  # 50 + 100 outstanding + 100
    assert not meter.admits([0, 0])
    assert not meter.admits([0, 99])
    meter.finished(20)  # so the next is expected to take 25
    assert meter.admits([0, 0])
    assert meter.admits([0] * 7)
    assert not meter.admits([0] * 8)


def test_a_token_budget_counts_the_prompt_and_the_verifier() -> None:
    meter = Meter(Budget(30, Unit.TOKENS), max_tokens=5)
    meter.add(Cost(prompt_tokens=10))
    meter.add(Cost(verifier_tokens=10, policy_tokens=9))
    assert meter.stopped is None
    meter.add(Cost(policy_tokens=1))
    assert meter.stopped is Stopped.BUDGET
    assert not meter.admits([])


def test_a_time_budget_waits_until_the_speed_is_known_then_begins_what_can_finish() -> None:
    clock = Clock()
    meter = Meter(Budget(10, Unit.SECONDS), max_tokens=40, clock=clock)
    assert not meter.admits([0])  # nothing drawn yet
    meter.add(Cost(policy_tokens=1))
    clock.now += 1
    assert not meter.admits([1])  # one token says little about speed
    meter.add(Cost(policy_tokens=19))
    assert meter.admits([20])  # 20 tokens/s, two texts: 10 each for the 9 s left
    clock.now += 6
    assert not meter.admits([20])  # 20 tokens in 7 s, two texts, 3 s left: 4 tokens
    meter.finished(3)
    assert meter.admits([20])


def test_a_time_budget_ends_with_its_time() -> None:
    clock = Clock()
    meter = Meter(Budget(2, Unit.SECONDS), max_tokens=10, clock=clock)
    clock.now += 1.9
    assert meter.stopped is None
    clock.now += 0.2
    assert meter.stopped is Stopped.BUDGET
    assert not meter.admits([])
    assert meter.total().seconds == pytest.approx(2.1)


def test_an_interrupt_stops_before_the_budget_does() -> None:
    flag = [False]
    meter = Meter(Budget(1, Unit.TOKENS), max_tokens=10, interrupted=lambda: flag[0])
    meter.add(Cost(policy_tokens=5))
    before = meter.stopped
    flag[0] = True
    assert (before, meter.stopped) == (Stopped.BUDGET, Stopped.INTERRUPT)
    assert not meter.admits([])


def test_a_prompt_to_be_decoded_first_counts_with_what_the_next_candidate_is_expected_to_take() -> None:
    meter = Meter(Budget(100, Unit.TOKENS), max_tokens=40)
    meter.finished(20)  # so 25 are expected
    meter.add(Cost(policy_tokens=20))
    assert meter.admits([], prompt=55)
    assert not meter.admits([], prompt=56)
    assert meter.admits([15], prompt=45)
    assert not meter.admits([15], prompt=46)


def test_scoring_by_a_model_is_in_the_plan_from_the_start() -> None:
    free, paid = (Meter(Budget(1000, Unit.TOKENS), max_tokens=300) for _ in range(2))
    paid.expect_scoring()
    assert free.admits([0, 0])  # 3 x 300
    assert not paid.admits([0, 0])  # 3 x 300, and as much to score them
    assert not paid.admits([0])
    paid.finished(100)
    paid.scored(40)
    assert paid.admits([0, 0, 0])  # 4 x (125 + 40)
    paid.add(Cost(policy_tokens=100, verifier_tokens=400))
    assert not paid.admits([0, 0, 0])
