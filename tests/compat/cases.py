"""Commands that read the old files, by the name of what they must print."""

from __future__ import annotations

VOTES, OTHER_SEED, SEARCHES, FAILING, ADVISED, SHARED = (
    "9b653d1f",
    "1093649c",
    "03c55981",
    "e94f56ef",
    "95d1d71c",
    "2c8a4174",
)
TRAINING, REAL = "0e48483a", "783c2525"

_SCRIPTED = ("-m", "scripted:script.json")
_NAMES = ("beam", "lookahead:m=2", "dvts", "rebase", "particles", "revise:ratio=4", "search-revise", "adaptive")
_PROBLEM = "A shop has 1 boxes of 7 pencils, and 3 more. How many pencils has it?"
_LEGS = "How many legs have 1 tables, by the table?"
_STORE = ("--store", "runs.sqlite3")
_TRAINED = ("--store", "trained.sqlite3")


def _methods(*names: str) -> tuple[str, ...]:
    return tuple(word for name in names for word in ("--method", name))


# as the runs were made, without what decides nothing
BENCHES: dict[str, tuple[str, ...]] = {
    VOTES: (
        *("bench", "data.jsonl", *_SCRIPTED, *_methods("majority", "best-of-n", "best-of-n-plain", "greedy")),
        *("--verifier", "scripted", "--verifier", "confidence:weakest", "--budget", "4,8"),
    ),
    OTHER_SEED: (
        *("bench", "data.jsonl", *_SCRIPTED, "--seed", "1", *_methods("majority", "best-of-n")),
        *("--verifier", "scripted", "--budget", "4"),
    ),
    SEARCHES: (
        *("bench", "data.jsonl", *_SCRIPTED, "--limit", "1", *_methods(*_NAMES)),
        *("--verifier", "scripted", "--budget", "4"),
    ),
    FAILING: (
        *("bench", "failing.jsonl", *_SCRIPTED, *_methods("majority", "beam")),
        *("--verifier", "scripted", "--budget", "4"),
    ),
    ADVISED: ("bench", "advised.jsonl", *_SCRIPTED, *_methods("auto", "majority"), "--profile", "mine", "-b", "8"),
    SHARED: (
        *("bench", "data.jsonl", *_SCRIPTED, "--limit", "4", *_methods("majority")),
        *("--budget", "4/problem", "--profile", "mine"),
    ),
}

AS_EVER = (VOTES, OTHER_SEED, SHARED)  # those without searches, which select otherwise since, and are runs of their own

REAL_VOTES = (
    *("bench", "sums.jsonl", "-m", "smollm2-135m", "--limit", "2"),
    *(*_methods("majority", "best-of-n"), "--verifier", "head:./head.safetensors"),
    *("--verifier", "confidence", "--max-tokens", "40", "--width", "8", "--budget", "4", *_TRAINED),
)

SOLVES: dict[str, tuple[str, ...]] = {  # by the file with the record of it
    "vote": ("solve", _PROBLEM, *_SCRIPTED, "--method", "majority", "-b", "4", "--json", "-q"),
    "tree": ("solve", _PROBLEM, *_SCRIPTED, "--method", "beam", "--verifier", "scripted", "-b", "8", "--json", "-q"),
    "revised": (
        *("solve", _PROBLEM, *_SCRIPTED, "--method", "revise", "--verifier", "scripted"),
        *("-b", "4", "--json", "-q"),
    ),
    "advised": ("solve", _LEGS, *_SCRIPTED, "--method", "auto", "--profile", "mine", "-b", "8", "--json", "-q"),
}

_OF_RUNS = {
    **{f"show-{run}": ("runs", "show", run, *_STORE) for run in BENCHES},
    **{f"show-{run}-json": ("runs", "show", run, "--json", *_STORE) for run in BENCHES if run != OTHER_SEED},
    **{f"export-{run}": ("runs", "export", run, *_STORE) for run in BENCHES if run != VOTES},
    **{f"show-{run}-json": ("runs", "show", run, "--json", *_TRAINED) for run in (TRAINING, REAL)},
    **{f"export-{run}": ("runs", "export", run, *_TRAINED) for run in (TRAINING, REAL)},
    "list": ("runs", "list", *_STORE),
    "list-json": ("runs", "list", "--json", *_STORE),
    "list-trained": ("runs", "list", *_TRAINED),
    "compare": ("compare", VOTES, OTHER_SEED, *_STORE),
    "compare-json": ("compare", VOTES, OTHER_SEED, "--json", *_STORE),
    "profiles": ("profile", "list"),
    "profiles-json": ("profile", "list", "--json"),
    "profile": ("profile", "show", "mine"),
    "profile-json": ("profile", "show", "mine", "--json"),
}
_FAST = ("--replay", "--speed", "1000000")
_BEAM = ("show", SEARCHES, "--problem", "1", "--method", "beam[scripted]@4", *_STORE)
_TREES = {
    **{
        f"tree-{name.partition(':')[0]}": ("show", SEARCHES, "--problem", "1", "--method", name, *_STORE)
        for name in _NAMES
    },
    **{f"replay-{name.partition(':')[0]}": ("show", SEARCHES, "--method", name, *_STORE, *_FAST) for name in _NAMES},
    "tree-beam-kept": (*_BEAM, "--kept"),
    "tree-beam-dot": (*_BEAM, "--dot"),
    "tree-beam-kept-dot": (*_BEAM, "--dot", "--kept"),
    "tree-beam-node": (*_BEAM, "--node", "2"),
    "tree-vote": ("show", VOTES, "--problem", "3", "--method", "best-of-n[scripted]@8", *_STORE),
    "tree-greedy": ("show", VOTES, "--problem", "3", "--method", "greedy", *_STORE),
    "tree-advised": ("show", ADVISED, "--problem", "2", "--method", "auto", *_STORE),
    "replay-advised": ("show", ADVISED, "--problem", "2", "--method", "auto", *_STORE, *_FAST),
    "tree-shared": ("show", "last", "--problem", "2", *_STORE),
    "tree-failed": ("show", FAILING, "--problem", "2", "--method", "beam", *_STORE),
    "tree-unknown": ("show", SEARCHES, "--problem", "1", "--method", "bream", *_STORE),
    "tree-real": ("show", REAL, "--problem", "1", "--method", "beam:m=2[head:./head.safetensors]", *_TRAINED),
    "chains-real": ("show", REAL, "--problem", "2", "--method", "revise[confidence]", *_TRAINED),
}
_RECORDS = {
    **{f"record-{name}": ("show", f"{name}.json") for name in SOLVES},
    **{f"record-{name}-dot": ("show", f"{name}.json", "--dot") for name in SOLVES},
    **{f"record-{name}-replay": ("show", f"{name}.json", *_FAST) for name in SOLVES},
    "record-tree-kept": ("show", "tree.json", "--kept"),
    "record-tree-node": ("show", "tree.json", "--node", "3"),
}
CASES: dict[str, tuple[str, ...]] = {**_OF_RUNS, **_TREES, **_RECORDS}
REPORTS = (SEARCHES, ADVISED)
