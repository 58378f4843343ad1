from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from terminal.forest import search

from bench.builder import make_rows, make_run, solution, with_text
from bench.report.browser import Page, chromium_without_window
from ttcli.answers import majority
from ttcli.bench.report.report import embedded, write_report
from ttcli.bench.store.store import Run, Store
from ttcli.bench.store.task import Finished, Happened
from ttcli.cost import Cost
from ttcli.errors import TtcError
from ttcli.events import MethodChosen, Outcome, RunFinished
from ttcli.solution import Candidate, Ended

EVIL = (
    "</script><script>document.title = 'owned'</script><img src=x onerror=\"document.title='owned'\"> \u2028 &amp; $x$"
)


def evil_text(position: int, number: int, answer: str | None) -> list[str]:
    return [EVIL + "\n\n", *solution(position, number, answer)]


def report(folder: Path, *args: Any, **options: Any) -> tuple[Path, Run]:
    run = make_run(folder / "s.db", *args, **options)
    with Store(folder / "s.db", readonly=True) as store:
        write_report(store, run, folder / "report.html")
    return folder / "report.html", run


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Run]:
    """A page with all that a page can have, and its run."""
    rows = with_text(make_rows(14, levels=("1", "2"), subjects=("Algebra", "Geometry")), 2, f"Evil {EVIL}")
    path, run = report(
        tmp_path_factory.mktemp("report"),
        rows,
        others=("adaptive", "greedy"),
        failed=(4,),
        undone=(13,),
        text=evil_text,
        model="tiny & <b>small</b>",
    )
    return path.as_uri(), run


def source(page: tuple[str, Run]) -> str:
    return Path(page[0].removeprefix("file://")).read_text("utf-8")


# -- without a browser


class Addresses(HTMLParser):
    """What the elements of a page point to."""

    found: list[str]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "action", "data")]


def test_the_page_fetches_nothing(page: tuple[str, Run]) -> None:
    text = source(page)
    addresses = Addresses()
    addresses.found = []
    addresses.feed(text)
    assert addresses.found
    assert all(each.startswith("#") for each in addresses.found)
    assert not re.search(r"https?:|url\((?!#)|@import|\bfetch\(|XMLHttpRequest", text)
    assert "default-src 'none'" in text


def test_texts_of_the_data_and_the_model_cannot_leave_their_element(page: tuple[str, Run]) -> None:
    text = source(page)
    assert "<img" not in text
    assert len(re.findall("<script", text)) == len(re.findall("</script>", text)) == 14 + 2
    assert "tiny &amp; &lt;b&gt;small&lt;/b&gt;" in text


def test_embedded_json_reads_back_as_it_was() -> None:
    text = embedded([EVIL, "\ud800", {"<": None}])
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == [EVIL, "\ud800", {"<": None}]


def test_a_vote_in_the_page_has_the_winner_that_the_tables_count(page: tuple[str, Run]) -> None:
    blocks = re.findall(r'id="problem-\d+">(.*?)</script>', source(page))
    votes = [task for block in blocks for task in json.loads(block)["tasks"] if task["state"] in "rw"]
    assert len(votes) == 12 * 4
    for task in votes:
        assert task["state"] == ("r" if task["votes"] and task["votes"][0][3] else "w")


def test_a_page_without_any_result_can_be_written(tmp_path: Path) -> None:
    path, _ = report(tmp_path, 3, undone=(0, 1, 2), loads=0)
    assert "there is nothing to draw yet" in path.read_text("utf-8")


def test_a_page_that_cannot_be_written_leaves_what_stood_there(tmp_path: Path) -> None:
    run = make_run(tmp_path / "s.db", 2)
    with Store(tmp_path / "s.db", readonly=True) as store:
        with pytest.raises(TtcError, match="cannot write") as error:
            write_report(store, run, tmp_path / "nowhere" / "report.html")
        assert error.value.hint
        write_report(store, run, tmp_path / "report.html")
        whole = (tmp_path / "report.html").read_bytes()
        write_report(store, run, tmp_path / "report.html")
    assert (tmp_path / "report.html").read_bytes() == whole
    assert not [*tmp_path.glob("*.part"), *tmp_path.glob(".*.part")]


# -- in a browser


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    yield from chromium_without_window()


@pytest.fixture
def opened(chromium: Any, page: tuple[str, Run]) -> Iterator[Page]:
    """The page, opened; in the end it has complained about nothing."""
    shown = Page(chromium, page[0])
    yield shown
    assert shown.errors() == []
    assert chromium.title == f"ttc bench {page[1].id}: tiny & <b>small</b> on gsm8k-like.jsonl"


def test_the_page_opens_with_its_run_its_plots_and_all_problems(opened: Page, page: tuple[str, Run]) -> None:
    facts = opened.text(opened.find(".facts"))
    assert page[1].id in facts
    assert "14: 13 done, 1 of them failed, 1 to do" in facts
    assert opened.text(opened.find(".command")).startswith("ttc bench gsm8k-like.jsonl --model 'tiny & <b>")
    assert len(opened.all("figure svg")) == 4
    assert opened.count == "14 problems"
    assert opened.ids == [str(number) for number in range(1, 15)]


def test_problems_are_found_by_text_id_and_answer(opened: Page) -> None:
    opened.search("16 boxes")
    assert (opened.count, opened.ids) == ("1 of 14 problems", ["14"])
    opened.search("240")
    assert (opened.count, opened.ids) == ("1 of 14 problems", ["14"])
    opened.search("evil SCRIPT")
    assert (opened.count, opened.ids) == ("1 of 14 problems", ["3"])
    opened.search("no such thing")
    assert opened.count == "0 of 14 problems"
    opened.search("")
    assert opened.count == "14 problems"


def test_problems_are_filtered_by_outcome_and_method(opened: Page) -> None:
    def of(outcome: str, task: str = "") -> set[str]:
        opened.choose("outcome", outcome)
        opened.choose("task", task)
        return set(opened.ids)

    assert of("f") == {"5"}
    assert of("-") == {"14"}
    right, wrong = of("r", "0"), of("w", "0")
    assert right
    assert wrong
    assert sorted(right | wrong, key=int) == [str(n) for n in range(1, 14) if n != 5]
    assert not right & wrong
    differ = of("differ")
    assert differ == of("r") & of("w")
    assert len(of("")) == 14


def test_problems_are_filtered_by_level_subject_and_difficulty(opened: Page) -> None:
    opened.choose("level", "2")
    opened.choose("subject", "Geometry")
    assert opened.ids == [str(number) for number in range(2, 15, 2)]
    opened.choose("level", "")
    opened.choose("subject", "")
    names = [each.get_attribute("value") for each in opened.all("[name=difficulty] option")]
    assert len(names) == 6
    opened.choose("difficulty", names[1])
    assert 2 <= len(opened.ids) <= 3


def test_problems_are_sorted_by_pass_rate(opened: Page) -> None:
    def rates() -> list[float]:
        found = [re.match(r"(\d+) of (\d+)", opened.text(each)) for each in opened.all(".problem > summary .rate")]
        return [int(each[1]) / int(each[2]) for each in found if each]

    opened.choose("order", "hardest")
    assert rates() == sorted(rates())
    assert opened.ids[-1] == "14"
    opened.choose("order", "easiest")
    assert rates() == sorted(rates(), reverse=True)
    assert len(rates()) == 13


def test_a_problem_unfolds_to_its_votes_samples_steps_and_tree(opened: Page) -> None:
    problem = opened.unfold("1")
    text = opened.text(problem)
    assert "Reference answer: 6" in text
    assert "8 samples" in text
    rows = problem.find_elements("css selector", "tbody tr > th > button")
    assert len(rows) == 8
    assert [each.get_attribute("aria-expanded") for each in rows] == ["false"] * 8
    rows[0].click()
    steps = problem.find_elements("css selector", ".solution .step")
    assert EVIL in opened.text(steps[0])
    assert "confidence" in opened.text(steps[0])
    rows[0].click()
    assert rows[0].get_attribute("aria-expanded") == "false"
    tree = problem.find_element("css selector", ".node")
    assert "adaptive@8 · 4 branches" in opened.text(tree)
    tree.find_element("css selector", "summary").click()
    branch = opened.within(tree, ".node")
    branch.find_element("css selector", "summary").click()
    assert EVIL in opened.text(opened.within(branch, ".whole"))


def test_texts_are_shown_and_never_run(opened: Page) -> None:
    problem = opened.unfold("3")
    assert EVIL in opened.text(problem.find_element("css selector", ".whole"))
    for button in problem.find_elements("css selector", "tbody button"):
        button.click()
    assert not opened.all("img")
    assert opened.browser.title.startswith("ttc bench")


def test_a_failed_and_an_undone_problem_say_so(opened: Page) -> None:
    assert "It failed: the server went away" in opened.text(opened.unfold("5"))
    assert "It is not done." in opened.text(opened.unfold("14"))


def test_the_page_fits_a_phone(chromium: Any, page: tuple[str, Run]) -> None:
    shown = Page(chromium, page[0], width=360)
    problem = shown.unfold("3")
    for button in problem.find_elements("css selector", "tbody button")[:3]:
        button.click()
    wide, narrow = shown.browser.execute_script("return [document.scrollingElement.scrollWidth, innerWidth]")
    assert wide <= narrow == 360
    assert shown.errors() == []


def test_on_a_narrow_page_pictures_are_whole_and_the_command_wraps(chromium: Any, tmp_path: Path) -> None:
    run = make_run(
        tmp_path / "s.db", 3, verifiers=("confidence", "judge"), others=("greedy",), data=f"{'long-' * 30}.jsonl"
    )
    with Store(tmp_path / "s.db") as store:
        write_report(store, run, tmp_path / "report.html")
    shown = Page(chromium, (tmp_path / "report.html").as_uri(), width=480)
    hidden = "return [...document.querySelectorAll('figure.scroll, .command')].map(e => e.scrollWidth - e.clientWidth)"
    found = shown.browser.execute_script(hidden)
    assert found == [0] * 5  # the command, accuracy, two of costs, the batch
    texts = (
        "return Math.max(...[...document.querySelectorAll('figure text')].map(e => e.getBoundingClientRect().right))"
    )
    assert shown.browser.execute_script(texts) <= 480


def test_ten_thousand_samples_open_quickly(chromium: Any, tmp_path: Path) -> None:
    path, _ = report(tmp_path, 625, samples=16, verifiers=("confidence", "judge"), bulk=True)
    shown = Page(chromium, path.as_uri())
    assert shown.count == "625 problems"
    timing = "const t = performance.timing; return t.domContentLoadedEventEnd - t.navigationStart"
    assert shown.browser.execute_script(timing) < 8000  # ms; about 1000 where nothing else runs
    assert "16 samples" in shown.text(shown.unfold("1"))
    assert shown.errors() == []


def test_what_auto_chose_and_what_revising_did_are_told(chromium: Any, tmp_path: Path) -> None:
    run = make_run(tmp_path / "s.db", 2, others=("auto",))
    task = next(task for task in run.config.tasks if task.method == "auto")
    chose = MethodChosen(0.31, 4, 5, "revise:ratio=2", 0.5, 0.125, "majority")
    with Store(tmp_path / "s.db") as store:
        for position, row in enumerate(store.rows(run)):
            right = row.problem.answer or ""
            turned = [
                Candidate(at, "", answer, Ended.STOP, 9, -1.0, chain=0, attempt=at)
                for at, answer in enumerate(["7", right])
            ]
            outcome = Outcome(right, majority(turned), tuple(turned), Cost(generations=2), None, chose=chose)
            store.write(run, row.problem, Finished(position, task, outcome))
        write_report(store, run, tmp_path / "report.html")
    shown = Page(chromium, (tmp_path / "report.html").as_uri(), width=360)
    accuracy = shown.text(shown.find("#accuracy"))
    assert f"{task.key}revise:ratio=22" in accuracy  # for 2 problems: the cells of a row stand side by side
    assert "2100.0 % (34.2 to 100.0) of 2100.0 % (34.2 to 100.0) of 2" in accuracy.partition("Wrong to right")[2]
    text = shown.text(shown.unfold("1"))
    assert "Chosen: revise:ratio=2, 12.5 points over majority expected; difficulty 4 of 5" in text
    assert "a sample is right with 31 %" in text
    wide, narrow = shown.browser.execute_script("return [document.scrollingElement.scrollWidth, innerWidth]")
    assert wide <= narrow == 360
    assert shown.errors() == []


def test_a_search_unfolds_along_the_way_to_its_answer_and_stays_readable(chromium: Any, tmp_path: Path) -> None:
    events = [*search(16, 30)]
    run = make_run(tmp_path / "s.db", 2, others=("adaptive",), undone=(1,))
    task = next(task for task in run.config.tasks if not task.pooled)
    with Store(tmp_path / "s.db") as store:
        problem = store.rows(run)[1].problem
        for event in events[1:-1]:
            store.write(run, problem, Happened(1, task, event))
        last = events[-1]
        assert isinstance(last, RunFinished)
        store.write(run, problem, Finished(1, task, last.outcome))
        write_report(store, run, tmp_path / "report.html")
    shown = Page(chromium, (tmp_path / "report.html").as_uri(), width=360)
    problem_entry = shown.unfold("2")
    tree = problem_entry.find_element("css selector", ".node")
    tree.find_element("css selector", "summary").click()
    end = shown.within(tree, ".trunk " * 30 + "> .whole")  # opened by itself down to the last step
    node = last.outcome.candidates[0].node
    assert node is not None
    assert shown.text(end) == last.outcome.tree[node - 1].text
    assert len(tree.find_elements("css selector", ".trunk")) == 30
    assert all(
        "on the way to the answer" in shown.text(each)
        for each in tree.find_elements("css selector", ".trunk > summary")
    )
    pruned = next(each for each in tree.find_elements("css selector", ".pruned") if "12 pruned" in shown.text(each))
    assert "best 0." in shown.text(pruned)
    shown.browser.execute_script("arguments[0].querySelector('summary').click()", pruned)
    step = shown.within(pruned, ".pruned")
    assert len(pruned.find_elements("css selector", ".pruned")) == 12
    assert " · score 0." in shown.text(step)
    wide, narrow = shown.browser.execute_script("return [document.scrollingElement.scrollWidth, innerWidth]")
    assert wide <= narrow == 360
    assert end.rect["width"] > 200
    assert shown.errors() == []
