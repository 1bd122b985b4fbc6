"""Tracings there and back."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from measure_makers import body, heart

from matae.errors import MeasureError
from matae.measure import disks, landmarks, landmarks_of_tracing, mask_of_tracing, tracing
from matae.metrics import dice

DATA = Path(__file__).parents[3].parent / "shared" / "data"


@pytest.mark.parametrize("rows", [np.zeros((2, 4)), np.zeros((21, 3)), np.full((21, 4), np.nan), np.zeros(4)])
def test_what_is_no_tracing_is_refused(rows) -> None:
    for function in (lambda table: mask_of_tracing(table, (20, 20)), landmarks_of_tracing):
        with pytest.raises(MeasureError, match="check the file"):
            function(rows)


def test_rows_are_laid_out_as_echonet_does() -> None:
    mask = body("ellipsoid", tilt=12.0)
    rows = tracing(mask)
    assert rows.shape == (21, 4)
    apex, base = rows[0, :2], rows[0, 2:]
    found = landmarks(mask)
    assert apex == pytest.approx(found.apex[::-1])
    assert base == pytest.approx(found.base[::-1])
    axis = (base - apex) / np.hypot(*(base - apex))
    chords = rows[1:].reshape(20, 2, 2)
    assert (chords[:, 0, 0] < chords[:, 1, 0]).all()  # left end first
    assert np.abs((chords[:, 1] - chords[:, 0]) @ axis).max() < 1e-6  # perpendicular to the axis
    places = (chords.mean(1) - apex) @ axis
    assert (np.diff(places) > 0).all()  # from the apex on
    assert np.diff(places) == pytest.approx(np.diff(places)[0])


def test_the_polygon_is_the_documented_one() -> None:
    # A trapezium by hand: chords at rows 2 and 6, rounded to whole pixels; the long axis plays no part.
    rows = np.array([[99.0, 99, 99, 99], [3.4, 2.2, 5.6, 1.8], [1.0, 6, 8, 6]])
    mask = mask_of_tracing(rows, (10, 10))
    assert mask.dtype == np.uint8
    assert mask[1].sum() == 0
    assert mask[2].nonzero()[0].tolist() == [3, 4, 5, 6]
    assert mask[6].nonzero()[0].tolist() == list(range(1, 9))
    assert mask[7:].sum() == 0


def test_a_tracing_outside_the_picture_is_cut() -> None:
    rows = tracing(body("ellipsoid"))
    assert mask_of_tracing(rows - 200.0, (60, 60)).shape == (60, 60)


@pytest.mark.parametrize("seed", range(8))
def test_hearts_survive_the_round_trip(seed) -> None:
    for side, least in ((256, 0.97), (112, 0.96)):
        _, _, masks, _, spacing = heart(seed, (side, side))
        for mask in masks:
            back = mask_of_tracing(tracing(mask, spacing), mask.shape)
            assert dice(back > 0, mask) > least


def test_volume_of_a_tracing_is_that_of_the_mask() -> None:
    _, _, masks, _, spacing = heart(3)
    volumes = []
    for mask in masks:
        rows = tracing(mask, spacing)
        chord = np.hypot(*((rows[1:, 2:] - rows[1:, :2]) * [spacing.x, spacing.y]).T)
        length = np.hypot(*((rows[0, 2:] - rows[0, :2]) * [spacing.x, spacing.y]))
        volumes.append(np.pi / 4 * (chord**2).sum() * length / 21)
    ours = [disks(mask, spacing).volume for mask in masks]
    assert 1 - volumes[1] / volumes[0] == pytest.approx(1 - ours[1] / ours[0], abs=0.02)


def test_landmarks_come_back_whichever_way_the_axis_was_drawn() -> None:
    mask = body("ellipsoid", tilt=-15.0)
    rows = tracing(mask)
    there = landmarks_of_tracing(rows)
    assert there.apex == pytest.approx(landmarks(mask).apex)
    rows[0] = rows[0, [2, 3, 0, 1]]
    assert landmarks_of_tracing(rows).apex == pytest.approx(there.apex)


def _reference(names, folder):
    from PIL import Image

    for name in names:
        with Image.open(folder / "masks" / f"{name}.png") as picture:
            yield np.asarray(picture) > 0


@pytest.mark.data
@pytest.mark.skipif(not DATA.is_dir(), reason="the CAMUS frames are not beside the repository")
def test_camus_masks_survive_the_round_trip() -> None:
    import SimpleITK

    native = []
    for path in sorted((DATA / "camus-native" / "nifti").glob("*/*_4CH_E?_gt.nii.gz")):
        image = SimpleITK.ReadImage(str(path))
        mask = SimpleITK.GetArrayFromImage(image).reshape(image.GetSize()[1::-1]) == 1
        native.append(float(dice(mask_of_tracing(tracing(mask), mask.shape) > 0, mask)))
    assert len(native) >= 8
    assert np.mean(native) >= 0.99
    assert min(native) >= 0.98
    with (DATA / "camus-a4c-256" / "index.csv").open(encoding="utf-8") as file:
        names = [row["frame"] for row in csv.DictReader(file) if row["split"] == "val"]
    small = []
    places = np.rint((np.arange(112) + 0.5) * 256 / 112 - 0.5).astype(int)
    for mask in _reference(names, DATA / "camus-a4c-256"):
        low = mask[np.ix_(places, places)]
        small.append(float(dice(mask_of_tracing(tracing(low), low.shape) > 0, low)))
    assert np.mean(small) >= 0.98
    assert min(small) >= 0.96
