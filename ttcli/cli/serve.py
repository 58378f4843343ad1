"""`ttc serve`: the same runtime for whatever speaks OpenAI's API."""

from __future__ import annotations

import os
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

from ttcli.cli import options
from ttcli.cli.exit_codes import INTERRUPTED
from ttcli.cli.options import option
from ttcli.cli.run_options import run_options
from ttcli.cli.signals import interrupted_by_ctrl_c
from ttcli.errors import ConfigError, UsageError
from ttcli.terminal.messages import remark

if TYPE_CHECKING:
    from ttcli.runtime.settings import Settings
    from ttcli.search.method import Demand
    from ttcli.serve.server import ServeOptions
    from ttcli.verifier.spec import VerifierSpec

_MOST_WAITING = 10_000


@run_options(more=("answer", "offline", "seed"), leave_out=("reviser",), says={"max_tokens": "Of one text, at most."})
def serve(  # over 60 lines: most of them declare an option each
    *,
    settings: Settings,
    host: Annotated[str, option("--host", env=None, says="127.0.0.1: this machine alone.")] = "127.0.0.1",
    port: Annotated[int, option("--port", "-p", env=None, says="0: any that is free.")] = 8000,
    verifier: Annotated[
        list[str] | None,
        option("--verifier", env=None, says="May be repeated: those that requests may name; the first is usual."),
    ] = None,
    budget: Annotated[
        str, option("--budget", "-b", env="BUDGET", says="Of a search that says none; on the list of models.")
    ] = "16",
    api_key_env: Annotated[
        str | None, option("--api-key-env", env=None, says="The variable that holds the key clients must show.")
    ] = None,
    queue: Annotated[int, option("--queue", env=None, says="Requests that may wait; more get 429.", more=True)] = 64,
    timeout: Annotated[
        float, option("--timeout", env=None, says="Seconds of a request; then it gets the best so far.", more=True)
    ] = 600.0,
    prompt_words: Annotated[
        int,
        option(
            "--prompt-words",
            env=None,
            says="Of a chat that finds room beside others; longer ones wait until they are alone.",
            more=True,
        ),
    ] = 1500,
    quiet: Annotated[bool, option("--quiet", "-q", env="QUIET", says="No line per request.")] = False,
    profile: options.Profile = None,
) -> int:
    """Serve the model to chat programs and scripts, as OpenAI's API does: plain, or with a search behind each reply.

    Examples:

    ttc serve

    curl http://127.0.0.1:8000/v1/chat/completions -H "Content-Type: application/json" -d
    '{"model": "qwen2.5-coder-0.5b:majority-16", "messages": [{"role": "user", "content": "What is 17 * 23?"}]}'

    KEY=... ttc serve --host 0.0.0.0 --api-key-env KEY --verifier head
    """
    from ttcli.cost import Budget
    from ttcli.runtime.runtime import load_runtime
    from ttcli.terminal.download import download_progress

    _require()
    from ttcli.serve.engine import TurnInterrupt
    from ttcli.serve.server import listening
    from ttcli.serve.server import serve as serve_runtime

    settings = options.advised(replace(settings, budget=Budget.parse(budget)), profile, quiet=quiet)
    chosen = _options(host, port, api_key_env, queue, timeout, prompt_words)
    specs = _specs(verifier)
    interrupt = TurnInterrupt()
    log = (lambda _line: None) if quiet else remark
    with (
        listening(chosen) as bound,
        load_runtime(
            settings, interrupt, download_progress(quiet=quiet), bench=specs, demand=_demand(settings)
        ) as runtime,
        interrupted_by_ctrl_c(interrupt),
    ):
        place = f"http://{host}:{bound.getsockname()[1]}/v1"

        def ready(_server: object) -> None:
            remark(f"{runtime.policy.name} is served at {place}; Ctrl-C ends it")
            if not chosen.loopback and chosen.key is None:
                remark("warning: whoever reaches this machine can use it; --api-key-env NAME asks for a key")

        names = [settings.model] if settings.model else []
        serve_runtime(runtime, interrupt, bound, chosen, names=names, log=log, ready=ready)
    return INTERRUPTED if interrupt.requested else 0


def _require() -> None:
    """Complain where the packages are missing that not everybody needs.

    Raises:
        ConfigError: they are.
    """
    for package in ("starlette", "uvicorn"):
        if find_spec(package) is None:
            raise ConfigError(f"ttc serve needs the package {package}", hint="pip install 'ttcli[serve]'")


def _options(
    host: str, port: int, api_key_env: str | None, queue: int, timeout: float, prompt_words: int
) -> ServeOptions:
    from ttcli.serve.exchange import Limits
    from ttcli.serve.server import ServeOptions

    if not 0 <= port < 1 << 16:
        raise UsageError(f"--port must be from 0 to 65535, not {port}", hint="--port 8000")
    if not 0 < timeout <= 86_400:
        raise UsageError(f"--timeout must be above 0 and at most a day, not {timeout:g}", hint="--timeout 600")
    if not 1 <= queue <= _MOST_WAITING:
        raise UsageError(f"--queue must be from 1 to {_MOST_WAITING:,}, not {queue}", hint="--queue 64")
    if prompt_words < 1:
        raise UsageError(f"--prompt-words must be at least 1, not {prompt_words}", hint="--prompt-words 1500")
    key = None
    if api_key_env is not None:
        key = os.environ.get(api_key_env, "").strip()
        if not key or not key.isascii():
            raise UsageError(f"{api_key_env} holds no key", hint=f"export {api_key_env}=...")
    return ServeOptions(host, port, key, queue, prompt_words, Limits(reply=timeout))


def _specs(verifiers: list[str] | None) -> list[VerifierSpec]:
    """Those asked for, and those that cost nothing."""
    from ttcli.verifier.spec import VerifierSpec

    return list(dict.fromkeys(map(VerifierSpec.parse, [*(verifiers or []), "confidence", "confidence:weakest"])))


def _demand(settings: Settings) -> Demand:
    """What the methods that are listed hold in the policy's context."""
    from ttcli.errors import UsageError
    from ttcli.search.methods import METHODS

    demand = settings.demand(settings.method, settings.budget)
    try:
        return demand.joined(METHODS["beam"].demand(settings.budget))
    except UsageError:  # not listed with this budget
        return demand
