from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from catalog.doubles import CONTENT, HUB, IMPATIENT, QUICK, REVISION, Hub, Recorded, tiny
from ttcli.catalog.entry import FileSource, HubSource
from ttcli.catalog.pull import check_sha256, pull, resolve
from ttcli.catalog.stored import remove
from ttcli.errors import DownloadError

SHA = tiny().sha256


def test_a_whole_file_comes_from_the_pinned_revision(hub: Hub, progress: Recorded, home: Path) -> None:
    path = pull(tiny(HUB), progress=progress, patience=QUICK)
    assert path == home / "models" / "tiny.gguf"
    assert path.read_bytes() == CONTENT
    assert hub.gets == [(f"/owner/repo/resolve/{REVISION}/tiny.gguf", None)]
    assert progress.starts == [("tiny", "hub owner/repo@cccccccc", len(CONTENT), 0)]
    assert progress.seen[-1] == len(CONTENT)
    assert progress.seen == sorted(progress.seen)
    assert progress.outcomes == [f"done: size and sha256 verified, saved as {path}"]


def test_a_cut_connection_is_resumed_where_it_broke(hub: Hub, progress: Recorded) -> None:
    hub.faults = ["cut"]
    assert pull(tiny(HUB), progress=progress, patience=QUICK).read_bytes() == CONTENT
    assert [place for _, place in hub.gets] == [None, "bytes=100000-"]
    assert "going on at 100.0 kB" in progress.notes[0]


def test_a_later_run_resumes_what_an_earlier_one_left(hub: Hub, progress: Recorded, home: Path) -> None:
    hub.faults = ["cut", "500"]
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1 answered 500"):
        pull(tiny(HUB), progress=progress, patience=QUICK)
    assert (home / "models" / "tiny.gguf.part").stat().st_size == 100_000
    pull(tiny(HUB), progress=progress, patience=QUICK)
    assert hub.gets[-1][1] == "bytes=100000-"
    assert progress.starts[-1][3] == 100_000
    assert sorted(path.name for path in (home / "models").iterdir()) == ["tiny.gguf", "tiny.gguf.lock"]


def test_all_bytes_left_by_an_earlier_run_are_verified_without_a_request(
    hub: Hub, progress: Recorded, home: Path
) -> None:
    hub.faults = ["cut", "500"]
    with pytest.raises(DownloadError):
        pull(tiny(HUB), progress=progress, patience=QUICK)
    (home / "models" / "tiny.gguf.part").write_bytes(CONTENT)
    asked = len(hub.gets)
    assert pull(tiny(HUB), progress=progress, patience=QUICK).read_bytes() == CONTENT
    assert len(hub.gets) == asked


def test_a_server_without_ranges_sends_all_again(hub: Hub, progress: Recorded) -> None:
    hub.faults, hub.ranges = ["cut"], False
    assert pull(tiny(HUB), progress=progress, patience=QUICK).read_bytes() == CONTENT
    assert hub.gets[-1][1] == "bytes=100000-"


def test_damaged_bytes_of_an_earlier_run_are_fetched_again(hub: Hub, progress: Recorded, home: Path) -> None:
    hub.faults = ["cut", "500"]
    with pytest.raises(DownloadError):
        pull(tiny(HUB), progress=progress, patience=QUICK)
    part = home / "models" / "tiny.gguf.part"
    part.write_bytes(bytes(50_000))
    assert pull(tiny(HUB), progress=progress, patience=QUICK).read_bytes() == CONTENT
    assert any("damaged" in note for note in progress.notes)
    assert [place for _, place in hub.gets[-2:]] == ["bytes=50000-", None]


def test_a_transfer_that_breaks_again_and_again_gives_up(hub: Hub, progress: Recorded) -> None:
    hub.faults = ["cut", "hang", "hang", "hang"]
    with pytest.raises(DownloadError, match=r"no connection to 127\.0\.0\.1"):
        pull(tiny(HUB), progress=progress, patience=IMPATIENT)
    assert len(hub.gets) == IMPATIENT.tries


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("404", r"127.0.0.1 has no such file \(404\)"),
        ("403", r"127.0.0.1 refuses access \(403\); a gated repository needs HF_TOKEN"),
        ("503", "127.0.0.1 answered 503"),
        ("hang", "no connection to 127.0.0.1"),
        ("html", "127.0.0.1 answered with a web page"),
    ],
)
def test_a_hub_that_cannot_serve_makes_room_for_the_next_source(
    hub: Hub, progress: Recorded, tmp_path: Path, fault: str, reason: str
) -> None:
    spare = tmp_path / "spare.gguf"
    spare.write_bytes(CONTENT)
    hub.faults = [fault]
    patience = IMPATIENT if fault == "hang" else QUICK
    path = pull(tiny(HUB, FileSource(str(spare))), progress=progress, patience=patience)
    assert path.read_bytes() == CONTENT
    assert len(hub.gets) == 1
    hub.faults = [fault]
    path.unlink()
    with pytest.raises(DownloadError, match=rf"cannot fetch tiny\n  hub owner/repo@cccccccc: {reason}"):
        pull(tiny(HUB), progress=progress, patience=patience)


def test_a_closed_port_is_no_hub(monkeypatch: pytest.MonkeyPatch, hub: Hub, progress: Recorded) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(DownloadError, match=r"no connection to 127.0.0.1 \(") as caught:
        pull(tiny(HUB), progress=progress, patience=QUICK)
    assert caught.value.hint == "ttc models pull tiny --from FILE"


def test_wrong_content_is_deleted_and_named_with_both_hashes(hub: Hub, progress: Recorded, home: Path) -> None:
    hub.content = b"GGUF" + bytes(len(CONTENT) - 4)
    with pytest.raises(DownloadError, match=rf"hub owner/repo@cccccccc: wrong sha256: got \w{{64}}, expected {SHA}"):
        pull(tiny(HUB), progress=progress, patience=QUICK)
    assert [path.name for path in (home / "models").iterdir()] == ["tiny.gguf.lock"]


def test_another_size_is_refused_before_a_byte_is_written(hub: Hub, progress: Recorded, home: Path) -> None:
    hub.content = CONTENT + b"more"
    with pytest.raises(DownloadError, match=f"127.0.0.1 offers {len(CONTENT) + 4} bytes, expected {len(CONTENT)}"):
        pull(tiny(HUB), progress=progress, patience=QUICK)
    assert (home / "models" / "tiny.gguf.part").stat().st_size == 0


def test_a_token_goes_to_the_hub_and_into_no_message(
    hub: Hub, progress: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    hub.faults = ["cut", "403"]
    with pytest.raises(DownloadError) as caught:
        pull(tiny(HUB), progress=progress, patience=QUICK)
    assert hub.tokens == ["Bearer hf_secret"] * 2
    assert "secret" not in f"{caught.value}{progress}"


def test_a_password_in_the_endpoint_is_in_no_message(
    hub: Hub, progress: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://user:secret@127.0.0.1:1")
    with pytest.raises(DownloadError) as caught:
        resolve("hf:owner/repo/tiny.gguf", offline=False, progress=progress, patience=QUICK)
    assert "secret" not in f"{caught.value}{progress}"


def test_a_file_of_the_hub_needs_no_catalog(hub: Hub, progress: Recorded, home: Path) -> None:
    model = resolve("hf:owner/repo/sub/tiny.gguf", offline=False, progress=progress, patience=QUICK)
    assert model.path == home / "models" / "hf" / "owner" / "repo" / "sub" / "tiny.gguf"
    assert model.path.read_bytes() == CONTENT
    assert (model.entry, model.name) == (None, "hf:owner/repo/sub/tiny.gguf")
    assert hub.gets == [(f"/owner/repo/resolve/{REVISION}/sub/tiny.gguf", None)]
    assert progress.outcomes[0].startswith("done: size and sha256 verified")
    resolve("hf:owner/repo/sub/tiny.gguf", offline=True, progress=progress)
    assert len(hub.gets) == 1


def test_a_model_in_several_files_is_fetched_whole_and_deleted_whole(hub: Hub, progress: Recorded, home: Path) -> None:
    name = "hf:owner/repo/tiny-00001-of-00003.gguf"
    model = resolve(name, offline=False, progress=progress, patience=QUICK)
    files = [model.path.with_name(f"tiny-0000{number}-of-00003.gguf") for number in (1, 2, 3)]
    assert all(file.read_bytes() == CONTENT for file in files)
    files[1].unlink()
    with pytest.raises(DownloadError, match="00002-of-00003"):
        resolve(name, offline=True, progress=progress)
    resolve(name, offline=False, progress=progress, patience=QUICK)
    assert len(hub.gets) == 4
    remove(name, progress)
    assert not [file for file in files if file.exists()]


def test_a_named_revision_has_a_place_of_its_own(hub: Hub, progress: Recorded, home: Path) -> None:
    model = resolve("hf:owner/repo/tiny.gguf@refs/pr/1", offline=False, progress=progress, patience=QUICK)
    assert model.path == home / "models" / "hf" / "owner" / "repo@refs--pr--1" / "tiny.gguf"


def test_the_hash_the_hub_tells_is_checked(hub: Hub, progress: Recorded) -> None:
    hub.sha256 = "0" * 64
    with pytest.raises(DownloadError, match=f"wrong sha256: got {SHA}, expected 0000"):
        resolve("hf:owner/repo/tiny.gguf", offline=False, progress=progress, patience=QUICK)


def test_without_a_hash_from_the_hub_the_size_is_checked_and_said(hub: Hub, progress: Recorded) -> None:
    hub.sha256 = None
    resolve("hf:owner/repo/tiny.gguf", offline=False, progress=progress, patience=QUICK)
    assert progress.outcomes[0].startswith("done: size verified")


def test_a_file_the_hub_does_not_have_is_said_with_advice(hub: Hub, progress: Recorded) -> None:
    hub.faults = ["404"]
    with pytest.raises(
        DownloadError, match=r"cannot fetch hf:o/r/f.gguf: 127.0.0.1 has no such file \(404\)"
    ) as caught:
        resolve("hf:o/r/f.gguf", offline=False, progress=progress, patience=QUICK)
    assert caught.value.hint == "fetch the file yourself and give its path instead"


def test_what_the_hub_sends_must_be_a_gguf(hub: Hub, progress: Recorded, home: Path) -> None:
    hub.content, hub.sha256 = b"PK" + bytes(100), None
    with pytest.raises(DownloadError, match="it is not a GGUF file"):
        resolve("hf:o/r/f.gguf", offline=False, progress=progress, patience=QUICK)
    assert not list((home / "models").rglob("*.gguf"))


UNKNOWN = replace(tiny(HubSource("owner/repo", "tiny.gguf", "main")), bytes=None, sha256=None)


def test_a_model_of_unknown_size_is_checked_against_what_the_hub_promises(
    hub: Hub, progress: Recorded, home: Path
) -> None:
    path = pull(UNKNOWN, progress=progress, patience=QUICK)
    assert path == home / "models" / "tiny.gguf"
    assert path.read_bytes() == CONTENT
    assert hub.gets == [(f"/owner/repo/resolve/{REVISION}/tiny.gguf", None)]  # the commit, not the branch
    assert progress.outcomes == [f"done: size and sha256 verified, saved as {path}"]
    assert pull(UNKNOWN, progress=progress, patience=QUICK) == path
    assert len(hub.gets) == 1


def test_a_model_of_unknown_size_that_is_not_what_the_hub_promises_is_refused(
    hub: Hub, progress: Recorded, home: Path
) -> None:
    hub.sha256 = "0" * 64
    with pytest.raises(DownloadError, match="wrong sha256"):
        pull(UNKNOWN, progress=progress, patience=QUICK)
    assert not list((home / "models").glob("*.gguf"))


def test_verify_asks_the_hub_about_a_model_of_unknown_size(hub: Hub, progress: Recorded, home: Path) -> None:
    path = pull(UNKNOWN, progress=progress, patience=QUICK)
    path.write_bytes(CONTENT[:-1] + b"?")
    assert pull(UNKNOWN, progress=progress, patience=QUICK).read_bytes() != CONTENT
    assert pull(UNKNOWN, progress=progress, patience=QUICK, verify=True).read_bytes() == CONTENT
    with pytest.raises(DownloadError, match="does not know the sha256") as caught:
        check_sha256(UNKNOWN, path)
    assert caught.value.hint == "ttc models pull tiny --verify"


def test_a_file_of_unknown_size_is_taken_from_elsewhere_if_it_is_what_the_hub_promises(
    hub: Hub, progress: Recorded, home: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.gguf"
    copy.write_bytes(CONTENT)
    assert pull(UNKNOWN, progress=progress, patience=QUICK, source_file=copy).read_bytes() == CONTENT
    assert hub.gets == []
