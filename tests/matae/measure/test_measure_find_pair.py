"""Which two clips are one person's A4C and A2C, and the pairs that are refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from measure_makers import beating

from matae.cine import Patient
from matae.errors import MeasureError
from matae.measure.find_pair import check_pair, find_pair


@pytest.fixture
def clips():
    found = []
    for number in (1, 2):
        cine, _ = beating([1, 0.8, 0.6, 0.8, 1 - 0.01 * number])
        found.append(replace(cine, source=cine.source.with_name(f"clip{number}.dcm")))
    return found


def test_one_clip_twice_is_no_pair(clips) -> None:
    with pytest.raises(MeasureError, match=r"clip1\.dcm shows the same pixels as clip1\.dcm"):
        check_pair(clips[0], clips[0])


def test_two_people_are_no_pair(clips) -> None:
    first, second = replace(clips[0], patient=Patient("17")), replace(clips[1], patient=Patient("18"))
    with pytest.raises(MeasureError, match="of different patients, as their files say"):
        check_pair(first, second)
    # The same number by two hospitals is two people.
    with pytest.raises(MeasureError, match="different patients"):
        check_pair(replace(first, patient=Patient("17", "A")), replace(second, patient=Patient("17", "B")))
    assert check_pair(first, replace(second, patient=Patient("17"))) is not None
    assert check_pair(first, clips[1]) is not None  # nobody says whom the second shows


def test_a_view_that_is_stated_wins_over_the_order(clips) -> None:
    first, second = clips
    assert check_pair(first, second) == (first, second)
    two, four = replace(first, view="A2C"), replace(second, view="A4C")
    assert check_pair(two, four) == (four, two)
    assert check_pair(two, second) == (second, two)
    assert check_pair(first, four) == (four, first)
    for view in ("A2C", "A3C"):
        with pytest.raises(MeasureError, match=f"is stated to be {view}; name an A4C and an A2C clip"):
            check_pair(replace(first, view=view), replace(second, view=view))


def write(path, view, level):
    """Write a DICOM clip that states its view."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, UltrasoundMultiFrameImageStorage, generate_uid

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UltrasoundMultiFrameImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = Dataset()
    data.file_meta = meta
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    data.Modality, data.PatientID, data.PatientSex, data.PatientSize, data.PatientWeight = "US", "p-9", "F", 1.65, 60
    data.Rows, data.Columns, data.NumberOfFrames, data.FrameTime = 64, 64, 4, 33.3
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit, data.PixelRepresentation = 7, 0
    if view:
        data.ViewName = view
    data.PixelData = np.full((4, 64, 64), level, np.uint8).tobytes()
    data.save_as(path, enforce_file_format=True)


def test_a_folder_with_one_clip_of_each_view_is_a_pair(tmp_path) -> None:
    write(tmp_path / "a.dcm", "", 10)
    with pytest.raises(MeasureError, match="holds 0 A4C and 0 A2C clips"):
        find_pair([tmp_path])
    write(tmp_path / "b.dcm", "Apical 2 chamber", 20)
    with pytest.raises(MeasureError, match="holds 0 A4C and 1 A2C clips that state their view; name the two"):
        find_pair([tmp_path])
    write(tmp_path / "c.dcm", "Apical 4 chamber", 30)
    (tmp_path / "broken.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"nothing")
    four, two = find_pair([tmp_path])
    assert (four.source.name, two.source.name) == ("c.dcm", "b.dcm")
    assert (four.view, two.view) == ("A4C", "A2C")
    assert (four.info["sex"], four.info["height_cm"], four.info["weight_kg"]) == ("female", 165.0, 60.0)
    write(tmp_path / "d.dcm", "Apical 4 chamber", 40)
    with pytest.raises(MeasureError, match="holds 2 A4C and 1 A2C"):
        find_pair([tmp_path])
    # Two that are named are taken, whatever lies beside them.
    assert find_pair([tmp_path / "b.dcm", tmp_path / "d.dcm"])[0].source.name == "d.dcm"
