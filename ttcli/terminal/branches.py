"""The picture of a search tree: a line per step, the trunk straight down, what was pruned as a count or dimmed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style

from ttcli.record.tree import ROOT, SearchTree, Subtree
from ttcli.terminal import words
from ttcli.terminal.fit import SCORE_BAR, bar, newest
from ttcli.terminal.marks import Marks

StyledLine = list[Segment]

_ROOM_FOR_BARS = 60  # columns from which on scores have bars
_TEXT = 8  # cells for the text of a line, before its score and tokens find a place
_AROUND = 18  # cells of a line that are neither guide, number, text nor tokens: mark, score, spaces
_PLAIN, _DIM, _WON = Style(), Style(dim=True), Style(bold=True, color="green")
_GROWS, _ANSWERED, _SILENT, _SCORE = (Style(color=name) for name in ("yellow", "green", "red", "cyan"))


class Lines:
    """Lines that are fitted to the terminal as they are: Rich would take ten times as long to wrap them."""

    def __init__(self, lines: Iterable[StyledLine]) -> None:
        self._lines = [*lines]

    def __rich_console__(self, _console: Console, _options: ConsoleOptions) -> RenderResult:
        for line in self._lines:
            yield from filter(None, line)
            yield Segment.line()


class BranchRow(NamedTuple):
    """A line of the picture: a step, or a note on several."""

    guide: str
    content: Subtree | str


def whole(tree: SearchTree, columns: int, marks: Marks, *, pruned: bool) -> Iterator[StyledLine]:
    """All steps, no wider than they need be; without the pruned ones a count of them."""
    shown = tree.shown(pruned=pruned)
    notes = {} if pruned else {each.number: _lost(each, marks) for each in (tree.branches[ROOT], *shown) if each.lost}
    rows = [*_rows(tree, shown, notes, marks)]
    texts = (len(row.guide) + _cells(row.content, marks) for row in rows)
    numbers = (len(f"{step.number}{_length(step)}") for step in _steps(rows))
    needed = max(texts, default=0) + max(numbers, default=0) + _AROUND
    yield from _lines(rows, tree, min(columns, max(needed, _ROOM_FOR_BARS)), marks)


def fitted(tree: SearchTree, room: int, columns: int, marks: Marks) -> Iterator[StyledLine]:
    """The steps at work, or the way to the answer, and what fits besides in so many lines: old rounds go first."""
    won = tree.won[-(room - 2) :]
    leaves, stems = _at_work(tree, room - 2 - len(won))
    pinned = {*leaves, *stems, *won}
    hidden = len(tree.front) - len(leaves) - sum(number in tree.front for number in won[-1:])
    paths = _paths(tree, (*leaves, *won[-1:]), room)
    notes = {number: _lost(each, marks) for number, each in paths.items() if each.lost}
    folded = _folded(paths, pinned, notes, room - bool(hidden))
    shown = [each for number, each in paths.items() if number != ROOT and (each.depth > folded or number in pinned)]
    if folded:
        notes = {number: note for number, note in notes.items() if paths[number].depth > folded}
        yield [Segment(newest(_before(tree, folded, marks), columns, marks), _DIM)]
    yield from _lines([*_rows(tree, shown, notes, marks)], tree, columns, marks)
    if hidden:
        yield [Segment(f"{marks.dots} and {hidden} more", _DIM)]


def _at_work(tree: SearchTree, room: int) -> tuple[list[int], set[int]]:
    """Ends of paths, and the steps from which several of them grow, for so many lines.

    Those that grow come first, of each group of siblings the same number; then the latest of the others.
    """
    latest = (number for number in reversed(tree.front) if number not in tree.growing and number not in tree.won)
    known = [*islice(tree.growing, 4 * room), *islice(latest, 4 * room)]
    groups: dict[int, list[int]] = {}
    ranks: dict[int, tuple[bool, int]] = {}  # by which a sort leaves equals as they stand
    for number in known:
        group = groups.setdefault(tree.branches[number].parent, [])
        waits = number not in tree.growing
        ranks[number] = (waits, 0 if waits else len(group))
        group.append(number)
    leaves: list[int] = []
    stems: set[int] = set()
    for number in sorted(known, key=ranks.__getitem__):
        parent = tree.branches[number].parent
        stem = {parent}.difference((ROOT,), tree.won) if len(groups[parent]) > 1 else set()
        if len(leaves) + len(stems | stem) < room:
            leaves.append(number)
            stems |= stem
    return leaves, stems


def _paths(tree: SearchTree, leaves: Iterable[int], room: int) -> dict[int, Subtree]:
    """The prompt, the leaves and what lies between, but no more of a path than there is room for."""
    found = {ROOT: tree.branches[ROOT]}
    for leaf in leaves:
        for number in islice(tree.up(leaf), room):
            if number in found:
                break
            found[number] = tree.branches[number]
    return found


def _folded(paths: Mapping[int, Subtree], pinned: Collection[int], notes: Collection[int], room: int) -> int:
    """How many of the first rounds must go, for the rest to fit; 0: none."""
    always = sum(number in pinned for number in paths)
    steps = Counter(each.depth for number, each in paths.items() if number not in pinned and number != ROOT)
    steps.update(paths[number].depth for number in notes)
    lines = always + steps.total()
    if lines <= room:
        return 0
    last = max(steps)
    for depth in range(last):
        lines -= steps[depth]
        if depth and lines + 1 <= room:  # the line that stands for them
            return depth
    return last


def _before(tree: SearchTree, depth: int, marks: Marks) -> str:
    rounds = tree.rounds[1 : depth + 1]
    steps, pruned = sum(each.steps for each in rounds), sum(each.pruned for each in rounds)
    name = "round 1" if depth == 1 else f"rounds 1 to {depth}"
    return f"{marks.dots} {name}: {words.counted(steps, 'step')}, {pruned:,} pruned"


def _lost(branch: Subtree, marks: Marks) -> str:
    return f"{marks.dots} {words.given_up(branch.lost, branch.best_lost)}"


def _rows(tree: SearchTree, shown: Collection[Subtree], notes: Mapping[int, str], marks: Marks) -> Iterator[BranchRow]:
    """The lines from above; a step stands under the next one above it that is shown, or under the prompt."""
    numbers = {each.number for each in shown}
    below: dict[int, list[Subtree]] = {}
    for each in sorted(shown, key=lambda branch: branch.number):
        below.setdefault(each.parent if each.parent in numbers else ROOT, []).append(each)

    def under(number: int, guide: str) -> list[tuple[BranchRow, str]]:
        """What stands under a step, each with the guide of what stands under that."""
        children, note = below.get(number, []), notes.get(number)
        trunk = _trunk(children, below, tree.won, alone=note is None)
        sides: list[Subtree | str] = [child for child in children if child is not trunk]
        sides += [note] if note is not None else []
        lines = [(BranchRow(guide + marks.fork, side), guide + marks.down) for side in sides]
        if trunk is not None:
            lines.append((BranchRow(guide, trunk), guide))
        elif lines:
            lines[-1] = (BranchRow(guide + marks.last, sides[-1]), guide + " " * len(marks.down))
        return lines

    waiting = under(ROOT, "")[::-1]
    while waiting:
        row, guide = waiting.pop()
        yield row
        if isinstance(row.content, Subtree):
            waiting += under(row.content.number, guide)[::-1]


def _trunk(
    children: Sequence[Subtree], below: Mapping[int, Sequence[Subtree]], won: Collection[int], *, alone: bool
) -> Subtree | None:
    """The child that stands straight below its parent: the way to the answer, or the only way on."""
    if len(children) == 1 and alone:
        return children[0]
    alive = [child for child in children if not (child.pruned or child.dead)]
    chosen = [child for child in children if child.number in won] or (alive if len(alive) == 1 else [])
    return next((each for each in chosen if each.number in below), None)


def _lines(rows: Sequence[BranchRow], tree: SearchTree, columns: int, marks: Marks) -> Iterator[StyledLine]:
    steps = _steps(rows)
    digits = max((len(f"{step.number}") for step in steps), default=1)
    longest = max((len(_length(step)) for step in steps), default=0)
    scored = any(step.score is not None for step in steps)
    for row in rows:
        guide = _short(row.guide, columns // 2, marks)
        if isinstance(row.content, str):
            yield [Segment(guide, _DIM), Segment(newest(row.content, columns - len(guide), marks), _DIM)]
            continue
        step = row.content
        style = _DIM if step.pruned or (step.rollout and step.candidate is None) else _PLAIN
        score = f" {_score(step, columns, marks)}" if scored else ""
        right = f" {_length(step):>{longest}}"
        sign, sign_style = _sign(step, tree, marks)
        left = [Segment(guide, _DIM), Segment(sign, style + sign_style), Segment(f" {step.number:>{digits}} ", style)]
        room = columns - Segment.get_line_length(left)
        right = right if room - len(score) - len(right) >= _TEXT else ""
        score = score if room - len(score) - len(right) >= _TEXT else ""
        text = _told(step, room - len(score) - len(right), marks, _WON if step.number in tree.won else style)
        yield [*left, *text, Segment(score, style + _SCORE), Segment(right, _DIM)]


def _cells(content: Subtree | str, marks: Marks) -> int:
    """What the text of a line takes, if none of it is cut."""
    if isinstance(content, str):
        return cell_len(content)
    return cell_len(f"{_result(content)}  {marks.line(content.tail)}")


def _steps(rows: Iterable[BranchRow]) -> list[Subtree]:
    return [row.content for row in rows if isinstance(row.content, Subtree)]


def _length(step: Subtree) -> str:
    return words.counted(step.tokens, "token")


def _result(step: Subtree) -> str:
    """What a step came to, where it is the last one, and why it ended, where that is worth saying."""
    told = [words.answer(step.candidate)] if step.candidate else []
    if step.ended is not None and (fate := words.fate(step.ended)):
        told.append(fate)
    return ", ".join(told)


def _told(step: Subtree, room: int, marks: Marks, style: Style) -> Iterator[Segment]:
    """What a step came to, and the end of its text, in exactly so many cells."""
    result = newest(_result(step), room, marks)
    left = room - cell_len(result) - 2 * bool(result)
    text = ("  " * bool(result) + newest(step.tail, left, marks)) if left > 0 else ""
    quiet = bool(result) or step.ended is None
    yield Segment(result, style)
    yield Segment(text, _DIM if quiet else style)
    yield Segment(" " * (room - cell_len(result + text)))


def _sign(step: Subtree, tree: SearchTree, marks: Marks) -> tuple[str, Style]:
    """The mark of a step and its style."""
    candidate = step.candidate
    if step.number in tree.won or (candidate is not None and candidate.index in tree.winners):
        return marks.winner, _WON
    if step.pruned:
        return marks.pruned, _DIM
    if candidate is not None:
        return (marks.silent, _SILENT) if candidate.answer is None else (marks.answered, _ANSWERED)
    if step.ended is None:
        return marks.grows, _GROWS
    return (marks.ahead, _DIM) if step.rollout else (marks.step, _PLAIN)


def _score(step: Subtree, columns: int, marks: Marks) -> str:
    """A score as a bar and a number; blanks where there is none, for those of other lines to stand in a column."""
    bars = columns >= _ROOM_FOR_BARS
    if step.score is None:
        return " " * (4 + bars * (SCORE_BAR + 1))
    return f"{bar(step.score, SCORE_BAR, marks)} {step.score:.2f}" if bars else f"{step.score:.2f}"


def _short(guide: str, cells: int, marks: Marks) -> str:
    """A guide that leaves room for the text."""
    return guide if len(guide) <= cells else marks.dots + guide[len(guide) - cells + len(marks.dots) :]
