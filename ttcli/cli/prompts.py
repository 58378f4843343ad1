"""`ttc prompts`: the words around a problem that come with ttc."""

from __future__ import annotations

from typing import Annotated

import typer

from ttcli.cli import complete
from ttcli.terminal.messages import say, say_json

prompts_app = typer.Typer(
    no_args_is_help=True, help="The words around a problem: list and show those that are shipped."
)


@prompts_app.command("list")
def list_prompts(as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout.")] = False) -> None:
    """Show the prompts that come with ttc, the default first.

    Example: ttc prompts list
    """
    from ttcli.policy.prompt_file import read_prompt, shipped
    from ttcli.terminal.words import columns

    found = [read_prompt(name) for name in shipped()]
    if as_json:
        told = [{"name": each.name, "about": each.about, "answer": each.answer or "auto"} for each in found]
        say_json({"version": 1, "prompts": told})
    else:
        say(
            *columns([("prompt", "answer", "for"), *((each.name, each.answer or "auto", each.about) for each in found)])
        )


@prompts_app.command()
def show(
    prompt: Annotated[
        str, typer.Argument(metavar="NAME|FILE", help="As ttc prompts list has it.", autocompletion=complete.prompts)
    ],
) -> None:
    """Print the file of a prompt: a beginning for one of your own.

    Example: ttc prompts show math > mine.toml; ttc solve "..." --prompt mine.toml
    """
    from ttcli.policy.prompt_file import prompt_path, read_prompt

    read_prompt(prompt)
    say(*prompt_path(prompt).read_text(encoding="utf-8-sig").rstrip("\n").split("\n"))
