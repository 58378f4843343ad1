"""The words around a problem: shipped ones, files of one's own, and what is no prompt."""

from __future__ import annotations

from pathlib import Path

import pytest

from ttcli.errors import ConfigError, UsageError
from ttcli.policy.prompt import Prompt
from ttcli.policy.prompt_file import read_prompt, shipped
from ttcli.problem import Problem, Turn
from ttcli.runtime.loader import prompt_of
from ttcli.runtime.settings import Settings

PROBLEM = Problem("What is {{ 2 }} + 2?")
FULL = r"""
about = "sums"
system = "You add."
user = "Add: {{ problem }}"
step_separator = "\n"
answer = "last-line"
[[examples]]
problem = "What is 1 + 1?"
solution = "2"
"""


def write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("name", shipped())
def test_every_shipped_prompt_says_the_problem_as_it_stands_and_what_it_is_for(name: str) -> None:
    chosen = read_prompt(name)
    told = chosen.on(Prompt()).messages(PROBLEM)[-1]["content"]
    assert PROBLEM.text in told
    assert chosen.about


def test_the_first_shipped_prompt_is_the_default_to_the_letter() -> None:
    math = read_prompt(shipped()[0]).on(Prompt())
    assert math.messages(PROBLEM) == Prompt().messages(PROBLEM)
    assert math.recipe == Prompt().recipe


def test_a_file_has_system_examples_separator_and_form(tmp_path: Path) -> None:
    settings = Settings("m", prompt=write(tmp_path / "sums.toml", FULL))
    prompt = prompt_of(None, settings)
    assert settings.answer == "last-line"
    assert prompt.step_separator == "\n"
    assert [(each["role"], each["content"]) for each in prompt.messages(PROBLEM)] == [
        ("system", "You add."),
        ("user", "Add: What is 1 + 1?"),
        ("assistant", "2"),
        ("user", f"Add: {PROBLEM.text}"),
    ]
    asked = prompt.messages(Problem("x", before=(Turn("system", "S"), Turn("user", "hi"), Turn("assistant", "ho"))))
    assert [each["content"] for each in asked] == ["S", "Add: What is 1 + 1?", "2", "hi", "ho", "Add: x"]
    assert prompt.messages(Problem("x", bare=True))[1:] == [{"role": "user", "content": "x"}]


def test_what_a_prompt_says_is_part_of_the_recipe(tmp_path: Path) -> None:
    recipes = [
        prompt_of(None, Settings("m", prompt=prompt, system=system)).recipe
        for prompt in (None, "plain", "choice", write(tmp_path / "a.toml", FULL))
        for system in (None, "Be brief.")
    ]
    assert all(recipes.count(recipe) == 1 for recipe in recipes)


def test_options_go_before_what_the_file_says(tmp_path: Path) -> None:
    settings = Settings("m", prompt=write(tmp_path / "b.toml", FULL), answer="code", system="You do not add.")
    assert settings.answer == "code"
    assert prompt_of(None, settings).system == "You do not add."


def test_any_other_file_is_a_template(tmp_path: Path) -> None:
    prompt = read_prompt(write(tmp_path / "mine.j2", "{% if problem %}Q: {{ problem }}\nA:{% endif %}\n"))
    assert prompt.on(Prompt()).messages(Problem("x"))[-1]["content"] == "Q: x\nA:"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("user = 'hello'", "never mentions the problem"),
        ("user = '{{ question }}'", "'question' is undefined"),
        ("user = '{{ problem'", "the template fails"),
        ("user = '{{ problem.__class__.__mro__ }}{{ problem }}'", "the template fails"),
        ("about = 'x'", "no `user`"),
        ("user = 3", "user is not text"),
        ("user = '{{ problem }}'\nusr = 'x'", "a prompt has no usr"),
        ("user = '{{ problem }}'\nexamples = ['x']", "an example has a problem and a solution"),
        ("user = '{{ problem }}'\nexamples = 'x'", "examples is not a list of tables"),
        ("user = ", "Invalid value"),
    ],
)
def test_what_is_no_prompt_is_said(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_prompt(write(tmp_path / "bad.toml", text))
    assert says in str(caught.value)
    assert caught.value.hint


def test_a_form_that_is_none_and_a_file_that_is_not_there_are_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no form of an answer"):
        read_prompt(write(tmp_path / "form.toml", "user = '{{ problem }}'\nanswer = 'rhyme'"))
    with pytest.raises(ConfigError, match="No such file") as caught:
        read_prompt("mathematics")
    assert "math, choice, code, plain" in str(caught.value.hint)
