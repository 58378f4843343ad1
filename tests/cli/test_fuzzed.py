"""Texts and headers made to do harm, in small what `benchmarks/texts.py` and `benchmarks/headers.py` do at large."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from engine.tiny import write_model

from ttcli.engine.model import Model
from ttcli.errors import ModelError
from ttcli.files.gguf import check_model

SEED, TEXTS, HEADERS = 11, 240, 300


def benchmark(name: str) -> ModuleType:
    file = Path(__file__).parents[2] / "benchmarks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def texts() -> ModuleType:
    return benchmark("texts")


@pytest.fixture(scope="module")
def said(texts: ModuleType) -> list[str]:
    found: list[str] = texts.texts(TEXTS, SEED)
    assert len(set(found)) == TEXTS
    return found


def test_no_text_is_printed_raw_by_the_answer_it_gives(texts: ModuleType, said: list[str]) -> None:
    assert texts.by_answers(said) == 0
    assert not texts.harmless("".join(said))


def test_no_text_brings_a_control_token_into_a_chat(
    texts: ModuleType, said: list[str], tiny_model: Callable[[str], Model]
) -> None:
    assert texts.by_templates(said, tiny_model("llama")) == 0


def test_no_text_reaches_the_terminal_as_anything_but_text(
    texts: ModuleType, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("LINES", "40")
    assert texts.by_displays(said) == 0
    monkeypatch.setattr("ttcli.terminal.marks.one_line", str)  # what is let through is noticed
    assert texts.by_displays(said[:64]) > 0


def test_no_text_is_markup_in_the_report(
    texts: ModuleType, said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert texts.by_report(said, tmp_path) == 0
    monkeypatch.setattr("ttcli.bench.report.report.escape", str)  # what is let through is noticed
    again = tmp_path / "again"
    again.mkdir()
    assert texts.by_report(said[:40], again) == 40


def test_a_damaged_header_is_refused_in_words_or_let_pass(tmp_path: Path) -> None:
    headers = benchmark("headers")
    whole, path = write_model(tmp_path / "whole.gguf"), tmp_path / "damaged.gguf"
    check_model(whole)
    refusals = []
    for content in headers.damaged(whole, SEED, HEADERS):
        path.write_bytes(content)
        try:
            check_model(path)
        except ModelError as error:
            refusals.append(str(error))
    assert len(refusals) > HEADERS / 2
    assert all(refusals)
