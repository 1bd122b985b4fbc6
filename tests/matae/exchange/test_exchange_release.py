"""Releases: numbered, the same bytes for the same labels, comparable, checkable."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from exchange_makers import add_clip, cavity, contents

from matae.errors import ExchangeError
from matae.exchange import compare_releases, plan_export, read_manifest, run_export, verify_release
from matae.exchange.registry import FORMATS
from matae.store import Edit, FrameStatus, Study

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from matae.exchange import ExportedRelease


@pytest.mark.parametrize("format_name", list(FORMATS))
def test_the_same_state_gives_the_same_bytes(
    home: Study, released: Callable[..., ExportedRelease], tmp_path: Path, format_name: str
) -> None:
    first = released(format_name)
    made = (first.folder / "release.json").stat().st_mtime
    time.sleep(max(0.0, made + 1.1 - time.time()))  # whatever states a time states another one now
    second = run_export(plan_export(home, format_name), tmp_path / "again")
    assert (second.name, second.number, second.is_new) == (first.name, first.number, False)
    assert contents(second.folder) == contents(first.folder)


def test_manifest_says_what_there_is(home: Study, released: Callable[..., ExportedRelease]) -> None:
    release = released("png")
    manifest = read_manifest(release.folder)
    assert manifest == json.loads((release.folder / "release.json").read_text()) == release.manifest
    for entry in manifest["files"]:
        data = (release.folder / entry["path"]).read_bytes()
        assert entry["sha256"] == hashlib.sha256(data).hexdigest()
        assert entry["bytes"] == len(data)
    listed = {entry["path"] for entry in manifest["files"]}
    assert listed | {"release.json"} == contents(release.folder).keys()
    assert len(manifest["raters"]) == 1
    assert manifest["tool_version"]
    frames = [frame for clip in manifest["clips"] for frame in clip["frames"]]
    digests = {hashlib.sha256(cavity(t).tobytes()).hexdigest() for t in range(1, 7)}
    assert {frame["mask_sha256"] for frame in frames} == digests
    sides = {clip["patient"]: clip["split"] for clip in manifest["clips"]}
    assert sorted(sides.values()) == sorted(home.splits().values())
    assert verify_release(release.folder) == []


def test_numbers_count_by_name(study: Study, tmp_path: Path) -> None:
    before = max((r.number for r in study.releases() if r.name == "lv"), default=0)
    first = run_export(plan_export(study, "npz", name="lv"), tmp_path / "1")
    assert (first.number, first.is_new) == (before + 1, True)
    content_id = study.cines()[0].content_id
    mask = cavity(3)
    mask[40, 80] = 0
    info = study.frames(content_id)[3]
    study.put_edits(content_id, [Edit(3, mask, info.revision, FrameStatus.ACCEPTED)])
    second = run_export(plan_export(study, "npz", name="lv"), tmp_path / "2")
    assert second.number == first.number + 1
    found = compare_releases(first.manifest, second.manifest)
    assert (len(found.added), len(found.removed), len(found.changed), found.same) == (0, 0, 1, 10)
    assert found.changed[0][1] == 3
    assert not found.is_equal
    assert "1 changed" in found.describe()
    # Back to the first state: it is the first release again.
    study.put_edits(content_id, [Edit(3, cavity(3), study.frames(content_id)[3].revision, FrameStatus.ACCEPTED)])
    third = run_export(plan_export(study, "npz", name="lv"), tmp_path / "3")
    assert third.number == first.number
    assert compare_releases(first.manifest, third.manifest).is_equal
    kept = {(r.name, r.number) for r in study.releases()}
    assert {("lv", first.number), ("lv", second.number)} <= kept
    frames = study.release_frames("lv", first.number)
    assert len(frames) == 11


def test_formats_of_one_state_compare_equal(released: Callable[..., ExportedRelease]) -> None:
    assert compare_releases(released("png").manifest, released("coco").manifest).is_equal
    without = compare_releases(released("png").manifest, released("camus").manifest)
    assert len(without.removed) == 1  # CAMUS has no place for the frame between
    assert not without.changed


def test_what_is_no_manifest_is_not_compared(released: Callable[..., ExportedRelease]) -> None:
    with pytest.raises(ExchangeError, match="no manifest"):
        compare_releases(released("png").manifest, {"clips": [{}]})


def test_changes_of_a_folder_are_found(released: Callable[..., ExportedRelease], tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(released("png").folder, folder)
    first, second, *_ = sorted((folder / "masks").rglob("*.png"))
    first.unlink()
    second.write_bytes(second.read_bytes() + b"\0")
    (folder / "notes.txt").write_text("x")
    said = " ".join(verify_release(folder))
    assert f"{first.name} is missing" in said
    assert f"{second.name} was changed" in said
    assert "notes.txt was added" in said
    with pytest.raises(ExchangeError, match="no release"):
        verify_release(tmp_path)


def test_a_damaged_or_newer_manifest_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "release.json"
    for text, said in (
        ("{", "damaged"),
        ("[]", "no object"),
        ('{"tool": "napari-matae", "manifest_version": 99}', "newer"),
        ('{"tool": "napari-matae", "manifest_version": 1, "files": [{"path": "../x", "sha256": "0"}]}', "inside"),
        ('{"tool": "napari-matae", "manifest_version": 1, "files": [{}]}', "damaged"),
    ):
        path.write_text(text)
        with pytest.raises(ExchangeError, match=said):
            verify_release(tmp_path)


def test_patients_keep_their_side_when_others_come(study: Study, tmp_path: Path) -> None:
    study.assign_splits()
    before = {clip.patient: clip.split for clip in plan_export(study, "npz").clips}
    for number in range(2):
        add_clip(study, tmp_path / f"{number}.dcm", subject=f"new-{number}", seed=50 + number, frames=(1, 6))
    plan = plan_export(study, "npz")
    after = {clip.patient: clip.split for clip in plan.clips}
    assert before.items() <= after.items()
    assert len(after) == 4
    run_export(plan, tmp_path / "out")
    assert len(study.splits()) == 4
    assert sum(counts.patients for counts in plan.splits.values()) == 4
    assert sum(counts.frames for counts in plan.splits.values()) == plan.n_frames == 11 + 4
    assert np.array_equal(sorted(c.split for c in plan.clips), sorted(c.split for c in plan_export(study, "npz").clips))
