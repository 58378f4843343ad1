from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.ipc
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ttcli.data.dataset import read_dataset
from ttcli.data.fields import BadRowError
from ttcli.data.records import Record, read_records
from ttcli.data.solutions import read_solutions
from ttcli.errors import DatasetError

ROWS: list[dict[str, Any]] = [
    {"question": "What is 1 + 1?", "answer": "2"},
    {"question": "What is 1,5 + 1?", "answer": "2,5"},
    {"question": 'Say "é"\nand a tab\t.', "answer": "é"},
]


def read(content: bytes | str) -> list[Record]:
    return list(read_records("-", io.BytesIO(content.encode() if isinstance(content, str) else content)))


def fields(records: Sequence[Record]) -> list[dict[str, Any]]:
    return [dict(record.fields()) for record in records]


def complaint(source: str | Path, stdin: bytes | str = b"") -> tuple[str, str]:
    content = stdin.encode() if isinstance(stdin, str) else stdin
    with pytest.raises(DatasetError) as caught:
        list(read_records(str(source), io.BytesIO(content)))
    assert caught.value.hint
    return str(caught.value), caught.value.hint


def table(delimiter: str, *rows: Sequence[str]) -> str:
    return "".join(delimiter.join('"' + cell.replace('"', '""') + '"' for cell in row) + "\r\n" for row in rows)


CELLS = [list(ROWS[0]), *(list(row.values()) for row in ROWS)]
JSON_LINES = "".join(json.dumps(row) + "\n" for row in ROWS)


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (JSON_LINES, "line"),
        (json.dumps(ROWS), "row"),
        ("\n " + json.dumps(ROWS, indent=2) + "\n\n", "row"),
        (json.dumps({"version": 1, "data": ROWS}), "row"),
        (json.dumps({"examples": ROWS, "names": ["a"]}, indent=1), "row"),
        ("".join(json.dumps(row, indent=2) + "\n" for row in ROWS), "row"),
        (table(",", *CELLS), "row"),
        (table("\t", *CELLS), "row"),
        (table(";", *CELLS), "row"),
    ],
    ids=["lines", "array", "pretty", "object", "pretty-object", "pretty-rows", "csv", "tsv", "semicolons"],
)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_rows_are_read_by_what_the_file_is(content: str, place: str, mark: bytes, pack: Any) -> None:
    records = read(pack(mark + content.encode()))
    assert fields(records) == ROWS
    assert [(record.place, record.number) for record in records] == [(place, at) for at in (1, 2, 3)]


def test_parquet_and_arrow_are_read_by_their_first_bytes(tmp_path: Path) -> None:
    rows = [{"question": "Which?", "choices": ["a", "b"], "answer": 1, "image": None}, *ROWS[:1]]
    batch = pyarrow.Table.from_pylist([{**row, "answer": int(row["answer"])} for row in rows])
    files = [tmp_path / "a.parquet", tmp_path / "file.arrow", tmp_path / "stream.arrow"]
    pyarrow.parquet.write_table(batch, files[0])
    for file, make in zip(files[1:], (pyarrow.ipc.new_file, pyarrow.ipc.new_stream), strict=True):
        with file.open("wb") as sink, make(sink, batch.schema) as writer:
            writer.write_table(batch)
    for file in files:
        dataset = read_dataset(str(file))
        assert [row.problem.answer for row in dataset.rows] == ["B", "2"]
        assert read_dataset("-", stdin=io.BytesIO(file.read_bytes())).rows == dataset.rows
    files[0].write_bytes(files[0].read_bytes()[:-20])
    assert "is broken Parquet" in complaint(files[0])[0]
    files[2].write_bytes(files[2].read_bytes()[:40])
    assert "is broken Arrow" in complaint(files[2])[0]


def test_parquet_without_its_package_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert complaint("-", b"PAR1....") == ("Parquet needs the package pyarrow", "pip install 'ttcli[parquet]'")


def test_a_row_that_is_no_object_is_bad_and_the_others_stand() -> None:
    for content in ('{"question": 1}\n[2]\n{"question": 3}', '[{"question": 1}, [2], {"question": 3}]'):
        one, two, three = read(content)
        assert [one.fields()["question"], three.fields()["question"]] == [1, 3]
        with pytest.raises(BadRowError, match="not a JSON object"):
            two.fields()
    assert [record.place for record in read('["a"]\n{"question": 1}\n')] == ["line", "line"]
    assert read("[]") == []


def test_a_first_line_that_is_broken_is_one_bad_row() -> None:
    for broken in ('{"question": "a",', '{"question": "a" "b"}', '{"question": "a', "{}{}", "5", "nothing"):
        first, second = read(f'{broken}\n{{"question": "b"}}\n')
        assert isinstance(first.content, BadRowError)
        assert second.fields() == {"question": "b"}


def test_an_array_that_ends_too_early_is_an_error_with_its_line() -> None:
    said, hint = complaint("-", '\n[\n  {"question": "a"},\n  {"question"\n')
    assert said == "stdin begins as a JSON array and is none: Expecting ':' delimiter in line 5"
    assert "JSON lines" in hint


def test_an_object_with_two_lists_is_an_error_that_names_them() -> None:
    said, hint = complaint("-", json.dumps({"train": ROWS, "test": ROWS}))
    assert said == "stdin holds several lists: train, test"
    assert "jq -c '.train[]'" in hint


def test_a_row_with_objects_in_it_is_a_row() -> None:
    row = {"question": "Which?", "choices": [{"label": "A", "text": "a"}]}
    assert fields(read(json.dumps(row))) == [row]


@pytest.mark.parametrize(
    ("content", "said", "hint"),
    [
        ("a,b\n1,2\n", "data.csv has no column of problems but a, b", "question,answer"),
        (
            "What is 1 + 1?,1,2,3,4,B\n",
            "has no column of problems but What is 1 + 1?, 1, 2, 3, 4, B",
            "question,A,B,C,D",
        ),
        ("question,question,answer\n1,2,3\n", "data.csv has two columns `question`", "rename"),
        ('question,answer\n"a,1\nb,2\n', "data.csv, line 3: unexpected end of data", "doubled"),
        ('question,answer\n"a"b,1\n', "data.csv, line 2: ',' expected after '\"'", "doubled"),
    ],
)
def test_a_table_that_cannot_be_read_says_why(tmp_path: Path, content: str, said: str, hint: str) -> None:
    (tmp_path / "data.csv").write_text(content, encoding="utf-8")
    message, advice = complaint(tmp_path / "data.csv")
    assert message.endswith(said)
    assert hint in advice


def test_a_table_called_so_may_have_one_column_and_cells_may_be_long(tmp_path: Path) -> None:
    path = tmp_path / "solutions.csv"
    path.write_text("question\n" + "a" * 200_000 + "\n\nb\n", encoding="utf-8")
    assert [len(row["question"]) for row in fields(list(read_records(str(path))))] == [200_000, 1]


def test_a_row_of_a_table_with_another_number_of_cells_is_bad() -> None:
    dataset = read_dataset("-", skip_bad=True, stdin=io.BytesIO(b"question,answer\na,1\nb,2,3\nc\nd,4\n"))
    assert [row.problem.id for row in dataset.rows] == ["1", "4"]
    assert [(bad.place, bad.line, bad.reason) for bad in dataset.bad] == [
        ("row", 2, "3 cells under 2 names of columns"),
        ("row", 3, "1 cells under 2 names of columns"),
    ]


def test_an_index_without_a_name_is_no_column() -> None:
    assert fields(read(",question,answer\n0,a,1\n")) == [{"question": "a", "answer": "1"}]


def zipped() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("data.jsonl", JSON_LINES)
    return content.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "said", "hint"),
    [
        ("data.zip", zipped(), "is a zip archive", "unzip -p "),
        ("data.xlsx", zipped(), "is an Excel workbook", "save it as CSV"),
        ("data.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is an Excel workbook", "save it as CSV"),
        ("data.bz2", b"BZh91AY&SY", "is compressed, and not by gzip", "bzcat "),
        ("data.xz", b"\xfd7zXZ\x00\x00", "is compressed, and not by gzip", "xzcat "),
        ("data.zst", b"\x28\xb5\x2f\xfd\x00", "is compressed, and not by gzip", "zstdcat "),
        ("data.jsonl", b"version https://git-lfs.github.com/spec/v1\n", "is a pointer of Git LFS", "git lfs pull"),
        ("data.jsonl", b"\n<!DOCTYPE html>\n<html>", "is HTML or XML", "fetch the file itself"),
    ],
)
def test_a_file_of_another_kind_says_what_it_is(
    tmp_path: Path, name: str, content: bytes, said: str, hint: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    message, advice = complaint(path)
    assert message.startswith(f"{path} {said}")
    assert hint in advice
    assert complaint("-", content)[0].startswith("stdin is ")


def test_the_hint_for_a_zip_archive_works(tmp_path: Path) -> None:
    path = tmp_path / "my data.zip"
    path.write_bytes(zipped())
    command = complaint(path)[1].partition(" | ")[0]
    assert command == f"unzip -p '{path}'"
    if subprocess.run(["sh", "-c", "command -v unzip"], capture_output=True, check=False).returncode == 0:
        out = subprocess.run(command, shell=True, capture_output=True, check=True).stdout
        assert fields(read(out)) == ROWS


def test_a_folder_is_an_error_that_names_a_file_in_it(tmp_path: Path) -> None:
    assert complaint(tmp_path) == (
        f"cannot read {tmp_path}: Is a directory",
        "name a file in it, such as a .jsonl file",
    )
    (tmp_path / "test.jsonl").write_text(JSON_LINES, encoding="utf-8")
    assert complaint(tmp_path)[1] == f"name a file in it, such as {tmp_path / 'test.jsonl'}"


class Endless(io.RawIOBase):
    """Rows without end, of which no more than a few buffers may be read."""

    def __init__(self, rows: Iterator[bytes]) -> None:
        super().__init__()
        self.rows = rows
        self.left = b""
        self.read_so_far = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self.left = self.left or next(self.rows)
        piece, self.left = self.left[: len(buffer)], self.left[len(buffer) :]
        buffer[: len(piece)] = piece
        self.read_so_far += len(piece)
        assert self.read_so_far < 1_000_000
        return len(piece)


def questions(form: str) -> Iterator[bytes]:
    if form == "csv":
        yield b"question,answer\n"
    at = 0
    while True:
        at += 1
        yield (
            f"What is {at}?,{at}\n" if form == "csv" else f'{{"question": "What is {at}?", "answer": {at}}}\n'
        ).encode()


def packed(rows: Iterator[bytes]) -> Iterator[bytes]:
    return (gzip.compress(row) for row in rows)


@pytest.mark.parametrize("form", ["jsonl", "csv"])
@pytest.mark.parametrize("pack", [iter, packed])
def test_a_limit_reads_no_further(form: str, pack: Any) -> None:
    stream = io.BufferedReader(Endless(pack(questions(form))))
    dataset = read_dataset("-", limit=10, stdin=stream)
    assert [row.problem.answer for row in dataset.rows] == [str(at) for at in range(1, 11)]


def test_a_limit_does_not_wait_for_rows_it_does_not_need() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as stream, os.fdopen(writing, "wb", buffering=0) as producer:
        producer.write(b"".join(row for row, _ in zip(questions("jsonl"), range(2), strict=False)))
        assert len(read_dataset("-", limit=2, stdin=stream).rows) == 2


def test_bad_rows_beyond_a_limit_are_not_told_and_those_before_it_do_not_count() -> None:
    content = b'{"question": "a", "answer": 1}\n5\n{"question": "b", "answer": 2}\n6\n\xff\n'
    dataset = read_dataset("-", limit=2, skip_bad=True, stdin=io.BytesIO(content))
    assert [row.line for row in dataset.rows] == [1, 3]
    assert [bad.line for bad in dataset.bad] == [2]
    assert len(read_dataset("-", limit=1, stdin=io.BytesIO(content)).rows) == 1
    assert len(read_dataset("-", limit=1, stdin=io.BytesIO(gzip.compress(content)[:-9])).rows) == 1


def test_solutions_come_in_all_formats_too() -> None:
    rows = [{"problem": "What?", "solution": r"\boxed{4}"}, {"problem": "Who?", "solution": "She."}]
    lines = [list(rows[0]), *(list(row.values()) for row in rows)]
    for content in (json.dumps(rows), table(",", *lines)):
        found = read_solutions("-", stdin=io.BytesIO(content.encode()))
        assert [(each.problem.text, each.text) for each in found.rows] == [("What?", r"\boxed{4}"), ("Who?", "She.")]


@given(st.lists(st.dictionaries(st.text(), st.text() | st.integers() | st.none(), max_size=4), max_size=5))
def test_an_array_and_lines_hold_the_same(rows: list[dict[str, object]]) -> None:
    lines = "".join(json.dumps({**row, "question": "?"}) + "\n" for row in rows)
    assert fields(read(json.dumps([{**row, "question": "?"} for row in rows]))) == fields(read(lines))


@given(st.text())
@pytest.mark.parametrize(
    "start", ["[", "{", '{"a": [{', "question,answer\n", 'question,"', "PAR1", "ARROW1", "\ufeff["]
)
def test_any_text_is_rows_or_an_error_that_says_so(start: str, text: str) -> None:
    with suppress(DatasetError):
        for record in read((start + text).encode("utf-8", "replace")):
            with suppress(BadRowError):
                record.fields()
