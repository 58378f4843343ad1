"""How a verifier is read: by its entry, by the TOML beside it, or by what it is called."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tiny_models import write_tiny

from ttcli.catalog.entry import find
from ttcli.catalog.forms import CritiqueForm, PrmForm
from ttcli.catalog.progress import NoProgress
from ttcli.catalog.stored import LocalModel, form_of
from ttcli.errors import ModelError
from ttcli.interrupt import Interrupt
from ttcli.problem import Problem
from ttcli.runtime.facts import facts
from ttcli.runtime.loader import Loader, score_key
from ttcli.runtime.settings import Settings
from ttcli.solution import Prefix, Step
from ttcli.verifier.critique import Critic
from ttcli.verifier.judge import Judge
from ttcli.verifier.likelihood import Likelihood
from ttcli.verifier.spec import VerifierSpec

JUDGE = """\
[verifier]
kind = "judge"
form = "critique-steps"
ask = "{problem} {step}"
stops = []
verdict = "So? "
good = "yes"
bad = "no"
tokens = 6
"""
PRM = '[verifier]\nkind = "prm"\nform = "step-tag"\ntag = "#"\ngood = "+"\nbad = "-"\n'
STEPS = (Step("Seven and five. ", 1, -1.0), Step("It is 12.", 1, -1.0))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TTC_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("ttcli.runtime.reading.try_once", lambda _local: None)
    return tmp_path


@pytest.fixture
def make() -> Iterator[Loader]:
    with ExitStack() as stack:
        yield Loader(Settings(), Interrupt(), NoProgress(), stack)


@pytest.fixture
def critic(tmp_path: Path, tiny_path: Callable[[str], Path]) -> str:
    """A model that a TOML calls a generative verifier."""
    shutil.copy(tiny_path("llama"), tmp_path / "critic.gguf")
    (tmp_path / "critic.toml").write_text(JUDGE)
    return str(tmp_path / "critic.gguf")


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("VersaPRM-Base-3B.Q4_K_M.gguf", "versaprm-3b"),
        ("VersaPRM_Aug-Q8_0.gguf", "versaprm-3b"),
        ("Llama-3-8b-spare-prm-math.i1-Q4_K_M.gguf", "spare-8b"),
        ("thinkprm-7b-q4_k_m.gguf", "thinkprm-1.5b"),
        ("GenPRM-1.5B.gguf", "genprm-1.5b"),
        ("math-shepherd-mistral-7b-prm.Q2_K.gguf", "math-shepherd-7b"),
        ("Llama3.1-8B-PRM-Mistral-Data.gguf", "llama3.1-8b-prm"),
    ],
)
def test_a_verifier_is_known_by_its_name(tmp_path: Path, name: str, entry: str) -> None:
    assert form_of(LocalModel(tmp_path / name, None, name)) == find(entry).verifier


def test_one_that_only_ollamas_name_tells_is_known_too(tmp_path: Path) -> None:
    local = LocalModel(tmp_path / "sha256-1", None, "ollama:hf.co/x/ThinkPRM-1.5B-GGUF:Q4_K_M")
    assert isinstance(form_of(local), CritiqueForm)


def test_other_models_are_no_verifiers(tmp_path: Path) -> None:
    assert form_of(LocalModel(tmp_path / "qwen.gguf", None, "qwen.gguf")) is None


def test_what_stands_beside_a_file_goes_before_its_name(tmp_path: Path) -> None:
    (tmp_path / "ThinkPRM.toml").write_text(PRM)
    assert form_of(LocalModel(tmp_path / "ThinkPRM.gguf", None, "x")) == PrmForm("step-tag", "+", "-", "#")


def test_a_generative_verifier_is_made_and_scores(make: Loader, critic: str) -> None:
    verifier = make.make(VerifierSpec("judge", critic))
    assert isinstance(verifier, Critic)
    [opinion] = verifier.score([Prefix(Problem("7 + 5?"), 1, steps=STEPS)])
    assert len(opinion.steps) == 2
    assert 0 <= opinion.score <= 1


def test_a_plain_model_judges_without_a_critique(make: Loader, tiny_path: Callable[[str], Path]) -> None:
    assert isinstance(make.make(VerifierSpec("judge", str(tiny_path("llama")))), Judge)


def test_a_generative_verifier_as_prm_is_told_what_it_is(make: Loader, critic: str) -> None:
    with pytest.raises(ModelError, match=r"critic\.gguf writes a critique before its verdict") as caught:
        make.make(VerifierSpec("prm", critic))
    assert caught.value.hint == f"--verifier judge:{critic}"


def test_info_tells_which_form_a_model_has(critic: str) -> None:
    told = facts(LocalModel(Path(critic), None, critic))
    assert (told["judge"], told["prm"]) == ("yes: critique-steps", "no: nothing describes it")


def test_the_likelihood_of_a_model_is_read_behind_its_own_prompt(
    make: Loader, tiny_path: Callable[[str], Path]
) -> None:
    verifier = make.make(VerifierSpec("likelihood", str(tiny_path("llama"))))
    assert isinstance(verifier, Likelihood)
    asked = bytes(verifier._encode(Problem("7 + 5?"))[1:7])  # a byte is a token of this model
    assert asked == b"user\n7"
    assert len(verifier.score([Prefix(Problem("7 + 5?"), 1, steps=STEPS)])[0].steps) == 2


def test_a_model_without_a_chat_template_tells_no_likelihood(make: Loader, tmp_path: Path) -> None:
    path = write_tiny(tmp_path / "base.gguf", "llama", template=None)
    with pytest.raises(ModelError, match="no chat template"):
        make.make(VerifierSpec("likelihood", str(path)))
    assert str(facts(LocalModel(path, None, "base"))["likelihood"]).startswith("no: base.gguf has no chat template")


def test_a_likelihood_is_filed_under_the_words_around_the_problem(tiny_path: Callable[[str], Path]) -> None:
    spec = VerifierSpec("likelihood", str(tiny_path("llama")))
    keys = {score_key(spec, Settings(system=system), lambda model: str(model)) for system in (None, "Be brief.")}
    assert len(keys) == 2
    assert all(key.startswith(f"likelihood:{spec.model} ") for key in keys)


def test_scores_are_filed_under_the_form_they_were_read_in(tmp_path: Path, critic: str) -> None:
    def key(kind: str) -> str:
        return score_key(VerifierSpec(kind, critic), Settings(), lambda model: "hash")

    beside = tmp_path / "critic.toml"
    first = key("judge")
    assert first.startswith("judge:hash {")
    beside.write_text(JUDGE.replace("tokens = 6", "tokens = 7"))
    assert key("judge") != first
    beside.unlink()
    assert key("judge") == "judge:hash"
    beside.write_text(PRM)
    assert key("prm") == 'prm:hash ["step-tag", "#", "+", "-"]'  # as earlier versions filed them
    beside.write_text(f'{PRM}between = ""\n')
    assert key("prm").startswith('prm:hash ["step-tag", "#", "+", "-"] {')
