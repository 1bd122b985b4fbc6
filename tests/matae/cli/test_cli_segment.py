"""``segment``: what is written, from what, and on a cluster."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest
from cli_makers import make_clip, one_line
from command_line import run

from matae import RESEARCH_USE

if TYPE_CHECKING:
    from matae.cine import Cine


def test_segment(clip, out, tiny_model) -> None:
    result = run("segment", clip, "--out", out, "--model", tiny_model, "--width", "1/4", "--frame-rate", "50")
    assert result.exit_code == 0, result.output
    names = {"clip.json", "clip_mask.nii.gz", "clip_overlay.mp4", "clip_still.png"}
    assert {path.name for path in out.iterdir()} == names
    # What was made, and nothing else, is on the standard output: it can be piped.
    assert all(str(out) in line for line in result.stdout.splitlines())
    assert len(result.stdout.splitlines()) == 4
    record = json.loads((out / "clip.json").read_text("utf-8"))
    assert record["source"] == "clip.npy"
    assert record["frame_rate"] == 50
    assert record["run"]["width"] == "1/4"
    assert record["run"]["model"] == tiny_model
    assert record["research_use"] == RESEARCH_USE
    assert sum(record["area_px"]) > 0


def test_unknown_rate_is_said(clip, out, tiny_model) -> None:
    result = run("segment", clip, "--out", out, "--model", tiny_model)
    assert "25 frames a second, which is not a measurement" in result.stderr
    assert json.loads((out / "clip.json").read_text("utf-8"))["frame_rate"] is None


def test_rates_that_contradict_are_named(tmp_path, out, tiny_model, monkeypatch) -> None:
    from dataclasses import replace

    from matae.read import CineRef

    whole = CineRef.open

    def contradictory(self: CineRef, **asked: bool) -> Cine:
        return replace(whole(self, **asked), info={"frame_rate_candidates": {"FrameTime": 50.0, "CineRate": 30.0}})

    monkeypatch.setattr(CineRef, "open", contradictory)
    clip = make_clip(tmp_path / "clip.npy")
    arguments = ("segment", clip, "--out", out, "--model", tiny_model, "--no-overlay")
    assert "50 Hz (FrameTime), 30 Hz (CineRate), which cannot be trusted" in run(*arguments).stderr
    assert "cannot be trusted" not in run(*arguments, "--frame-rate", "50").stderr


def test_no_overlay(clip, out, tiny_model) -> None:
    assert run("segment", clip, "--out", out, "--model", tiny_model, "--no-overlay").exit_code == 0
    assert not list(out.glob("*.mp4"))


@pytest.mark.parametrize(
    ("sector", "flip", "expected"),
    [
        ("whole", "none", ("whole", False, [[0, 0], [0, 79], [59, 79], [59, 0]])),
        ("10,20,50,70", "vertical", ("user", True, [[10, 20], [10, 69], [49, 69], [49, 20]])),
        ("10,20,50,70", "auto", ("user", False, [[10, 20], [10, 69], [49, 69], [49, 20]])),
    ],
)
def test_sector_and_flip(clip, out, tiny_model, *, sector, flip, expected) -> None:
    result = run("segment", clip, "--out", out, "--model", tiny_model, "--sector", sector, "--flip", flip)
    assert result.exit_code == 0, result.output
    used = json.loads((out / "clip.json").read_text("utf-8"))["sector"]
    assert (used["source"], used["apex_down"], used["polygon_yx"]) == expected


def test_flip_alone_keeps_the_sector_found(clip, out, tiny_model) -> None:
    sectors = []
    for flip in ("auto", "vertical"):
        run("segment", clip, "--out", out, "--model", tiny_model, "--flip", flip, "--no-overlay")
        sectors.append(json.loads((out / "clip.json").read_text("utf-8"))["sector"])
    assert sectors[1] == sectors[0] | {"apex_down": True}


def test_one_bad_file_does_not_stop_the_others(tmp_path, out, tiny_model) -> None:
    good = [make_clip(tmp_path / "in" / f"{name}.npy") for name in "ac"]
    bad = tmp_path / "in" / "b.npy"
    bad.write_bytes(b"\x93NUMPY broken")
    result = run("segment", good[0], bad, "gone.avi", good[1], "--out", out, "--model", tiny_model, "--no-overlay")
    assert result.exit_code == 1
    assert {path.name for path in out.glob("*.json")} == {"a.json", "c.json"}
    last = result.stderr.strip().splitlines()[-3:]
    assert last[0] == "napari-matae: 2 could not be segmented:"
    assert "gone.avi" in last[1]
    assert "b.npy" in last[2]


def test_folder_twice_takes_no_results_for_cines(tmp_path, tiny_model) -> None:
    make_clip(tmp_path / "in" / "a.npy")
    make_clip(tmp_path / "in" / "deeper" / "b.npy", seed=1)
    for _ in range(2):  # the results lie among the inputs
        result = run("segment", tmp_path / "in", "--out", tmp_path / "in", "--model", tiny_model)
        assert result.exit_code == 0, result.output
        assert {path.name for path in (tmp_path / "in").glob("*.json")} == {"a.json", "b.json"}


def test_same_name_in_two_folders(tmp_path, out, tiny_model) -> None:
    for seed in (0, 1):
        make_clip(tmp_path / "in" / str(seed) / "clip.npy", seed=seed)
    arguments = ("segment", tmp_path / "in", "--out", out, "--model", tiny_model, "--no-overlay")
    assert run(*arguments).exit_code == 0
    names = sorted(path.name for path in out.iterdir())
    assert len([name for name in names if name.endswith(".json")]) == 2
    assert run(*arguments).exit_code == 0
    assert sorted(path.name for path in out.iterdir()) == names


def test_named_twice_is_done_once(clip, out, tiny_model) -> None:
    result = run("segment", clip, clip.parent, "--out", out, "--model", tiny_model, "--no-overlay")
    assert len(result.stdout.splitlines()) == 3


def test_bars_on_a_terminal(tmp_path, out, tiny_model, monkeypatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    for name in ("a[b]", "c"):
        make_clip(tmp_path / "in" / f"{name}.npy")
    result = run("segment", tmp_path / "in", "--out", out, "--model", tiny_model, "--no-overlay")
    assert result.exit_code == 0, result.output
    assert "2/2" in result.stderr


def test_cluster_not_installed(clip, out, tiny_model, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    message = one_line(run("segment", clip, "--out", out, "--scheduler", "tcp://127.0.0.1:1"))
    assert "(extra cluster): pip install 'distributed" in message


def test_no_scheduler_answers(clip, out, tiny_model, monkeypatch) -> None:
    pytest.importorskip("distributed", reason="needs the extra cluster")
    monkeypatch.setattr("matae.cluster.scheduler._CONNECT_SECONDS", 0.5)
    message = one_line(run("segment", clip, "--out", out, "--scheduler", "tcp://127.0.0.1:1"))
    assert "No dask scheduler answers at tcp://127.0.0.1:1" in message
    assert "start one with 'dask scheduler'" in message


def test_cluster(tmp_path, out, tiny_model, monkeypatch) -> None:
    distributed = pytest.importorskip("distributed", reason="needs the extra cluster")
    clips = [make_clip(tmp_path / "in" / f"{name}.npy") for name in "ab"]
    bad = tmp_path / "in" / "bad.npy"
    bad.write_bytes(b"\x93NUMPY broken")
    monkeypatch.chdir(tmp_path)
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address="127.0.0.1:0", host="tcp://127.0.0.1"
    ) as cluster:
        address = cluster.scheduler_address
        result = run(
            "segment", clips[0].relative_to(tmp_path), clips[1], bad, "--out", "out", "--model", tiny_model,
            "--no-overlay", "--scheduler", address,
        )  # fmt: skip
    assert result.exit_code == 1
    assert {path.name for path in out.glob("*.json")} == {"a.json", "b.json"}
    assert "bad.npy" in result.stderr.strip().splitlines()[-1]
