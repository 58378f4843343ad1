from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys

import pytest
from patience import HANG

import ttcli
from cli.calls import Call
from ttcli.cli import main
from ttcli.cli.signals import interrupted_by_ctrl_c
from ttcli.errors import TtcError
from ttcli.interrupt import Interrupt

HEAVY = ("numpy", "llama_cpp", "mpmath", "huggingface_hub", "jinja2", "ttcli.answers")


def test_the_version_is_one_line(ttc: Call) -> None:
    assert ttc("--version") == (0, f"ttc {ttcli.__version__}\n", "")


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["solve", "--help"], ["models", "--help"], []])
def test_help_is_written_to_stdout_and_fits_the_terminal(here: Call, arguments: list[str]) -> None:
    result = here(*arguments)
    assert result.code == (0 if arguments else 2)
    assert "Usage: ttc" in result.out
    assert result.err == ""
    assert all(len(line) <= 80 for line in result.out.splitlines())
    assert "Example" in result.out or "models" in arguments


def test_help_shows_twelve_options_and_more_on_demand(here: Call) -> None:
    brief, more = here("solve", "--help").out, here("solve", "--help-more").out
    assert brief.count("│ --") <= 14  # --help and --help-more besides
    assert "--top-p" not in brief
    for option in ("--top-k", "--top-p", "--min-p", "--width", "--threads", "--gpu-layers", "--budget"):
        assert option in more
    assert "[PROBLEM|@FILE|-]" in brief
    assert "[[" not in brief


@pytest.mark.parametrize("arguments", [["--help"], ["solve", "--help"], ["--version"], ["solve", "--nonsense"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    program = (
        "import sys\nfrom ttcli.cli.main import run\n"
        f"run({arguments!r})\nprint(*sys.modules, file=sys.stderr, sep='\\n')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=HANG, check=True)
    loaded = [name for name in done.stderr.split() if name.startswith(HEAVY)]
    assert loaded == []


def test_help_takes_no_longer_than_typer_and_rich_take_to_start() -> None:
    """In processor time and against the libraries alone, so that it does not matter what the machine is or does."""
    libraries = help_page = float("inf")
    for _ in range(10):
        libraries = min(libraries, processor_time("-c", "import typer, typer.rich_utils"))
        help_page = min(help_page, processor_time("-m", "ttcli", "--help"))
        if help_page < libraries:
            break
    assert help_page < libraries


def test_help_names_every_command_and_what_it_is_for(here: Call) -> None:
    page = here("--help").out
    for name in main.COMMANDS:
        assert f"\n  {name} " in page
        assert here(name, "--help").code == 0


def processor_time(*arguments: str) -> float:
    """Seconds of processor that Python takes for this."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], capture_output=True, timeout=HANG, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def test_an_unknown_command_is_a_usage_error(here: Call) -> None:
    assert here("solv") == (2, "", "error: No such command 'solv'. Did you mean 'solve'?\nhint: ttc --help\n")


def test_an_unexpected_error_is_a_line_and_no_traceback(
    here: Call, script: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def breaks(*_: object, **__: object) -> None:
        raise ZeroDivisionError("[/b] by zero")

    monkeypatch.setattr("ttcli.runtime.runtime.load_runtime", breaks)
    assert main.run(["solve", "2 + 2?", "-m", script]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "error: unexpected ZeroDivisionError: [/b] by zero",
        "hint: this is a bug; TTC_DEBUG=1 shows where",
    ]
    monkeypatch.setenv("TTC_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        main.run(["solve", "2 + 2?", "-m", script])


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt(), 130), (BrokenPipeError(), 1)])
def test_ctrl_c_and_a_broken_pipe_are_exit_codes(
    clean: object, script: str, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
) -> None:
    def breaks(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("ttcli.runtime.runtime.load_runtime", breaks)
    monkeypatch.setattr(main, "_reader_left", lambda: 1)
    assert main.run(["solve", "2 + 2?", "-m", script]) == code


def test_every_error_has_an_exit_code() -> None:
    def below(kind: type[TtcError]) -> set[type[TtcError]]:
        return {kind}.union(*(below(each) for each in kind.__subclasses__()))

    assert {kind.__name__: kind.exit_code for kind in below(TtcError)} == {
        "TtcError": 1, "ModelError": 1, "PromptTooLong": 1, "ContextInUse": 1, "DownloadError": 1, "BackendError": 1,
        "UsageError": 2, "ProblemError": 2, "ConfigError": 2,
        "DatasetError": 2,
        "StoreError": 1,
        "GradingError": 1, "VerifierError": 1,
    }  # fmt: skip


def test_the_first_ctrl_c_asks_and_the_second_exits_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    exits: list[int] = []
    monkeypatch.setattr(os, "_exit", exits.append)
    interrupt = Interrupt()
    before = signal.getsignal(signal.SIGINT)
    with interrupted_by_ctrl_c(interrupt):
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupt.requested
        assert exits == []
        os.kill(os.getpid(), signal.SIGINT)
        assert exits == [130]
    assert signal.getsignal(signal.SIGINT) is before
