"""What becomes of texts made to do harm: `python benchmarks/texts.py [--count 10000] [--seed 0] [--json]`.

Texts are put together from escape sequences, controls, characters that turn lines round or hide, HTML, markup of other
kinds, control tokens of chat templates, boxes and random Unicode. Each goes through

answers     extraction, and how the answer is printed;
templates   a chat with it, tokenized: no control token but the template's own;
displays    a live tree on a terminal, plain lines, the whole tree, a path, Graphviz, JSON: no escape sequence but the
            display's own, no character that is not printable;
report      the page of a bench with it as problem, id, level, reference, answer and solution: no element but those of
            the page itself, and each text in its data again, character by character.

With `--browser` the page is opened in Chromium, every problem unfolded: no element of another kind, no script run.
Prints how many texts went through each, and how many of these did not hold; exit code 1 where one did not.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from bench.builder import make_rows, make_run
from terminal.pictures import BEGAN, ballot, ended, growing, solved
from tiny_models import write_tiny

from ttcli.answers import extract_answer
from ttcli.bench.report.report import write_report
from ttcli.bench.store.store import Store
from ttcli.engine.model import Model
from ttcli.engine.template import ChatTemplate
from ttcli.events import Event, RunFinished
from ttcli.printable import as_written, json_line, one_line
from ttcli.problem import Problem
from ttcli.record.encode import record
from ttcli.record.recording import Recorded
from ttcli.solution import Candidate, Ended
from ttcli.terminal.lines import LineDisplay
from ttcli.terminal.live import LiveDisplay
from ttcli.terminal.show import print_dot, print_path, print_tree

TOGETHER = 8  # texts in one picture
PIECES = (
    *(
        "\x1b[7777m",
        "\x1b[2;7777H",
        "\x1b]0;7777\x07",
        "\x1b]52;7777\x07",
        "\x1bP7777\x1b\\",
        "\x1b]8;;http://7777\x07",
    ),
    *("\x9b7777m", "\x9d0;7777\x9c", "\x90", "\x1b", "\x1b[", "\x1bc", "\x00", "\x07", "\x08\x08\x08", "\x0b", "\x0c"),
    *("\x7f", "\r", "\n", "\r\n", "\t", "\x85", "\u2028", "\u2029", "\x0e", "\x0f", "\x1b[?7777h", "\x1b#8", "\x1b(0"),
    *("\u202e", "\u2066", "\u200b", "\u200f", "\ufeff", "\U000e0041", "\u061c", "\u00ad", "\U0001f468\u200d\U0001f469"),
    *("</script>", "<script>hit()</script>", "<img src=x onerror=hit()>", "<!--", "-->", "<svg onload=hit()>", "]]>"),
    *('"><iframe src=javascript:hit()>', "' onmouseover='hit()", "<object>", "</pre></td>", "&#0;", "<b>", "&lt;b&gt;"),
    *("[bold]", "[/]", "[/b]", "[link=file:///x]", ":smile:", "$x$", "${x}", "{{ x }}", "{% x %}", "%s", "\\u001b"),
    *("\\x1b[m", "`", "*", "a\u0300" * 9, "<|im_start|>system\n", "<|im_end|>", "<|endoftext|>", "<s>", "[INST]"),
    *("<think>", "</think>", "<|im_start", "|>", "\\boxed{", "}", "\\boxed{7}", "#### ", "The answer is ", "```"),
    *("\\frac{1}{2}", "12", "x = 3", "(B)", "yes", ", ", ". "),
)
_FOREIGN = re.compile(
    r"\x1b[^a-zA-Z]*7777"
)  # the number is in each longer sequence of a text, and in none of ttc's own
_OWN = re.compile(r"\x1b\[(?:\?25[hl]|\?2026[hl]|[\d;]*[mABCDEFGHJK])|[\r\n]")  # what displays send themselves


def texts(count: int, seed: int) -> list[str]:
    """Texts of one to twelve pieces; no two alike."""
    draw = random.Random(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        found[f"{''.join(_piece(draw) for _ in range(draw.randrange(1, 13)))} {len(found)}"] = None
    return [*found]


def _piece(draw: random.Random) -> str:
    kind = draw.random()
    if kind < 0.75:
        return draw.choice(PIECES)
    if kind < 0.9:
        return "".join(draw.choice("abc 123+-=/^_()") for _ in range(draw.randrange(1, 9)))
    return "".join(_character(draw) for _ in range(draw.randrange(1, 5)))


def _character(draw: random.Random) -> str:
    while True:
        code = draw.choice((draw.randrange(0x110000), draw.randrange(0x300)))
        if not 0xD800 <= code < 0xE000:
            return chr(code)


def harmless(written: str) -> bool:
    """Whether it moves nothing, hides nothing and turns nothing round, on as many lines as it likes."""
    return all(line.replace("\t", "").isprintable() for line in written.split("\n"))


def by_answers(said: Sequence[str]) -> int:
    """How many are not printed as they should be."""
    return sum(not (harmless(as_written(text)) and one_line(extract_answer(text) or "").isprintable()) for text in said)


def by_templates(said: Sequence[str], model: Model) -> int:
    """How many bring a control token into a chat."""
    template = ChatTemplate(model)

    def controls(text: str) -> list[int]:
        return [token for token in template.encode([{"role": "user", "content": text}]) if model.is_control(token)]

    usual = controls("What is 2 + 2?")
    return sum(controls(text) != usual for text in said)


class _Terminal(io.StringIO):
    """A terminal that keeps what it was sent."""

    def isatty(self) -> bool:
        return True


def by_displays(said: Sequence[str]) -> int:
    """How many stand in a picture in which something is not the display's own."""
    return sum(
        len(group)
        for group in (said[at : at + TOGETHER] for at in range(0, len(said), TOGETHER))
        if not all(map(_own, _pictures(group)))
    )


def _own(written: str) -> bool:
    return not _FOREIGN.search(written) and _OWN.sub("", written).replace("\t", "").isprintable()


def _pictures(said: Sequence[str]) -> Iterator[str]:
    """All that is drawn of a run with these texts."""
    began = replace(BEGAN, problem=Problem(said[0], said[-1], said[0]))
    drawn = [
        Candidate(at, text, extract_answer(text) or text, Ended.STOP, 20, -1.0, 0.5) for at, text in enumerate(said)
    ]
    votes = ballot(*((each.answer or "", [each.index]) for each in drawn))
    events: list[Event] = [began]
    for each in drawn:
        events += growing(each.index, each.text)
    for each in drawn:
        events += ended(each)
    events.append(last := solved(drawn, votes))
    for display in (LiveDisplay, LineDisplay):
        stream = _Terminal()
        with display(stream) as shown:
            for event in events:
                shown.show(event)
        yield stream.getvalue()
    yield from _prints(events, last)
    yield json_line(record(began, last.outcome))
    yield json_line(record(began, last.outcome), ascii_only=False)


def _prints(events: Sequence[Event], last: RunFinished) -> Iterator[str]:
    began = events[0]
    assert began.__class__ is BEGAN.__class__
    run = Recorded(began, tuple(events[1:]), last.outcome)  # type: ignore[arg-type]
    for show in (
        lambda: print_tree(run, pruned=True),
        lambda: print_path(run, 1),
        lambda: print_dot(run, pruned=True),
    ):
        stream = _Terminal()
        with redirect_stdout(stream):
            show()
        yield stream.getvalue()


class _Elements(HTMLParser):
    """What a page is made of."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.kinds: set[str] = set()
        self.attributes: set[str] = set()
        self.scripts: dict[str, str] = {}  # by id
        self._in: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.kinds.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self._in = dict(attrs).get("id") or f"script {len(self.scripts)}" if tag == "script" else None

    def handle_data(self, data: str) -> None:
        if self._in is not None:
            self.scripts[self._in] = self.scripts.get(self._in, "") + data

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 - as the parser calls it
        self._in = None


def write_page(said: Sequence[str], folder: Path, name: str) -> Path:
    """The report of a bench whose problems and solutions hold the texts, four in each."""
    groups = [said[at : at + 4] for at in range(0, len(said), 4)]
    problems = [Problem(group[0], group[-1], extract_answer(group[0]) or "7") for group in groups]
    rows = [
        replace(row, problem=problem, level=said[at % 3])
        for at, (row, problem) in enumerate(zip(make_rows(len(groups)), problems, strict=True))
    ]

    def solution(position: int, number: int, answer: str | None) -> Sequence[str]:
        return [groups[position][(number + 1) % len(groups[position])], f"\n\nIt is {answer}."]

    store = folder / f"{name}.sqlite3"
    data, model = ("".join(part) for part in (said[:20], said[-20:]))
    run = make_run(store, rows, samples=3, text=solution, others=("greedy",), data=data, model=model, bulk=True)
    with Store(store, readonly=True) as opened:
        write_report(opened, run, folder / f"{name}.html")
    return folder / f"{name}.html"


def by_report(said: Sequence[str], folder: Path) -> int:
    """How many do not come back out of the page's data; all of them, where the page has something of another kind."""
    usual = _Elements(write_page([f"text {at}" for at in range(len(said))], folder, "usual").read_text("utf-8"))
    page = write_page(said, folder, "page").read_text("utf-8")
    found = _Elements(page)
    if found.kinds - usual.kinds or found.attributes - usual.attributes or found.scripts.keys() != usual.scripts.keys():
        return len(said)
    kept = {
        text
        for script in found.scripts.values()
        if script.startswith(("{", "["))
        for text in _strings(json.loads(script))
    }
    return sum(text not in kept for text in said)  # fmt: skip


def _strings(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict | list):
        for each in content.values() if isinstance(content, dict) else content:
            yield from _strings(each)


def by_browser(page: Path) -> dict[str, Any]:
    """What Chromium makes of the page: elements of other kinds than the page's own, and whether a text ran."""
    from bench.report.browser import chromium_without_window

    browser = next(window := chromium_without_window())
    try:
        browser.set_script_timeout(600)
        browser.get(page.as_uri())
        found = browser.execute_async_script(
            "const done = arguments[0]; window.hit = () => { window.ran = true; };"
            "(async () => { const more = () => document.querySelectorAll('details.problem:not([open])');"
            "for (const each of more()) { each.open = true; await new Promise(r => setTimeout(r, 0)); }"
            "await new Promise(r => setTimeout(r, 500));"
            "const kinds = new Set([...document.querySelectorAll('main *, body *')].map(e => e.localName));"
            "done([document.querySelectorAll('details.problem[open]').length, [...kinds], !!window.ran]); })()"
        )
    finally:
        window.close()
    unfolded, kinds, ran = found
    odd = sorted({"img", "iframe", "object", "embed", "b"} & set(kinds))
    return {"unfolded": unfolded, "odd_elements": odd, "ran": ran}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--browser", action="store_true", help="open the page of the first 400 texts in Chromium too")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    os.environ.setdefault("COLUMNS", "100")
    os.environ.setdefault("LINES", "40")
    since, said = time.monotonic(), texts(options.count, options.seed)
    told: dict[str, Any] = {"texts": len(said), "seed": options.seed}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = Model(write_tiny(folder / "tiny.gguf", "llama"))
        told["failed"] = {
            "answers": by_answers(said),
            "templates": by_templates(said, model),
            "displays": by_displays(said),
            "report": by_report(said, folder),
        }
        model.close()
        if options.browser:
            told["browser"] = by_browser(write_page(said[:400], folder, "opened"))
    told["seconds"] = round(time.monotonic() - since, 1)
    print(json.dumps(told) if options.json else "\n".join(f"{key}: {value}" for key, value in told.items()))
    bad = told.get("browser", {})
    return int(any(told["failed"].values()) or bool(bad and (bad["odd_elements"] or bad["ran"])))


if __name__ == "__main__":
    raise SystemExit(main())
