from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ttcli.catalog.beside import Beside
from ttcli.catalog.entry import DEFAULT_MODEL, find
from ttcli.catalog.stored import LocalModel
from ttcli.catalog.template import Template
from ttcli.errors import ConfigError
from ttcli.policy.prompt import INSTRUCTION, REVISE, Prompt
from ttcli.problem import Problem
from ttcli.runtime.loader import prompt_of

WORDS = """\
[template]
system = "You calculate."
instruction = "Behind ####, the answer."
step_separator = "\\n"
step_content = "equation"
revise = "Once more."
"""


def model_with(folder: Path, toml: str) -> LocalModel:
    model = LocalModel(folder / "m.gguf", None, "m.gguf")
    model.path.with_suffix(".toml").write_text(toml, encoding="utf-8")
    return model


def test_the_words_of_a_model_stand_beside_it(tmp_path: Path) -> None:
    assert prompt_of(model_with(tmp_path, WORDS)) == Prompt(
        system="You calculate.",
        instruction="Behind ####, the answer.",
        step_separator="\n",
        revise="Once more.",
        step_content="equation",
    )


def test_what_they_leave_out_is_as_usual(tmp_path: Path) -> None:
    prompt = prompt_of(model_with(tmp_path, '[template]\nsystem = "S"\n'))
    assert prompt == Prompt(system="S", instruction=INSTRUCTION, revise=REVISE, step_content="number")


def test_of_a_model_of_the_catalog_it_is_as_its_entry_has_it(tmp_path: Path) -> None:
    known = replace(model_with(tmp_path, '[template]\nrevise = "Again."\n'), entry=find(DEFAULT_MODEL))
    assert known.template == replace(find(DEFAULT_MODEL).template, revise="Again.")


def test_an_instruction_may_be_nothing_at_all(tmp_path: Path) -> None:
    prompt = prompt_of(model_with(tmp_path, '[template]\ninstruction = ""\n'))
    assert prompt.messages(Problem("1+1")) == [{"role": "user", "content": "1+1"}]


def test_other_words_make_another_recipe(tmp_path: Path) -> None:
    usual = prompt_of(None)
    told = prompt_of(model_with(tmp_path, '[template]\ninstruction = "I"\n'))
    assert told.recipe == {**usual.recipe, "instruction": "I"}
    around_usual = replace(told, user=f"{{{{ problem }}}}\n{INSTRUCTION}")
    assert around_usual.recipe != told.recipe
    assert replace(told, user="{{ problem }}\nI").recipe == told.recipe


def test_a_file_of_somebody_else_says_nothing(tmp_path: Path) -> None:
    model = model_with(tmp_path, "[tool]\nx = 1\n")
    assert model.beside == Beside()
    assert model.template == Template()


@pytest.mark.parametrize(
    ("toml", "complaint"),
    [
        ('[template]\nrule = "mine"\n', "template.rule must be 'gguf'"),
        ('[template]\nstep_separator = ""\n', "template.step_separator must not be empty"),
        ('[template]\nstep_content = "words"\n', "template.step_content must be one of any, number, equation"),
        ('[template]\nrevise = " "\n', "template.revise must not be empty"),
        ('[template]\ndoubt = "a step is wrong"\n', r"template.doubt must have \{step\} in it"),
        ("[template]\ninstruction = 1\n", "template.instruction must be a string"),
        ('[template]\nuser = "x"\n', "template.user is not a known key"),
        ('[template]\n[tool]\nx = "x"\n', "tool is not a known key"),
        ("template = 1\n", "template must be a table"),
    ],
)
def test_what_it_cannot_mean_is_an_error_that_names_the_key(tmp_path: Path, toml: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        prompt_of(model_with(tmp_path, toml))
