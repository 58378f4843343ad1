"""The tables of the store, version by version."""

from __future__ import annotations

import sqlite3

from ttcli.errors import StoreError

APPLICATION = 0x74746362  # "ttcb": marks a file as a store of ttc

_FIRST = """
CREATE TABLE source (            -- what draws: weights, prompt, sampler without its temperature, token limit
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,    -- hash of the recipe
    recipe TEXT NOT NULL         -- JSON
) STRICT;
CREATE TABLE problem (
    id INTEGER PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,   -- of the text
    text TEXT NOT NULL
) STRICT;
CREATE TABLE sample (            -- an independent solution, drawn once for every method and run
    id INTEGER PRIMARY KEY,
    source INTEGER NOT NULL REFERENCES source (id),
    problem INTEGER NOT NULL REFERENCES problem (id),
    temperature REAL NOT NULL,
    seed INTEGER NOT NULL,
    number INTEGER NOT NULL,     -- order of drawing, from 0
    steps TEXT NOT NULL,         -- JSON: [[text, tokens, logprob], ...]
    answer TEXT,                 -- NULL: it gave none
    ended TEXT NOT NULL,         -- stop or length
    tokens INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    seconds REAL NOT NULL,       -- its share of the machine's time
    drawn REAL NOT NULL,         -- when: seconds since 1970
    UNIQUE (problem, source, temperature, seed, number)
) STRICT;
CREATE TABLE rating (            -- a verifier's opinion of a sample
    sample INTEGER NOT NULL REFERENCES sample (id) ON DELETE CASCADE,
    verifier TEXT NOT NULL,      -- its kind and, where it has a model, the hash of that
    score REAL,                  -- in [0, 1]; NULL: it could not be scored
    steps TEXT NOT NULL,         -- JSON: [score, ...]
    tokens INTEGER NOT NULL,
    seconds REAL NOT NULL,
    PRIMARY KEY (sample, verifier)
) STRICT, WITHOUT ROWID;
CREATE TABLE run (
    id TEXT PRIMARY KEY,         -- hash of the configuration: the same command finds its run again
    created REAL NOT NULL,
    source INTEGER NOT NULL REFERENCES source (id),
    config TEXT NOT NULL         -- JSON
) STRICT;
CREATE TABLE item (              -- a problem of a run
    run TEXT NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    problem INTEGER NOT NULL REFERENCES problem (id),
    name TEXT NOT NULL,          -- the data set's id
    line INTEGER NOT NULL,
    reference TEXT NOT NULL,
    level TEXT,
    subject TEXT,
    PRIMARY KEY (run, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE result (            -- what a method came to on a problem
    run TEXT NOT NULL,
    position INTEGER NOT NULL,
    task TEXT NOT NULL,          -- method, verifier and budget
    outcome TEXT,                -- JSON; NULL: failed, or a vote that can be read off the samples
    error TEXT,                  -- NULL: done
    PRIMARY KEY (run, position, task),
    FOREIGN KEY (run, position) REFERENCES item (run, position) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE TABLE event (             -- how a method that is no vote over independent samples went
    run TEXT NOT NULL,
    position INTEGER NOT NULL,
    task TEXT NOT NULL,
    number INTEGER NOT NULL,
    event TEXT NOT NULL,         -- JSON
    PRIMARY KEY (run, position, task, number),
    FOREIGN KEY (run, position) REFERENCES item (run, position) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE TABLE load (              -- how full the batch was while the run was worked on
    run TEXT NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    at REAL NOT NULL,            -- seconds since 1970, at the end of the stretch
    seconds REAL NOT NULL,       -- its length
    decodes INTEGER NOT NULL,
    rows INTEGER NOT NULL,       -- texts that grew, summed over the decodes
    open INTEGER NOT NULL,       -- problems in work
    waiting INTEGER NOT NULL,    -- problems not begun
    width INTEGER NOT NULL       -- texts that could have grown in each decode
) STRICT;
CREATE INDEX load_of_run ON load (run);
CREATE TABLE verdict (           -- pairs of answers that took mathematics to compare
    a TEXT NOT NULL,
    b TEXT NOT NULL,
    same INTEGER NOT NULL,
    PRIMARY KEY (a, b)
) STRICT, WITHOUT ROWID;
"""

_SECOND = """
CREATE TABLE state (             -- what the model had in mind at the ends of a sample's steps
    sample INTEGER NOT NULL REFERENCES sample (id) ON DELETE CASCADE,
    layer INTEGER NOT NULL,      -- its output, from 0
    states BLOB NOT NULL,        -- little-endian float16 [steps, width of the model]
    PRIMARY KEY (sample, layer)
) STRICT;
CREATE TABLE rollout (           -- another end of a sample, from one of its steps on
    sample INTEGER NOT NULL REFERENCES sample (id) ON DELETE CASCADE,
    step INTEGER NOT NULL,       -- the last one that it has in common with the sample, from 0
    number INTEGER NOT NULL,     -- order of drawing, from 0
    answer TEXT,                 -- NULL: it gave none
    ended TEXT NOT NULL,         -- stop or length
    tokens INTEGER NOT NULL,     -- sampled for it
    seconds REAL NOT NULL,       -- its share of the machine's time
    PRIMARY KEY (sample, step, number)
) STRICT, WITHOUT ROWID;
"""

_THIRD = """
DROP TABLE verdict;
CREATE TABLE verdict (           -- pairs of answers that took mathematics to compare
    a TEXT NOT NULL,
    b TEXT NOT NULL,
    layer TEXT NOT NULL,         -- version of what compared them: others are asked again
    same INTEGER,                -- NULL: it takes longer than it may
    checksum TEXT NOT NULL,
    PRIMARY KEY (a, b)
) STRICT, WITHOUT ROWID;
CREATE TABLE engine (            -- what engines said of themselves, so that none has to be loaded to ask again
    key TEXT PRIMARY KEY,        -- hash of the settings and of the model's file, as it looks from outside
    description TEXT NOT NULL    -- JSON
) STRICT, WITHOUT ROWID;
ALTER TABLE sample ADD COLUMN checksum TEXT;  -- NULL: written before there were any
ALTER TABLE rating ADD COLUMN checksum TEXT;
ALTER TABLE result ADD COLUMN checksum TEXT;
"""

_FOURTH = """
CREATE TABLE thought (           -- before a sample's steps, and how sure the model was; a sample may have none
    sample INTEGER PRIMARY KEY REFERENCES sample (id) ON DELETE CASCADE,
    text TEXT,                   -- without its tags; NULL: it did not think, and so are the next four
    tokens INTEGER,              -- they are among those of the sample
    logprob REAL,                -- NULL, too: not known
    closed INTEGER,              -- whether it came to its end
    forced INTEGER,              -- tokens that were written to end it
    certainty TEXT               -- JSON: [[nats by token, ...] of the thought and of each step]; NULL: not asked for
) STRICT;
ALTER TABLE event ADD COLUMN checksum TEXT;  -- NULL: written before there were any
ALTER TABLE load ADD COLUMN checksum TEXT;
"""

_FIFTH = """
CREATE TABLE repair (            -- what was put right in a sample while it was drawn
    sample INTEGER NOT NULL REFERENCES sample (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,     -- in the order of the text, from 0
    at INTEGER NOT NULL,         -- offset in the text of what stands there now
    wrote TEXT NOT NULL,
    mended TEXT NOT NULL,
    dropped TEXT NOT NULL,       -- what had been written behind it
    PRIMARY KEY (sample, number)
) STRICT, WITHOUT ROWID;
ALTER TABLE rollout ADD COLUMN steps TEXT;  -- JSON, as those of a sample, behind what it has in common; NULL: not kept
CREATE TABLE rollout_state (     -- as `state`, of these steps
    sample INTEGER NOT NULL,
    step INTEGER NOT NULL,
    number INTEGER NOT NULL,
    layer INTEGER NOT NULL,
    states BLOB NOT NULL,
    PRIMARY KEY (sample, step, number, layer),
    FOREIGN KEY (sample, step, number) REFERENCES rollout (sample, step, number) ON DELETE CASCADE
) STRICT;
"""

# the n-th leads from version n to n + 1; never changed once released, only added to
MIGRATIONS = (_FIRST, _SECOND, _THIRD, _FOURTH, _FIFTH)


def migrate(connection: sqlite3.Connection, path: str) -> None:
    """Bring a store to the present version, all of it or nothing.

    Raises:
        StoreError: the file is no store, or a later ttc wrote it.
    """
    if _version(connection, path) == len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")  # another process may be about to do the same
    try:
        for number in range(_version(connection, path), len(MIGRATIONS)):
            for statement in _statements(MIGRATIONS[number]):
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def check(connection: sqlite3.Connection, path: str) -> None:
    """Make sure that a store can be read: later versions only have more tables and columns besides a cache, so an older
    one is read as it is.

    Raises:
        StoreError: the file is no store, or a later ttc wrote it.
    """
    if not _version(connection, path):
        raise StoreError(f"{path} is no store of ttc: it is empty", hint="--store another file")


def _version(connection: sqlite3.Connection, path: str) -> int:
    # one statement, so that all is of one moment: another process may be making the store
    query = (
        "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_master)"
        " FROM pragma_application_id, pragma_user_version"
    )
    application, version, tables = connection.execute(query).fetchone()
    if tables and application != APPLICATION:
        raise StoreError(f"{path} is a database, but not a store of ttc", hint="--store another file")
    if version > len(MIGRATIONS):
        raise StoreError(
            f"{path} was written by a later ttc (version {version} of its tables, {len(MIGRATIONS)} known here)",
            hint="upgrade ttc, or --store another file",
        )
    return int(version)


def _statements(script: str) -> list[str]:
    """The statements of a script without comments at their ends: executescript would commit what came before."""
    lines = (line.partition("--")[0] for line in script.splitlines())
    return [statement for statement in "\n".join(lines).split(";") if statement.strip()]
