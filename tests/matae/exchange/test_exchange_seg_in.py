"""DICOM segmentations of others: a segment is what its code says, whatever its number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from exchange_makers import labels
from foreign_makers import ATRIUM, ENDO, EPI, SHAPE, dicom_seg, drawn

from matae.errors import ExchangeError
from matae.exchange import UnknownClassError, plan_import, run_import

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from matae.store import Study

pytest.importorskip("highdicom")

LV, LA = ("87878005", "SCT", "Left ventricle"), ("82471001", "SCT", "Left atrium")
HEART, RV = ("80891009", "SCT", "Heart"), ("53085002", "SCT", "Right ventricle")


def stored(study: Study, folder: Path, classes: Mapping[str, str] | None = None) -> NDArray[np.uint8]:
    run_import(plan_import(study, folder, classes=classes))
    ((mask,),) = (masks.values() for masks in labels(study).values())
    return mask


@pytest.mark.parametrize("label", [("LA", "LV"), ("Segment_1", "Segment_2"), ("", ""), ("object", "LV endo")])
def test_the_number_of_a_segment_means_nothing(other: Study, tmp_path: Path, label: tuple[str, str]) -> None:
    atrium = drawn(ATRIUM) & ~drawn(ENDO)
    dicom_seg(tmp_path, [(label[0] or " ", LA, atrium), (label[1] or " ", LV, drawn(ENDO))])
    np.testing.assert_array_equal(stored(other, tmp_path), np.where(drawn(ENDO), 1, 3 * atrium))


@pytest.mark.parametrize(
    ("label", "code", "value"),
    [
        ("x", ("T-32600", "SRT", "Left Ventricle"), 1),
        ("x", ("T-32600", "99SDM", "LV"), 1),
        ("x", ("7101", "FMA", "Left ventricle"), 1),
        ("x", ("RID1", "RADLEX", "left ventricle"), 1),
        ("x", ("49848007", "SCT", "Left Ventricle Myocardium"), 2),
        ("x", ("74281007", "SCT", "Myocardium"), 2),
        ("LV", HEART, 1),
        ("LV endo", ("85756007", "SCT", "Tissue"), 1),
        ("left atrium", None, 3),
        ("myocardium", LV, 2),  # the code of the ventricle holds its wall too
        ("class 4", LA, 4),  # as our own older exports have it
        ("x", ("9558", "FMA", "Myocardium of left ventricle"), 2),
    ],
)  # fmt: skip
def test_codes_and_labels(
    other: Study, tmp_path: Path, label: str, code: tuple[str, str, str] | None, value: int
) -> None:
    dicom_seg(tmp_path, [(label, code, drawn(ENDO))])
    np.testing.assert_array_equal(stored(other, tmp_path), value * drawn(ENDO))


def test_a_code_counts_more_than_a_label_that_contradicts_it(other: Study, tmp_path: Path) -> None:
    dicom_seg(tmp_path, [("LV", LA, drawn(ENDO))])
    assert "'LV' is coded as left atrium; the code is taken, not the label." in plan_import(other, tmp_path).notes
    np.testing.assert_array_equal(stored(other, tmp_path), 3 * drawn(ENDO))


def test_left_is_a_modifier(other: Study, tmp_path: Path) -> None:
    dicom_seg(tmp_path, [("x", ("21814001", "SCT", "Ventricle"), drawn(ENDO))], modifier="Left")
    np.testing.assert_array_equal(stored(other, tmp_path), drawn(ENDO))


@pytest.mark.parametrize(
    ("label", "code", "modifier"),
    [("LV", RV, ""), ("Segment_1", HEART, ""), ("x", ("21814001", "SCT", "Ventricle"), "Right"), ("x", None, "")],
)
def test_what_is_not_known_is_asked_for(
    other: Study, tmp_path: Path, label: str, code: tuple[str, str, str] | None, modifier: str
) -> None:
    dicom_seg(tmp_path, [(label, code, drawn(ENDO))], modifier=modifier)
    with pytest.raises(UnknownClassError, match=f"'{label}'") as error:
        plan_import(other, tmp_path)
    assert error.value.names == (label,)
    np.testing.assert_array_equal(stored(other, tmp_path, {label: "left ventricle"}), drawn(ENDO))


def test_overlapping_segments_are_solved_by_anatomy(other: Study, tmp_path: Path) -> None:
    dicom_seg(tmp_path, [("LV endo", LV, drawn(ENDO)), ("LV epi", LV, drawn(EPI))], overlap=True)
    expected = np.where(drawn(ENDO), 1, np.where(drawn(EPI), 2, 0))
    np.testing.assert_array_equal(stored(other, tmp_path), expected)


def test_empty_segments_are_no_labels(other: Study, tmp_path: Path) -> None:
    nothing = np.zeros(SHAPE, bool)
    dicom_seg(tmp_path / "a", [("LV", LV, nothing), ("LA", LA, drawn(ATRIUM))])
    np.testing.assert_array_equal(stored(other, tmp_path / "a"), 3 * drawn(ATRIUM))
    dicom_seg(tmp_path / "b", [("LV", LV, nothing)])
    with pytest.raises(ExchangeError, match=r"holds no label.*nothing is drawn"):
        plan_import(other, tmp_path / "b")


def test_a_segmentation_without_its_image_is_said(other: Study, tmp_path: Path) -> None:
    dicom_seg(tmp_path, [("LV", LV, drawn(ENDO))])
    (tmp_path / "image.dcm").unlink()
    with pytest.raises(ExchangeError, match=r"seg\.dcm needs the image it was drawn on"):
        plan_import(other, tmp_path)
