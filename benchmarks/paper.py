"""The experiments of Snell et al. (2024, arXiv 2408.03314) on the laboratory's models, by ttc's own commands.

    python benchmarks/paper.py [--work FOLDER] [--problems 1000]                 draw what is missing, then tell
    python benchmarks/paper.py --from-data [FILE] [--json]                       tell what is published; no model is run
    python benchmarks/paper.py --quick --json                                    the same of the published file, in 30 s

Everything is drawn by `ttc bench`, a stage after the other (`--stages`), each on as many processes as there are cores,
into the store of the folder: what ends this, Ctrl-C too, is gone on with by the same command. What comes of it is put
into one compressed file, and all tables and figures come from such a file. Keys of `--json`, besides the tables:

    factor             samples of best-of-N weighted that are as good as 16 of the compute-optimal choice between it and
                       beam search, over 16; difficulty is told from 4 probes of these (`factor_probes` says whether),
                       with `factor_low` and `factor_high`; factor_tokens, the same in tokens; factor_every_search, with
                       rebase or particles besides
    auc_within         of the verifier, within problems
    gain_beam_small    points of beam search (M = 2) over best-of-N weighted at a budget of 4
    gain_revise        points of 4 chains of 4 attempts over 16 independent samples, the same verifier
    sibling_gap        points of the larger model over the policy, both greedy

Intervals are of 95 %, by resampling problems (2,000 times); what was not drawn is null.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments import compare_flops, noise, optimal, pictures, report, revisions, searches, votes
from experiments.data import FEWEST, VERIFIER, Data, write
from experiments.export import rows
from experiments.plan import Lab, Stage, draw, stages
from experiments.worse import make, worse_ones

from ttcli.bench.store.store import Store
from ttcli.errors import TtcError

HERE = Path(__file__).parent
PUBLISHED = HERE / "data" / "paper.jsonl.gz"
DOCUMENT = HERE.parent / "docs" / "paper.md"
PICTURES = HERE.parent / "docs" / "results"
TABLES = {
    "votes": report.votes,
    "searches": report.searches,
    "revisions": report.revisions,
    "optimal": report.optimal,
    "flops": report.flops,
    "noise": report.noise,
}


def measure(data: Data) -> dict[str, Any]:
    """All experiments that the data have something of."""
    found: dict[str, Any] = {"problems": len(data.rows), "votes": votes.measure(data)}
    found["searches"] = searches.measure(data)
    chains = revisions.measure(data)
    found["revisions"] = chains if chains["steps"] else None
    found["optimal"] = optimal.measure(data)
    if len(data.measured_searched) >= FEWEST and len(data.deep[0].facts) > 256:
        found["optimal"]["rows"] += optimal.measure_deep(data)
    found["flops"] = compare_flops.measure(data) if compare_flops.multiple(data) > 1 else None
    levels = noise.measure(data)
    found["noise"] = levels if len(levels) > 1 else None
    return found


def keys(found: Mapping[str, Any]) -> dict[str, Any]:
    """The figures that everything comes down to."""
    best = optimal.headline(found["optimal"], optimal.SEARCH) or {}
    more = optimal.headline(found["optimal"], optimal.SEARCHES) or {}
    low, high = best.get("factor_interval", (None, None))
    small = searches.gain(found["searches"], "beam:m=sqrt", 4)
    chains = [
        row for row in (found["revisions"] or {"ratios": []})["ratios"] if (row["length"], row["chains"]) == (4, 4)
    ]
    gap = (found["flops"] or {}).get("sibling_gap")

    def points(told: Mapping[str, Any] | None) -> float | None:
        return None if not told or told["value"] is None else 100 * told["value"]

    return {
        "problems": found["problems"],
        "factor": best.get("factor"),
        "factor_low": low,
        "factor_high": high,
        "factor_probes": best.get("difficulty") == "charged",
        "factor_tokens": best.get("factor_tokens"),
        "factor_every_search": more.get("factor"),
        "factor_every_search_interval": more.get("factor_interval"),
        "auc_within": found["votes"]["auc"][VERIFIER]["value"],
        "gain_beam_small": points(small),
        "gain_revise": points(max(chains, key=lambda row: row["n"])["against"]) if chains else None,
        "sibling_gap": points(gap),
    }


def publish(found: Mapping[str, Any], data: Data) -> None:
    """Put the tables between their marks in the document, and draw the figures beside it."""
    text = DOCUMENT.read_text(encoding="utf-8")
    for name, render in TABLES.items():
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        if found.get(name) and begin in text:
            before, _, rest = text.partition(begin)
            table = "\n".join(render(found[name]))
            text = f"{before}{begin}\n{table}\n{end}{rest.partition(end)[2]}"
    DOCUMENT.write_text(text, encoding="utf-8")
    pictures.all_pictures(found, data, PICTURES)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--work", type=Path, default=Path("build/paper"), help="folder of the store and what comes of it"
    )
    parser.add_argument("--problems", type=int, default=1000, help="the first so many of the held-out problems")
    parser.add_argument("--deep", type=int, help="of these, so many with 288 samples; all")
    parser.add_argument("--searched", type=int, help="of these, so many with every search; 100")
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)), help="processes side by side")
    parser.add_argument("--stages", help="only these, with commas; `list` names them")
    parser.add_argument("--export-only", action="store_true", help="draw nothing; tell what the store has")
    parser.add_argument("--policy", default="lab-policy")
    parser.add_argument("--large", default="lab-large")
    parser.add_argument("--chains", type=int, help="and so many with chains of revisions and worse verifiers; 200")
    parser.add_argument("--verifier", default="head:lab-policy-chains", help="of steps: votes, searches and chains")
    parser.add_argument("--other", metavar="VERIFIER", help="another one that scores the samples, to compare with")
    parser.add_argument("--reviser", default="lab-reviser", help="'' for the policy itself")
    parser.add_argument("--from-data", nargs="?", type=Path, const=PUBLISHED, metavar="FILE")
    parser.add_argument("--quick", action="store_true", help="--from-data, of what is published unless it names a file")
    parser.add_argument("--publish", action="store_true", help="write benchmarks/data, docs/paper.md and its figures")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not FEWEST <= options.problems <= 1000:
        parser.error(f"--problems must be from {FEWEST} to 1000")
    for name, usual, most in (("deep", 1000, "problems"), ("searched", 100, "deep"), ("chains", 200, "problems")):
        limit = getattr(options, most)
        given = getattr(options, name)
        setattr(options, name, min(usual, limit) if given is None else given)
        if given is not None and not FEWEST <= given <= limit:
            parser.error(f"--{name} must be from {FEWEST} to what --{most} is, {limit}")
    return options


def drawn(options: argparse.Namespace) -> Path:
    """Draw what is missing, and put all of it into a file."""
    work: Path = options.work
    work.mkdir(parents=True, exist_ok=True)
    lab = Lab(
        options.policy,
        options.large,
        options.verifier,
        options.reviser or None,
        options.other,
        options.problems,
        options.deep,
        options.searched,
        options.chains,
    )
    noisy = worse_ones(lab.verifier, work)
    todo = stages(lab, noisy)
    chosen = _chosen(options, todo)
    if not options.export_only:
        for each in noisy:
            if any(each.called in stage.options for stage in chosen):
                make(each, lab.policy)
        if not draw(chosen, work, options.cores):
            sys.exit(130)
    path = work / "paper.jsonl.gz"
    with Store(work / "paper.sqlite3") as store:
        write(path, rows(store, todo, work, options.cores, options.large))
    return path


def _chosen(options: argparse.Namespace, todo: list[Stage]) -> list[Stage]:
    names = [stage.name for stage in todo]
    if options.stages == "list":
        print("\n".join(names))
        sys.exit()
    wanted = options.stages.split(",") if options.stages else _possible(options.large, names)
    if unknown := set(wanted) - set(names):
        sys.exit(f"error: no stage is called {', '.join(sorted(unknown))}\nhint: {', '.join(names)}")
    return [stage for stage in todo if stage.name in wanted]


def _possible(large: str, names: list[str]) -> list[str]:
    """The stages that can be drawn: without a larger model not its own."""
    from ttcli.catalog.stored import locate

    try:
        there = locate(large) is not None
    except TtcError:
        there = False
    if there:
        return names
    print(f"there is no model {large} here: nothing is compared with a larger one", file=sys.stderr)
    return [name for name in names if name != "large"]


def main() -> None:
    options = parse()
    try:
        path = options.from_data or (PUBLISHED if options.quick else drawn(options))
    except TtcError as error:
        sys.exit(f"error: {error}" + (f"\nhint: {error.hint}" if error.hint else ""))
    if not path.exists():
        sys.exit(f"error: there is no {path}\nhint: leave out --quick and --from-data, which draws it")
    data = Data(path)
    found = measure(data)
    if options.publish:
        if path != PUBLISHED:
            PUBLISHED.write_bytes(path.read_bytes())
        publish(found, data)
    if options.json:
        print(json.dumps({**keys(found), **found}))
        return
    for name, render in TABLES.items():
        if found.get(name):
            print(f"## {name}\n", *render(found[name]), "", sep="\n")
    print(json.dumps(keys(found)))


if __name__ == "__main__":
    main()
