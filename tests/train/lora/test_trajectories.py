from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from train.lora.made import pooled
from ttcli.search.revise import WINDOW
from ttcli.solution import Attempt
from ttcli.train.lora.spec import Chaining
from ttcli.train.lora.trajectories import edit_distance, trajectories

PAPER = Chaining()
RIGHT, NEAR, FAR = ("1+1=2\n\n", "#### 4"), ("1+1=3\n\n", "#### 4"), ("Nobody knows what that may be", " at all")


def by_table(one: str, other: str) -> int:
    above: list[int] = [*range(len(other) + 1)]
    for row, letter in enumerate(one, 1):
        here: list[int] = [row]
        for column, wanted in enumerate(other, 1):
            here.append(min(above[column - 1] + (letter != wanted), above[column] + 1, here[-1] + 1))
        above = here
    return above[-1]


@settings(max_examples=200)
@given(st.text("abcé", max_size=14), st.text("abcé", max_size=14))
def test_the_edit_distance_is_that_of_the_table(one: str, other: str) -> None:
    assert edit_distance(one, other) == by_table(one, other)


def test_the_last_wrong_solution_in_view_is_the_closest_one() -> None:
    pool = [pooled((RIGHT, True), (FAR, False), (NEAR, False), (FAR, False), position=at) for at in range(40)]
    chains = trajectories(pool, PAPER, {}, seed=1)
    assert {len(chain.attempts) for chain in chains} == {0, 1, 2}  # there are no more different ones
    for chain in chains:
        assert chain.target == "".join(RIGHT)
        assert not chain.attempts or chain.attempts[-1].text == "".join(NEAR)
        assert Attempt("".join(RIGHT)) not in chain.attempts


def test_no_more_are_in_view_than_a_revision_will_see() -> None:
    wrong = [((f"{'x' * number}\n\n", "#### 9"), False) for number in range(9)]
    chains = trajectories([pooled((RIGHT, True), *wrong, position=at) for at in range(60)], PAPER, {}, seed=0)
    assert {len(chain.attempts) for chain in chains} == set(range(WINDOW + 1))


def test_easy_problems_do_not_drown_the_others_and_the_seed_decides() -> None:
    easy = pooled(*(((f"step {number}\n\n", "#### 4"), True) for number in range(20)), position=1)
    hard = pooled((RIGHT, True), (NEAR, False), position=2)
    chains = trajectories([easy, hard], PAPER, {}, seed=3)
    assert sum(chain.position == 1 for chain in chains) == 4
    assert chains == trajectories([easy, hard], PAPER, {}, seed=3) != trajectories([easy, hard], PAPER, {}, seed=4)


def test_what_has_no_right_solution_teaches_nothing() -> None:
    assert trajectories([pooled((NEAR, False), (FAR, False))], PAPER, {}, seed=0) == []


def test_some_chains_end_with_a_right_attempt_that_is_to_be_kept() -> None:
    pool = [pooled((RIGHT, True), (FAR, False), (NEAR, False), position=at) for at in range(200)]
    chains = trajectories(pool, Chaining(keep=0.3), {}, seed=0)
    kept = [chain for chain in chains if Attempt(chain.target) in chain.attempts]
    assert 0.2 < len(kept) / len(chains) < 0.45  # equal chains of a problem are one
    for chain in kept:
        assert chain.attempts.index(Attempt(chain.target)) == len(chain.attempts) - 1 < WINDOW
    assert {len(chain.attempts) for chain in kept} == {1, 2}
    easy = trajectories([pooled((RIGHT, True), position=at) for at in range(9)], Chaining(keep=0.5), {}, seed=0)
    assert {chain.attempts for chain in easy} == {(), (Attempt("".join(RIGHT)),)}


def test_what_is_told_of_a_solution_stands_with_it_wherever_it_is_in_view() -> None:
    pool = [pooled((RIGHT, True), (FAR, False), (NEAR, False), position=at) for at in range(9)]
    near = "".join(NEAR)
    told = {at: {near: Attempt("cut", NEAR[0])} for at in range(8)}
    chains = trajectories(pool, Chaining(keep=0.3), told, seed=0)
    for chain in chains:
        for attempt in chain.attempts:
            assert attempt.text != near or chain.position == 8
            assert (attempt.doubt is not None) == (attempt.text == "cut")
    assert sum(each.text == "cut" for chain in chains for each in chain.attempts) > 8


def test_a_problem_with_one_right_solution_has_as_many_chains_as_others() -> None:
    wrong = [((f"{'x' * number}\n\n", "#### 9"), False) for number in range(9)]
    assert len(trajectories([pooled((RIGHT, True), *wrong)], Chaining(chains=12), {}, seed=0)) > 6
