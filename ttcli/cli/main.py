"""The command `ttc`: its sub-commands, and the one place where an error becomes a message and an exit code."""

from __future__ import annotations

import errno
import gc
import importlib
import io
import os
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, NamedTuple, NoReturn, cast

import typer
from typer.core import TyperGroup

from ttcli import __version__
from ttcli.cli import signals
from ttcli.cli.config import KEYS, read_config, settings_of
from ttcli.cli.configured import Configured
from ttcli.cli.exit_codes import INTERRUPTED
from ttcli.errors import TtcError
from ttcli.terminal.messages import complain, remark, say

if TYPE_CHECKING:
    from typer._click import Command, Context, HelpFormatter


class _Command(NamedTuple):
    """A command, where it is and what it is for."""

    place: str  # module:function, or module:Typer application
    purpose: str


COMMANDS = {
    "solve": _Command("ttcli.cli.solve:solve", "Solve one problem: many solutions, one answer"),
    "serve": _Command("ttcli.cli.serve:serve", "Answer chat programs and scripts as OpenAI's API does"),
    "bench": _Command("ttcli.cli.bench:bench", "Run methods over a data set, and compare them"),
    "calibrate": _Command("ttcli.cli.calibrate:calibrate", "Find out which method suits which problems"),
    "flops": _Command("ttcli.cli.flops:flops", "Compare with a larger model at equal FLOPs"),
    "verify": _Command("ttcli.cli.verify:verify", "Score the steps of given solutions"),
    "grade": _Command("ttcli.cli.grade:grade", "Grade given answers against their references"),
    "show": _Command("ttcli.cli.show:show", "Show a run as a tree, with scores"),
    "compare": _Command("ttcli.cli.runs:compare", "Compare runs problem by problem"),
    "report": _Command("ttcli.cli.runs:report", "Write a run as one HTML page"),
    "runs": _Command("ttcli.cli.runs:runs_app", "List, show, export and delete runs"),
    "prompts": _Command("ttcli.cli.prompts:prompts_app", "List and show the words around a problem"),
    "profile": _Command("ttcli.cli.profile:profile_app", "List, show and choose what calibrate found"),
    "train": _Command("ttcli.cli.train:train_app", "Train a verifier or a reviser for a model"),
    "config": _Command("ttcli.cli.settings:config_app", "Show settings and which file makes them; trust a directory's"),
    "models": _Command("ttcli.cli.models:models_app", "List, describe, fetch and delete models"),
}
_UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
_CONTEXT = {"help_option_names": ["-h", "--help"]}


class _Built(Mapping[str, "Command"]):
    """Commands by name, each built when it is asked for: most calls need one of them, and the list of names none."""

    def __getitem__(self, name: str) -> Command:
        module, _, attribute = COMMANDS[name].place.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        if isinstance(command, typer.Typer):
            return typer.main.get_group(command)
        alone = typer.Typer(add_completion=False, context_settings=_CONTEXT)
        alone.command(name, cls=Configured)(command)
        return typer.main.get_command(alone)

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class _Commands(TyperGroup):
    """The sub-commands of `ttc`."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = cast("MutableMapping[str, Command]", _Built())  # nothing is ever added

    def list_commands(self, _: Context) -> list[str]:
        """Names, the most used first."""
        return list(COMMANDS)

    def format_commands(self, _: Context, formatter: HelpFormatter) -> None:
        """What each is for; none is built for that."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.purpose) for name, command in COMMANDS.items()])


app = typer.Typer(
    cls=_Commands,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # of this page alone: Rich takes longer to start than the page should
    context_settings=_CONTEXT,
    epilog='Example: ttc solve "Natalia sold 48 clips in April and half as many in May. How many in all?"',
)


def _print_version(wanted: bool) -> None:
    if wanted:
        say(f"ttc {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> int:
    """Spend test-time compute well with small local GGUF models: many samples, one good answer."""
    if (command := context.invoked_subcommand) in KEYS:
        context.obj = settings_of(command, read_config())
        context.default_map = {command: {name: setting.value for name, setting in context.obj.items()}}
    if command is not None:
        return 0
    say(context.get_help())
    return 2


def main() -> None:
    """Run the command line of this process, and end it."""
    try:
        signals.raise_on_signals()
        code = _main()
        signals.leave_on_signals()
    except KeyboardInterrupt:  # at a moment when nobody else caught it
        signals.leave_on_signals()
        code = signals.exit_code()
    gc.freeze()  # nothing that is left is searched for cycles, which takes longer than all else that Python ends with
    _end(code)


def _end(code: int) -> NoReturn:
    """End the process; weights that nobody wants any more are not waited for."""
    reading = sys.modules.get("ttcli.runtime.reading")  # most commands have no use for it
    if reading is not None and reading.under_way():
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):  # it has been told before
                stream.flush()
        os._exit(code)
    sys.exit(code)


def _main() -> int:
    _open_closed_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr is: no answer is lost in an ASCII locale
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = _reader_left()
    except OSError as error:
        code = _cannot_write(error)
    return code


def run(arguments: list[str]) -> int:
    """Run a command line; return its exit code (0 answered, 1 failed, 2 usage, 130 Ctrl-C, 143 SIGTERM)."""
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
        if isinstance(error, OSError) and error.errno in _UNWRITABLE:
            return _cannot_write(error)
        if os.environ.get("TTC_DEBUG"):
            raise
        _complain(f"unexpected {type(error).__name__}: {error}", "this is a bug; TTC_DEBUG=1 shows where")
        return 1
    if result == INTERRUPTED:  # what Typer makes of Ctrl-C too
        remark("interrupted")
        return signals.exit_code()
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
    with suppress(OSError):  # stderr is no better
        complain(message, hint)


def _cannot_write(error: OSError) -> int:
    """A disk is full, or a terminal has gone."""
    _reader_left()
    _complain(f"cannot write: {error.strerror or error}", "free some space, or write elsewhere")
    return 1


def _reader_left() -> int:
    """Whoever read our stdout has gone: say nothing more, and do not fail again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1
