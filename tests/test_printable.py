from __future__ import annotations

import json
import subprocess

from hypothesis import given
from hypothesis import strategies as st

from ttcli.printable import as_written, json_line, many_lines, one_line, printable, shell_line

ANY = st.text(st.characters(exclude_categories=()))
NASTY = "\x1b[2J\x07\x00\x7f\x9b31m\u202e\u200b\u2066\ufeff\U000e0041\ud800"


@given(ANY)
def test_what_is_printed_is_printable(text: str) -> None:
    assert printable(text).isprintable()
    assert one_line(text).isprintable()
    for whole in (many_lines, as_written):
        assert all(part.isprintable() for line in whole(text).split("\n") for part in line.split("\t"))


@given(st.recursive(ANY, lambda inner: st.lists(inner) | st.dictionaries(ANY, inner)), st.booleans())
def test_json_is_printable_and_says_the_same(content: object, ascii_only: bool) -> None:
    line = json_line(content, ascii_only=ascii_only)
    assert line.isprintable()
    assert json.loads(line) == json.loads(json.dumps(content))
    line.encode()


@given(st.lists(st.binary(min_size=1).filter(lambda word: b"\0" not in word), min_size=1, max_size=4))
def test_a_command_is_printable_and_a_shell_reads_it_as_it_was(words: list[bytes]) -> None:
    line = shell_line([word.decode("utf-8", "surrogateescape") for word in words])
    assert line.isprintable()
    script = f"LC_ALL=C.UTF-8 printf '%s\\0' {line}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=True)
    assert done.stdout.split(b"\0")[:-1] == words


def test_plain_words_are_quoted_as_usual() -> None:
    assert shell_line(["ttc", "bench", "my data.jsonl"]) == "ttc bench 'my data.jsonl'"
    assert shell_line(["a\x1b'\n"]) == "$'a\\x1b\\'\\n'"


def test_nothing_nasty_is_printable() -> None:
    assert not any(letter.isprintable() for letter in NASTY if letter not in "[2J31m")
