"""Columns that a user names, and data sets of the hub, from a folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ttcli.data import hub
from ttcli.data.dataset import read_dataset
from ttcli.errors import DatasetError, UsageError

ROWS = [{"q": "What is 2 + 2?", "target": "4", "answer": "no"}, {"q": "What is 2 + 3?", "target": "5", "answer": "no"}]


@pytest.fixture(params=["jsonl", "json", "csv"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    path = tmp_path / f"rows.{request.param}"
    if request.param == "csv":
        lines = ["q,target,answer", *(",".join(row.values()) for row in ROWS)]
    else:
        lines = [json.dumps(ROWS)] if request.param == "json" else [json.dumps(row) for row in ROWS]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def test_named_columns_go_before_those_that_are_called_so(file: str) -> None:
    rows = read_dataset(file, columns="problem=q, answer=target").rows
    assert [(row.problem.text, row.problem.answer) for row in rows] == [(row["q"], row["target"]) for row in ROWS]


def test_columns_that_do_not_fit_are_an_error_with_those_that_are_there(file: str) -> None:
    with pytest.raises(DatasetError, match="no column `question`, but `q`, `target`, `answer`") as caught:
        read_dataset(file, columns="problem=question,answer=gold")
    assert caught.value.hint == "--map problem=question,answer=target"


def test_a_row_without_a_named_column_is_a_bad_row(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in [ROWS[0], {"q": "What is 1 + 1?"}, ROWS[1]]))
    dataset = read_dataset(str(path), columns="problem=q,answer=target", skip_bad=True)
    assert (len(dataset.rows), [bad.line for bad in dataset.bad]) == (2, [2])


@pytest.mark.parametrize("columns", ["", "problem", "problem=", "king=x", "problem=a,problem=b", "=x"])
def test_what_says_not_which_column_is_what_is_refused(columns: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_dataset("nowhere.jsonl", columns=columns)
    assert caught.value.hint == "--map problem=question,answer=target"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A data set with two splits, as the hub has them."""
    pytest.importorskip("datasets", reason="the extra hf is not installed")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    place = tmp_path / "sums"
    place.mkdir()
    for split, row in zip(("train", "test"), ROWS, strict=True):
        told = {"question": row["q"], "answer": row["target"]}
        (place / f"{split}.jsonl").write_text(json.dumps(told) + "\n")
    return f"hf:{place}"


@pytest.mark.filterwarnings("ignore")  # of other people's packages
def test_a_data_set_of_the_hub_is_read_split_by_split(folder: str) -> None:
    found = {source: read_dataset(source) for source in (folder, f"{folder}:train", f"{folder}:default:test")}
    assert [each.rows[0].problem.answer for each in found.values()] == ["5", "4", "5"]
    assert [each.name for each in found.values()] == list(found)
    assert read_dataset(folder, columns="problem=question", limit=1).rows[0].line == 1


@pytest.mark.filterwarnings("ignore")
def test_what_the_hub_has_not_is_an_error_with_what_there_is(folder: str) -> None:
    with pytest.raises(DatasetError, match="no split 'dev'"):
        read_dataset(f"{folder}:default:dev")
    with pytest.raises(DatasetError, match="cannot read"):
        read_dataset(f"{folder}-nowhere")


@pytest.mark.parametrize("source", ["hf:", "hf:a:b:c:d"])
def test_no_name_is_no_data_set(source: str) -> None:
    with pytest.raises(DatasetError, match="names no data set"):
        read_dataset(source)


def test_without_the_package_there_is_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "find_spec", lambda _name: None)
    with pytest.raises(DatasetError, match="needs the package datasets") as caught:
        read_dataset("hf:owner/name")
    assert caught.value.hint == "pip install 'ttcli[hf]'"
