"""A folder, or a medium by its index, as a list of clips with whose they are."""

from __future__ import annotations

import shutil

import pytest
from clinic_makers import NAME, PATIENT, STUDY_DATE, phantom_dataset, save
from pydicom.fileset import FileSet

from matae.clinic import list_clips
from matae.errors import ReadError


def test_what_is_not_there_or_no_index_is_refused(clip, tmp_path) -> None:
    with pytest.raises(ReadError, match="is not there; give a folder"):
        list_clips(tmp_path / "nothing")
    for path in (clip, tmp_path / "text"):
        if path != clip:
            path.write_text("no DICOM")
        with pytest.raises(ReadError, match="neither a folder nor a DICOMDIR"):
            list_clips(path)


def test_an_empty_folder_is_an_empty_list(tmp_path) -> None:
    assert list_clips(tmp_path).clips == ()


def test_clips_are_told_from_what_else_lies_there(phantom, tmp_path) -> None:
    save(phantom_dataset(phantom, view="A2C"), tmp_path / "b.dcm")
    (tmp_path / "deep" / "down").mkdir(parents=True)
    save(
        phantom_dataset(phantom, PatientID="P-0001", PatientIdentityRemoved="YES"), tmp_path / "deep" / "down" / "IM01"
    )
    save(phantom_dataset(phantom, NumberOfFrames=1), tmp_path / "still.dcm")
    save(phantom_dataset(phantom, Modality="SR", SOPClassUID="1.2.840.10008.5.1.4.1.1.88.33"), tmp_path / "sr.dcm")
    whole = (tmp_path / "b.dcm").read_bytes()
    (tmp_path / "cut.dcm").write_bytes(whole[:300])
    (tmp_path / "notes.txt").write_text("no DICOM")
    found = list_clips(tmp_path)
    assert [(clip.file, clip.patient_id, clip.view) for clip in found.clips] == [
        ("deep/down/IM01", "P-0001", "A4C"), ("b.dcm", PATIENT, "A2C"),
    ]  # fmt: skip
    first, last = found.clips
    assert (last.patient_name, last.study_date, last.frames, last.rows, last.columns) == (NAME, STUDY_DATE, 20, 96, 96)
    assert (first.deidentified, last.deidentified) == (True, False)
    assert found.left_out == {"a structured report": 1, "damaged files": 1, "single pictures": 1}
    assert found.to_json()["clips"][1]["instance_uid"] == last.instance_uid


def test_pixels_are_not_read(phantom, tmp_path) -> None:
    path = save(phantom_dataset(phantom), tmp_path / "clip.dcm")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) - phantom.cine.frames.nbytes])
    assert list_clips(tmp_path).clips[0].frames == 20


def test_a_dicomdir_says_which_files_count_and_which_are_missing(phantom, tmp_path) -> None:
    medium = FileSet()
    for _ in range(3):
        medium.add(phantom_dataset(phantom))
    medium.write(tmp_path / "cd")
    medium._stage["t"].cleanup()
    listed = sorted(path for path in (tmp_path / "cd").rglob("*") if path.is_file() and path.name != "DICOMDIR")
    listed[0].unlink()
    shutil.copy(listed[1], tmp_path / "cd" / "stray")
    found = list_clips(tmp_path / "cd" / "DICOMDIR")
    assert len(found.clips) == 2
    assert len(found.missing) == 1
    assert len(list_clips(tmp_path / "cd").clips) == 3  # the folder is what lies in it
