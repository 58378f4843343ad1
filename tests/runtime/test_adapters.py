from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from train.lora.made import CARD, arrays

from ttcli.catalog.entry import DEFAULT_MODEL
from ttcli.catalog.fingerprint import fingerprint
from ttcli.catalog.progress import NoProgress
from ttcli.catalog.pull import resolve
from ttcli.catalog.stored import LocalModel
from ttcli.engine.model import Model
from ttcli.errors import ModelError
from ttcli.interrupt import Interrupt
from ttcli.problem import Problem
from ttcli.runtime.adapters import adapter_names, load_adapter, meant, revising
from ttcli.runtime.loader import Loader
from ttcli.runtime.settings import Settings
from ttcli.runtime.verify import verifying
from ttcli.solution import Prefix, Step
from ttcli.train.lora.adapter_file import write_adapter
from ttcli.train.lora.encoding import choose_form, toml
from ttcli.train.lora.shape import read_shape
from ttcli.verifier.spec import VerifierSpec


@pytest.fixture
def local(tiny_path: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalModel:
    monkeypatch.setenv("TTC_HOME", str(tmp_path / "home"))
    return LocalModel(tiny_path("qwen2"), None, "tiny")


@pytest.fixture
def loader(local: LocalModel) -> Iterator[Loader]:
    with ExitStack() as stack:
        yield Loader(Settings(model=str(local.path)), Interrupt(), NoProgress(), stack)


@pytest.fixture
def put(local: LocalModel, tmp_path: Path) -> Callable[..., Path]:
    """Write an adapter in the folder of those trained here."""

    def write(name: str, **card: str) -> Path:
        path = tmp_path / "home" / "adapters" / f"{name}.gguf"
        told = {**CARD, "kind": "prm", "weights": fingerprint(local), **card}
        write_adapter(path, arrays(read_shape(local.path)), told, alpha=8.0, family="qwen2")
        return path

    return write


def as_local(path: Path) -> LocalModel:
    return resolve(str(path), offline=True, progress=NoProgress())


def test_an_adapter_goes_by_its_name_before_any_file(put: Callable[..., Path]) -> None:
    assert adapter_names() == []
    path = put("mine")
    assert adapter_names() == ["mine"]
    assert meant("mine") == str(path)
    for other in ("yours", "./mine", "", "mine.gguf"):
        assert meant(other) == other


def test_a_prm_adapter_scores_on_the_weights_of_the_policy(
    put: Callable[..., Path], local: LocalModel, loader: Loader, tiny_model: Callable[[str], Model]
) -> None:
    model = tiny_model("qwen2")
    path = put("mine")
    path.with_suffix(".toml").write_text(toml(choose_form(model, "\n\n").told), encoding="utf-8")
    verifier = loader.make(VerifierSpec("prm", "mine"), (local, model))
    plain = shutil.copy(local.path, path.with_name("model.gguf"))
    path.with_suffix(".toml").replace(Path(plain).with_suffix(".toml"))
    whole = loader.make(VerifierSpec("prm", str(plain)), (local, model))
    solution = Prefix(Problem("What is 2 + 2?"), 0, steps=(Step("2+2=4\n\n", 3, -1.0), Step("#### 4", 2, -1.0)))
    [changed], [usual] = verifier.score([solution]), whole.score([solution])
    assert verifier.name == "prm:mine"
    assert len(changed.steps) == len(usual.steps) == 2
    assert abs(changed.score - usual.score) > 1e-3


def test_an_adapter_of_other_weights_is_refused(
    put: Callable[..., Path], local: LocalModel, tiny_model: Callable[[str], Model]
) -> None:
    other = put("other", weights="0" * 64, model="another-model")
    with pytest.raises(ModelError, match="was trained on another-model, and tiny-qwen2") as caught:
        load_adapter(as_local(other), "prm", local, tiny_model("qwen2"))
    assert "--model another-model" in (caught.value.hint or "")


@pytest.mark.parametrize(("kind", "said"), [("prm", "process reward model"), ("reviser", "reviser")])
def test_an_adapter_does_what_it_was_trained_for(
    put: Callable[..., Path], local: LocalModel, tiny_model: Callable[[str], Model], kind: str, said: str
) -> None:
    adapter = as_local(put("mine", kind=kind))
    load_adapter(adapter, kind, local, tiny_model("qwen2"))  # type: ignore[arg-type]
    other = "reviser" if kind == "prm" else "prm"
    with pytest.raises(ModelError, match=f"was trained as a {said}"):
        load_adapter(adapter, other, local, tiny_model("qwen2"))  # type: ignore[arg-type]


@pytest.mark.parametrize("policy", [None, "llama"])
def test_a_prm_adapter_of_another_model_scores_on_the_weights_that_it_was_trained_on(
    put: Callable[..., Path],
    local: LocalModel,
    loader: Loader,
    tiny_path: Callable[[str], Path],
    tiny_model: Callable[[str], Model],
    policy: str | None,
) -> None:
    model = tiny_model("qwen2")
    path = put("mine")  # its weights were hashed here once: by that they are found
    path.with_suffix(".toml").write_text(toml(choose_form(model, "\n\n").told), encoding="utf-8")
    other = (LocalModel(tiny_path(policy), None, policy), tiny_model(policy)) if policy else None
    verifier, usual = (
        loader.make(VerifierSpec("prm", "mine"), other),
        loader.make(VerifierSpec("prm", "mine"), (local, model)),
    )
    solution = Prefix(Problem("What is 2 + 2?"), 0, steps=(Step("2+2=4\n\n", 3, -1.0), Step("#### 4", 2, -1.0)))
    assert verifier.score([solution]) == usual.score([solution])
    assert verifier.parameters == model.matmul_parameters


@pytest.mark.parametrize("named", ["qwen2", "llama", DEFAULT_MODEL])
def test_what_verifies_by_an_adapter_loads_the_model_it_was_trained_on_whatever_is_named(
    put: Callable[..., Path],
    local: LocalModel,
    tiny_path: Callable[[str], Path],
    tiny_model: Callable[[str], Model],
    monkeypatch: pytest.MonkeyPatch,
    named: str,
) -> None:
    path = put("mine")
    path.with_suffix(".toml").write_text(toml(choose_form(tiny_model("qwen2"), "\n\n").told), encoding="utf-8")
    loaded: list[Path] = []
    load = Loader.load

    def loading(self: Loader, model: LocalModel) -> Model:
        loaded.append(model.path)
        return load(self, model)

    monkeypatch.setattr(Loader, "load", loading)
    name = named if named == DEFAULT_MODEL else str(tiny_path(named))  # the default model is not in this home
    settings = Settings(model=name, verifier_name="prm:mine", offline=True)
    with verifying(settings, Interrupt(), NoProgress()) as verifier:
        assert verifier.name == "prm:mine"
    assert loaded == [local.path]


def test_an_adapter_needs_the_model_that_it_was_trained_on(
    put: Callable[..., Path], loader: Loader, tiny_path: Callable[[str], Path], tiny_model: Callable[[str], Model]
) -> None:
    path = put("mine", weights="0" * 64)
    with pytest.raises(ModelError, match="is not known to be a process reward model"):
        loader.make(VerifierSpec("prm", "mine"))
    path.with_suffix(".toml").write_text(toml(choose_form(tiny_model("qwen2"), "\n\n").told), encoding="utf-8")
    for own, said in (
        (None, ""),
        ((LocalModel(tiny_path("llama"), None, "l"), tiny_model("llama")), ", not for l"),
    ):
        with pytest.raises(ModelError, match=f"is an adapter for tiny{said}; that is not in the catalog") as caught:
            loader.make(VerifierSpec("prm", "mine"), own)
        assert "--model tiny if you have it" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("card", "options"),
    [
        ({}, "--method revise"),
        ({"chaining": None}, "--method revise"),
        ({"chaining": {"tell": None, "verifier": None}}, "--method revise"),
        ({"chaining": {"tell": "0.05", "verifier": "arithmetic"}}, "--method revise"),
        ({"chaining": {"tell": 0.05, "verifier": "arithmetic"}}, "--method revise:tell=0.05 --verifier arithmetic"),
        ({"chaining": {"tell": 1, "verifier": "prm:my file"}}, "--method revise:tell=1 --verifier 'prm:my file'"),
    ],
)
def test_a_reviser_says_how_it_wants_to_be_asked(card: dict[str, object], options: str) -> None:
    assert revising(card) == options
