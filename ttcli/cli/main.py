"""The command `ttc`: its sub-commands, and the one place where an error becomes a message and an exit code."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from ttcli import __version__
from ttcli.cli.bench import bench
from ttcli.cli.calibrate import calibrate
from ttcli.cli.config import read_config
from ttcli.cli.exit_codes import INTERRUPTED
from ttcli.cli.flops import flops
from ttcli.cli.grade import grade
from ttcli.cli.models import models_app
from ttcli.cli.profile import profile_app
from ttcli.cli.runs import compare, report, runs_app
from ttcli.cli.show import show
from ttcli.cli.solve import solve
from ttcli.cli.train import train_app
from ttcli.cli.verify import verify
from ttcli.errors import TtcError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Spend test-time compute well with small local GGUF models: many samples, one good answer.",
    epilog='Example: ttc solve "Natalia sold 48 clips in April and half as many in May. How many in all?"',
)
app.command()(solve)
app.command()(bench)
app.command()(calibrate)
app.command()(flops)
app.command()(verify)
app.command()(grade)
app.command()(show)
app.command()(compare)
app.command()(report)
app.add_typer(runs_app, name="runs")
app.add_typer(profile_app, name="profile")
app.add_typer(train_app, name="train")
app.add_typer(models_app, name="models")


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"ttc {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Spend test-time compute well with small local GGUF models: many samples, one good answer."""
    context.default_map = read_config()


def main() -> None:
    """Entry point of `ttc`."""
    _open_closed_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr is: no answer is lost in an ASCII locale
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = _reader_left()
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run a command line; return its exit code (0 answered, 1 failed, 2 usage, 130 Ctrl-C)."""
    try:
        result = typer.main.get_command(app).main(arguments, prog_name="ttc", standalone_mode=False)
    except TtcError as error:
        _complain(str(error), error.hint)
        return error.exit_code
    except typer.TyperException as error:
        return _usage(error)
    except (typer.Abort, KeyboardInterrupt):
        result = INTERRUPTED
    except BrokenPipeError:
        return _reader_left()
    except Exception as error:
        if os.environ.get("TTC_DEBUG"):
            raise
        _complain(f"unexpected {type(error).__name__}: {error}", "this is a bug; TTC_DEBUG=1 shows where")
        return 1
    if result == INTERRUPTED:  # what Typer makes of Ctrl-C too
        print("interrupted", file=sys.stderr)
    return result if isinstance(result, int) else 0


def _usage(error: typer.TyperException) -> int:
    """What Typer found wrong with the command line, in our words."""
    context = getattr(error, "ctx", None)
    message = getattr(error, "format_message", lambda: str(error))()
    if message:
        _complain(
            message.rstrip(".").replace("Value error, ", ""), f"{context.command_path if context else 'ttc'} --help"
        )
    return int(getattr(error, "exit_code", 2))


def _open_closed_streams() -> None:
    """A stream that the caller closed (`2>&-`) is None, which nobody expects."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, _nowhere(mode))


def _nowhere(mode: str) -> IO[Any]:
    return Path(os.devnull).open(mode, encoding="utf-8")


def _complain(message: str, hint: str | None = None) -> None:
    from ttcli.terminal.messages import complain  # only when needed: --help is to be quick

    complain(message, hint)


def _reader_left() -> int:
    """Whoever read our stdout has gone: say nothing more, and do not fail again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1
