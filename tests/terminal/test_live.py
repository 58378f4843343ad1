from __future__ import annotations

import io
from dataclasses import replace

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from terminal.forest import search
from terminal.pictures import BEGAN, DONE, EVIL, IN_WORK, ballot, candidate, ended, growing, picture, solved
from ttcli.cost import Budget, Cost, Unit
from ttcli.events import CandidateToken, CostUpdated, Event, VoteUpdated
from ttcli.problem import Problem
from ttcli.solution import Ended
from ttcli.tally import Tally
from ttcli.terminal.live import FRAME, LiveDisplay
from ttcli.terminal.marks import ASCII, UNICODE


def test_a_run_in_the_making() -> None:
    assert picture(IN_WORK) == [
        "best-of-n, tiny, verifier judge:tiny, budget 16 generations,",
        "seed 0",
        "What is 17 * 23?",
        "├── ●   1 391  ██████░░ 0.75                       80 tokens",
        "├── ◌   2 …h is 340, and then 17 by 3, which is 51 31 tokens",
        "├── ◌   3 17 * 23 =                                 4 tokens",
        "└── ◌   4                                            1 token",
        "391 ████████████████████ 1, 0.75",
        "4 of 16 generations, 156 tokens, 58 tokens/s, 2.0 s",
    ]


def test_a_finished_run_stars_the_winners() -> None:
    assert picture(DONE) == [
        "best-of-n, tiny, verifier judge:tiny, budget 16 generations,",
        "seed 0",
        "What is 17 * 23?",
        "├── ★   1 391  ███████░ 0.91                       80 tokens",
        "├── ●   2 401  ██░░░░░░ 0.25                         1 token",
        "├── ★   3 391  ████████ 1.00                       80 tokens",
        "├── ○   4 cut  ░░░░░░░░ 0.00       1,024 tokens, token limit",
        "├── ★   5 \\frac{782}{2}  ████░░░░ 0.50             80 tokens",
        "└── ○   6 no answer                     12 tokens, cut short",
        "391       ████████████████████ 3, 2.41",
        "401       ██                   1, 0.25",
        "no answer                      2",
        "16 of 16 generations, 1,620 tokens, 64 tokens/s, 20.0 s",
    ]


def test_a_low_terminal_shows_the_latest_and_counts_the_rest() -> None:
    assert picture(DONE, lines=10)[2:8] == [
        "What is 17 * 23?",
        "├── ○   4 cut  ░░░░░░░░ 0.00       1,024 tokens, token limit",
        "├── ★   5 \\frac{782}{2}  ████░░░░ 0.50             80 tokens",
        "├── ○   6 no answer                     12 tokens, cut short",
        "└── … and 3 more",
        "391       ████████████████████ 3, 2.41",
    ]


def test_a_narrow_terminal_keeps_the_shape() -> None:
    assert picture(DONE, columns=40) == [
        "best-of-n, tiny, verifier judge:tiny,",
        "budget 16 generations, seed 0",
        "What is 17 * 23?",
        "├── ★   1 391  ███████░ 0.91   80 tokens",
        "├── ●   2 401  ██░░░░░░ 0.25     1 token",
        "├── ★   3 391  ████████ 1.00   80 tokens",
        "├── ○   4 cut… 1,024 tokens, token limit",
        "├── ★   5 \\frac{782}{2}  ████… 80 tokens",
        "└── ○   6 no answer 12 tokens, cut short",
        "391       █████████████ 3, 2.41",
        "401       █             1, 0.25",
        "no answer               2",
        "16 of 16 generations, 1,620 tokens, 64",
        "tokens/s, 20.0 s",
    ]


def test_ascii_marks_make_an_ascii_picture() -> None:
    events = [replace(BEGAN, problem=Problem("Wie groß ist é?")), *DONE[1:]]
    lines = picture(events, marks=ASCII, lines=10)
    assert lines[2:9] == [
        "Wie gro? ist ??",
        "+-- -   4 cut  ........ 0.00       1,024 tokens, token limit",
        "+-- *   5 \\frac{782}{2}  ####.... 0.50             80 tokens",
        "+-- -   6 no answer                     12 tokens, cut short",
        "`-- ... and 3 more",
        "391       #################### 3, 2.41",
        "401       ##                   1, 0.25",
    ]
    assert "".join(lines).isascii()


def test_ascii_lines_are_cropped_without_an_ellipsis() -> None:
    long = candidate(0, "é" * 100)
    assert "".join(picture([BEGAN, *ended(long), VoteUpdated(ballot((long.answer or "", [0])))], marks=ASCII)).isascii()


def test_before_anything_began_there_is_nothing_to_see() -> None:
    assert picture([]) == [""]
    assert picture([BEGAN])[-1] == "0 of 16 generations, 0 tokens, 0.0 s"


def test_majority_votes_are_counted_and_not_weighed() -> None:
    lines = picture([BEGAN, VoteUpdated(ballot(("391", [0, 2]), ("401", [1]), abstained=3))])
    assert lines[3:6] == [
        "391       ████████████████████ 2",
        "401       ██████████           1",
        "no answer                      3",
    ]


def test_scores_of_zero_draw_a_bar_all_the_same() -> None:
    lines = picture([BEGAN, VoteUpdated(ballot(("391", [0]), weights=[0.0]))])
    assert lines[3] == "391 █ 1, 0.00"


def test_many_different_answers_leave_room_for_the_tree() -> None:
    several = [candidate(i, str(i)) for i in range(40)]
    lines = picture(
        [BEGAN, *(e for c in several for e in ended(c)), VoteUpdated(ballot(*((str(i), [i]) for i in range(40))))]
    )
    assert len(lines) <= 24
    assert "… and 32 more" in lines
    assert sum("tokens" in line for line in lines) > 3


def test_a_candidate_begun_too_late_is_not_in_the_last_picture() -> None:
    one = candidate(0, "391")
    lines = picture([BEGAN, *growing(1, "x")[:1], *ended(one), solved([one], ballot(("391", [0])))])
    assert not any("◌" in line for line in lines)


@pytest.mark.parametrize(
    ("budget", "cost", "line"),
    [
        (Budget(1), Cost(generations=1, prompt_tokens=1, seconds=1), "1 of 1 generation, 1 token, 0 tokens/s, 1.0 s"),
        (Budget(20000, Unit.TOKENS), Cost(policy_tokens=1234), "1,234 of 20,000 tokens, 1,234 tokens, 0.0 s"),
        (Budget(30, Unit.SECONDS), Cost(seconds=2.24), "2.2 of 30 seconds, 0 tokens, 0 tokens/s, 2.2 s"),
        (Budget(0.5, Unit.SECONDS), Cost(), "0.0 of 0.5 seconds, 0 tokens, 0.0 s"),
    ],
)  # fmt: skip
def test_the_budget_reads_in_its_own_unit(budget: Budget, cost: Cost, line: str) -> None:
    assert picture([replace(BEGAN, budget=budget), CostUpdated(cost)], columns=100)[-1] == line


def test_wide_characters_are_reckoned_as_two_cells() -> None:
    wide = "三百九十一" * 20
    lines = picture([BEGAN, *growing(1, wide, 3), *ended(candidate(0, wide)), VoteUpdated(ballot((wide, [0])))])
    assert all(cell_len(line) <= 60 for line in lines)
    assert lines[-3].startswith("└── ◌   2 …")
    assert lines[-3].endswith("一 3 tokens")


EVENTS_OF_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=80) | st.just(EVIL)


def hostile(text: str) -> list[Event]:
    one = candidate(0, text, 0.5)
    began = replace(BEGAN, problem=Problem(text), model=text)
    return [began, *growing(1, text, 2), *ended(one), VoteUpdated(ballot((text, [0])))]


@settings(deadline=None, max_examples=100)
@given(EVENTS_OF_TEXT, st.sampled_from([20, 40, 60]), st.sampled_from([UNICODE, ASCII]))
def test_no_text_reaches_the_terminal_as_anything_but_text(text: str, columns: int, marks: object) -> None:
    lines = picture(hostile(text), columns=columns, marks=ASCII if marks is ASCII else UNICODE)
    assert all(c.isprintable() for line in lines for c in line)
    assert all(cell_len(line) <= columns for line in lines)


def test_markup_in_a_text_is_shown_as_it_is() -> None:
    lines = picture(hostile("[red]a[/b] [a-b] :smile:"))
    assert sum("[red]a[/b] [a-b]" in line for line in lines) == 5  # model, problem, both candidates, vote


class Screen(io.StringIO):
    """A terminal of 60 columns and 24 lines."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True

    def show(self) -> pyte.Screen:
        screen = pyte.Screen(60, 24)
        screen.set_mode(pyte.modes.LNM)
        pyte.Stream(screen).feed(self.getvalue())
        return screen


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("LINES", "24")
    return Screen()


def text_of(screen: pyte.Screen) -> list[str]:
    lines = [line.rstrip() for line in screen.display]
    while lines and not lines[-1]:
        lines.pop()
    return lines


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_at_most_ten_frames_are_drawn_in_a_second(screen: Screen) -> None:
    clock = Clock()
    with LiveDisplay(screen, clock, processor=Clock()) as display:
        display.show(BEGAN)
        for event in growing(0, "x"):
            display.show(event)
        for _ in range(1000):
            clock.now += 0.001
            display.show(CandidateToken(0, "word "))
        frames = display.frames
    assert FRAME == 0.1
    assert 9 <= frames <= 11


@pytest.mark.parametrize(("took", "seldom"), [(0.001, 0.1), (0.005, 0.2), (1.0, 0.5)])
def test_what_takes_long_to_draw_is_drawn_less_often(screen: Screen, took: float, seldom: float) -> None:
    clock, processor = Clock(), Clock()

    def asked() -> float:
        processor.now += took  # before and after each picture
        return processor.now

    with LiveDisplay(screen, clock, asked) as display:
        display.show(BEGAN)
        for event in growing(0, "x"):
            display.show(event)
        for _ in range(2000):
            clock.now += 0.001
            display.show(CandidateToken(0, "word "))
        frames = display.frames
    assert 2 / seldom - 1 <= frames <= 2 / seldom + 2


def test_the_last_picture_stays_and_the_cursor_stands_below_it(screen: Screen) -> None:
    with LiveDisplay(screen, Clock()) as display:
        for event in [*IN_WORK, *DONE[1:]]:
            display.show(event)
    shown = screen.show()
    assert text_of(shown) == picture(DONE)
    assert not shown.cursor.hidden
    assert (shown.cursor.x, shown.cursor.y) == (0, len(picture(DONE)))


def test_the_cursor_comes_back_after_an_exception(screen: Screen) -> None:
    def break_off() -> None:
        with LiveDisplay(screen, Clock()) as display:
            for event in IN_WORK:
                display.show(event)
            assert screen.show().cursor.hidden
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_off()
    assert not screen.show().cursor.hidden
    assert text_of(screen.show()) == picture(IN_WORK)


def test_frames_redraw_in_place_though_the_terminal_is_low(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINES", "12")
    clock = Clock()
    several = [candidate(i, str(i)) for i in range(30)]
    with LiveDisplay(screen, clock) as display:
        display.show(BEGAN)
        for number, each in enumerate(several):
            for event in (
                *growing(number, "x"),
                *ended(each),
                VoteUpdated(ballot(*((str(i), [i]) for i in range(number + 1)))),
            ):
                clock.now += 1
                display.show(event)
    low = pyte.Screen(60, 12)
    low.set_mode(pyte.modes.LNM)
    pyte.Stream(low).feed(screen.getvalue())
    lines = text_of(low)
    assert sum("judge:tiny" in line for line in lines) <= 1
    assert lines[-1].startswith("0 of 16 generations")


def test_hostile_text_does_not_move_the_cursor_or_ring_the_bell(screen: Screen) -> None:
    with LiveDisplay(screen, Clock()) as display:
        for event in hostile(EVIL):
            display.show(event)
        display.show(solved([candidate(0, EVIL)], ballot((EVIL, [0]))))
    written = screen.getvalue()
    for sequence in ("\x1b[2J", "\x1b]0;", "\x07", "\x9b", "\u202e", "\x00"):
        assert sequence not in written


def test_no_color_keeps_the_words_and_drops_the_colours(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    with LiveDisplay(screen, Clock()) as display:
        for event in DONE:
            display.show(event)
    assert text_of(screen.show()) == picture(DONE)
    assert {cell.fg for line in screen.show().buffer.values() for cell in line.values()} == {"default"}


def test_a_tree_that_is_no_terminal_is_written_once_at_the_end() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with LiveDisplay(stream, Clock()) as display:
        for event in DONE:
            display.show(event)
    stream.seek(0)
    written = stream.read()
    assert written.count("judge:tiny") == 1
    assert written.endswith("20.0 s\n")
    assert "\x1b" not in written


def test_a_tree_in_an_ascii_locale_has_ascii_marks() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="backslashreplace")
    with LiveDisplay(stream, Clock()) as display:
        for event in [replace(BEGAN, problem=Problem("groß")), *DONE[1:]]:
            display.show(event)
    stream.seek(0)
    written = stream.read()
    assert "gro?" in written
    assert "`-- - " in written


def test_a_search_redraws_its_tree_in_place_and_leaves_the_last_picture(screen: Screen) -> None:
    clock = Clock()
    with LiveDisplay(screen, clock) as display:
        for event in search(16, 6):
            clock.now += 0.05
            display.show(event)
    lines = text_of(screen.show())
    assert lines[0] == "beam, tiny, verifier prm:tiny, budget 16 generations, seed 0"
    assert len(lines) <= 24
    assert sum(line.startswith("★") for line in lines) == 6


def test_an_empty_ballot_has_no_table() -> None:
    nobody = candidate(0, None, None, Ended.LENGTH)
    assert picture([BEGAN, *ended(nobody), solved([nobody], Tally((), 1))])[3:] == [
        "└── ○   1 cut                         80 tokens, token limit",
        "16 of 16 generations, 1,620 tokens, 64 tokens/s, 20.0 s",
    ]
