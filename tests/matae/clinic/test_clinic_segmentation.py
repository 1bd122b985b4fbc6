"""The masks of a whole clip as one SEG of the original instance, read back by code of its own."""

from __future__ import annotations

import numpy as np
import pytest
from clinic_makers import PATIENT, dciodvfy
from pydicom import dcmread

from matae.clinic import algorithm_of, make_segmentation, read_source, write_dicom
from matae.errors import ExchangeError


def written(masks, cine, path, algorithm=None, **options):
    write_dicom(path, make_segmentation(masks, read_source(cine), algorithm, **options))
    return dcmread(path)


def read_back(seg, shape):
    """Put every frame of a binary SEG where it says that it belongs: (segment, T, Y, X)."""
    planes = np.unpackbits(np.frombuffer(seg.PixelData, np.uint8), bitorder="little")
    planes = planes[: seg.NumberOfFrames * seg.Rows * seg.Columns].reshape(seg.NumberOfFrames, seg.Rows, seg.Columns)
    found = np.zeros((len(seg.SegmentSequence), *shape), np.uint8)
    for plane, group in zip(planes, seg.PerFrameFunctionalGroupsSequence, strict=True):
        segment = group.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        reference = group.DerivationImageSequence[0].SourceImageSequence[0]
        number = reference.get("ReferencedFrameNumber", 1)
        assert list(group.FrameContentSequence[0].DimensionIndexValues) == [segment, number]
        found[segment - 1, number - 1] = plane
    return found


def test_empty_masks_and_those_of_another_clip_are_refused(cine, phantom) -> None:
    source = read_source(cine)
    with pytest.raises(ExchangeError, match="segment the clip first"):
        make_segmentation(np.zeros_like(phantom.masks), source)
    with pytest.raises(ExchangeError, match="choose the masks of this clip"):
        make_segmentation(phantom.masks[:-1], source)


def test_every_frame_of_every_class_comes_back(cine, phantom, tmp_path) -> None:
    masks = (phantom.masks == 1).astype(np.uint8)
    masks[(np.roll(masks, 4, axis=2) == 1) & (masks == 0)] = 2  # a wall beside the cavity
    masks[5] = 0  # a frame without anything stays, empty
    values = [int(value) for value in np.unique(masks) if value]
    assert len(values) > 1
    seg = written(masks, cine, tmp_path / "seg.dcm", algorithm_of("matae-lv"))
    found = read_back(seg, masks.shape)
    for number, value in enumerate(values):
        assert (found[number] == (masks == value)).all(), value
    assert seg.NumberOfFrames == len(values) * len(masks)
    assert seg.SegmentSequence[0].SegmentedPropertyTypeCodeSequence[0].CodeValue
    assert dciodvfy(tmp_path / "seg.dcm") == []


def test_highdicom_finds_the_masks_by_the_frames_of_the_source(cine, phantom, tmp_path) -> None:
    import highdicom as hd

    written((phantom.masks == 1).astype(np.uint8), cine, tmp_path / "seg.dcm")
    seg = hd.seg.segread(tmp_path / "seg.dcm")
    uid = read_source(cine).SOPInstanceUID
    found = seg.get_pixels_by_source_frame(uid, [1, 9, 20], ignore_spatial_locations=True)
    assert (found[..., 0] == (phantom.masks[[0, 8, 19]] == 1)).all()


def test_it_is_of_the_patient_and_says_how_the_masks_came_about(cine, phantom, tmp_path) -> None:
    masks, source = (phantom.masks == 1).astype(np.uint8), read_source(cine)
    by_hand = written(masks, cine, tmp_path / "hand.dcm")
    by_net = written(masks, cine, tmp_path / "net.dcm", algorithm_of("matae-lv"))
    mixed = written(masks, cine, tmp_path / "mixed.dcm", algorithm_of("matae-lv"), edited=[3])
    kinds = [one.SegmentSequence[0].SegmentAlgorithmType for one in (by_hand, by_net, mixed)]
    assert kinds == ["MANUAL", "AUTOMATIC", "SEMIAUTOMATIC"]
    assert by_net.PatientID == PATIENT
    assert by_net.StudyInstanceUID == source.StudyInstanceUID
    assert by_net.SeriesInstanceUID != source.SeriesInstanceUID
    (series,) = by_net.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == source.SeriesInstanceUID
    (instance,) = series.ReferencedInstanceSequence
    assert (instance.ReferencedSOPInstanceUID, instance.ReferencedSOPClassUID) == (
        source.SOPInstanceUID, source.SOPClassUID,
    )  # fmt: skip
    for path in ("hand", "net", "mixed"):
        assert dciodvfy(tmp_path / f"{path}.dcm") == []
