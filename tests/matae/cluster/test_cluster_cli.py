"""`segment` and `measure` of many files: wrong use first."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from cluster_makers import make_clips
from command_line import run

from matae.cli.reporter import Reporter, duration

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("segment", "a.npy", "--out", "o", "--jobs", "2", "--scheduler", "tcp://x:1"), "cannot go together"),
        (("segment", "a.npy", "--out", "o", "--jobs", "0"), "--jobs"),
        (("measure", "a.npy"), "--json FILE for one clip or two, or --out DIR"),
        (("measure", "a.npy", "b.npy", "c.npy", "--json", "x.json"), "--json FILE for one clip or two, or --out DIR"),
        (("measure", "a.npy", "--json", "x.json", "--jobs", "2"), "are for many clips"),
        (("measure", "a.npy", "--out", "o", "--report", "x.pdf"), "is for one clip"),
        (("measure", "a.npy", "--out", "o", "--ed", "1"), "is for one clip"),
        (("measure", "a.npy", "--out", "o", "--mask", "gone"), "is no folder"),
    ],
)
def test_wrong_use(matae_home: Path, arguments: tuple[str, ...], message: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.replace("│", "").split())


def test_a_list_of_ten_and_what_is_broken_in_it(tiny_model: str, tmp_path: Path, out: Path) -> None:
    make_clips(tmp_path / "in", 3)
    (tmp_path / "in" / "bad.npy").write_bytes(b"\x93NUMPY broken")
    (tmp_path / "in" / "list.txt").write_text("clip0.npy\nbad.npy\nclip1.npy\ngone.npy\nclip2.npy\n", encoding="utf-8")
    arguments = ("segment", tmp_path / "in" / "list.txt", "--out", out, "--model", tiny_model, "--no-overlay")
    result = run(*arguments)
    assert result.exit_code == 1
    assert {path.name for path in out.glob("*.json")} == {"clip0.json", "clip1.json", "clip2.json"}
    heading, *rows = result.stderr.strip().splitlines()[-3:]
    assert heading == "napari-matae: 2 could not be segmented:"
    assert sorted(row.split()[0] for row in rows) == ["bad.npy", "gone.npy"]
    again = run(*arguments)
    assert again.exit_code == 1
    assert "3 of 3 were done before and kept; --again does them anew." in again.stderr
    assert sorted(again.stdout.splitlines()) == sorted(result.stdout.splitlines())  # the paths, as the first time


def test_more_failures_than_a_screen_shows(tiny_model: str, tmp_path: Path, out: Path) -> None:
    make_clips(tmp_path, 1)
    (tmp_path / "list.txt").write_text("clip0.npy\n" + "".join(f"gone{n}.npy\n" for n in range(60)), encoding="utf-8")
    result = run("segment", tmp_path / "list.txt", "--out", out, "--model", tiny_model, "--no-overlay")
    assert result.exit_code == 1
    assert "and 10 more; all are in" in result.stderr
    with (out / "failed.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 60
    assert all("does not exist" in row["why"] for row in rows)


def test_measure_many(tiny_model: str, tmp_path: Path, out: Path) -> None:
    clips = make_clips(tmp_path / "in", 2, n_frames=8)
    np.save(tmp_path / "in" / "=evil.npy", np.load(clips[0]) // 2)
    (tmp_path / "in" / "bad.npy").write_bytes(b"\x93NUMPY broken")
    arguments = ("measure", tmp_path / "in", "--out", out, "--model", tiny_model, "--frame-rate", "30")
    result = run(*arguments)
    assert result.exit_code == 1
    assert "bad.npy" in result.stderr.strip().splitlines()[-1]
    found = {path.name: json.loads(path.read_text("utf-8")) for path in out.glob("*_measure.json")}
    assert set(found) == {"clip0_measure.json", "clip1_measure.json", "=evil_measure.json"}
    rows = table(out / "measure.csv")
    assert [row["source"] for row in rows] == ["'=evil.npy", "clip0.npy", "clip1.npy"]
    for row in rows[1:]:
        values = found[row["file"]]
        assert row["content_id"] == values["content_id"]
        assert row["ef_percent"] == ("" if values["ef_percent"] is None else str(values["ef_percent"]))
        assert row["flags"].split() == [flag["code"] for flag in values["flags"]]
    times = {path.name: path.stat().st_mtime_ns for path in out.glob("*.json")}
    again = run(*arguments)
    assert again.exit_code == 1
    assert "3 of 3 were done before" in again.stderr
    assert {path.name: path.stat().st_mtime_ns for path in out.glob("*.json")} == times
    assert table(out / "measure.csv") == rows  # skipped ones are in it too


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_measure_many_gives_what_measure_of_each_gives(tiny_model: str, tmp_path: Path, out: Path) -> None:
    clip, other = make_clips(tmp_path / "in", 2, n_frames=8)
    options = ("--model", tiny_model, "--view", "A4C", "--spacing", "0.5", "--frame-rate", "30")
    assert run("measure", clip, other, "--out", out, *options).exit_code == 0
    assert run("measure", clip, "--json", tmp_path / "one.json", *options).exit_code == 0
    many = json.loads((out / "clip0_measure.json").read_text("utf-8"))
    many.pop("key")
    assert many == json.loads((tmp_path / "one.json").read_text("utf-8"))


def test_measure_many_from_masks(tiny_model: str, tmp_path: Path, out: Path) -> None:
    make_clips(tmp_path / "in", 2, n_frames=6)
    masks = tmp_path / "masks"
    lone = make_clips(tmp_path / "lone", 3)[2]
    assert run("segment", tmp_path / "in", "--out", masks, "--model", tiny_model, "--no-overlay").exit_code == 0
    arguments = ("measure", tmp_path / "in", lone, "--out", out, "--mask", masks)
    result = run(*arguments)
    assert result.exit_code == 1  # one was never segmented
    assert "has no clip2_mask.nii.gz; segment clip2.npy into it first" in result.stderr
    assert {path.name for path in out.glob("*.json")} == {"clip0_measure.json", "clip1_measure.json"}
    assert json.loads((out / "clip0_measure.json").read_text("utf-8"))["model"] is None
    assert "2 of 2 were done before" in run(*arguments).stderr


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (40, "40 s"), (725, "12 min"), (12_000, "3 h 20 min"), (7_200, "2 h"), (187_200, "2 d 4 h")],
)
def test_time_as_people_say_it(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_without_a_terminal_the_time_left_is_a_line(capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    from types import SimpleNamespace

    now = [0.0]
    monkeypatch.setattr("matae.cli.reporter.time", SimpleNamespace(monotonic=lambda: now[0]))
    with Reporter([None] * 100) as reporter:  # type: ignore[list-item]
        for _ in range(40):  # done before: they say nothing of the speed
            reporter.finish(SimpleNamespace(skipped=True))
        for _ in range(4):
            now[0] += 10
            reporter.finish(SimpleNamespace(skipped=False))
        reporter.finish(None)
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["43 of 100 files; about 10 min left."]
