"""Models of other programs, as a user names them: run where they lie, listed, hinted at, refused in one line."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from engine.adapters import write_adapter
from stores import add_to_hub, add_to_lm_studio, add_to_ollama
from tiny_models import write_tiny

from cli.calls import Call, Result
from ttcli.catalog.found import FoundModel
from ttcli.cli import complete, run_options
from ttcli.runtime import found
from ttcli.runtime.found import Described, Facts

TinyPath = Callable[[str], Path]
PROBLEM = "What is 7 + 5?"
QUICK = ("--max-tokens", "8", "--threads", "1")
SHORT = ("-b", "4", *QUICK, "--json", "-q", "--no-log", "--no-ask-again")
OLLAMA = "registry.ollama.ai/library"


@pytest.fixture(autouse=True)
def user(clean: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("HF_HOME", "HUGGINGFACE_HUB_CACHE", "LLAMA_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(clean / "user"))
    monkeypatch.setenv("OLLAMA_MODELS", str(clean / "ollama"))
    monkeypatch.setenv("HF_HUB_CACHE", str(clean / "hub"))
    return clean / "user"


def solved(here: Call, model: str, *more: str) -> dict[str, Any]:
    result = here("solve", PROBLEM, "-m", model, *SHORT, *more)
    told: dict[str, Any] = json.loads(result.out)
    return told


def texts(told: dict[str, Any]) -> list[str]:
    return [candidate["text"] for candidate in told["candidates"]]


@pytest.mark.parametrize("architecture", ["qwen35", "lfm2"])
def test_one_problem_is_solved_alike_wherever_the_model_lies(
    here: Call, clean: Path, user: Path, tiny_path: TinyPath, architecture: str
) -> None:
    path = tiny_path(architecture)
    blob = add_to_ollama(clean / "ollama", f"{OLLAMA}/tiny/{architecture}", path)
    link = add_to_hub(clean / "hub", "o/tiny-GGUF", "tiny-Q4_0.gguf", path)
    studio = add_to_lm_studio(user / ".lmstudio" / "models", "pub/tiny", "tiny.gguf", path)
    (clean / "folder").mkdir()
    shutil.copy(path, clean / "folder" / "m.gguf")
    inside = Path("folder") / "m.gguf"
    whole = solved(here, str(path))
    assert any(texts(whole))
    before = sorted(file for file in clean.rglob("*") if "home" not in file.relative_to(clean).parts)
    for model, name in (
        (f"ollama:tiny:{architecture}", f"ollama:tiny:{architecture}"),
        ("hf:o/tiny-GGUF:Q4_0", "tiny-Q4_0.gguf"),
    ):
        told = solved(here, model, "--offline")
        assert texts(told) == texts(whole)
        assert told["model"] == name
    for model, place in (("ollama:tiny", blob), ("hf:o/tiny-GGUF", link), ("hf:pub/tiny", studio), ("folder", inside)):
        assert here("models", "path", model).out == f"{place}\n"
    assert before == sorted(file for file in clean.rglob("*") if "home" not in file.relative_to(clean).parts)
    assert not (clean / "home" / "models").exists()  # nothing was copied


@pytest.mark.parametrize("architecture", ["qwen35", "lfm2"])
def test_hybrids_are_searched_revised_and_benched_by_name(
    here: Call, clean: Path, tiny_path: TinyPath, architecture: str
) -> None:
    add_to_ollama(clean / "ollama", f"{OLLAMA}/tiny/latest", tiny_path(architecture))
    (clean / "d.jsonl").write_text(json.dumps({"question": PROBLEM, "answer": "12"}) + "\n")
    methods = ("--method", "majority", "--method", "beam", "--method", "revise")
    result = here("bench", "d.jsonl", "-m", "ollama:tiny", *methods, "-b", "4", *QUICK, "--json", "-q")
    lines = [json.loads(line) for line in result.out.splitlines()]
    assert (result.code, lines[-1]["type"], lines[-1]["failed"]) == (0, "summary", 0)


def rows(result: Result) -> list[list[str]]:
    return [[cell for cell in line.split("  ") if cell.strip()] for line in result.out.splitlines()]


def test_what_lies_here_is_listed_with_what_it_is(
    here: Call, clean: Path, user: Path, tiny_path: TinyPath, tmp_path: Path
) -> None:
    thinks = write_tiny(
        tmp_path / "t.gguf", "qwen35", template="{{ messages[0].content.split('</think>')[-1] }}<think>\n"
    )
    add_to_ollama(clean / "ollama", f"{OLLAMA}/qwen3.5/tiny", thinks)
    add_to_hub(clean / "hub", "o/r", "m-Q8_0.gguf", tiny_path("llama"))
    add_to_ollama(clean / "ollama", f"{OLLAMA}/gone/1b", tiny_path("lfm2")).unlink()
    result = here("models", "list", "--found")
    head, *listed = [[cell.strip() for cell in row] for row in rows(result)]
    assert head == ["model", "from", "size", "family", "memory", "thinking", "usable"]
    size = f"{thinks.stat().st_size / 1e3:.1f} kB"
    assert listed[1] == ["ollama:qwen3.5:tiny", "Ollama", size, "qwen35", "hybrid", "yes", "yes"]
    assert listed[2][0] == "hf:o/r"
    assert listed[2][3:] == ["llama", "attention", "no", "yes"]
    assert listed[0][:2] == ["ollama:gone:1b", "Ollama"]
    assert listed[0][-1].startswith("no: ollama:gone:1b has a manifest, but its blob")
    assert result.err.startswith("the largest that fits the memory: --model ")
    told = json.loads(here("models", "list", "--found", "--json").out)
    assert [each["name"] for each in told["models"]] == [row[0] for row in listed]
    assert told["largest_fitting"] in {"ollama:qwen3.5:tiny", "hf:o/r"}
    gone, hybrid, _ = told["models"]
    assert (hybrid["hybrid"], hybrid["thinking"], hybrid["usable"], hybrid["reason"]) == (True, True, True, None)
    assert (gone["usable"], gone["path"]) == (False, None)


def test_where_nothing_lies_the_folders_are_told(here: Call, clean: Path) -> None:
    result = here("models", "list", "--found")
    assert result.out == ""
    assert result.err.startswith("no models found in ")
    assert str(clean / "ollama") in result.err


def bad(clean: Path, kind: str, tiny_path: TinyPath) -> str:
    """A model that cannot be one, as a user names it."""
    good, store = tiny_path("llama"), clean / "ollama"
    path = clean / f"{kind.replace(' ', '-')}.gguf"
    match kind:
        case "adapter":
            write_adapter(path, width=64)
        case "diffusion" | "picture":
            write_header(path, "dream" if kind == "diffusion" else "flux")
        case "projector":
            write_header(path, "clip")
        case "encoder":
            write_tiny(path, "llama", causal=False)
        case "truncated":
            shutil.copy(good, path)
            os.truncate(path, 300_000)
        case "no blob":
            add_to_ollama(store, f"{OLLAMA}/m/latest", good).unlink()
            return "ollama:m"
        case "cut blob":
            os.truncate(add_to_ollama(store, f"{OLLAMA}/m/latest", good), 300_000)
            return "ollama:m"
        case "unknown":
            add_to_ollama(store, f"{OLLAMA}/qwen3/4b", good)
            return "ollama:qwen:4b"
        case "several":
            for name in ("a.gguf", "b.gguf"):
                (clean / "folder").mkdir(exist_ok=True)
                shutil.copy(good, clean / "folder" / name)
            return "folder"
    return path.name


def write_header(path: Path, architecture: str) -> None:
    import gguf
    import numpy as np

    writer = gguf.GGUFWriter(path, architecture)
    writer.add_tensor("blk.0.attn_q.weight", np.zeros((8, 8), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.mark.parametrize(
    ("kind", "complaint", "hint"),
    [
        ("adapter", "is a LoRA adapter, and no model", "--reviser takes an adapter"),
        ("projector", "is a projector for pictures or sound", "name the model it belongs to"),
        ("encoder", "is an encoder model: it does not write text from a prompt", "ttc models list"),
        ("diffusion", "is no usable GGUF", "fetch or convert it again"),
        ("picture", "makes pictures (flux), and no text", "ttc models list"),
        ("truncated", "bytes behind its end", "fetch or convert it again"),
        ("no blob", "ollama:m:latest has a manifest, but its blob", "ollama pull m:latest"),
        ("cut blob", "ollama:m:latest is not whole", "ollama pull m:latest"),
        ("unknown", "Ollama has no model 'qwen:4b' here; did you mean ollama:qwen3:4b?", "ttc models list --found"),
        ("several", "folder has several models: a.gguf, b.gguf", "--model folder/a.gguf"),
    ],
)
def test_what_is_no_model_is_one_error_with_a_hint(
    here: Call, clean: Path, tiny_path: TinyPath, kind: str, complaint: str, hint: str
) -> None:
    result = here("solve", PROBLEM, "-m", bad(clean, kind, tiny_path), *SHORT)
    error, advice = result.err.splitlines()
    assert result.code == 1
    assert result.out == ""
    assert error.startswith("error: ")
    assert complaint in error
    assert advice.startswith("hint: ")
    assert hint in advice


def test_a_prm_that_lost_its_head_is_refused_with_the_reason(here: Call, clean: Path, tiny_path: TinyPath) -> None:
    shutil.copy(tiny_path("llama"), clean / "Qwen2.5-Math-PRM-7B.Q4_K_M.gguf")
    (clean / "s.jsonl").write_text(json.dumps({"problem": PROBLEM, "solution": "12"}))
    for verifier in ("prm", "judge"):
        result = here("verify", "s.jsonl", "--verifier", f"{verifier}:Qwen2.5-Math-PRM-7B.Q4_K_M.gguf")
        assert result.code == 1
        assert "conversion drops the reward head" in result.err
        assert result.err.count("\n") == 2


@pytest.fixture
def larger(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was asked for, where a larger model lies on this machine."""
    asked: list[str] = []

    def name(than: str) -> Described:
        asked.append(than)
        model = FoundModel("ollama:qwen3:4b", "Ollama", Path("x"), 2_500_000_000)
        return Described(model, Facts("qwen3", "attention", True, None))

    monkeypatch.setattr(found, "worth_naming", name)
    return asked


@pytest.mark.parametrize(
    ("given", "terminal", "told"),
    [
        ({"model": None, "policy": None}, True, True),
        ({"model": None, "policy": None}, False, False),
        ({"model": None, "policy": None, "quiet": True}, True, False),
        ({"model": "smollm2-135m", "policy": None}, True, False),
        ({"model": None, "policy": "http://127.0.0.1:1/v1"}, True, False),
        ({}, True, False),  # a command that uses no model
    ],
)
def test_a_larger_model_is_told_where_none_was_named(
    larger: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    given: dict[str, Any],
    terminal: bool,
    told: bool,
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)

    def command(*, settings: Any, quiet: bool = False) -> int:
        return 7

    command.__annotations__["settings"] = "Settings"
    wrapped = run_options.run_options()(command)
    assert wrapped(**given) == 7
    hint = "hint: ollama:qwen3:4b (2.5 GB) lies on this machine and fits: --model ollama:qwen3:4b\n"
    assert capsys.readouterr().err == (hint if told else "")
    assert larger == (["qwen2.5-coder-0.5b"] if told else [])


def test_names_of_found_models_are_completed(clean: Path, tiny_path: TinyPath) -> None:
    add_to_ollama(clean / "ollama", f"{OLLAMA}/tiny/1m", tiny_path("llama"))
    add_to_hub(clean / "hub", "o/r", "m-Q8_0.gguf", tiny_path("lfm2"))
    assert complete.models("ollama:t") == ["ollama:tiny:1m"]
    assert complete.models("hf:") == ["hf:o/r"]
