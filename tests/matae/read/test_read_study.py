"""Folders, media and archives of whole studies."""

from __future__ import annotations

import struct
import tempfile
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian
from read_makers import coded_frames, dataset, grey_clip, read_codes, save, write_video

from matae.errors import ReadError
from matae.read import _archive, can_read, is_there, list_cines, open_cine

REPORT, STATE, ECG = (f"1.2.840.10008.5.1.4.1.1.{tail}" for tail in ("88.33", "11.1", "9.1.2"))


def other(path: Path, modality: str, sop_class: str) -> Path:
    """Write an object without pixels."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID = sop_class
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID = "1.2.3"
    made.Modality = modality
    return save(made, path)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    folder = tmp_path / "study"
    (folder / "IMAGES").mkdir(parents=True)
    save(dataset(grey_clip(1)), folder / "IMAGES" / "IM1")
    save(dataset(coded_frames(4)), folder / "IMAGES" / "IM2")
    save(dataset(coded_frames(5)), folder / "IMAGES" / "IM10")
    other(folder / "IMAGES" / "SR1", "SR", REPORT)
    other(folder / "IMAGES" / "PR1", "PR", STATE)
    other(folder / "IMAGES" / "US9", "US", ECG)
    save(dataset(grey_clip(1), Modality="CT"), folder / "IMAGES" / "CT1")
    return folder


def index(folder: Path, files: list[list[str]], name: str = "DICOMDIR") -> Path:
    """Write an index with one record a file; its records are all that is looked at."""
    records = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that no file identifier may have
        for parts in files:
            record = Dataset()
            record.DirectoryRecordType, record.ReferencedFileID = "IMAGE", parts
            records.append(record)
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"
    made.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    made.DirectoryRecordSequence = records
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return save(made, folder / name)


def zipped(folder: Path, target: Path) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder).as_posix())
    return target


def labels(found: Any) -> list[str]:
    return [ref.label for ref in found]


LEFT_OUT = {
    "IMAGES/SR1": "a structured report",
    "IMAGES/PR1": "a presentation state",
    "IMAGES/US9": "a waveform",
    "IMAGES/CT1": "CT data",
}


def test_folder_without_a_clip_says_what_it_holds(tmp_path: Path) -> None:
    other(tmp_path / "SR1", "SR", REPORT)
    with pytest.raises(ReadError, match=r"holds no echo clip; choose .* Left out: a structured report \(SR1\)\."):
        list_cines(tmp_path)


def test_folder_clips_first_then_stills(study: Path) -> None:
    found = list_cines(study)
    assert labels(found) == ["IMAGES/IM2", "IMAGES/IM10", "IMAGES/IM1"]
    assert [ref.info.get("still", False) for ref in found] == [False, False, True]
    assert dict(found.left_out) == LEFT_OUT
    assert "a structured report (IMAGES/SR1)" in found.note
    assert [ref.open().n_frames for ref in found] == [4, 5, 1]


def test_the_only_clip_beside_stills_opens(study: Path) -> None:
    (study / "IMAGES" / "IM10").unlink()
    assert read_codes(open_cine(study).frames) == [0, 1, 2, 3]


def test_index_names_the_files(study: Path) -> None:
    path = index(
        study, [["IMAGES", "IM10"], ["IMAGES", "SR1"], ["images", "im1"], ["IMAGES", "LOST"], ["IMAGES", "IM2"]]
    )
    found = list_cines(path)
    assert labels(found) == ["IMAGES/IM10", "IMAGES/IM2", "IMAGES/IM1"]
    assert dict(found.left_out) == {
        "IMAGES/LOST": "files that the index names and that are missing",
        "IMAGES/SR1": "a structured report",
    }
    assert labels(list_cines(index(study, [["IMAGES", "IM2"]], "index.dcm"))) == ["IMAGES/IM2"]
    assert labels(list_cines(study)) == ["IMAGES/IM2", "IMAGES/IM10", "IMAGES/IM1"]  # indexes are no clips


def test_index_that_leads_out_of_its_folder(study: Path) -> None:
    save(dataset(coded_frames(3)), study.parent / "SECRET")
    for parts in (["..", "SECRET"], ["IMAGES", "..", "..", "SECRET"], [str(study.parent / "SECRET")]):
        found = list_cines(index(study, [parts, ["IMAGES", "IM2"]]))
        assert labels(found) == ["IMAGES/IM2"]
        assert "SECRET" not in labels(list_cines(index(study, [parts])))


def test_index_that_is_damaged(study: Path) -> None:
    path = index(study, [["IMAGES", "IM2"]])
    for size in (9, 60):
        path.write_bytes(path.read_bytes()[:-size])
        assert labels(list_cines(path)) == ["IMAGES/IM2", "IMAGES/IM10", "IMAGES/IM1"]  # the folder, then


def test_archive_of_a_study(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index(study, [["IMAGES", "IM2"]])
    write_video(study / "loop.avi", coded_frames(7))
    path = zipped(study, tmp_path / "study.zip")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    found = list_cines(path)
    assert labels(found) == ["IMAGES/IM2", "IMAGES/IM10", "loop", "IMAGES/IM1"]
    assert dict(found.left_out) == LEFT_OUT
    assert [ref.open().n_frames for ref in found] == [4, 5, 7, 1]
    again = open_cine(found[0].path)
    assert (again.source, is_there(again.source)) == (path / "IMAGES" / "IM2", True)
    assert can_read(path)
    assert not list(scratch.iterdir())
    for missing in (path / "IMAGES" / "IM3", tmp_path / "none.zip" / "IM1"):
        assert not is_there(missing)
        with pytest.raises(ReadError, match="does not exist"):
            open_cine(missing)


def test_archive_whose_names_lead_out_of_it(tmp_path: Path) -> None:
    clip = save(dataset(coded_frames(3)), tmp_path / "a.dcm").read_bytes()
    path = tmp_path / "evil.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("../../out.dcm", "/etc/out.dcm", "C:\\out.dcm", "..", "__MACOSX/._a.dcm", ".hidden.dcm"):
            archive.writestr(name, clip)
    found = list_cines(path)
    assert labels(found) == ["C_/out", "etc/out", "out"]
    assert [read_codes(ref.open().frames) for ref in found] == [[0, 1, 2]] * 3
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.dcm", "evil.zip"]


def test_archives_that_cannot_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(b"PK\3\4" + bytes(400))
    with pytest.raises(ReadError, match=r"a\.zip is a damaged archive; copy it again"):
        list_cines(path)
    assert not can_read(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "nothing")
    with pytest.raises(ReadError, match="holds no echo clip"):
        list_cines(path)
    assert not can_read(path)
    locked = bytearray(path.read_bytes())
    struct.pack_into("<H", locked, locked.index(b"PK\1\2") + 8, 1)
    path.write_bytes(locked)
    with pytest.raises(ReadError, match="locked by a password; unpack it"):
        list_cines(path)
    monkeypatch.setattr(_archive, "_MOST_MEMBERS", 1)
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(2):
            archive.writestr(f"{number}.txt", "")
    with pytest.raises(ReadError, match="holds 2 files, more than a study"):
        list_cines(path)


def test_archive_made_to_fill_the_disk(tmp_path: Path) -> None:
    head = save(dataset(coded_frames(3)), tmp_path / "a.dcm").read_bytes()
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.dcm", head + bytes(30 * 2**20))
    with pytest.raises(ReadError, match=r"a\.dcm in bomb\.zip is too large to be a clip"):
        list_cines(path)[0].open()


def test_damaged_file_in_an_archive(study: Path, tmp_path: Path) -> None:
    stored = tmp_path / "stored.zip"
    with zipfile.ZipFile(stored, "w") as archive:
        for name in ("IM2", "IM10"):
            archive.write(study / "IMAGES" / name, name)
        start = archive.getinfo("IM2").header_offset
    data = bytearray(stored.read_bytes())
    data[start + 3000 : start + 3060] = bytes(60)
    stored.write_bytes(data)
    found = list_cines(stored)
    damaged = next(ref for ref in found if ref.label.endswith("IM2"))
    with pytest.raises(ReadError, match="damaged"):
        damaged.open()
    assert next(ref for ref in found if ref.label.endswith("IM10")).open().n_frames == 5
    packed = zipped(study / "IMAGES", tmp_path / "packed.zip")
    with zipfile.ZipFile(packed) as archive:
        start = archive.getinfo("IM2").header_offset + 40
    data = bytearray(packed.read_bytes())
    data[start : start + 60] = bytes(60)
    packed.write_bytes(data)
    assert ("IM2", "damaged files") in list_cines(packed).left_out


def test_archive_in_a_folder_is_said(study: Path) -> None:
    zipped(study / "IMAGES", study / "more.zip")
    found = list_cines(study)
    assert ("more", "archives, to be opened by themselves") in found.left_out
    np.testing.assert_array_equal(found[0].open().frames, coded_frames(4))
