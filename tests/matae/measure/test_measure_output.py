"""What is written and drawn: JSON, CSV, the M-mode, masks read back, the command line."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from measure_makers import beating
from typer.testing import CliRunner

from matae.cine import Spacing
from matae.cli import app
from matae.errors import MeasureError
from matae.measure import kymograph
from matae.measure.kymograph import line_positions
from matae.measure.mask_file import read_masks
from matae.measure.record import write_csv, write_json
from matae.output import write_mask

# --- JSON and CSV -----------------------------------------------------------------------------------------------


def test_json_is_read_back(measured, nothing, tmp_path) -> None:
    for what in (measured, nothing):
        write_json(tmp_path / "m.json", what)
        assert json.loads((tmp_path / "m.json").read_text("utf-8")) == json.loads(json.dumps(what.to_json()))
    assert "Research use only" in (tmp_path / "m.json").read_text("utf-8")


def test_csv_has_a_row_a_beat(measured, nothing, tmp_path) -> None:
    write_csv(tmp_path / "m.csv", measured)
    with (tmp_path / "m.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(measured.beats)
    assert float(rows[0]["ef_percent"]) == pytest.approx(measured.beats[0].volumes.ef_percent, abs=1e-3)
    assert int(rows[0]["ed_frame"]) == measured.beats[0].beat.ed
    said = measured.to_json()["ef_interval"]
    for row in rows:  # the interval is that of the clip, beside every beat
        assert [float(row[f"clip_ef_{key}"]) for key in ("percent", "low", "high")] == [
            pytest.approx(measured.ef.value, abs=1e-3), said["low"], said["high"],
        ]  # fmt: skip
        assert row["clip_ef_provisional"] == str(said["provisional"])
    write_csv(tmp_path / "n.csv", nothing)
    with (tmp_path / "n.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert "no-beat" in row["flags"]
    assert (row["clip_ef_percent"], row["clip_ef_low"], row["clip_ef_provisional"]) == ("", "", "")


def test_a_name_like_a_formula_stays_text(measured, tmp_path) -> None:
    write_csv(tmp_path / "m.csv", replace(measured, name="=1+1.dcm"))
    assert "'=1+1.dcm" in (tmp_path / "m.csv").read_text("utf-8")


# --- the M-mode -------------------------------------------------------------------------------------------------


def test_impossible_lines_are_refused() -> None:
    frames = np.zeros((2, 9, 9), np.uint8)
    for line in ([(1, 1)], [(1, 1), (1, 1)], [(1, np.nan), (4, 4)]):
        with pytest.raises(MeasureError, match="draw"):
            kymograph(frames, line)
    with pytest.raises(MeasureError, match="broad"):
        kymograph(frames, [(0, 0), (8, 8)], breadth=0)


def test_a_moving_line_is_seen_moving() -> None:
    frames = np.zeros((12, 40, 30), np.uint8)
    for t in range(12):
        frames[t, 8 + 2 * t] = 240
    picture, step = kymograph(frames, [(0, 15), (39, 15)], Spacing(0.5, 0.5))
    assert picture.shape == (40, 12)
    assert step == pytest.approx(0.5)
    assert picture.argmax(0).tolist() == [8 + 2 * t for t in range(12)]
    # Along the stripes nothing changes; beyond the picture it is black.
    along, _ = kymograph(frames, [(8, 3), (8, 25)], breadth=1)
    assert (along[:, 0] == 240).all()
    assert (along[:, 1] == 0).all()
    outside, _ = kymograph(frames + 50, [(-20, 5), (-4, 5)])
    assert (outside == 0).all()


def test_a_bent_line_is_followed_evenly() -> None:
    places, step = line_positions([(0, 0), (0, 10), (10, 10)], Spacing(1.0, 0.5))
    gaps = np.hypot(*(np.diff(places, axis=0) * [1.0, 0.5]).T)
    assert step == pytest.approx(0.5)
    assert gaps == pytest.approx(0.5)
    assert places[-1] == pytest.approx((10, 10))


# --- masks from files -------------------------------------------------------------------------------------------


def test_masks_come_back_from_files(phantom, tmp_path) -> None:
    from PIL import Image

    write_mask(tmp_path / "m.nii.gz", phantom.masks, phantom.cine)
    np.save(tmp_path / "m.npy", phantom.masks * 255)
    still = replace(phantom.cine, frames=phantom.cine.frames[:1], frame_times=None, ed_frame=None, es_frame=None)
    Image.fromarray(phantom.masks[0] * 255).save(tmp_path / "m.png")
    assert np.array_equal(read_masks(tmp_path / "m.nii.gz", phantom.cine), phantom.masks)
    assert np.array_equal(read_masks(tmp_path / "m.npy", phantom.cine), phantom.masks)
    assert np.array_equal(read_masks(tmp_path / "m.png", still), phantom.masks[:1])


def test_what_is_no_mask_is_refused(phantom, tmp_path) -> None:
    cine = phantom.cine
    np.save(tmp_path / "short.npy", phantom.masks[:4])
    np.save(tmp_path / "soft.npy", phantom.masks * 0.5)
    np.save(tmp_path / "big.npy", phantom.masks.astype(np.int32) * 900)
    np.save(tmp_path / "pickle.npy", np.array([{}], dtype=object), allow_pickle=True)
    (tmp_path / "torn.nii.gz").write_bytes(b"\x1f\x8b")
    (tmp_path / "notes.txt").write_text("mask")
    np.save(tmp_path / "number.npy", np.uint8(1))
    # A header that claims more than any memory holds.
    claim = "{'descr': '|u1', 'fortran_order': False, 'shape': (99999999, 999999), }".ljust(117) + "\n"
    (tmp_path / "claim.npy").write_bytes(b"\x93NUMPY\x01\x00v\x00" + claim.encode())
    for name, word in (
        ("absent.npy", "check the path"), ("short.npy", "mask of this clip"), ("soft.npy", "whole numbers"),
        ("big.npy", "0 to 255"), ("pickle.npy", "cannot be read"), ("torn.nii.gz", "cannot be read"),
        ("notes.txt", "cannot be read"), (".", "is a folder"), ("number.npy", "one number"), ("claim.npy", "cannot be"),
    ):  # fmt: skip
        with pytest.raises(MeasureError, match=word):
            read_masks(tmp_path / name, cine)


# --- the command line -------------------------------------------------------------------------------------------


def call(*arguments):
    return CliRunner().invoke(app, ["measure", *map(str, arguments)])


@pytest.fixture
def clip(tmp_path):
    """Write half a beat as a NumPy clip with its masks beside it: no times, no calibration."""
    cine, masks = beating(1 - 0.25 * (1 - np.cos(np.linspace(0, 2 * np.pi, 24))))
    np.save(tmp_path / "clip.npy", cine.frames)
    np.save(tmp_path / "mask.npy", masks)
    return tmp_path / "clip.npy"


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--json", "."),
        ("--json", "m.json", "--report", "m.docx"),
        ("--json", "m.json", "--spacing", "0"),
        ("--json", "m.json", "--spacing", "a,b"),
        ("--json", "m.json", "--view", "A9C"),
        ("--json", "m.json", "--width", "1/3x"),
    ],
)
def test_wrong_use_exits_with_two(clip, monkeypatch, arguments) -> None:
    monkeypatch.chdir(clip.parent)
    done = call(clip, *arguments)
    assert done.exit_code == 2
    assert not (clip.parent / "m.json").exists()


@pytest.mark.parametrize(
    "outputs",
    [
        ("--json", "clip.npy"),
        ("--json", "mask.npy"),
        ("--json", "m.json", "--csv", "./m.json"),
        ("--json", "m.png", "--report", "m.png"),
    ],
)
def test_nothing_that_is_read_or_written_is_written_over(clip, monkeypatch, outputs) -> None:
    monkeypatch.chdir(clip.parent)
    before = {path.name: path.read_bytes() for path in clip.parent.iterdir()}
    done = call("clip.npy", "--mask", "mask.npy", *outputs)
    assert done.exit_code == 2
    assert "another name" in " ".join(done.stderr.replace("│", " ").split())
    assert {path.name: path.read_bytes() for path in clip.parent.iterdir()} == before


def test_what_a_user_can_cause_is_one_line(clip, tmp_path) -> None:
    for arguments in (
        ("--mask", tmp_path / "absent.npy"), ("--mask", tmp_path), ("--mask", tmp_path / "mask.npy", "--ed", 77),
        ("--mask", tmp_path / "mask.npy", "--ed", -1), ("--mask", tmp_path / "mask.npy", "--ed", 4, "--es", 4),
    ):  # fmt: skip
        done = call(clip, "--json", tmp_path / "m.json", *arguments)
        assert done.exit_code == 1
        assert done.stderr.splitlines()[-1].startswith("napari-matae: ")
        assert "Traceback" not in done.output


def test_measure_with_masks(clip, tmp_path) -> None:
    out = tmp_path / "out"
    done = call(
        clip, "--mask", tmp_path / "mask.npy", "--json", out / "m.json", "--csv", out / "m.csv", "--report",
        out / "m.png", "--view", "A4C", "--spacing", "1.0", "--frame-rate", 50, "--ed", 1,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    found = json.loads((out / "m.json").read_text("utf-8"))
    assert (found["view"], found["ed_frame"], found["calibrated"]) == ("A4C", 0, True)
    assert found["beats"][0]["ed_source"] == "user"
    assert found["edv_ml"] == pytest.approx(2 / 3 * np.pi * 80 * 25**2 / 1000, rel=0.02)
    assert "EF" in done.stdout
    assert "90 % interval" in done.stdout
    assert "Research use only" in done.stderr
    assert sorted(path.name for path in out.iterdir()) == ["m.csv", "m.json", "m.png"]


def test_frames_are_counted_from_1_by_people_and_from_0_in_data(clip, tmp_path) -> None:
    masked = (clip, "--mask", tmp_path / "mask.npy", "--json", tmp_path / "m.json")
    said = " ".join(call(*masked, "--ed", 0).stderr.split())
    assert "Frame 0 is marked, but the clip has frames 1 to " in said
    assert call(*masked, "--ed", 2, "--es", 9).exit_code == 0
    found = json.loads((tmp_path / "m.json").read_text("utf-8"))
    assert (found["ed_frame"], found["es_frame"]) == (1, 8)


def test_measure_segments_first(clip, tiny_default, tmp_path) -> None:
    done = call(clip, "--json", tmp_path / "m.json", "--device", "cpu", "--width", "1")
    assert done.exit_code == 0, done.output
    found = json.loads((tmp_path / "m.json").read_text("utf-8"))
    assert found["model"] == tiny_default
    assert found["width"] == "1"
    assert found["calibrated"] is False
    if found["ef_percent"] is not None:
        assert set(found["ef_by_width"]) <= {"1/8", "1/4", "1/2", "1"}
    assert "uncalibrated" in {flag["code"] for flag in found["flags"]}
