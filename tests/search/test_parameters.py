from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ttcli.cost import Budget
from ttcli.errors import UsageError
from ttcli.search.methods import METHODS, parse_method
from ttcli.search.parameters import nearest_root

SEARCHES = sorted(name for name, method in METHODS.items() if method.stepwise)


def sizes(text: str, budget: str) -> dict[str, Any]:
    method = parse_method(text)
    assert method.parameters is not None
    told = dict(method.parameters.sizes(text, Budget.parse(budget)))
    assert told.pop("floor") == 0.05
    assert told.pop("rule", "places") == ("places" if text.startswith("particles") else "weighted")
    return told


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("beam", "beam"),
        ("beam:m=4", "beam:m=4"),
        ("beam:vote=weighted,floor=0.05", "beam"),
        ("beam:floor=0.02", "beam:floor=0.02"),
        ("beam:vote=lineage,floor=.10", "beam:floor=0.1,vote=lineage"),
        ("rebase:floor=0", "rebase:floor=0"),
        ("beam:n=16", "beam"),
        ("beam:m=sqrt", "beam:m=sqrt"),
        ("beam: n = 32 , m=02", "beam:m=2,n=32"),
        ("lookahead:m=8,k=3", "lookahead:k=3,m=8"),
        ("lookahead:k=1", "lookahead"),
        ("dvts:m=2", "dvts"),
        ("dvts:m=4", "dvts:m=4"),
        ("rebase:t=0.20", "rebase"),
        ("rebase:t=1", "rebase:t=1"),
        ("particles:t=1.0", "particles"),
        ("particles:t=1e-3", "particles:t=0.001"),
        ("majority", "majority"),
    ],
)
def test_equal_methods_get_equal_names(text: str, name: str) -> None:
    method = parse_method(text)
    assert method.name == name
    assert parse_method(name).name == name


KEYS: dict[str, st.SearchStrategy[Any]] = {
    "k": st.integers(1, 99),
    "m": st.integers(1, 99) | st.just("sqrt"),
    "n": st.integers(1, 99),
    "t": st.floats(0, 1e9, exclude_min=True),
}
OWN = {"beam": "mn", "lookahead": "kmn", "dvts": "mn", "rebase": "tn", "particles": "tn"}


@given(st.sampled_from(SEARCHES), st.data())
def test_what_is_read_is_written_and_read_again(name: str, data: st.DataObject) -> None:
    chosen = data.draw(st.fixed_dictionaries({}, optional={key: KEYS[key] for key in OWN[name]}))
    text = ",".join(f"{key}={value}" for key, value in chosen.items())
    method = parse_method(f"{name}:{text}" if text else name)
    again = parse_method(method.name)
    for key, value in chosen.items():
        assert getattr(method.parameters, key) == value
        assert getattr(again.parameters, key) == (value if (key, value) != ("n", 16) else None)
    assert again.name == method.name


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("beams", "there is no method 'beams'", "one of auto, adaptive, majority, "),
        ("beams:m=4", "there is no method 'beams'", "one of auto, adaptive, majority, "),
        ("", "there is no method ''", "beam, lookahead, dvts, rebase, particles"),
        ("majority:m=4", "majority has nothing to set", "--method majority"),
        ("beam:", "beam has no setting ''", "beam:m=4,n=16"),
        ("beam:k=2", "beam has no setting 'k'", "beam:m=4,n=16"),
        ("rebase:m=2", "rebase has no setting 'm'", "rebase:t=0.2,n=16"),
        ("lookahead:m=4,m=2", "lookahead is given m twice", "lookahead:k=1,m=4,n=16"),
        ("beam:m", "m of beam must be from 1 to 1024, or sqrt, not ''", "beam:m=4,n=16"),
        ("beam:m=0", "m of beam must be from 1 to 1024, or sqrt, not '0'", "beam:m=4,n=16"),
        ("beam:m=2.5", "not '2.5'", "beam:m=4,n=16"),
        ("beam:n=1025", "n of beam must be from 1 to 1024, not '1025'", "beam:m=4,n=16"),
        ("beam:n=sqrt", "n of beam must be from 1 to 1024, not 'sqrt'", "beam:m=4,n=16"),
        ("lookahead:k=0", "k of lookahead must be from 1 to 1024, not '0'", "lookahead:k=1,m=4,n=16"),
        ("rebase:t=0", "t of rebase must be above 0, not '0'", "rebase:t=0.2,n=16"),
        ("rebase:t=nan", "not 'nan'", "rebase:t=0.2,n=16"),
        ("particles:t=inf", "not 'inf'", "particles:t=0.2,n=16"),
        ("particles:vote=best", "particles has no setting 'vote'", "particles:t=0.2,n=16"),
        ("beam:vote=none", "vote of beam must be weighted, lineage or best, not 'none'", "beam:m=4,n=16"),
        ("beam:floor=2", "floor of beam must be from 0 to 1, not '2'", "beam:m=4,n=16"),
    ],
)
def test_what_is_no_method_or_setting_is_refused_with_what_there_is(text: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_method(text)
    assert message in str(caught.value)
    assert hint in (caught.value.hint or "")


def test_a_budget_of_generations_is_the_number_of_beams() -> None:
    assert sizes("beam", "16") == {"beams": 16, "expand": 2}
    assert sizes("beam:m=sqrt,n=16", "16") == {"beams": 16, "expand": 4}
    assert sizes("dvts:m=2", "6") == {"beams": 6, "expand": 2}
    assert sizes("rebase", "7") == {"beams": 7, "temperature": 0.2}
    assert sizes("particles:t=2", "5") == {"beams": 5, "temperature": 2.0}


def test_each_prefix_gets_two_steps_up_to_sixteen_beams_and_then_four_where_these_divide_them() -> None:
    expanded = {beams: sizes("beam", str(beams))["expand"] for beams in (2, 8, 16, 18, 20, 32, 34, 64)}
    assert expanded == {2: 2, 8: 2, 16: 2, 18: 2, 20: 4, 32: 4, 34: 2, 64: 4}
    assert sizes("dvts", "64")["expand"] == 2


def test_a_beam_that_looks_ahead_counts_for_its_rollouts_too() -> None:
    assert sizes("lookahead", "16") == {"beams": 8, "expand": 2, "ahead": 1}
    assert sizes("lookahead:k=3", "16") == {"beams": 4, "expand": 2, "ahead": 3}
    assert sizes("lookahead:k=3", "19") == {"beams": 4, "expand": 2, "ahead": 3}


@pytest.mark.parametrize("budget", ["20000tok", "30s"])
def test_other_budgets_have_sixteen_beams_or_as_many_as_asked_for(budget: str) -> None:
    assert sizes("beam", budget)["beams"] == 16
    assert sizes("lookahead:n=8", budget)["beams"] == 8


@pytest.mark.parametrize(
    ("text", "budget", "message", "hint"),
    [
        ("beam:m=4", "10", "beam takes beams in multiples of 4; a budget of 10 makes 10", "--budget 8"),
        ("beam", "11", "beam takes beams in multiples of 2; a budget of 11 makes 11", "--budget 12"),
        ("dvts", "1", "dvts takes beams in multiples of 2; a budget of 1 makes 1", "--budget 2"),
        ("dvts:m=4", "2", "dvts takes beams in multiples of 4; a budget of 2 makes 2", "--budget 4"),
        ("beam:m=3,n=8", "9s", "beam takes beams in multiples of 3, not n=8", "--method beam:m=3,n=9"),
        ("lookahead:k=2,m=4,n=6", "99tok", "multiples of 4, not n=6", "--method lookahead:k=2,m=4,n=8"),
        ("lookahead:k=2,n=5", "99tok", "multiples of 2, not n=5", "--method lookahead:k=2,n=4"),
        ("lookahead:m=4", "4", "a budget of 4 makes 2, at 2 generations a beam", "--budget 8"),
        ("lookahead:k=3", "3", "a budget of 3 makes 0, at 4 generations a beam", "--budget 8"),
        ("lookahead:k=3,m=sqrt", "3", "lookahead takes at least 1 beam; a budget of 3 makes 0", "--budget 4"),
        ("rebase", "1000000", "rebase takes at most 1024 beams; a budget of 1000000 makes 1000000", "--budget 1024"),
        ("beam:m=6", "1024", "beams in multiples of 6; a budget of 1024 makes 1024", "--budget 1020"),
        ("beam:n=8", "16", "beam has 16 beams with a budget of 16, not n=8", "leave n out, or --budget 8"),
        ("beam:n=16", "8", "beam has 8 beams with a budget of 8, not n=16", "leave n out, or --budget 16"),
        ("lookahead:n=8", "8", "lookahead has 4 beams with a budget of 8, not n=8", "leave n out, or --budget 16"),
    ],
)
def test_a_budget_that_a_search_cannot_work_with_is_refused(text: str, budget: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_method(text).check(Budget.parse(budget))
    assert message in str(caught.value)
    assert caught.value.hint == hint


@given(st.sampled_from(["beam:m=4", "dvts:m=4", "lookahead:k=2,m=4"]), st.integers(1, 10_000))
def test_the_budget_that_is_proposed_instead_works_and_is_the_nearest(text: str, amount: int) -> None:
    method = parse_method(text)
    each = 3 if text.startswith("lookahead") else 1
    beams = amount // each
    if beams and beams % 4 == 0 and beams <= 1024:
        method.check(Budget(amount))
        return
    with pytest.raises(UsageError) as caught:
        method.check(Budget(amount))
    proposed = int((caught.value.hint or "").removeprefix("--budget "))
    method.check(Budget(proposed))
    assert proposed // each == min(range(4, 1025, 4), key=lambda other: (abs(other - beams), other % 8))


@pytest.mark.parametrize("method", ["majority", "adaptive", "greedy", "best-of-n"])
def test_methods_that_draw_candidates_in_one_go_work_with_any_budget(method: str) -> None:
    parse_method(method).check(Budget(1_000_001))


@pytest.mark.parametrize(
    ("number", "root"), [(1, 1), (2, 1), (4, 2), (6, 2), (7, 1), (8, 2), (12, 3), (16, 4), (64, 8), (256, 16)]
)
def test_the_nearest_root_of_some_numbers(number: int, root: int) -> None:
    assert nearest_root(number) == root


@given(st.integers(1, 2000))
def test_the_nearest_root_is_the_divisor_nearest_to_the_square_root(number: int) -> None:
    root = nearest_root(number)
    assert number % root == 0
    away = [abs(each - math.sqrt(number)) for each in range(1, number + 1) if number % each == 0]
    assert abs(root - math.sqrt(number)) == min(away)


def test_the_searches_are_told_from_methods_that_draw_in_one_go() -> None:
    assert SEARCHES == ["beam", "dvts", "lookahead", "particles", "rebase"]
    assert not any(parse_method(name).stepwise for name in ("majority", "best-of-n", "adaptive"))
