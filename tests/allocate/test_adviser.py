from dataclasses import replace

from allocate.test_profile import example
from ttcli.allocate.adviser import ProfileAdviser, demand
from ttcli.allocate.difficulty import Difficulty
from ttcli.search.method import Demand
from ttcli.solution import Candidate, Ended
from ttcli.stats.logistic import Logistic, Term

AGREEING = Difficulty(4, Logistic(0.0, {"agreement": Term(0.5, 0.1, 2.0)}))


def drawn(*answers: str | None) -> list[Candidate]:
    return [Candidate(index, "", answer, Ended.STOP, 10, -2.0) for index, answer in enumerate(answers)]


def test_samples_that_agree_are_an_easy_problem_and_get_what_suits_one() -> None:
    adviser = ProfileAdviser(example(difficulty=AGREEING))
    assert adviser.probes == 4
    easy = adviser.advise(drawn("4", "4", "4", "4"), 16)
    hard = adviser.advise(drawn("1", "2", "3", None), 16)
    assert (easy.chose.bin, easy.chose.bins, easy.chose.method, easy.method.name) == (1, 2, "majority", "majority")
    assert (hard.chose.bin, hard.chose.method, hard.method.name) == (2, "beam:m=sqrt", "beam:m=sqrt")
    assert easy.chose.difficulty > 0.9 > 0.1 > hard.chose.difficulty
    assert (hard.chose.expected, hard.chose.gain, hard.chose.baseline) == (0.75, 0.1, "majority")


def test_the_policy_is_to_have_room_for_every_choice() -> None:
    assert demand(example()) == Demand(beams=16, attempts=0, stepwise=True)


def test_a_budget_that_the_probes_use_up_is_voted_on() -> None:
    adviser = ProfileAdviser(example(difficulty=AGREEING))
    hard = adviser.advise(drawn("1", "2", "3", None), 4)
    assert (hard.chose.method, hard.method.name, hard.chose.expected, hard.chose.gain) == (
        *("majority", "majority"),
        *(None, 0.0),
    )


def test_room_is_for_what_runs_after_the_probes() -> None:
    choices = tuple(replace(each, strategy="revise:ratio=12", budget=16.0) for each in example().choices[:4:2])
    assert demand(replace(example(), choices=choices)) == Demand(beams=1, attempts=4, silent=True)
