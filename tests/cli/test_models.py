from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ttcli.catalog.entry import Entry, FileSource, catalog
from ttcli.catalog.template import Template
from ttcli.cli.models import models_app
from ttcli.errors import DownloadError, ModelError, TtcError, UsageError

CONTENT = b"GGUF" + bytes(1000)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TTC_HOME", str(tmp_path))
    monkeypatch.delenv("TTC_OFFLINE", raising=False)
    return tmp_path


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Entry:
    """A model of the catalog that comes from a file."""
    source = tmp_path / "source.gguf"
    source.write_bytes(CONTENT)
    digest = hashlib.sha256(CONTENT).hexdigest()
    sources = (FileSource(str(source)),)
    entry = Entry("tiny", "small", "MIT", 1_500_000, 8, "tiny.gguf", len(CONTENT), digest, Template(), sources)
    for module in ("entry", "stored"):
        monkeypatch.setattr(f"ttcli.catalog.{module}.catalog", lambda: {"tiny": entry})
    return entry


@pytest.fixture(autouse=True)
def described(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"architecture": "llama", "layers": 30, "judge": "yes"}
    monkeypatch.setattr("ttcli.runtime.facts.facts", lambda local: told)


def run(*arguments: str, fails: type[TtcError] | None = None) -> tuple[str, str]:
    """stdout and stderr of a command; its error instead of stderr where it is to fail."""
    result = CliRunner().invoke(models_app, arguments)
    if fails is not None:
        assert isinstance(result.exception, fails), result.output
        return result.stdout, f"{result.exception} / {result.exception.hint}"
    assert result.exit_code == 0, result.output
    return result.stdout, result.stderr


def test_list_shows_all_models_in_columns_and_marks_the_default() -> None:
    out, err = run("list")
    ours = [line for line in out.splitlines() if line.startswith("lab-")]
    assert all(line.endswith("yes        comes with ttc, a laboratory model") for line in ours)
    assert any(line.startswith("lab-policy               0.4 M  415.8 kB  Apache-2.0            yes ") for line in ours)
    assert [line for line in out.splitlines() if line not in ours] == [
        "name                parameters      size  licence               installed",
        "genprm-1.5b            1,777 M         -  MIT                   no",
        "llama3.1-8b-prm        8,030 M         -  LicenseRef-Llama-3.1  no",
        "math-psa-7b            7,616 M         -  NOASSERTION           no",
        "math-shepherd-7b       7,242 M         -  NOASSERTION           no",
        "qwen2.5-coder-0.5b       494 M  491.4 MB  Apache-2.0            no         default",
        "qwen2.5-coder-1.5b     1,544 M    1.1 GB  Apache-2.0            no",
        "smollm2-135m             135 M   98.4 MB  Apache-2.0            no",
        "spare-8b               8,030 M         -  NOASSERTION           no",
        "thinkprm-1.5b          1,777 M         -  Apache-2.0            no",
        "versaprm-3b            3,213 M         -  NOASSERTION           no",
    ]
    assert err == ""


def test_list_shows_files_of_the_hub_that_were_fetched(home: Path) -> None:
    path = home / "models" / "hf" / "owner" / "repo@refs--pr--1" / "sub" / "f.gguf"
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    assert "hf:owner/repo/sub/f.gguf@refs/pr/1" in run("list")[0]
    run("rm", "hf:owner/repo/sub/f.gguf@refs/pr/1", "--yes")
    assert not path.exists()


def test_list_as_json_has_a_version_and_the_facts(tiny: Entry) -> None:
    facts = json.loads(run("list", "--json")[0])
    assert facts["version"] == 1
    assert facts["default"] == "qwen2.5-coder-0.5b"
    assert facts["models"][0]["sha256"] == tiny.sha256
    assert facts["models"][0]["path"] is None


def test_pull_prints_the_path_alone_on_stdout(tiny: Entry, home: Path) -> None:
    out, err = run("pull", "tiny")
    assert out == f"{home / 'models' / 'tiny.gguf'}\n"
    assert err.startswith("fetching tiny (1.0 kB) from file ")
    assert run("path", "tiny")[0] == out
    assert "tiny  " in run("list")[0]
    assert run("pull", "tiny", "--verify") == (out, "")


def test_quiet_pull_says_one_line(tiny: Entry) -> None:
    assert len(run("pull", "tiny", "--quiet")[1].splitlines()) == 1


def test_pull_from_a_file_verifies_it(tiny: Entry, home: Path) -> None:
    wrong = home / "wrong.gguf"
    wrong.write_bytes(CONTENT[:-1] + b"?")
    assert "wrong sha256" in run("pull", "tiny", "--from", str(wrong), fails=DownloadError)[1]
    assert run("pull", "tiny", "--from", str(home / "source.gguf"))[0].endswith("tiny.gguf\n")


def test_pull_offline_refuses_by_option_and_by_environment(tiny: Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    complaint = "tiny is not on this machine, and --offline forbids fetching it / ttc models pull tiny"
    assert run("pull", "tiny", "--offline", fails=DownloadError)[1] == complaint
    monkeypatch.setenv("TTC_OFFLINE", "1")
    assert run("pull", "tiny", fails=DownloadError)[1] == complaint


def test_path_of_a_model_that_is_not_here_fails_with_the_command(tiny: Entry) -> None:
    out, complaint = run("path", "tiny", fails=ModelError)
    assert (out, complaint) == ("", "tiny is not on this machine / ttc models pull tiny")


def test_info_shows_the_catalog_then_the_header(tiny: Entry) -> None:
    text = run("info", "tiny")[0]
    assert "licence           MIT" in text
    assert "path              not on this machine" in text
    assert "step_separator    '\\n\\n'" in text
    assert "the file says" not in text
    run("pull", "tiny")
    text = run("info", "tiny", "--verify")[0]
    assert "the file says:\n  architecture    llama" in text


def test_info_as_json_is_one_object(tiny: Entry, home: Path) -> None:
    run("pull", "tiny")
    facts = json.loads(run("info", "tiny", "--json")[0])
    assert (facts["version"], facts["name"], facts["template"]) == (1, "tiny", "gguf")
    assert facts["header"] == {"architecture": "llama", "layers": 30, "judge": "yes"}
    facts = json.loads(run("info", str(home / "source.gguf"), "--json")[0])
    assert facts["bytes"] == len(CONTENT)
    assert "licence" not in facts


def test_info_verify_finds_a_changed_byte(tiny: Entry, home: Path) -> None:
    assert "not on this machine" in run("info", "tiny", "--verify", fails=ModelError)[1]
    run("pull", "tiny")
    (home / "models" / "tiny.gguf").write_bytes(CONTENT[:-1] + b"?")
    assert "has the wrong sha256" in run("info", "tiny", "--verify", fails=ModelError)[1]


def test_rm_frees_the_file_and_what_broken_transfers_left(tiny: Entry, home: Path) -> None:
    run("pull", "tiny")
    (home / "models" / "tiny.gguf.part").write_bytes(bytes(2000))
    out, err = run("rm", "tiny", "--yes")
    assert (out, err) == ("", "tiny deleted, 3.0 kB freed\n")
    assert [path.name for path in (home / "models").iterdir()] == ["tiny.gguf.lock"]
    assert "not on this machine" in run("rm", "tiny", "--yes", fails=ModelError)[1]


def test_rm_deletes_nothing_unasked(tiny: Entry, home: Path) -> None:
    run("pull", "tiny")
    assert "add --yes" in run("rm", "tiny", fails=UsageError)[1]
    assert (home / "models" / "tiny.gguf").exists()


def test_rm_leaves_files_that_ttc_did_not_fetch(home: Path) -> None:
    path = home / "mine.gguf"
    path.write_bytes(CONTENT)
    assert "was not fetched by ttc" in run("rm", str(path), "--yes", fails=ModelError)[1]
    assert path.exists()


def test_the_commands_are_read_without_heavy_imports() -> None:
    code = (
        "import sys, typer; before = set(sys.modules); import ttcli.cli.models; "
        "new = {m.partition('.')[0] for m in set(sys.modules) - before}; "
        "print(sorted(new & {'huggingface_hub', 'rich', 'numpy', 'llama_cpp', 'filelock', 'platformdirs'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout == "[]\n"


def test_every_model_of_the_catalog_has_an_info_without_being_here() -> None:
    for name in catalog():
        assert f"name              {name}" in run("info", name)[0]


def test_pulling_a_model_of_which_no_gguf_is_known_says_where_its_weights_are() -> None:
    told = run("pull", "genprm-1.5b", fails=DownloadError)[1]
    assert told.startswith(
        "cannot fetch genprm-1.5b: no GGUF of it is known to us, only the weights of GenPRM/GenPRM-1.5B"
    )
    assert told.endswith("--verifier judge:GenPRM-1.5B.gguf")
    assert "--verifier prm:VersaPRM-Base-3B.gguf" in run("pull", "versaprm-3b", fails=DownloadError)[1]
