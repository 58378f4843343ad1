"""`ttc profile`: what `ttc calibrate` found: list, show, put to use, and delete."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from ttcli.cli import complete
from ttcli.terminal.messages import remark, say, say_json

profile_app = typer.Typer(no_args_is_help=True, help="What ttc calibrate found: list, show, put to use, and delete.")

Json = Annotated[bool, typer.Option("--json", help="JSON on stdout.")]
Name = Annotated[
    str, typer.Argument(metavar="NAME", help="As ttc profile list has it.", autocompletion=complete.profiles)
]


@profile_app.command("list")
def list_profiles(as_json: Json = False) -> None:
    """Show all profiles.

    Example: ttc profile list
    """
    from ttcli.allocate.profile import profiles
    from ttcli.runtime.profiles import MAKE, in_use
    from ttcli.terminal.profile import profiles_lines

    known, used = profiles(notice=remark), in_use()
    if as_json:
        told = [
            {
                "name": each.name,
                "model": each.model,
                "verifier": each.verifier or None,
                **asdict(each.made),
                "in_use": used.get(each.model_hash) == each.name,
            }
            for each in known
        ]
        say_json({"version": 1, "profiles": told})
    elif known:
        say(*profiles_lines(known, used.values()))
    else:
        remark(f"no profiles yet; {MAKE}")


@profile_app.command()
def show(name: Name, as_json: Json = False) -> None:
    """Show what a profile says of each bin and budget.

    Example: ttc profile show qwen2.5-coder-0.5b-gsm8k
    """
    from ttcli.allocate.profile import profiles
    from ttcli.runtime.profiles import named
    from ttcli.terminal.profile import profile_lines

    profile = named(name, profiles(notice=remark))
    if as_json:
        say_json({"version": 1, **asdict(profile)})
    else:
        say(*profile_lines(profile))


@profile_app.command()
def use(name: Name) -> None:
    """Have --method auto go by this profile wherever its model is used; without one in use it takes the latest.

    Example: ttc profile use qwen2.5-coder-0.5b-gsm8k
    """
    from ttcli.allocate.profile import profiles
    from ttcli.runtime.profiles import named
    from ttcli.runtime.profiles import use as put_to_use

    profile = named(name, profiles(notice=remark))
    put_to_use(profile)
    remark(f"{profile.model} goes by {name} from now on")


@profile_app.command()
def rm(name: Name, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False) -> None:
    """Delete a profile; the samples that it was made of stay in the store.

    Example: ttc profile rm qwen2.5-coder-0.5b-gsm8k --yes
    """
    from ttcli.allocate.profile import profiles
    from ttcli.cli.options import confirm
    from ttcli.runtime.profiles import named, remove

    profile = named(name, profiles(notice=remark))
    confirm(f"Delete the profile {name}?", "ttc profile rm", yes=yes)
    remove(profile)
    remark(f"profile {name} deleted")
