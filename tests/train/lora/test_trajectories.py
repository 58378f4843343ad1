from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from train.lora.made import pooled
from ttcli.search.revise import WINDOW
from ttcli.train.lora.trajectories import edit_distance, trajectories

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
    chains = trajectories(pool, seed=1)
    assert {len(chain.attempts) for chain in chains} == {0, 1, 2}  # there are no more different ones
    for chain in chains:
        assert chain.target == "".join(RIGHT)
        assert not chain.attempts or chain.attempts[-1] == "".join(NEAR)
        assert "".join(RIGHT) not in chain.attempts


def test_no_more_are_in_view_than_a_revision_will_see() -> None:
    wrong = [((f"{'x' * number}\n\n", "#### 9"), False) for number in range(9)]
    chains = trajectories([pooled((RIGHT, True), *wrong, position=at) for at in range(60)], seed=0)
    assert {len(chain.attempts) for chain in chains} == set(range(WINDOW + 1))


def test_easy_problems_do_not_drown_the_others_and_the_seed_decides() -> None:
    easy = pooled(*(((f"step {number}\n\n", "#### 4"), True) for number in range(20)), position=1)
    hard = pooled((RIGHT, True), (NEAR, False), position=2)
    chains = trajectories([easy, hard], seed=3)
    assert sum(chain.position == 1 for chain in chains) == 4
    assert chains == trajectories([easy, hard], seed=3) != trajectories([easy, hard], seed=4)


def test_what_has_no_right_solution_teaches_nothing() -> None:
    assert trajectories([pooled((NEAR, False), (FAR, False))], seed=0) == []
