from __future__ import annotations

from pathlib import Path

import pytest

from ttcli.catalog.beside import read_beside
from ttcli.catalog.stored import LocalModel, form_of
from ttcli.catalog.template import Template
from ttcli.errors import ConfigError
from ttcli.thought import Tags


def model_with(folder: Path, toml: str | None) -> LocalModel:
    model = LocalModel(folder / "m.gguf", None, "m.gguf")
    if toml is not None:
        model.path.with_suffix(".toml").write_text(toml, encoding="utf-8")
    return model


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        (None, None),
        ("", None),
        ("[other]\nx = 1\n", None),
        ("[thinking]\nnone = true\n", "none"),
        ('[thinking]\nopening = "<a>"\nclosing = "</a>"\n', Tags("<a>", "</a>")),
        ('[thinking]\nopening = "<a>"\nclosing = "x</a>"\nmark = "</a>"\n', Tags("<a>", "x</a>", "</a>")),
    ],
)
def test_a_toml_beside_the_file_tells(tmp_path: Path, toml: str | None, told: object) -> None:
    assert model_with(tmp_path, toml).beside.thinking == told


@pytest.mark.parametrize(
    ("toml", "complaint"),
    [
        ("[thinking]\nnone = false\n", "none must be true"),
        ('[thinking]\nnone = "yes"\n', "none must be true or false"),
        ('[thinking]\nopening = ""\nclosing = "x"\n', "opening must not be empty"),
        ('[thinking]\nopening = "x"\nclosing = "x"\n', "closing must be another word"),
        ('[thinking]\nopening = "x"\nclosing = "y"\nmark = "z"\n', "mark must be the end"),
        ('[thinking]\nopening = "x"\nclosing = "y"\nend = "z"\n', "end is not a known key"),
        ("thinking = 1\n", "must be a table"),
    ],
)
def test_what_it_cannot_mean_is_an_error_that_names_the_key(tmp_path: Path, toml: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        read_beside(model_with(tmp_path, toml).path, Template())


def test_it_may_stand_beside_the_form_of_a_verifier(tmp_path: Path) -> None:
    verifier = '[verifier]\nkind = "prm"\nform = "step-turn"\ngood = "+"\nbad = "-"\n'
    model = model_with(tmp_path, verifier + "[thinking]\nnone = true\n")
    assert model.beside.thinking == "none"
    form = form_of(model)
    assert form is not None
    assert form.good == "+"
