from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.builder import make_rows, make_run, with_text
from ttcli.answers import CHECKER
from ttcli.bench.report.export import rows, to_line, write_jsonl, write_parquet
from ttcli.bench.store.store import Run, Store
from ttcli.engine.job import split_steps
from ttcli.errors import TtcError, UsageError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.sqlite3"


def exported(path: Path, run: Run) -> list[dict[str, Any]]:
    with Store(path, readonly=True) as store:
        return list(rows(store, run))


def of_type(found: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [each for each in found if each["type"] == kind]


def read_parquet(path: Path) -> list[dict[str, Any]]:
    parquet = pytest.importorskip("pyarrow.parquet")
    return parquet.read_table(path).to_pylist()  # type: ignore[no-any-return]


def test_every_sample_is_a_row_and_every_result_that_is_no_vote(path: Path) -> None:
    run = make_run(path, 5, others=("adaptive", "greedy"), failed=(1,), undone=(2,), levels=("1",))
    found = exported(path, run)
    samples, results = of_type(found, "sample"), of_type(found, "result")
    assert len(samples) + len(results) == len(found)
    assert [(each["id"], each["number"]) for each in samples] == [
        (str(at + 1), number) for at, count in ((0, 8), (1, 4), (3, 8), (4, 8)) for number in range(count)
    ]
    assert [(each["id"], each["method"]) for each in results] == [
        (str(at + 1), method) for at in (0, 1, 3, 4) for method in ("adaptive@8", "greedy@1")
    ]
    assert [each["failed"] for each in results[2:4]] == ["the server went away"] * 2
    assert {each["run"] for each in found} == {run.id}
    assert {each["level"] for each in found} == {"1"}


def test_a_row_has_text_answer_and_scores_of_its_sample(path: Path) -> None:
    run = make_run(path, 4, verifiers=("confidence", "judge"))
    for each in of_type(exported(path, run), "sample"):
        assert each["answer"] is None or f"\\boxed{{{each['answer']}}}" in each["text"]
        assert each["correct"] == (each["answer"] == each["reference"])
        assert set(each["scores"]) == {"confidence", "judge"}
        assert all((score is None) == (each["answer"] is None) for score in each["scores"].values())
        assert each["tokens"] > 0
        assert each["prompt_tokens"] == 60
        assert each["sum_logprob"] == -4.0 * len(split_steps(each["text"], "\n\n"))


def test_an_answer_that_cannot_be_graded_is_neither_right_nor_wrong(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(path, 2, others=("greedy",))
    graded = exported(path, run)
    assert not any("ungraded" in each for each in graded)
    hanging = {graded[0]["answer"], *(each["answer"] for each in of_type(graded, "result")[:1])} - {None}

    def verdict(answer: str, reference: str) -> bool | None:
        return None if answer in hanging else answer == reference

    monkeypatch.setattr(CHECKER, "verdict", verdict)
    found = exported(path, run)
    for kind in ("sample", "result"):
        assert any(each["answer"] in hanging for each in of_type(found, kind))
    for each in found:
        assert each["correct"] == (None if each["answer"] in hanging else each["answer"] == each["reference"])
        assert each.get("ungraded") == (True if each["answer"] in hanging else None)
    with Store(path, readonly=True) as store:
        write_parquet(store, run, tmp_path / "out.parquet")
    read = read_parquet(tmp_path / "out.parquet")
    assert [(each["correct"], each["ungraded"]) for each in read] == [
        (each["correct"], each.get("ungraded")) for each in found
    ]


def test_samples_of_other_runs_are_not_exported(path: Path) -> None:
    small = make_run(path, 3, samples=4)
    before = exported(path, small)
    make_run(path, 3, samples=8)
    make_run(path, 3, samples=4, seed=1)
    make_run(path, 3, samples=4, model="other")
    assert exported(path, small) == before
    with Store(path) as store, store._database.write() as db:
        db.execute("DELETE FROM sample WHERE number = 2")  # as a kill may leave it
    assert [each["number"] for each in of_type(exported(path, small), "sample")] == [0, 1, 3] * 3


def test_jsonl_comes_back_as_it_went(path: Path, tmp_path: Path) -> None:
    run = make_run(path, with_text(make_rows(4), 2, 'Say "é\u2028"\nand 𝔸.'), others=("adaptive",), failed=(1,))
    with Store(path, readonly=True) as store:
        write_jsonl(store, run, tmp_path / "out.jsonl")
    lines = (tmp_path / "out.jsonl").read_bytes().decode().removesuffix("\n").split("\n")
    assert [json.loads(line) for line in lines] == exported(path, run)
    assert lines == [to_line(each) for each in exported(path, run)]
    assert "é" in "".join(lines)


@pytest.mark.parametrize("verifiers", [(), ("confidence",), ("confidence", "judge:qwen2.5-coder-0.5b")])
@pytest.mark.parametrize("others", [(), ("adaptive", "greedy")])
def test_parquet_comes_back_as_it_went(
    path: Path, tmp_path: Path, verifiers: tuple[str, ...], others: tuple[str, ...]
) -> None:
    run = make_run(path, 4, verifiers=verifiers, others=others, failed=(1,))
    with Store(path, readonly=True) as store:
        write_parquet(store, run, tmp_path / "out.parquet")
    found, expected = read_parquet(tmp_path / "out.parquet"), exported(path, run)
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert {key: value for key, value in one.items() if value not in (None, {})} == {
            key: value for key, value in other.items() if value not in (None, {})
        }


def test_parquet_of_a_run_that_is_not_begun_has_no_rows(path: Path, tmp_path: Path) -> None:
    run = make_run(path, 2, undone=(0, 1))
    with Store(path, readonly=True) as store:
        write_parquet(store, run, tmp_path / "out.parquet")
        write_jsonl(store, run, tmp_path / "out.jsonl")
    assert read_parquet(tmp_path / "out.parquet") == []
    assert (tmp_path / "out.jsonl").read_bytes() == b""


def test_numbers_of_parquet_are_numbers(path: Path, tmp_path: Path) -> None:
    run = make_run(path, 2, others=("adaptive",))
    with Store(path, readonly=True) as store:
        write_parquet(store, run, tmp_path / "out.parquet")
    found = read_parquet(tmp_path / "out.parquet")
    assert all(isinstance(each["tokens"], int | float) for each in found)
    assert all(math.isfinite(each["seconds"]) for each in found)
    assert {type(each["correct"]) for each in found} == {bool}


def test_parquet_without_its_package_says_what_to_install(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(path, 1)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with Store(path, readonly=True) as store, pytest.raises(UsageError, match="Parquet needs the package") as caught:
        write_parquet(store, run, tmp_path / "out.parquet")
    assert caught.value.hint == "pip install 'ttcli[parquet]'"
    assert not (tmp_path / "out.parquet").exists()


@pytest.mark.parametrize("write", [write_jsonl, write_parquet])
def test_what_cannot_be_written_leaves_nothing_behind(path: Path, tmp_path: Path, write: Any) -> None:
    run = make_run(path, 1)
    with Store(path, readonly=True) as store:
        with pytest.raises(TtcError, match="cannot write"):
            write(store, run, tmp_path / "nowhere" / "out")
        with pytest.raises(TtcError, match="Is a directory"):
            write(store, run, tmp_path)
    assert sorted(each.name for each in tmp_path.iterdir() if "runs.sqlite3" not in each.name) == []
