import gzip
import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ttcli.answers.normal import canonical
from ttcli.data.dataset import Dataset, Row, read_dataset, select
from ttcli.data.rows import BadRow
from ttcli.errors import DatasetError, UsageError
from ttcli.problem import Problem

DATA = Path(__file__).parents[2].parent / "shared" / "data"

GSM8K = {"question": "How many?", "answer": "He has 16 - 3 = <<16-3=13>>13.\nThe answer is not 12.\n#### 13"}
MATH = {"problem": "What?", "solution": r"So $x = \boxed{\frac{1}{2}}$.", "level": "Level 5", "type": "Algebra"}
MATH_500 = {
    "problem": "Which?",
    "solution": r"So $x = \boxed{\frac{1}{2}}$.",
    "answer": r"\dfrac12",
    "level": 2,
    "subject": "Prealgebra",
    "unique_id": "test/algebra/1.json",
}


def lines(*rows: object) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def read(content: bytes, *, skip_bad: bool = False) -> Dataset:
    return read_dataset("-", skip_bad=skip_bad, stdin=io.BytesIO(content))


def reference(**fields: Any) -> str | None:
    return read(lines({"problem": "What?", **fields})).rows[0].problem.answer


def complaint(content: bytes) -> str:
    with pytest.raises(DatasetError) as caught:
        read(content)
    return str(caught.value)


def rows(number: int) -> tuple[Row, ...]:
    return tuple(Row(Problem(f"What is {i} + 1?", str(i), str(i + 1)), i, None, None) for i in range(number))


def test_rows_of_gsm8k_and_math_are_understood() -> None:
    assert read(lines(GSM8K, MATH, MATH_500)).rows == (
        Row(Problem("How many?", "1", "13"), 1, None, None),
        Row(Problem("What?", "2", r"\frac{1}{2}"), 2, "Level 5", "Algebra"),
        Row(Problem("Which?", "test/algebra/1.json", r"\dfrac12"), 3, "2", "Prealgebra"),
    )


@pytest.mark.parametrize("name", ["id", "unique_id", "unique-id"])
def test_a_row_is_named_by_its_id_as_text(name: str) -> None:
    assert read(lines({**GSM8K, name: 0})).rows[0].problem.id == "0"


def test_a_row_without_an_id_is_named_by_its_line() -> None:
    assert [row.problem.id for row in read(b"\n" + lines(GSM8K) + b"  \r\n" + lines({**MATH, "id": None})).rows] == [
        "2",
        "4",
    ]


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (18, "18"),
        (18.0, "18"),
        (-0.0, "0"),
        (0.5, "0.5"),
        (0.1, "0.1"),
        (1e22, "1e+22"),
        (10**30, "1" + "0" * 30),
        (" 18 ", "18"),
        ("1,234", "1,234"),
        ("2 + 2 = 4. The answer is 4.", "4"),
        ("18.", "18."),
        (r"\text{Evelyn}", r"\text{Evelyn}"),
        (r"$\boxed{7}$", "7"),
        ("#### 1,234", "1,234"),
        (r"See \boxedx", r"See \boxedx"),
    ],
)
def test_a_plain_answer_stands_as_it_is_and_a_worked_one_for_what_it_ends_in(answer: object, text: str) -> None:
    assert reference(answer=answer) == text


@pytest.mark.parametrize("answer", [None, "", " "])
def test_the_solution_helps_out_where_there_is_no_answer(answer: str | None) -> None:
    assert reference(answer=answer, solution=r"\boxed{3}, no, \boxed{4}") == "4"
    assert reference(answer=answer, solution="By hand.\n#### 5") == "5"


def test_a_worked_answer_that_ends_in_nothing_leaves_it_to_the_solution() -> None:
    assert reference(answer=r"\boxed{}", solution=r"\boxed{4}") == "4"


@given(st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False)))
def test_a_number_as_answer_keeps_its_value(answer: float) -> None:
    text = reference(answer=answer)
    assert text is not None
    assert float(text) == float(answer)
    assert not text.endswith(".0")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b'{"problem": "a" "b"}', "not JSON: Expecting ',' delimiter at column 17"),
        (b'{"problem": ' + b"9" * 5000 + b"}", "not JSON that can be read: Exceeds the limit"),
        (b"[" * 100_000, "not JSON that can be read: maximum recursion depth"),
        (b'["What?", 5]', "not a JSON object"),
        (lines({"answer": 5}), "no problem: `problem` or `question` must hold text"),
        (lines({"problem": " ", "question": None, "answer": 5}), "no problem"),
        (lines({"problem": 5, "answer": 5}), "no problem"),
        (lines({"problem": "What?"}), "no answer: `answer` must hold it"),
        (lines({"problem": "What?", "answer": "####"}), "no answer"),
        (lines({"problem": "What?", "solution": "The answer is 5."}), "no answer"),
        (lines({"problem": "What?", "answer": True}), "`answer` is neither text nor a number"),
        (lines({"problem": "What?", "answer": {"value": 5}}), "`answer` is neither"),
        (b'{"problem": "What?", "answer": NaN}', "`answer` is neither"),
        (b'{"problem": "What?", "answer": 1e999}', "`answer` is neither"),
        (lines({"problem": "What?", "answer": 5, "id": {}}), "`id` is neither"),
        (lines({"problem": "What\ud800?", "answer": 5}), "`problem` holds half of a surrogate pair"),
        (lines({**MATH, "id": "7"}), "the id '7' stands in line 1 already"),
        (lines({**GSM8K, "question": " How few?\n"}), "the same problem stands in line 1 already"),
    ],
)
def test_a_bad_row_is_named_with_its_line_or_left_out(row: bytes, reason: str) -> None:
    good = lines({**GSM8K, "question": "How few?", "id": 7})
    content = good + b"\n" + row.strip() + b"\n" + lines(MATH_500)
    with pytest.raises(DatasetError) as caught:
        read(content)
    assert str(caught.value).startswith(f"stdin, line 3: {reason}")
    assert caught.value.hint == "--skip-bad goes on without such rows"
    assert caught.value.exit_code == 2
    dataset = read(content, skip_bad=True)
    assert [row.line for row in dataset.rows] == [1, 4]
    assert [bad.line for bad in dataset.bad] == [3]
    assert dataset.bad[0].reason.startswith(reason)


def test_a_bad_row_takes_neither_its_id_nor_its_text_from_a_good_one() -> None:
    dataset = read(lines({"id": 1, "problem": "What?"}, {"id": 1, "problem": "What?", "answer": 5}), skip_bad=True)
    assert [row.line for row in dataset.rows] == [2]
    twice = read(lines({**MATH, "id": 1}, {**GSM8K, "id": 1}, {**GSM8K, "id": 2}), skip_bad=True)
    assert [row.line for row in twice.rows] == [1, 3]


def ids(content: bytes) -> list[str]:
    return [row.problem.id for row in read(content).rows]


def test_an_id_that_is_the_number_of_another_line_is_no_trouble() -> None:
    rows = [{"question": f"What is {at}?", "answer": at} for at in range(4)]
    assert ids(lines({**rows[0], "id": "3"}, *rows[1:])) == ["3", "2", "line 3", "4"]
    assert ids(lines(*rows[:3], {**rows[3], "id": 1})) == ["line 1", "2", "3", "1"]
    assert ids(lines(rows[0], {**rows[1], "id": 1}, {**rows[2], "id": "line 1"})) == ["line line 1", "1", "line 1"]
    assert ids(json.dumps([rows[0], {**rows[1], "ID": 1}]).encode()) == ["row 1", "1"]
    assert "the id '7' stands in line 1 already" in complaint(lines({**rows[0], "id": 7}, {**rows[1], "id": "7"}))


def test_columns_that_are_left_out_are_told_where_they_vary() -> None:
    def left_out(*hints: object, **fields: object) -> tuple[str, ...]:
        rows = [{"question": f"{at}?", "answer": 1, "hint": hint, **fields} for at, hint in enumerate(hints)]
        return read(lines(*rows)).left_out

    assert left_out("a", "b", "c") == ("hint",)
    assert left_out("a", None, "b") == ("hint",)
    assert left_out("a") == ("hint",)
    assert left_out("a", "a") == ()
    assert left_out(None, "") == ()
    assert left_out({"x": 1}, {"x": 2}, image=b"x".hex()) == ("hint",)


def test_numbers_that_are_now_an_index_and_now_a_text_are_no_guess_but_an_error() -> None:
    indices = [{"question": f"{at}?", "choices": ["10", "11", "12"], "answer": at} for at in range(3)]
    assert [row.problem.answer for row in read(lines(*indices)).rows] == ["A", "B", "C"]
    texts = [{**row, "answer": 10 + at} for at, row in enumerate(indices)]
    assert [row.problem.answer for row in read(lines(*texts)).rows] == ["A", "B", "C"]
    for skip_bad in (False, True):
        with pytest.raises(DatasetError) as caught:
            read(lines(indices[0], texts[1]), skip_bad=skip_bad)
        assert str(caught.value) == "stdin, line 2: the answer is an option's text in line 2 and may be its index in 1"
        assert caught.value.hint == "write the letters of the options"


def test_a_count_from_1_ends_it_even_where_bad_rows_are_skipped() -> None:
    rows = [{"question": f"{at}?", "choices": ["a", "b", "c"], "answer": at} for at in (1, 2, 3)]
    with pytest.raises(DatasetError, match=r"line 3: `answer` is 3 with 3 options, so answers seem to count from 1$"):
        read(lines(*rows), skip_bad=True)


def test_a_remark_that_is_no_text_is_left_out() -> None:
    row = read(lines({**GSM8K, "level": ["hard"], "subject": True, "type": "Algebra"})).rows[0]
    assert (row.level, row.subject) == (None, "Algebra")


def test_a_mark_of_byte_order_and_separators_of_other_standards_are_no_trouble() -> None:
    content = json.dumps({**GSM8K, "question": "How\u2028many\x85?"}, ensure_ascii=False).encode()
    assert read(b"\xef\xbb\xbf" + content).rows[0].problem.text == "How\u2028many\x85?"


def test_gzip_is_recognised_by_content(tmp_path: Path) -> None:
    content = lines(GSM8K, MATH)
    plain, packed, misnamed = tmp_path / "a.jsonl", tmp_path / "a.jsonl.gz", tmp_path / "b.jsonl"
    plain.write_bytes(content)
    packed.write_bytes(gzip.compress(content))
    misnamed.write_bytes(gzip.compress(content))
    sets = [read_dataset(str(path)) for path in (plain, packed, misnamed)]
    assert [each.name for each in sets] == ["a.jsonl", "a.jsonl.gz", "b.jsonl"]
    assert read(gzip.compress(content)).name == "stdin"
    assert {each.rows for each in (*sets, read(gzip.compress(content)))} == {read(content).rows}


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xef\xbb\xbf", gzip.compress(b"", mtime=0)])
def test_an_empty_file_is_an_error(content: bytes) -> None:
    assert complaint(content) == "stdin is empty"


def test_a_file_without_a_usable_row_is_an_error_that_shows_one() -> None:
    with pytest.raises(DatasetError, match=r"^stdin has no usable row; line 2: not a JSON object$"):
        read(b"\n5\n6\n", skip_bad=True)


def test_what_is_not_utf_8_is_an_error_with_its_line_even_when_bad_rows_are_skipped() -> None:
    for skip_bad in (False, True):
        with pytest.raises(DatasetError, match=r"^stdin, line 2: not UTF-8 text$"):
            read(lines(GSM8K) + b'{"problem": "\xe9"}\n', skip_bad=skip_bad)
    assert complaint(lines(GSM8K).decode().encode("utf-16")) == "stdin, line 1: not UTF-8 text"


def test_broken_gzip_is_an_error() -> None:
    packed = gzip.compress(lines(GSM8K))
    for broken in (packed[:-9], packed[:2], packed[:12] + b"\xff\xff\xff" + packed[15:], packed[:-8] + bytes(8)):
        assert complaint(broken).startswith("stdin is broken gzip: ")


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"^cannot read .*nowhere\.jsonl: No such file or directory$"):
        read_dataset(str(tmp_path / "nowhere.jsonl"))
    with pytest.raises(DatasetError, match="Is a directory"):
        read_dataset(str(tmp_path))


def test_a_file_is_named_in_its_complaints_as_it_was_given(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(b"5\n")
    with pytest.raises(DatasetError) as caught:
        read_dataset(str(path))
    assert str(caught.value) == f"{path}, line 1: not a JSON object"
    with pytest.raises(DatasetError):
        read_dataset(str(path), skip_bad=True)


@given(st.binary())
def test_any_bytes_are_a_data_set_or_an_error_that_says_so(content: bytes) -> None:
    with pytest.raises(DatasetError):
        read(content, skip_bad=True)


@given(st.integers(0, 40), st.integers(1, 50), st.integers(0, 5))
def test_a_sample_keeps_the_order_and_contains_the_smaller_one(number: int, size: int, seed: int) -> None:
    chosen = select(rows(number), sample=size, seed=seed)
    assert len(chosen) == min(size, number)
    assert [row.line for row in chosen] == sorted({row.line for row in chosen})
    assert chosen == select(rows(number), sample=size, seed=seed)
    assert set(chosen) <= set(select(rows(number), sample=size + 1, seed=seed))


def test_a_sample_is_drawn_from_the_first_rows_however_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes(lines(*({"question": f"What is {at}?", "answer": at} for at in range(50))))
    for limit, sample in ((10, 3), (50, 7), (80, 7), (None, 7)):
        few = select(read_dataset(str(path), limit=limit).rows, limit=limit, sample=sample, seed=3)
        assert few == select(read_dataset(str(path)).rows, limit=limit, sample=sample, seed=3)
    with pytest.raises(UsageError, match="--limit must be at least 1, not 0"):
        read_dataset(str(path), limit=0)


def test_every_row_is_as_likely_to_be_drawn() -> None:
    drawn = Counter(row.line for seed in range(2000) for row in select(rows(10), sample=3, seed=seed))
    assert sorted(drawn) == list(range(10))
    assert all(520 < times < 680 for times in drawn.values())  # 600 expected, four standard deviations


def test_the_limit_comes_before_the_sample() -> None:
    assert select(rows(9)) == rows(9)
    assert select(rows(9), limit=4) == rows(4)
    assert select(rows(9), limit=20) == rows(9)
    assert {row.line for seed in range(50) for row in select(rows(9), limit=4, sample=2, seed=seed)} == {0, 1, 2, 3}


@pytest.mark.parametrize("option", ["limit", "sample"])
def test_fewer_than_one_row_cannot_be_selected(option: str) -> None:
    with pytest.raises(UsageError, match=f"--{option} must be at least 1, not 0"):
        select(rows(3), limit=0 if option == "limit" else None, sample=0 if option == "sample" else None)


@pytest.mark.parametrize(
    ("file", "number"),
    [("gsm8k_train.jsonl", 7473), ("gsm8k_test_first1000.jsonl", 1000), ("math500_even250.jsonl", 250)],
)
def test_the_real_data_sets_have_no_bad_row(file: str, number: int) -> None:
    path = DATA / file
    if not path.exists():
        pytest.skip(f"{file} is not beside the repository")
    dataset = read_dataset(str(path))
    assert (dataset.name, len(dataset.rows), dataset.bad) == (file, number, ())
    references = [row.problem.answer or "" for row in dataset.rows]
    if file.startswith("gsm8k"):
        assert {canonical(reference).kind for reference in references} == {"number"}
    else:
        written = [json.loads(line)["answer"] for line in path.read_text(encoding="utf-8").splitlines()]
        assert references == written
        assert {row.level for row in dataset.rows} == set("12345")
        assert all(row.subject for row in dataset.rows)


def test_a_bad_row_is_a_line_and_a_reason() -> None:
    assert read(lines(GSM8K) + b"5\n", skip_bad=True).bad == (BadRow(2, "not a JSON object"),)
