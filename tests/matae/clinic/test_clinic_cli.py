"""`measure --sr --dicom-seg --dicom-pdf` and `dicom list|show` on the command line (matae.cli.dicom)."""

from __future__ import annotations

import json

import numpy as np
import pytest
from clinic_makers import NAME, PATIENT, dciodvfy, numbers, phantom_dataset, save
from pydicom import dcmread
from typer.testing import CliRunner

from matae.cli import app
from matae.output import write_mask


@pytest.fixture
def run():
    def do(*arguments, code=0):
        done = CliRunner().invoke(app, [str(one) for one in arguments])
        assert done.exit_code == code, done.output
        return " ".join(done.output.replace("│", " ").split())  # Typer frames what it says of wrong use

    return do


@pytest.fixture
def masks(phantom, cine, tmp_path):
    path = tmp_path / "masks.nii.gz"
    write_mask(path, phantom.masks, cine)
    return path


def test_a_clip_that_is_not_dicom_is_one_sentence_before_the_work(run, cine, tmp_path) -> None:
    np.save(tmp_path / "clip.npy", cine.frames)
    said = run("measure", tmp_path / "clip.npy", "--json", tmp_path / "m.json", "--sr", tmp_path / "sr.dcm", code=1)
    assert "clip.npy is not a DICOM file" in said
    assert "leave out the DICOM outputs" in said
    assert not (tmp_path / "m.json").exists()


def test_the_dicom_outputs_are_for_one_clip(run, clip, tmp_path) -> None:
    assert "is for one clip" in run("measure", clip, "--out", tmp_path, "--sr", tmp_path / "sr.dcm", code=2)
    same = ("--sr", tmp_path / "x.dcm", "--dicom-pdf", tmp_path / "x.dcm")
    assert "written by --sr already" in run("measure", clip, "--json", tmp_path / "m.json", *same, code=2)
    assert "is read by this command" in run("measure", clip, "--json", tmp_path / "m.json", "--sr", clip, code=2)


def test_measure_writes_all_three_only_where_asked(run, clip, masks, tmp_path) -> None:
    out = {name: tmp_path / "out" / f"{name}.dcm" for name in ("sr", "dicom-seg", "dicom-pdf")}
    run("measure", clip, "--mask", masks, "--json", tmp_path / "m.json")
    assert not (tmp_path / "out").exists()
    asked = [part for name, path in out.items() for part in (f"--{name}", path)]
    said = run("measure", clip, "--mask", masks, "--json", tmp_path / "m.json", *asked)
    for path in out.values():
        assert str(path) in said
        assert dcmread(path).PatientID == PATIENT
        assert dciodvfy(path) == []
    record = json.loads((tmp_path / "m.json").read_text())
    assert numbers(dcmread(out["sr"]))["79993-2"][0] == pytest.approx(record["ef_percent"], abs=0.051)


def test_list_prints_a_line_a_clip_and_writes_json(run, phantom, tmp_path) -> None:
    folder = tmp_path / "cd"
    folder.mkdir()
    assert "holds no ultrasound clip" in run("dicom", "list", folder)
    save(phantom_dataset(phantom), folder / "IM1")
    save(phantom_dataset(phantom, NumberOfFrames=1), folder / "IM2")
    said = run("dicom", "list", folder, "--json", tmp_path / "list.json")
    for part in (PATIENT, NAME, "20260112", "A4C", "20 frames", "96 x 96", "IM1", "left out: 1 x single pictures"):
        assert part in said, part
    assert [clip["file"] for clip in json.loads((tmp_path / "list.json").read_text())["clips"]] == ["IM1"]


def test_list_and_show_say_what_is_wrong_in_a_sentence(run, clip, tmp_path) -> None:
    assert "is not there" in run("dicom", "list", tmp_path / "no", code=1)
    assert "only what was made from a clip" in run("dicom", "show", clip, code=1)


def test_show_says_what_a_report_holds(run, clip, masks, tmp_path) -> None:
    run("measure", clip, "--mask", masks, "--json", tmp_path / "m.json", "--sr", tmp_path / "sr.dcm")
    said = run("dicom", "show", tmp_path / "sr.dcm", "--json", tmp_path / "show.json")
    assert "it names the patient" in said
    assert f"patient {PATIENT} {NAME}" in said
    assert json.loads((tmp_path / "show.json").read_text())[0]["kind"] == "structured report"
