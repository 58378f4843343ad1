"""A picture that is redrawn only where it differs looks like one that is drawn anew."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from ttcli.terminal.frames import Frames

_PARTS = re.compile(r"\x1b\[(\d*)A|\x1b\[(2K)|\x1b\[\?\d+[hl]|(\r)|(\n)|([^\x1b\r\n]+)")


def screen(text: str) -> list[str]:
    """What a terminal shows of a text, with `\\n` as `\\r\\n`, and without blank lines at the end."""
    lines, row, column = [""], 0, 0
    for up, erase, back, down, shown in _PARTS.findall(text):
        if up:
            row -= int(up)
            assert row >= 0
        elif erase:
            lines[row] = ""
        elif back:
            column = 0
        elif down:
            row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
        elif shown:
            lines[row] = lines[row][:column].ljust(column) + shown + lines[row][column + len(shown) :]
            column += len(shown)
    while lines and not lines[-1]:
        lines.pop()
    return lines


def frames(pictures: Sequence[Sequence[str]], above: Sequence[int] = ()) -> list[str]:
    """The writes of Rich for these pictures; before some of them a line comes above."""
    written, height = ["\x1b[?25l"], 0
    for number, picture in enumerate(pictures):
        erase = "\r\x1b[2K" + "\x1b[1A\x1b[2K" * (height - 1) if height else ""
        written.append(erase + "\n".join([*(["printed"] if number in above else []), *picture]))
        height = len(picture)
    return [*written, "\n", "\x1b[?25h"]


PICTURES = st.lists(st.lists(st.sampled_from(["", "a", "bb", "ccc"]), min_size=1, max_size=5), min_size=1, max_size=6)


@given(PICTURES, st.sets(st.integers(0, 5)))
def test_what_is_seen_is_what_was_drawn(pictures: list[list[str]], above: set[int]) -> None:
    plain, spared = "".join(frames(pictures, sorted(above))), io.StringIO()
    stream = Frames(spared)
    for text in frames(pictures, sorted(above)):
        stream.write(text)
    assert screen(spared.getvalue()) == screen(plain)


def test_a_line_that_stays_is_not_sent_again_and_a_picture_that_stays_is_not_sent_at_all() -> None:
    told = io.StringIO()
    stream = Frames(told)
    stream.write("one\ntwo\nthree")
    told.truncate(0)
    erase = "\r\x1b[2K" + "\x1b[1A\x1b[2K" * 2
    stream.write(f"{erase}one\nTWO\nthree")
    assert "TWO" in told.getvalue()
    assert not {"one", "three"} & set(re.findall("[a-z]{3,}", told.getvalue()))
    told.truncate(0)
    stream.write(f"{erase}one\nTWO\nthree")
    assert told.getvalue().strip("\x00") == ""
