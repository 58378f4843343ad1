from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ttcli.answers import best, hierarchical, majority, weighted
from ttcli.answers.vote import by_lineage, by_places, shortest, tied
from ttcli.solution import Candidate, Ended
from ttcli.tally import Tally


def candidate(index: int, answer: str | None, score: float | None = None) -> Candidate:
    return Candidate(index, text="", answer=answer, ended=Ended.STOP, tokens=1, logprob=-1.0, score=score)


def drawn(*answers: str | None) -> list[Candidate]:
    return [candidate(i, answer) for i, answer in enumerate(answers)]


def scored(*pairs: tuple[str | None, float]) -> list[Candidate]:
    return [candidate(i, answer, score) for i, (answer, score) in enumerate(pairs)]


def never(one: str, other: str) -> bool:
    return False


def test_the_majority_leads() -> None:
    ballot = majority(drawn("1", "2", "2"), never)
    assert [(vote.answer, vote.members, vote.weight, vote.best) for vote in ballot.votes] == [
        ("2", (1, 2), 2.0, None),
        ("1", (0,), 1.0, None),
    ]


def test_majority_ignores_candidates_without_an_answer() -> None:
    ballot = majority(drawn(None, "7", None, None), never)
    assert ballot.leader is not None
    assert ballot.leader.answer == "7"
    assert ballot.abstained == 3


def test_share_is_of_the_votes_and_support_of_all_candidates() -> None:
    ballot = majority(drawn("7", None, "7", "8"), never)
    assert ballot.share == pytest.approx(2 / 3)
    assert ballot.support == 2 / 4


@pytest.mark.parametrize("vote", [majority, weighted, best])
@pytest.mark.parametrize("candidates", [[], drawn(None, None)])
def test_without_answers_nobody_leads(
    vote: Callable[[Sequence[Candidate]], Tally], candidates: list[Candidate]
) -> None:
    ballot = vote(candidates)
    assert ballot == Tally((), abstained=len(candidates))
    assert (ballot.leader, ballot.share, ballot.support) == (None, 0.0, 0.0)


SURE = (-3.0, -1.0, None, -2.0, -0.5)  # of candidates 0 to 4, the log-probabilities of their tokens


@pytest.mark.parametrize("vote", [majority, weighted, best, hierarchical])
def test_a_tie_goes_to_the_answer_with_the_most_confident_candidate(
    vote: Callable[[Sequence[Candidate]], Tally],
) -> None:
    answers = ("1", "2", "3", "1", "3")
    candidates = [replace(each, logprob=SURE[each.index]) for each in scored(*((answer, 0.5) for answer in answers))]
    order = [each.answer for each in vote([*candidates, replace(candidates[1], index=5, logprob=-2.5)]).votes]
    assert order == ["3", "2", "1"]
    unknown = [replace(each, logprob=None) for each in candidates]
    first = vote(unknown).leader
    assert first is not None
    assert first.answer == "1"


VOTES = (majority, weighted, best, hierarchical, shortest, tied, by_lineage, by_places)


@pytest.mark.parametrize("vote", VOTES)
def test_a_tie_goes_to_an_answer_that_was_not_cut_off(vote: Callable[[Sequence[Candidate]], Tally]) -> None:
    cut, other, whole = scored(("1", 0.5), ("1", 0.5), ("2", 0.5))
    cut, other = (replace(each, ended=Ended.CUT, logprob=-0.1) for each in (cut, other))
    whole = replace(whole, tokens=50, logprob=-50.0)
    assert [each.answer for each in vote([cut, whole]).votes] == ["2", "1"]
    assert [each.answer for each in vote([cut, replace(whole, ended=Ended.CUT)]).votes] == ["1", "2"]
    if vote is not best:
        assert [each.answer for each in vote([cut, other, whole]).votes] == ["1", "2"]


def test_in_a_chain_a_tie_goes_to_an_attempt_that_was_not_cut_off() -> None:
    cut, whole = (replace(each, chain=0, attempt=each.index) for each in scored(("1", 0.5), ("2", 0.5)))
    votes = hierarchical([replace(cut, ended=Ended.CUT, logprob=-0.1), whole]).votes
    assert [(each.answer, each.weight) for each in votes] == [("2", 0.5), ("1", 0.0)]


@pytest.mark.parametrize(("vote", "first"), [(shortest, "1"), (tied, "2")])
def test_what_a_vote_goes_by_in_a_tie_counts_of_those_that_were_not_cut_off(
    vote: Callable[[Sequence[Candidate]], Tally], first: str
) -> None:
    long, short, sure = (replace(each, tokens=9, logprob=-9.0) for each in scored(("1", 0.1), ("1", 0.2), ("2", 0.9)))
    short = replace(short, tokens=3, logprob=-3.0)
    assert vote([long, short, sure, replace(sure, index=3)]).votes[0].answer == first
    cut = replace(short, ended=Ended.CUT)
    assert vote([replace(long, tokens=20), cut, sure, replace(sure, index=3)]).votes[0].answer == "2"


def test_a_tie_goes_to_the_first_drawn() -> None:
    candidates = drawn("3", "4", "4", "3")
    assert [vote.answer for vote in majority(candidates[::-1], never).votes] == ["3", "4"]


def test_different_spellings_of_a_number_vote_together() -> None:
    ballot = majority(drawn("0.5", r"\frac{1}{2}", "1", "1/2"), never)
    assert [(vote.answer, vote.members) for vote in ballot.votes] == [("0.5", (0, 1, 3)), ("1", (2,))]


def test_the_sum_of_scores_beats_the_count_in_a_weighted_vote() -> None:
    candidates = scored(("1", 0.2), ("1", 0.3), ("2", 0.9))
    assert [(v.answer, v.weight, v.best) for v in weighted(candidates, never).votes] == [
        ("2", 0.9, 0.9),
        ("1", 0.5, 0.3),
    ]
    assert [v.answer for v in majority(candidates, never).votes] == ["1", "2"]


def test_best_ranks_by_the_highest_score_alone() -> None:
    candidates = scored(("1", 0.6), ("2", 0.7), ("1", 0.6), ("3", 0.1))
    assert [(v.answer, v.weight) for v in best(candidates, never).votes] == [("2", 0.7), ("1", 0.6), ("3", 0.1)]


@pytest.mark.parametrize("vote", [weighted, best])
def test_votes_by_score_need_scores_of_those_that_vote(vote: Callable[..., Tally]) -> None:
    with pytest.raises(ValueError, match="score"):
        vote(drawn("1", "2"), never)
    assert vote([candidate(0, None), candidate(1, "2", 0.5)], never).abstained == 1


def test_only_pairs_that_keys_cannot_decide_are_asked() -> None:
    asked: list[tuple[str, str]] = []

    def same(one: str, other: str) -> bool:
        asked.append((one, other))
        return False

    majority(drawn("1", "2", "x", " 1.0", "x", "even", "prime"), same)
    assert sorted(asked) == [("1", "x"), ("2", "x"), ("x", "even"), ("x", "prime")]


def test_classes_are_joined_by_a_chain_where_equivalence_is_not_transitive() -> None:
    near = {frozenset({"a", "b"}), frozenset({"b", "c"})}
    ballot = majority(drawn("c", "a", "b", "d"), lambda one, other: frozenset({one, other}) in near)
    assert [vote.members for vote in ballot.votes] == [(0, 1, 2), (3,)]


POOL = ["a", "b", "c", "d", "1", "1.0", "2", "2/1", "3", None]
CANDIDATES = st.lists(st.tuples(st.sampled_from(POOL), st.floats(0, 1)), max_size=12).map(lambda pairs: scored(*pairs))


@settings(deadline=None)
@given(CANDIDATES, st.randoms(), st.sets(st.tuples(st.sampled_from("abcd123"), st.sampled_from("abcd123"))))
def test_a_vote_does_not_depend_on_the_order_of_candidates(
    candidates: list[Candidate], rng: Random, near: set[tuple[str, str]]
) -> None:
    def same(one: str, other: str) -> bool:
        return (one[0], other[0]) in near or (other[0], one[0]) in near

    shuffled = rng.sample(candidates, len(candidates))
    for vote in (majority, weighted, best):
        assert vote(candidates, same) == vote(shuffled, same)


@settings(deadline=None)
@given(CANDIDATES)
def test_every_candidate_votes_once_or_abstains(candidates: list[Candidate]) -> None:
    ballot = majority(candidates, never)
    members = [index for vote in ballot.votes for index in vote.members]
    assert len(members) == len(set(members)) == sum(c.answer is not None for c in candidates)
    assert ballot.abstained + len(members) == len(candidates)
    assert list(ballot.votes) == sorted(ballot.votes, key=lambda vote: (-vote.weight, vote.members[0]))


def in_chains(*votes: tuple[int | None, str | None, float]) -> list[Candidate]:
    """Chain, answer and score of each."""
    return [
        Candidate(at, "", answer, Ended.STOP, 1, 0.0, score=score, chain=chain)
        for at, (chain, answer, score) in enumerate(votes)
    ]


def test_each_chain_votes_for_its_own_winner_with_the_best_score_that_it_got() -> None:
    candidates = in_chains((0, "1", 0.4), (0, "1", 0.3), (0, "2", 0.6), (1, "2", 0.5), (1, None, 0.0), (1, "3", 0.2))
    ballot = hierarchical(candidates, never)
    assert [(vote.answer, vote.weight, vote.members) for vote in ballot.votes] == [
        ("2", 0.5, (2, 3)),
        ("1", 0.4, (0, 1)),
        ("3", 0.0, (5,)),
    ]
    assert ballot.abstained == 1


def test_winners_of_chains_that_agree_add_up() -> None:
    candidates = in_chains((0, "1", 0.4), (1, "1", 0.4), (2, "2", 0.7))
    assert [(vote.answer, vote.weight) for vote in hierarchical(candidates, never).votes] == [("1", 0.8), ("2", 0.7)]


def test_a_chain_that_is_divided_goes_by_its_first_drawn() -> None:
    candidates = in_chains((1, "2", 0.1), (0, "1", 0.5), (0, "2", 0.5))
    votes = hierarchical(candidates, never).votes
    assert [(vote.answer, vote.weight) for vote in votes] == [("1", 0.5), ("2", 0.1)]


def test_candidates_of_no_chain_vote_as_weighted() -> None:
    candidates = in_chains((None, "1", 0.4), (None, "2", 0.5), (None, "1", 0.3), (None, None, 0.9))
    assert hierarchical(candidates, never) == weighted(candidates, never)


def test_a_hierarchical_vote_wants_a_score_of_every_answer() -> None:
    with pytest.raises(ValueError, match="needs a score"):
        hierarchical([candidate(0, "1")], never)
