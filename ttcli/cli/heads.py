"""`ttc models heads`: the verifier heads for models: list and delete them."""

from __future__ import annotations

from typing import Annotated

import typer

from ttcli.cli import complete
from ttcli.terminal.messages import remark, say, say_json

heads_app = typer.Typer(no_args_is_help=True, help="The verifier heads for models: list and delete them.")


@heads_app.command("list")
def list_heads(as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout.")] = False) -> None:
    """Show the verifier heads that are shipped and those trained here; `head` is one that helps, by its card.

    Example: ttc models heads list
    """
    from ttcli.runtime.heads import known_heads
    from ttcli.terminal.heads import heads_lines

    found = known_heads(remark)
    if as_json:
        told = [
            {
                "name": each.name,
                "model": each.head.model,
                "path": str(each.path),
                "shipped": each.shipped,
                "helps": each.helps,
                "auc_within": each.head.card.get("figures", {}).get("auc_within"),
            }
            for each in found
        ]
        say_json({"version": 1, "heads": told})
    else:
        say(*heads_lines(found))


@heads_app.command("rm")
def remove_head(
    head: Annotated[
        str, typer.Argument(metavar="HEAD", help="As ttc models heads list has it.", autocompletion=complete.heads)
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete a verifier head that was trained here.

    Example: ttc models heads rm mine --yes
    """
    from ttcli.cli.options import confirm
    from ttcli.runtime import heads

    confirm(f"Delete the head {head}?", "ttc models heads rm", yes=yes)
    remark(f"{heads.remove_head(head)} deleted")
