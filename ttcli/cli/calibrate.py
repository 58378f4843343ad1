"""`ttc calibrate`: which way of spending suits which problems, for one's own model on one's own problems."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from ttcli.cli import options
from ttcli.cli.exit_codes import INTERRUPTED
from ttcli.cli.options import option
from ttcli.cli.rows import choose_rows
from ttcli.cli.run import resume, tell_forecast, work_on
from ttcli.cli.run_options import run_options
from ttcli.errors import UsageError
from ttcli.terminal.messages import remark, say, say_json

if TYPE_CHECKING:
    from ttcli.bench.calibrate import Calibrated
    from ttcli.bench.session import BenchSpec
    from ttcli.bench.store.store import Store
    from ttcli.cli.repairs import RepairTrial
    from ttcli.runtime.settings import Settings


@run_options(leave_out=("answer", "extract", "prompt", "system"))
def calibrate(
    *,
    data: options.DataFile,
    settings: Settings,
    method: Annotated[
        list[str] | None,
        option("--method", env=None, says="May be repeated; votes, searches and revisions if left out."),
    ] = None,
    verifier: Annotated[
        str,
        option(
            "--verifier",
            env="VERIFIER",
            says="confidence, arithmetic, head, judge, prm:MODEL, likelihood:MODEL or command:CMD.",
        ),
    ] = "confidence",
    budget: Annotated[str, option("--budget", "-b", env=None, says="Generations per problem.")] = "4,8,16",
    limit: options.Limit = None,
    sample: options.Sample = None,
    output: Annotated[
        str | None, option("--output", "-o", env=None, says="Name of the profile; model and data if left out.")
    ] = None,
    as_json: Annotated[bool, option("--json", env=None, says="The profile as JSON on stdout.")] = False,
    quiet: options.OnlyTables = False,
    dry_run: options.DryRun = False,
    skip_bad: options.SkipBad = False,
    retry_failed: options.RetryFailed = False,
    ray: options.Ray = None,
    store: options.StorePath = None,
) -> int:
    """Find out which way of spending suits which problems, and keep it as a profile for --method auto.

    Whatever ends it, the same command goes on where it stopped. Examples:

    ttc calibrate gsm8k_train.jsonl --sample 200 --verifier head

    ttc calibrate dev.jsonl --method best-of-n --method beam --budget 8,16 -o mine
    """
    from ttcli.bench.calibrate import BASELINE, calibration_tasks, check_number
    from ttcli.bench.session import BenchSpec
    from ttcli.stats.fitting import require_fitting

    if not dry_run:
        require_fitting("a profile")
    tasks = calibration_tasks(method or (), verifier, budget)
    source, rows = choose_rows(
        data, skip_bad=skip_bad, limit=limit, sample=sample, seed=settings.seed, offline=settings.offline
    )
    check_number(len(rows))
    name = _name(output, settings.model, source)
    spec = BenchSpec(settings, tasks, BASELINE, source, rows, ("ttc", *sys.argv[1:]), retry_failed, ray)
    with options.open_store(store) as opened:
        if dry_run:
            return tell_forecast(opened, spec, as_json=as_json)
        return _calibrate(opened, spec, name, as_json=as_json, quiet=quiet)


def _calibrate(store: Store, spec: BenchSpec, name: str, *, as_json: bool, quiet: bool) -> int:
    """Run, choose, keep, tell."""
    from ttcli.allocate.profile import write_profile
    from ttcli.bench.calibrate import calibrate as profile_of
    from ttcli.cli.repairs import try_repair
    from ttcli.terminal.profile import profile_lines, repair_lines, trust_lines

    run, stopped = work_on(store, spec, quiet=quiet)
    if stopped:
        remark(f"all that was drawn is kept; go on with: {resume(spec)}")
        return INTERRUPTED
    made = profile_of(store, run, name=name, when=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
    if made.left_out and not quiet:
        remark(f"{made.left_out} of {len(spec.rows)} problems left out: they failed")
    path = write_profile(made.profile)
    if not as_json:
        say(*profile_lines(made.profile), "", *trust_lines(made.trust), "", f"kept as {path}")
    trial = try_repair(store, run, spec, quiet=quiet)
    if as_json:
        say_json({"version": 1, "type": "profile", "run": run.id, "path": str(path), **_record(made, trial)})
    elif trial.figure:
        say("", *repair_lines(trial.figure))
    elif not quiet:
        remark(f"repair was not tried: {trial.reason}")
    if trial.stopped:
        remark(f"that is done, from its beginning, by: {resume(spec)}")
        return INTERRUPTED
    return 0


def _record(made: Calibrated, trial: RepairTrial) -> dict[str, Any]:
    from dataclasses import asdict

    profile, repair = made.profile, trial.figure
    return {
        "name": profile.name,
        "model": profile.model,
        "verifier": profile.verifier or None,
        "baseline": profile.baseline,
        "problems": made.problems,
        "left_out": made.left_out,
        "edges": list(profile.bins.edges),
        "choices": [{**asdict(choice), "shown": choice.shown} for choice in profile.choices],
        "headroom": [{**asdict(each), "verdict": each.verdict} for each in profile.headroom],
        "repair": {**asdict(repair), "helps": repair.helps} if repair else None,
        "repair_reason": trial.reason,
        "calibration": {
            **made.trust._asdict(),
            "reliability": [each._asdict() for each in made.trust.reliability],
        },
    }


def _name(output: str | None, model: str | None, data: str) -> str:
    """The name of the profile; what it may not have in it is left out of a name that nobody chose."""
    plain = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
    if output is not None:
        if not plain.fullmatch(output) or output == "none":
            raise UsageError(
                f"a profile cannot be called {output!r}: letters, digits, and . _ - within", hint="-o my-profile"
            )
        return output
    stems = [part.rpartition("/")[2].removesuffix(".gguf") for part in (model or "server", data)]
    stems[1] = stems[1].removesuffix(".gz").removesuffix(".jsonl")
    words = [re.sub(r"[^A-Za-z0-9_.-]+", "-", stem).strip("-.") for stem in stems]
    return "-".join(word for word in words if word)
