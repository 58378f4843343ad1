"""Benches on a Ray of this machine, which the tests of this file share; and one model, on two workers."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from patience import HANG, SOON, assert_all_end

from ttcli.bench.cluster import connection
from ttcli.bench.cluster.cluster import Cluster, _check_alike, cluster
from ttcli.bench.cluster.handle import WorkerHandle
from ttcli.bench.execute.runner import Done
from ttcli.bench.execute.worker import Description
from ttcli.bench.plan import make_tasks
from ttcli.bench.session import BenchSpec, open_run
from ttcli.bench.store.sample import Sample, SampleKey
from ttcli.bench.store.store import Store
from ttcli.bench.store.task import Failed, Finished, News, Record, Task, Work
from ttcli.catalog.progress import NoProgress
from ttcli.cost import Budget
from ttcli.data.dataset import Row
from ttcli.errors import BackendError, ModelError, UsageError
from ttcli.interrupt import Interrupt
from ttcli.problem import Problem
from ttcli.runtime.settings import Machine, Settings
from ttcli.solution import Ended, Step

pytest.importorskip("ray")

MAJORITY = Task("majority", "", Budget(8))
ADAPTIVE = Task("adaptive", "", Budget(4))
PROBLEMS = [Problem(f"What is {n} + {8 - n}?", f"p{n}", "8") for n in range(6)]
ROWS = tuple(Row(problem, n + 1, None, None) for n, problem in enumerate(PROBLEMS))


class Silent(NoProgress):
    """Hears notes, and nothing else of a download."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)


def family(pid: int) -> set[int]:
    """The processes below one, as far as they are alive."""
    below = psutil.Process(pid).children(recursive=True)
    return {each.pid for each in below if each.is_running() and each.status() != psutil.STATUS_ZOMBIE}


@pytest.fixture(scope="module")
def ray_here() -> Iterator[None]:
    """A Ray of this process, which clusters find and leave as it is; nothing of it survives."""
    before = family(os.getpid())
    with connection.places("local:2", threads=1):
        yield
        mine = family(os.getpid()) - before
        assert mine
    assert_all_end(mine)


def write_script(path: Path, words: int) -> str:
    """Three solutions of so many words; what --model takes."""
    talk = " ".join(f"word{n}" for n in range(words))
    lines = [{"text": f"{talk}.\n\nIt is \\boxed{{{answer}}}.", "score": 0.5} for answer in (8, 8, 9)]
    path.write_text(json.dumps({"": lines}), encoding="utf-8")
    return f"scripted:{path}"


@pytest.fixture
def quick(tmp_path: Path) -> Settings:
    return Settings(model=write_script(tmp_path / "quick.json", 5))


@pytest.fixture
def slow(tmp_path: Path) -> Settings:
    """About a quarter of a second for each problem."""
    return Settings(model=write_script(tmp_path / "slow.json", 1000))


class Executor:
    """A cluster of two, and what is worth a line."""

    def __init__(self, stack: ExitStack, settings: Settings, address: str = "local:2") -> None:
        self.interrupt = Interrupt()
        self.notes: list[str] = []
        self.cluster: Cluster = stack.enter_context(cluster(address, settings, [], self.interrupt, self.notes.append))
        self.cluster.expect(PROBLEMS)

    def run(self, *tasks: Task, problems: int = len(PROBLEMS)) -> Iterator[Record]:
        return self.cluster.run(Work(at, problem, tasks) for at, problem in enumerate(PROBLEMS[:problems]))

    def kill(self, *names: str) -> None:
        pids = self.cluster.pids
        for name in names:
            os.kill(pids[name], signal.SIGKILL)


@pytest.fixture
def stack(ray_here: None) -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def drawn(records: Sequence[Record]) -> list[tuple[int, Sample]]:
    return [(each.position, each.item) for each in records if isinstance(each, News) and isinstance(each.item, Sample)]


def samples(records: Sequence[Record]) -> list[tuple[int, SampleKey]]:
    return [(position, sample.key) for position, sample in drawn(records)]


def finished(records: Sequence[Record]) -> list[tuple[int, Task]]:
    return [(each.position, each.task) for each in records if isinstance(each, Finished)]


def content(path: Path) -> dict[str, object]:
    """All of a store that does not depend on clocks and order of arrival."""
    with Store(path) as store:
        (run,) = store.runs()
        positions, config = range(len(ROWS)), run.config
        drawn = {row.problem.id: store.samples(config).of(row.problem.text, {}) for row in ROWS}
        results = []
        for result in store.results(run):
            outcome = json.loads(result.outcome) if result.outcome else {"cost": {}}
            outcome["cost"].pop("seconds", None)
            results.append((result.position, result.task, outcome, result.error))
        return {
            "run": run.id,
            "samples": {
                name: sorted((each.key, each.steps, each.ended, each.answer) for each in found)
                for name, (found, _) in drawn.items()
            },
            "results": results,
            "events": [len(store.events(run, at, task)) for at in positions for task in config.tasks],
        }


def bench(path: Path, settings: Settings, ray: str | None, *, kill: bool = False) -> list[str]:
    """Run a bench to its end, perhaps with a death after the first problem; what was worth a line."""
    tasks = make_tasks(["majority", "best-of-n", "adaptive", "greedy"], ["confidence"], "2,8")
    order = BenchSpec(settings, tasks, "majority", "data", ROWS, ("ttc", "bench"), ray=ray)
    hears = Silent()
    with Store(path) as store, open_run(store, order, Interrupt(), hears) as session:
        for progress in session.go():
            if kill and isinstance(progress, Done):
                kill = False
                assert isinstance(session._executor, Cluster)
                os.kill(session._executor.pids["worker 1"], signal.SIGKILL)
        assert session.finished
    return hears.notes


def test_workers_come_to_what_one_engine_comes_to(ray_here: None, tmp_path: Path, quick: Settings) -> None:
    assert bench(tmp_path / "alone", quick, None) == []
    assert bench(tmp_path / "two", quick, "local:2") == []
    assert content(tmp_path / "two") == content(tmp_path / "alone")


def test_a_death_changes_no_result(ray_here: None, tmp_path: Path, slow: Settings) -> None:
    few = replace(slow, model=write_script(tmp_path / "slow.json", 200))
    bench(tmp_path / "alone", few, None)
    notes = bench(tmp_path / "two", few, "local:2", kill=True)
    assert notes == ["worker 1 died; the other does its problems"]
    assert content(tmp_path / "two") == content(tmp_path / "alone")


def test_both_workers_work(stack: ExitStack, quick: Settings) -> None:
    executor = Executor(stack, quick)
    assert (executor.cluster.width, executor.cluster.description.name) == (8, "scripted")
    assert len(set(executor.cluster.pids.values()) - {os.getpid()}) == 2
    records = [*executor.run(MAJORITY)]
    assert sorted(finished(records)) == [(at, MAJORITY) for at in range(6)]
    assert len(samples(records)) == len(set(samples(records))) == 48
    load = executor.cluster.load
    assert load.rows == sum(sample.tokens for _, sample in drawn(records))
    assert load.rows <= load.decodes * 8


def test_what_a_dead_worker_had_drawn_is_not_drawn_again(stack: ExitStack, slow: Settings) -> None:
    executor = Executor(stack, slow)
    records = []
    for record in executor.run(MAJORITY, ADAPTIVE):
        records.append(record)
        if len(samples(records)) == 6 and len(executor.cluster.pids) == 2:
            executor.kill("worker 2")
    assert executor.notes == ["worker 2 died; the other does its problems"]
    assert sorted(finished(records)) == [(at, task) for at in range(6) for task in (ADAPTIVE, MAJORITY)]
    assert len(samples(records)) == len(set(samples(records))) == 48


def test_without_any_worker_it_ends(stack: ExitStack, slow: Settings) -> None:
    executor = Executor(stack, slow)
    records = executor.run(MAJORITY)
    assert next(records)
    executor.kill("worker 1", "worker 2")
    with pytest.raises(BackendError, match="died, and no worker is left"):
        deque(records)


def test_an_interrupt_ends_it_soon_with_nothing_half_done(stack: ExitStack, slow: Settings) -> None:
    executor = Executor(stack, slow)
    began, records = 0.0, []
    for record in executor.run(MAJORITY):
        records.append(record)
        if not began:
            began = time.monotonic()
            executor.interrupt.request()
    assert time.monotonic() - began < 1.5
    assert len(finished(records)) < 6
    assert not executor.cluster.pids  # they have stopped, and were not stopped
    assert not executor.notes


def test_seconds_are_those_of_a_worker(stack: ExitStack, slow: Settings) -> None:
    executor = Executor(stack, slow)
    began = time.monotonic()
    records = [*executor.run(Task("majority", "", Budget.parse("0.3s")))]
    assert len(finished(records)) == 6
    spent = [each.outcome.cost.seconds for each in records if isinstance(each, Finished)]
    assert all(0.1 < seconds < 0.6 for seconds in spent)
    assert time.monotonic() - began < sum(spent)  # two at a time


def test_an_error_of_an_engine_arrives_as_it_is(ray_here: None, tmp_path: Path, quick: Settings) -> None:
    missing = replace(quick, model=f"scripted:{tmp_path / 'none.json'}")
    with pytest.raises(ModelError) as caught, cluster("local:2", missing, [], Interrupt(), print):
        pass
    assert str(caught.value) == f"cannot read the script {tmp_path / 'none.json'}: No such file or directory"


def test_a_task_that_fails_is_a_record(stack: ExitStack, tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text(json.dumps({"What is 0 + 8?": [{"text": "\\boxed{8}"}]}))
    executor = Executor(stack, Settings(model=f"scripted:{tmp_path / 'other.json'}"))
    records = [*executor.run(MAJORITY)]
    assert finished(records) == [(0, MAJORITY)]
    assert sorted(each.position for each in records if isinstance(each, Failed)) == [1, 2, 3, 4, 5]


def test_what_a_worker_had_in_hand_is_known() -> None:
    handle = WorkerHandle("worker 1", actor=_Deaf(), life=None)
    old, new = (Sample(SampleKey(0.8, 0, n), (Step("8", 1, -1.0),), Ended.STOP, "8", 3, 0.1) for n in range(2))
    handle.give(Work(5, PROBLEMS[5], (MAJORITY, ADAPTIVE), (old,)))
    handle.hear(News(5, new))
    handle.hear(Failed(5, MAJORITY, "why not"))
    (left,) = (each.left for each in handle.open.values())
    assert left == Work(5, PROBLEMS[5], (ADAPTIVE,), (old, new))
    handle.hear(Failed(5, ADAPTIVE, "why not"))
    assert not handle.open


def test_nothing_waits_behind_a_problem_that_is_timed() -> None:
    handle = WorkerHandle("worker 1", actor=_Deaf(), life=None)
    assert handle.hungry
    handle.give(Work(0, PROBLEMS[0], (MAJORITY,)))
    assert not handle.hungry
    handle.waiting -= 1
    assert handle.hungry
    handle.give(Work(1, PROBLEMS[1], (Task("majority", "", Budget.parse("1s")),)))
    handle.waiting -= 1
    assert not handle.hungry


class _Deaf:
    """An actor that hears nothing."""

    @property
    def submit(self) -> _Deaf:
        return self

    def remote(self, *_: object) -> None: ...


def test_workers_must_be_alike() -> None:
    one = Description("tiny", {"weights": "a"}, 1, {}, 4, ttc="0")
    with pytest.raises(UsageError, match="b differ in recipe"):
        _check_alike("a", one, "b", replace(one, recipe={"weights": "b"}))
    with pytest.raises(UsageError, match="b differ in name: tiny and large"):
        _check_alike("a", one, "b", replace(one, name="large"))
    with pytest.raises(UsageError, match="b has ttc 0, this is"):
        _check_alike("a", one, "b", replace(one, width=8))


@pytest.mark.parametrize("address", ["", "local:0", "localhost", "http://here:80", "here:port", "10.0.0.1:"])
def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(UsageError) as caught, connection.places(address, threads=None):
        pass
    assert "--ray local:2" in str(caught.value.hint)


def test_nobody_at_the_address() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # and does not listen
        address = f"127.0.0.1:{closed.getsockname()[1]}"
        began = time.monotonic()
        with (
            pytest.raises(BackendError, match=f"nobody answers at {address}"),
            connection.places(address, threads=None),
        ):
            pass
    assert time.monotonic() - began < connection.CONNECT + 2


def test_a_cluster_has_a_worker_on_each_node(ray_here: None, slow: Settings) -> None:
    import ray

    address = ray.get_runtime_context().gcs_address
    with ExitStack() as stack:
        executor = Executor(stack, slow, address)
        (name,) = executor.cluster.pids
        assert name == f"node {socket.gethostname()}"
        assert len(finished([*executor.run(MAJORITY)])) == 6
    assert ray.is_initialized()


def test_somebody_else_at_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "JOIN", 4.0)
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(BackendError, match="no Ray cluster"), connection.places(address, threads=None):
            pass


def test_without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match="Ray is not installed") as caught, connection.places("local", threads=None):
        pass
    assert caught.value.hint == "pip install 'ttcli[ray]'"


@pytest.mark.parametrize(("gpus", "workers", "share"), [(0, 2, 0), (1, 2, 0.5), (2, 3, 0.5), (3, 2, 1), (4, 2, 2)])
def test_gpus_are_shared_out(gpus: int, workers: int, share: float) -> None:
    node = {"Resources": {"GPU": float(gpus)}}
    assert [place.options["num_gpus"] for place in connection._here(node, workers, None)] == [share] * workers


def test_cores_are_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ttcli.engine.machine.threads", lambda: 5)
    node: dict[str, dict[str, float]] = {"Resources": {}}
    assert [place.threads for place in connection._here(node, 2, None)] == [2, 2]
    assert [place.threads for place in connection._here(node, 8, None)] == [1] * 8
    assert [place.threads for place in connection._here(node, 2, 3)] == [3, 3]


def test_ctrl_c_leaves_nothing_running(tmp_path: Path, slow: Settings) -> None:
    rows = [json.dumps({"problem": row.problem.text, "answer": "8"}) for row in ROWS]
    (tmp_path / "data.jsonl").write_text("\n".join(rows), encoding="utf-8")
    model = write_script(tmp_path / "slow.json", 2000)
    command = ["bench", "data.jsonl", "-m", model, "-b", "16", "--ray", "local:2", "--json", "--method", "majority"]
    env = {**os.environ, "TTC_HOME": str(tmp_path / "home")}
    ttc = subprocess.Popen(
        [sys.executable, "-m", "ttcli", *command],
        cwd=tmp_path,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    pids: set[int] = set()

    def on_terminal() -> None:
        assert ttc.stderr is not None
        ttc.stderr.readline()  # the first problem is done
        pids.update(family(ttc.pid))
        os.killpg(ttc.pid, signal.SIGINT)  # as a terminal does it

    interrupting = threading.Thread(target=on_terminal)
    interrupting.start()
    interrupting.join(timeout=HANG)
    out, err = ttc.communicate(timeout=SOON)
    assert ttc.returncode == 130, err
    assert "go on with: ttc bench data.jsonl" in err
    assert all(json.loads(line) for line in out.splitlines())
    assert len(pids) > 3
    assert_all_end(pids)


def test_a_real_model_on_two_workers_of_which_one_dies(stack: ExitStack, small_model_path: Path) -> None:
    machine = Machine(width=4, threads=1)
    settings = Settings(model=str(small_model_path), machine=machine, max_tokens=16)
    executor = Executor(stack, settings)
    records = []
    for record in executor.run(MAJORITY._replace(budget=Budget(4)), problems=4):
        records.append(record)
        if samples(records) and len(executor.cluster.pids) == 2:
            executor.kill("worker 1")
    assert executor.notes == ["worker 1 died; the other does its problems"]
    assert len(finished(records)) == 4
    assert len(samples(records)) == len(set(samples(records))) == 16
    load = executor.cluster.load
    assert 0 < load.rows <= load.decodes * 8
