"""Which frames a format has room for, and which of them are end-diastole and end-systole."""

from __future__ import annotations

import pytest

from matae.exchange.export.selection import LabelledPhases, labelled_phases, select_frames

AREAS = {0: 900, 2: 500, 4: 300, 6: 700}
UNMARKED = LabelledPhases(0, 4, marked=False)


def test_nothing_labelled_has_no_phases() -> None:
    assert labelled_phases({}, None, None, 8) == LabelledPhases(None, None, marked=True)
    assert labelled_phases({}, 0, 4, 8) == LabelledPhases(None, None, marked=True)


def test_empty_masks_have_no_phases() -> None:
    assert labelled_phases({1: 0, 2: 0}, None, None, 8) == LabelledPhases(None, None, marked=True)


def test_cavities_of_one_size_are_not_told_apart() -> None:
    assert labelled_phases({1: 400, 2: 400}, None, None, 8) == LabelledPhases(None, None, marked=False)


def test_a_single_picture_is_not_compared_with_itself() -> None:
    assert labelled_phases({0: 500}, 0, 0, 1) == LabelledPhases(0, 0, marked=True)


@pytest.mark.parametrize(
    ("ed", "es", "found"),
    [
        (6, 2, LabelledPhases(6, 2, marked=True)),  # as marked, whatever the areas
        (None, None, LabelledPhases(0, 4, marked=False)),  # the largest and the smallest
        (6, None, LabelledPhases(6, 4, marked=False)),  # the other among the rest
        (None, 2, LabelledPhases(0, 2, marked=False)),
        (None, 0, LabelledPhases(6, 0, marked=False)),
        (7, None, LabelledPhases(None, 4, marked=False)),  # marked, but not labelled: not replaced
        (7, 3, LabelledPhases(None, None, marked=True)),
    ],
)
def test_what_is_marked_stays(ed: int | None, es: int | None, found: LabelledPhases) -> None:
    assert labelled_phases(AREAS, ed, es, 8) == found


@pytest.mark.parametrize(
    ("format_name", "view", "is_dicom", "said"),
    [
        ("dicom-seg", "A4C", False, "does not come from a DICOM file"),
        ("echonet", "A2C", True, "shows A2C and EchoNet-Dynamic holds"),
        ("camus", None, True, "its view is not known"),
        ("camus", "PLAX", True, "it shows PLAX; CAMUS holds A2C and A4C"),
    ],
)
def test_a_clip_a_format_has_no_place_for(format_name: str, view: str | None, is_dicom: bool, said: str) -> None:
    frames, why = select_frames(format_name, AREAS, UNMARKED, view, is_dicom=is_dicom)
    assert frames == []
    assert said in why


def test_frames_a_format_has_no_place_for_are_counted() -> None:
    frames, why = select_frames("echonet", {**AREAS, 7: 3}, UNMARKED, "A4C", is_dicom=False)
    assert (frames, why) == ([0, 2, 4, 6], "1 frame without a cavity to trace is left out.")
    frames, why = select_frames("camus", AREAS, UNMARKED, "A4C", is_dicom=False)
    assert frames == [0, 4]
    assert why == "2 frames that are neither ED nor ES are left out: CAMUS has no place."


@pytest.mark.parametrize("format_name", ["png", "coco", "npz"])
def test_what_holds_anything_takes_everything(format_name: str) -> None:
    assert select_frames(format_name, {6: 0, 1: 40}, UNMARKED, None, is_dicom=False) == ([1, 6], "")
