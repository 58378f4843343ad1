from __future__ import annotations

from dataclasses import asdict, replace

from ttcli.policy.prompt import DOUBT, INSTRUCTION, REVISE, Prompt
from ttcli.problem import Problem
from ttcli.solution import Attempt

PROBLEM = Problem("What is 2 + 2?")
QUESTION = {"role": "user", "content": f"What is 2 + 2?\n{INSTRUCTION}"}


def test_without_attempts_the_problem_is_all_that_is_said() -> None:
    assert Prompt().messages(PROBLEM) == [QUESTION]
    assert Prompt(system="Be brief.").messages(PROBLEM) == [{"role": "system", "content": "Be brief."}, QUESTION]


def test_every_attempt_is_a_turn_that_is_asked_to_be_revised() -> None:
    assert Prompt(revise="Again.").messages(PROBLEM, [Attempt("It is 3."), Attempt("It is 5.")]) == [
        QUESTION,
        {"role": "assistant", "content": "It is 3."},
        {"role": "user", "content": "Again."},
        {"role": "assistant", "content": "It is 5."},
        {"role": "user", "content": "Again."},
    ]


def test_a_step_in_doubt_is_told_with_the_request_to_revise_its_attempt() -> None:
    attempts = [Attempt("1 + 1 = 3\n\nSo 6.", "1 + 1 = 3\n\n"), Attempt("It is 5.")]
    chat = Prompt(revise="Again.", doubt="Wrong: {step}. ").messages(PROBLEM, attempts)
    assert [each["content"] for each in chat[2::2]] == ["Wrong: 1 + 1 = 3. Again.", "Again."]
    [*_, usual] = Prompt().messages(PROBLEM, attempts[:1])
    assert usual["content"] == DOUBT.replace("{step}", "1 + 1 = 3") + REVISE
    [_, said, _] = Prompt().messages(PROBLEM, [Attempt("", "1 + 1 = 3\n\n")])  # no turn is empty
    assert said == {"role": "assistant", "content": "1 + 1 = 3\n\n"}
    for form in ("code", "text"):
        [*_, whole] = Prompt().messages(replace(PROBLEM, form=form), attempts[:1])
        assert whole["content"].startswith(DOUBT.replace("{step}", "1 + 1 = 3"))


def test_the_words_of_revisions_are_what_these_are_filed_under() -> None:
    assert Prompt(revise="Again.").revisions == {"revise": "Again.", "doubt": DOUBT}
    assert Prompt(revise="Again.", doubt="{step}").revisions == {"revise": "Again.", "doubt": "{step}"}


def test_the_recipe_is_the_prompt_without_the_words_of_revisions() -> None:
    """Samples are filed under it: it must not change, nor may the order of its keys."""
    prompt = Prompt(system="Be brief.", revise="Again.")
    assert list(prompt.recipe) == ["system", "instruction", "step_separator"]
    unused = {"revise": "Again.", "doubt": DOUBT, "step_content": "any", "user": None, "examples": ()}
    assert {**prompt.recipe, **unused} == asdict(prompt)


def test_the_usual_request_asks_for_a_boxed_answer() -> None:
    assert "\\boxed{}" in REVISE


def test_a_text_is_asked_for_as_it_is_and_code_in_one_block() -> None:
    (text,) = Prompt().messages(replace(PROBLEM, form="text"))
    (code,) = Prompt().messages(replace(PROBLEM, form="code"))
    assert text["content"] == PROBLEM.text
    assert "boxed" not in code["content"]
    assert "block" in code["content"]
    again = Prompt().messages(replace(PROBLEM, form="code"), [Attempt("x")])[-1]["content"]
    assert "boxed" not in again


def test_a_solution_is_asked_for_its_answer_in_a_turn_of_its_own() -> None:
    question, solution, asked = Prompt().again(PROBLEM, "It is four.")
    assert (question, solution) == (QUESTION, {"role": "assistant", "content": "It is four."})
    assert "\\boxed{}" in asked["content"]
