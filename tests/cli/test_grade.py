"""`ttc grade`: rows in, rows with grades out; streams, exit codes, and what goes wrong."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from patience import HANG, ctrl_c

from cli.calls import Call, Result
from cli.test_terminal import at_terminal

DATA = Path(__file__).parents[2].parent / "shared" / "data"
ROWS: list[dict[str, Any]] = [
    {"id": 7, "text": "So it is \\boxed{\\frac{1}{2}}.", "answer": "0.5", "π": "∞", "more": {"b": [1, None], "a": 2.5}},
    {"question": "What is 2 + 2?", "response": "The answer is 5.", "gold": 4},
    {"question": "What is 2 + 2?", "completion": "I do not know; 4 comes last here: 4", "answer": "worked\n#### 4"},
    {"candidate": "4.0", "reference": "4"},
]
EXTRACTED = ["\\frac{1}{2}", "5", None, "4.0"]
RIGHT = [True, False, None, True]
SUMMARY = "4 rows: 2 right, 1 wrong, 1 without an answer; accuracy 50.0 % (15.0 to 85.0); 0 comparisons got no reply\n"


def lines(*rows: object) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def objects(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.out.splitlines()]


def right(result: Result) -> list[bool | None]:
    return [row["right"] for row in objects(result)]


def test_rows_come_back_whole_and_in_order_with_what_was_extracted_and_whether_it_is_right(ttc: Call) -> None:
    result = ttc("grade", stdin=lines(*ROWS))
    assert (result.code, result.err) == (0, SUMMARY)
    told = zip(ROWS, EXTRACTED, RIGHT, strict=True)
    assert [list(row.items()) for row in objects(result)] == [
        [*row.items(), ("extracted", extracted), ("right", right)] for row, extracted, right in told
    ]
    assert '"π": "∞"' in result.out


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_is_graded_as_stdin_is_gzipped_or_not(ttc: Call, clean: Path, packed: bool) -> None:
    content = lines(*ROWS).encode()
    (clean / "rows").write_bytes(gzip.compress(content) if packed else content)
    assert ttc("grade", "rows") == ttc("grade", "-", stdin=content)


def test_rows_go_into_a_file_where_one_is_named(here: Call, clean: Path) -> None:
    result = here("grade", "-o", "graded.jsonl", stdin=lines(*ROWS))
    assert (result.code, result.out, result.err) == (0, "", SUMMARY)
    assert (clean / "graded.jsonl").read_text(encoding="utf-8") == here("grade", "-q", stdin=lines(*ROWS)).out
    result = here("grade", "-o", "nowhere/graded.jsonl", stdin=lines(*ROWS))
    assert (result.code, result.out) == (1, "")
    assert result.err.splitlines()[1] == "hint: make the folder nowhere first"


def test_what_was_graded_can_be_graded_again(here: Call) -> None:
    once = here("grade", stdin=lines(*ROWS))
    assert here("grade", stdin=once.out) == once


def test_quiet_says_nothing_but_the_rows(here: Call) -> None:
    assert here("grade", "--quiet", stdin=lines(*ROWS))[::2] == (0, "")


def test_rows_are_utf_8_in_any_locale_and_half_a_character_is_kept_as_an_escape(ttc: Call) -> None:
    row = '{"half": "\\ud800", "whole": "é", "text": "\\\\boxed{4}", "answer": "4"}\n'
    result = ttc("grade", stdin=row, env={"PYTHONIOENCODING": "ascii", "LC_ALL": "C"})
    assert result.code == 0
    assert objects(result) == [{"half": "\ud800", "whole": "é", "text": "\\boxed{4}", "answer": "4"} | {
        "extracted": "4", "right": True,
    }]  # fmt: skip
    assert "é" in result.out


@pytest.mark.parametrize(
    ("row", "arguments", "grade"),
    [
        ({"text": "\\boxed{4}", "candidate": "5"}, [], ("4", True)),
        ({"text": "\\boxed{4}", "candidate": "5"}, ["--from", "text"], ("4", True)),
        ({"text": "\\boxed{4}", "candidate": "5"}, ["--from", "candidate"], ("5", False)),
        ({"candidate": "\\boxed{4}"}, [], ("\\boxed{4}", True)),
        ({"candidate": "It is 4"}, [], ("It is 4", False)),
        ({"candidate": "It is 4"}, ["--from", "text"], (None, None)),
        ({"candidate": "The answer is 4, as required.", "from_text": True}, [], ("4", True)),
        ({"candidate": "4", "from_text": True}, ["--from", "candidate"], ("4", True)),
        ({"candidate": "4", "from_text": True}, [], (None, None)),
        ({"text": "4"}, ["--from", "candidate"], ("4", True)),
        ({"text": None, "candidate": "4"}, [], ("4", True)),
        ({"text": None}, [], (None, None)),
        ({"text": "  "}, [], (None, None)),
        ({"candidate": 4.0}, [], ("4", True)),
        ({"text": "\\boxed{4}", "said": "\\boxed{5}"}, ["--field", "said"], ("5", False)),
        ({"text": "\\boxed{4}", "said": "4"}, ["--field", "said", "--from", "candidate"], ("4", True)),
        ({"text": "\\boxed{5}", "target": "5"}, ["--reference", "target"], ("5", True)),
    ],
)
def test_a_field_is_read_as_its_name_or_the_row_or_the_command_says(
    here: Call, row: dict[str, Any], arguments: list[str], grade: tuple[str | None, bool | None]
) -> None:
    result = here("grade", *arguments, stdin=lines({**row, "answer": "4"}))
    assert [(row["extracted"], row["right"]) for row in objects(result)] == [grade]


@pytest.mark.parametrize("arguments", [[], ["--reference", "gold"]])
def test_where_the_reference_is_null_no_answer_is_right(here: Call, arguments: list[str]) -> None:
    rows = [{"gold": None, "answer": "4", "text": text} for text in ("I give up.", "\\boxed{4}", None)]
    assert right(here("grade", *arguments, stdin=lines(*rows))) == [True, False, True]


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ({"answer": "4"}, True),
        ({"answer": 4}, True),
        ({"solution": "so \\boxed{4}"}, True),
        ({"answer": "5", "solution": "so \\boxed{4}"}, False),
        ({"answer": "5", "reference": "4"}, True),
        ({"answer": "5", "ground_truth": "4"}, True),
        ({"answer": "5", "gold": "worked\n#### 4"}, True),
    ],
)
def test_references_are_those_of_data_sets_and_of_graders(
    here: Call, reference: dict[str, Any], expected: bool
) -> None:
    assert right(here("grade", stdin=lines({"text": "\\boxed{4}", **reference}))) == [expected]


@pytest.mark.parametrize(
    ("said", "extracted"),
    [
        ({"text": "Let me see: it is (B)."}, "B"),
        ({"text": "The answer is 5."}, "B"),
        ({"text": "\\boxed{4}"}, "A"),
        ({"candidate": "5"}, "B"),
        ({"candidate": "b"}, "B"),
    ],
)
@pytest.mark.parametrize("reference", ["B", "(B)", "5"])
def test_the_options_of_a_problem_stand_for_their_letters(
    here: Call, said: dict[str, str], extracted: str, reference: str
) -> None:
    row = {"problem": "What is 2 + 3?\nA) 4\nB) 5\nC) 6", "answer": reference, **said}
    result = here("grade", stdin=lines(row))
    assert [(row["extracted"], row["right"]) for row in objects(result)] == [(extracted, extracted == "B")]


def test_dozens_are_what_a_question_asks_for(here: Call) -> None:
    question = "How many dozens of eggs are left?"
    rows = [{"question": question, "answer": "7", "candidate": said} for said in ("7", "7 dozen", "84")]
    assert right(here("grade", stdin=lines(*rows))) == [True, True, False]


@pytest.mark.parametrize(
    ("row", "arguments", "reason"),
    [
        ('{"answer": "4"}', [], "no response: one of `text`, `response`, `completion`, `output`, "),
        ('{"answer": "4", "text": "5"}', ["--field", "said"], "no response: `said` must hold it"),
        ('{"text": "5"}', [], "no answer: `answer` must hold it, or `solution`"),
        ('{"text": "5", "gold": " "}', [], "no reference answer: `gold` must hold it"),
        ('{"text": "5", "answer": "4"}', ["--reference", "target"], "no reference answer: `target` must hold it"),
        ('{"answer": "4", "text": ["5"]}', [], "`text` is neither text nor a number"),
        ('{"answer": "4", "text": "\\ud800"}', [], "`text` holds half of a surrogate pair"),
        ("[1]", [], "not a JSON object"),
        ('{"answer": ', [], "not JSON: "),
    ],
)
def test_a_bad_row_is_told_with_its_line_or_left_out(here: Call, row: str, arguments: list[str], reason: str) -> None:
    good = lines({"text": "\\boxed{4}", "said": "\\boxed{4}", "answer": "4", "target": "4"})
    result = here("grade", *arguments, stdin=good + row + "\n")
    assert (result.code, result.out) == (2, "")
    error, hint = result.err.splitlines()
    assert error.startswith(f"error: stdin, line 2: {reason}")
    assert hint == "hint: --skip-bad goes on without such rows"
    result = here("grade", *arguments, "--skip-bad", stdin=row + "\n" + good)
    assert (result.code, right(result)) == (0, [True])
    assert result.err.startswith(f"line 1 left out: {reason}")


@pytest.mark.parametrize(
    ("arguments", "stdin", "error", "hint"),
    [
        ([], "", "stdin is empty", '"text"'),
        (["--skip-bad"], "{}\n", "stdin has no usable row; line 1: no response", '"text"'),
        (["nowhere.jsonl"], "", "cannot read nowhere.jsonl", ".jsonl"),
        (["--from", "box"], "", "Invalid value for '--from'", "ttc grade --help"),
    ],
)
def test_what_cannot_be_graded_is_said_with_a_hint(
    here: Call, arguments: list[str], stdin: str, error: str, hint: str
) -> None:
    result = here("grade", *arguments, stdin=stdin)
    assert (result.code, result.out) == (2, "")
    first, second = result.err.splitlines()
    assert first.startswith(f"error: {error}")
    assert second.startswith("hint: ")
    assert hint in second


def test_a_file_that_is_no_text_is_an_error(ttc: Call) -> None:
    for content in (b"\xff\xfe{}", gzip.compress(lines(*ROWS).encode())[:-9]):
        result = ttc("grade", stdin=content)
        assert (result.code, result.out) == (2, "")
        assert result.err.startswith("error: stdin")


def test_a_reader_that_leaves_is_no_complaint(clean: Path) -> None:
    (clean / "rows.jsonl").write_text(lines(*ROWS * 3000), encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "-m", "ttcli", "grade", "rows.jsonl"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["right"] is True
        process.stdout.close()
        assert process.stderr.read() == b""
        process.wait(timeout=HANG)


@pytest.mark.parametrize("more", [[], ["-o", "graded.jsonl"]])
def test_ctrl_c_ends_it_at_once_and_leaves_no_half_file(clean: Path, more: list[str]) -> None:
    (clean / "rows.jsonl").write_text(lines(*ROWS[:1], *ROWS * 8000), encoding="utf-8")
    read, write = os.pipe()  # not the process's: what a reader of lines has read ahead, `communicate` does not give
    process = subprocess.Popen(
        [sys.executable, "-m", "ttcli", "grade", "rows.jsonl", *more],
        stdout=write if not more else subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(write)
    with os.fdopen(read, encoding="utf-8") as out:
        if more:
            while not [*clean.glob(".graded.jsonl.*.part")]:
                assert process.poll() is None
        else:
            assert json.loads(out.readline())["right"] is True
        with ThreadPoolExecutor() as pool:  # a full pipe would keep it from ending
            rest = pool.submit(out.read)
            ended = ctrl_c(process)
        assert (ended.code, ended.err) == (130, "interrupted\n")
        assert all(json.loads(line) for line in rest.result().splitlines())
    assert [path.name for path in clean.iterdir() if "graded" in path.name] == []


def test_a_terminal_shows_what_is_not_right_and_the_figures(clean: Path) -> None:
    rows = [*ROWS, {"candidate": "[b]\x1b[2J\x9b2J[/b]", "answer": "4"}]
    (clean / "rows.jsonl").write_text(lines(*rows), encoding="utf-8")
    seen = at_terminal("grade", "rows.jsonl")
    assert seen.code == 0
    assert b"[2J" not in seen.written.replace(b"\x1b[2K", b"").replace("�[2J".encode(), b"")
    assert seen.lines[0].split() == ["line", "reference", "extracted"]
    assert [line.split()[:2] for line in seen.lines[1:4]] == [["2", "4"], ["3", "4"], ["5", "4"]]
    assert "no answer" in seen.lines[2]
    assert [line.split() for line in seen.lines[5:]] == [
        ["right", "2"], ["wrong", "2"], ["no", "answer", "1"], ["all", "5"],
        ["comparisons", "without", "a", "reply", "0"],
        ["accuracy", "40.0", "%", "(11.8", "to", "76.9)"],
    ]  # fmt: skip
    assert not seen.screen.cursor.hidden
    (clean / "rows.jsonl").write_text(lines(*ROWS), encoding="utf-8")
    seen = at_terminal("grade", "rows.jsonl", "--json", columns=200)
    assert [json.loads(line)["right"] for line in seen.lines[:4]] == RIGHT
    assert seen.lines[4:] == [SUMMARY.strip()]


def test_without_a_file_at_a_terminal_it_does_not_wait_for_one(clean: Path) -> None:
    seen = at_terminal("grade")
    assert seen.code == 2
    assert seen.lines == ["error: there is nothing to grade", "hint: ttc grade solutions.jsonl"]


def test_no_model_is_loaded_and_nothing_heavy(clean: Path) -> None:
    (clean / "rows.jsonl").write_text(lines(*ROWS), encoding="utf-8")
    program = (
        "import sys\nfrom ttcli.cli.main import run\n"
        "run(['grade', 'rows.jsonl'])\nprint(*sys.modules, file=sys.stderr, sep='\\n')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=HANG, check=True)
    heavy = ("llama_cpp", "sympy", "math_verify", "scipy", "matplotlib", "sklearn", "ttcli.engine", "ttcli.policy")
    assert [name for name in done.stderr.split() if name.startswith(heavy)] == []


def test_cases_that_were_marked_are_graded_as_marked(here: Call) -> None:
    path = DATA / "grading_cases.jsonl"
    if not path.exists():
        pytest.skip("the marked cases are not beside the repository")
    rows = objects(here("grade", str(path)))
    undisputed = [row for row in rows if not row.get("disputable")]
    assert (len(rows), len(undisputed)) == (521, 415)
    assert [row for row in undisputed if bool(row["right"]) != row["equal"]] == []


@pytest.mark.parametrize(
    ("name", "count"), [("gsm8k_train", 7473), ("gsm8k_test_first1000", 1000), ("math500_even250", 250)]
)
def test_references_are_right_by_themselves(here: Call, clean: Path, name: str, count: int) -> None:
    path = DATA / f"{name}.jsonl"
    if not path.exists():
        pytest.skip(f"{name}.jsonl is not beside the repository")
    given = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    rows = [{**row, "text": row.get("solution", row["answer"])} for row in given]
    (clean / "rows.jsonl").write_text(lines(*rows), encoding="utf-8")
    result = here("grade", "rows.jsonl", "-o", "graded.jsonl")
    assert result.err.startswith(f"{count:,} rows: {count:,} right, 0 wrong, 0 without an answer; accuracy 100.0 %")
