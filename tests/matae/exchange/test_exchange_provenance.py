"""What a DICOM export says of itself: how masks came about, what the pixels went through, how they were cleaned."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from exchange_makers import cavity, dicom, heart
from pydicom import dcmread

from matae.errors import ExchangeError
from matae.exchange import plan_export, run_export
from matae.exchange.provenance import provenance_of
from matae.read import open_cine
from matae.segment import Sector
from matae.store import Edit, FrameStatus, Study

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytest.importorskip("highdicom")


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Study]:
    with Study.create(tmp_path / "study.matae", rater="dr-adams") as made:
        yield made


def exported(study: Study, folder: Path) -> tuple[Any, list[Any]]:
    run_export(plan_export(study, "dicom-seg"), folder, looked=True)
    (image,) = (dcmread(path) for path in (folder / "images").glob("*.dcm"))
    return image, [dcmread(path) for path in sorted((folder / "segmentations").glob("*.dcm"))]


def add(study: Study, path: Path, **elements: Any) -> str:
    cine = open_cine(dicom(path, heart(), **elements))
    study.add_cine(cine, subject="Doe")
    study.put_edits(cine.content_id, [Edit(1, cavity(1), 0, FrameStatus.ACCEPTED)])
    return cine.content_id


def test_how_a_mask_came_about(empty: Study, tmp_path: Path) -> None:
    content_id = add(empty, tmp_path / "a.dcm")
    empty.put_proposals(content_id, {t: cavity(t) for t in (2, 3)}, model="matae-lv", width="1", model_sha256="ab" * 32)
    empty.set_status(content_id, [2], FrameStatus.ACCEPTED)
    changed = cavity(3)
    changed[40:44] = 0
    revision = empty.frames(content_id)[3].revision
    empty.put_edits(content_id, [Edit(3, changed, revision, FrameStatus.ACCEPTED)])
    _, segs = exported(empty, tmp_path / "out")
    segments = [seg.SegmentSequence[0] for seg in segs]
    assert [segment.SegmentAlgorithmType for segment in segments] == ["MANUAL", "AUTOMATIC", "SEMIAUTOMATIC"]
    assert "SegmentAlgorithmName" not in segments[0]
    for segment in segments[1:]:
        (named,) = segment.SegmentationAlgorithmIdentificationSequence
        assert named.AlgorithmName == "matae-lv"
        assert named.AlgorithmFamilyCodeSequence[0].CodeValue == "123110"
        assert named.AlgorithmVersion == "ab" * 8
    types = {segment.SegmentedPropertyTypeCodeSequence[0].CodeValue for segment in segments}
    assert types == {"87878005"}


@pytest.mark.parametrize(
    ("elements", "lossy"),
    [
        ({}, None),
        ({"LossyImageCompression": "00"}, "00"),
        (
            {
                "LossyImageCompression": "01",
                "LossyImageCompressionRatio": [12.5, 3],
                "LossyImageCompressionMethod": ["ISO_10918_1", "ISO_15444_1"],
            },
            "01",
        ),
    ],
)
def test_what_the_pixels_went_through(
    empty: Study, tmp_path: Path, elements: dict[str, Any], lossy: str | None
) -> None:
    add(empty, tmp_path / "a.dcm", **elements)
    image, _ = exported(empty, tmp_path / "out")
    assert image.get("LossyImageCompression") == lossy
    if lossy == "01":
        assert [float(value) for value in image.LossyImageCompressionRatio] == [12.5, 3]
        assert list(image.LossyImageCompressionMethod) == ["ISO_10918_1", "ISO_15444_1"]
    else:
        assert "LossyImageCompressionRatio" not in image


@pytest.mark.parametrize("stated", ["YES", "NO", None])
def test_text_in_the_picture(empty: Study, tmp_path: Path, stated: str | None) -> None:
    add(empty, tmp_path / "a.dcm", **({} if stated is None else {"BurnedInAnnotation": stated}))
    image, _ = exported(empty, tmp_path / "out")
    # Blanked around the sector, a picture that had text may have none; nobody can say so for sure.
    assert image.get("BurnedInAnnotation") == ("NO" if stated == "NO" else None)


def test_how_it_was_deidentified(empty: Study, tmp_path: Path) -> None:
    add(empty, tmp_path / "a.dcm")
    image, segs = exported(empty, tmp_path / "out")
    for dataset in (image, *segs):
        assert dataset.PatientIdentityRemoved == "YES"
        codes = [(item.CodeValue, item.CodingSchemeDesignator) for item in dataset.DeidentificationMethodCodeSequence]
        assert codes == [("113100", "DCM"), ("113101", "DCM")]
        assert dataset.LongitudinalTemporalInformationModified == "REMOVED"


def test_pixels_around_an_unsure_sector_are_not_called_clean(
    empty: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, columns = heart().shape[1:]
    corners = np.array([[2.0, 2], [2, columns - 4], [rows - 4, columns - 4], [rows - 4, 2]])
    unsure = Sector(corners, "outline", confidence=0.3)
    monkeypatch.setattr("matae.segment.sector.find_sector", lambda _: unsure)
    monkeypatch.setattr("matae.store.applied._found", {})  # the same pixels were looked at by other tests
    add(empty, tmp_path / "a.dcm", BurnedInAnnotation="YES")
    with pytest.raises(ExchangeError, match="look"):
        run_export(plan_export(empty, "dicom-seg"), tmp_path / "not")
    image, _ = exported(empty, tmp_path / "out")
    assert [item.CodeValue for item in image.DeidentificationMethodCodeSequence] == ["113100"]
    assert image.BurnedInAnnotation == "YES"


def test_text_that_was_found_is_said(tmp_path: Path) -> None:
    path = dicom(tmp_path / "a.dcm", heart(), BurnedInAnnotation="NO")
    found = provenance_of(path, has_text=True, blanked=0.4)
    assert (found.burned_in, found.cleaned) == ("YES", False)
    found = provenance_of(dicom(tmp_path / "b.dcm", heart(), BurnedInAnnotation="YES"), has_text=False, blanked=0.0)
    assert (found.burned_in, found.cleaned) == ("YES", False)


@pytest.mark.parametrize(
    ("syntax", "method"),
    [
        ("1.2.840.10008.1.2.4.50", "ISO_10918_1"), ("1.2.840.10008.1.2.4.81", "ISO_14495_1"),
        ("1.2.840.10008.1.2.4.100", "ISO_13818_2"), ("1.2.840.10008.1.2.4.102", "ISO_14496_10"),
        ("1.2.840.10008.1.2.4.102.1", "ISO_14496_10"), ("1.2.840.10008.1.2.4.107", "ISO_23008_2"),
    ],
)  # fmt: skip
def test_a_lossy_transfer_syntax_says_so_where_the_tags_do_not(tmp_path: Path, syntax: str, method: str) -> None:
    path = dicom(tmp_path / "a.dcm", heart())
    dataset = dcmread(path)
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelData = dataset.PixelData[:1000]
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.PixelData = b"\xfe\xff\x00\xe0\x00\x00\x00\x00\xfe\xff\x00\xe0\x04\x00\x00\x00abcd"
    dataset.save_as(path, enforce_file_format=False)
    found = provenance_of(path, has_text=False, blanked=0.4)
    assert (found.lossy, found.methods) == ("01", (method,))
    assert found.ratios[0] > 1


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (Debian's dicom3tools) is not installed")
def test_dciodvfy_finds_no_error_in_what_a_model_drew(empty: Study, tmp_path: Path) -> None:
    content_id = add(
        empty, tmp_path / "a.dcm", LossyImageCompression="01", LossyImageCompressionRatio=[12.5],
        LossyImageCompressionMethod=["ISO_10918_1"], BurnedInAnnotation="NO",
    )  # fmt: skip
    empty.put_proposals(content_id, {2: cavity(2, classes=3)}, model="m", width="1")
    empty.set_status(content_id, [2], FrameStatus.ACCEPTED)
    exported(empty, tmp_path / "out")
    for path in sorted((tmp_path / "out").rglob("*.dcm")):
        said = subprocess.run(["dciodvfy", path], capture_output=True, text=True, check=False).stderr
        assert "Error" not in said, said


def test_masks_of_a_class_without_a_name_get_a_code_of_their_own(empty: Study, tmp_path: Path) -> None:
    content_id = add(empty, tmp_path / "a.dcm")
    mask = np.zeros_like(cavity(0))
    mask[50:60, 70:80] = 5
    empty.put_edits(content_id, [Edit(4, mask, 0, FrameStatus.ACCEPTED)])
    _, segs = exported(empty, tmp_path / "out")
    kind = segs[1].SegmentSequence[0].SegmentedPropertyTypeCodeSequence[0]
    assert (kind.CodeValue, kind.CodingSchemeDesignator) == ("class-5", "99MATAE")
