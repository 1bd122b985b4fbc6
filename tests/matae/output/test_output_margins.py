"""What a scanner writes around the sector does not get into the pictures that people pass on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from matae.cine import Box, Cine, Geometry, Spacing
from matae.output import write_mask, write_results
from matae.output.record import read_record
from matae.segment import Segmentation
from matae.segment.sector import Sector, find_sector

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SHAPE = (120, 160)


def fan() -> NDArray[np.bool_]:
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    dy, dx = y - 12.0, x - 80.0
    return (np.hypot(dy, dx) < 100) & (np.abs(np.arctan2(dx, dy)) < np.radians(38))


def cine(tmp_path: Path, *, inside: bool = True) -> Cine:
    """Speckle in a fan, with a bright name in the upper left corner."""
    rng = np.random.default_rng(2)
    frames = rng.gamma(2.0, 30.0, (4, *SHAPE)).clip(0, 200)
    frames = np.where(fan() if inside else True, 20 + frames, 0).astype(np.uint8)
    frames[:, 2:8, 2:40:2] = 255
    return Cine(frames, np.arange(4) / 25, Spacing(0.5, 0.5), tmp_path / "clip.avi")


def result(made: Cine) -> Segmentation:
    masks = np.zeros(made.frames.shape, np.uint8)
    masks[:, 40:70, 70:90] = 1
    return Segmentation(masks, masks * np.uint8(255), masks.sum((1, 2)).astype(float), find_sector(made), {})


def corner(path: Path) -> float:
    """Brightest value where the name stands, in the pictures of a still or a video."""
    import imageio.v3 as iio

    frames = np.atleast_3d(iio.imread(path, **({"plugin": "pyav", "index": 1} if path.suffix == ".mp4" else {})))
    high, wide = frames.shape[:2]
    return float(frames[: high // 8, : wide // 4].max())


@pytest.mark.parametrize("keep", [False, True])
def test_still_and_video_are_black_around_the_sector(tmp_path: Path, *, keep: bool) -> None:
    made = cine(tmp_path)
    found = result(made)
    assert found.sector.source != "whole"
    written = write_results(made, found, tmp_path / "out", keep_margins=keep)
    assert (corner(written.files["overlay"]) > 150) == keep
    record = read_record(written.files["record"])
    assert record is not None
    assert record["margins"] == ("kept" if keep else "blanked")
    said = " ".join(written.notices)
    assert ("written around the sector" in said) == keep
    # The heart itself is shown either way.
    assert made.frames[0, 2:8, 2:40].max() == 255


def test_a_picture_without_a_sector_says_that_everything_is_shown(tmp_path: Path) -> None:
    made = cine(tmp_path, inside=False)
    found = result(made)
    assert found.sector.source == "whole"
    written = write_results(made, found, tmp_path / "out")
    assert "look for names and dates" in " ".join(written.notices)
    record = read_record(written.files["record"])
    assert record is not None
    assert record["margins"] == "shown"


def test_the_region_that_the_file_states_counts_too(tmp_path: Path) -> None:
    from dataclasses import replace

    from matae.segment.margins import inside_sector

    made = replace(cine(tmp_path, inside=False), region=Box(20, 10, 110, 150))
    inside = inside_sector(made, find_sector(made))
    assert not inside[:20].any()
    assert not inside[:, :10].any()
    assert inside[60, 80]


def test_a_region_whose_sector_is_unsure_is_shown_with_a_word_and_nothing_around_it(tmp_path: Path) -> None:
    from dataclasses import replace

    from matae.segment.margins import margins, margins_of_pixels

    black = replace(cine(tmp_path), frames=np.zeros((4, *SHAPE), np.uint8), region=Box(20, 10, 110, 150))
    sector = find_sector(black)
    assert (sector.source, sector.is_unsure) == ("file", True)
    for found in (margins(black, sector, keep=False), margins_of_pixels(black, sector.mask(SHAPE), keep=False)):
        assert found.state == "blanked"
        assert "all of the region that the file states: look for names and dates" in found.notice
        assert found.inside is not None
        assert found.inside.sum() == 90 * 140
    assert margins(cine(tmp_path), find_sector(cine(tmp_path)), keep=False).notice == ""


def test_a_box_around_an_unsure_sector_is_shown_with_a_word_and_measured_as_unknown(tmp_path: Path) -> None:
    from matae.measure import measure_cine
    from matae.measure.inputs import margins_of
    from matae.segment.margins import margins

    clip = cine(tmp_path)
    sector = Sector(np.array([[20.0, 30], [20, 120], [100, 120], [100, 30]]), "outline", confidence=0.3)
    found = margins(clip, sector, keep=False)
    assert found.state == "blanked"
    assert "all of a box around what shows: look for names and dates" in found.notice
    assert found.inside is not None
    assert not found.inside[:10].any()
    # A report shows the same, and nothing is known to be cut off.
    inputs = measure_cine(clip, result(clip).masks, sector=sector).inputs
    assert inputs.sector is not None
    assert inputs.sector.all()
    report = margins_of(inputs, keep=False)
    np.testing.assert_array_equal(report.inside, found.inside)
    assert (report.state, report.notice) == (found.state, found.notice)
    assert margins_of(inputs, keep=True).inside is None


def test_the_page_of_a_report_is_black_where_the_video_is(tmp_path: Path) -> None:
    from matae.measure import measure_cine
    from matae.measure.report import _shown

    clip = cine(tmp_path)  # with a name above the box
    unsure = Sector(np.array([[20.0, 30], [20, 120], [100, 120], [100, 30]]), "outline", confidence=0.3)
    for sector in (unsure, find_sector(clip)):
        measured = measure_cine(clip, result(clip).masks, sector=sector)
        assert _shown(measured, keep_margins=False).frame(clip.frames[0])[2:8, 2:40].max() == 0
        assert _shown(measured, keep_margins=True).frame(clip.frames[0])[2:8, 2:40].max() == 255


# --- masks where the picture lies -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("origin", "direction"),
    [
        ((50.0, 70.0, 0.0), (-1.0, 0, 0, 0, -1.0, 0, 0, 0, 1.0)),
        ((5.0, 6.0, 7.0), (0, 0, 1.0, 1.0, 0, 0, 0, 1.0, 0)),
        ((5.0, 6.0), (-1.0, 0, 0, -1.0)),
        ((5.0, 6.0, 7.0, 0.0), (0, 0, 1.0, 0, 1.0, 0, 0, 0, 0, 1.0, 0, 0, 0, 0, 0, 1.0)),
    ],
)
def test_a_mask_lies_where_its_picture_lies(
    tmp_path: Path, origin: tuple[float, ...], direction: tuple[float, ...]
) -> None:
    from dataclasses import replace

    import SimpleITK as sitk  # noqa: N813

    from matae.maskfile import read_mask_file

    made = replace(cine(tmp_path), geometry=Geometry(origin, direction))
    masks = (np.random.default_rng(0).random(made.frames.shape) > 0.9).astype(np.uint8)
    write_mask(tmp_path / "m.nii.gz", masks, made)
    written = sitk.ReadImage(str(tmp_path / "m.nii.gz"))
    axes = len(origin)
    stated = np.array(direction).reshape(axes, axes)[: min(axes, 3), : min(axes, 3)]
    there = np.array(written.GetDirection()).reshape(3, 3)[: min(axes, 3), : min(axes, 3)]
    np.testing.assert_allclose(there, stated, atol=1e-6)
    np.testing.assert_allclose(written.GetOrigin()[: min(axes, 3)], origin[:3], atol=1e-5)
    np.testing.assert_array_equal(read_mask_file(tmp_path / "m.nii.gz", masks.shape, made.geometry), masks)
    turned = sitk.DICOMOrient(written, "LAS")
    sitk.WriteImage(turned, str(tmp_path / "t.nii.gz"))
    np.testing.assert_array_equal(read_mask_file(tmp_path / "t.nii.gz", masks.shape, made.geometry), masks)


def test_measuring_a_turned_mask_measures_the_same(tmp_path: Path) -> None:
    import SimpleITK as sitk  # noqa: N813

    from matae.measure.mask_file import read_masks
    from matae.read import open_cine

    image = sitk.GetImageFromArray(cine(tmp_path).frames)
    image.SetSpacing((0.5, 0.5, 1))
    image.SetOrigin((50, 70, 0))
    image.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1))
    sitk.WriteImage(image, str(tmp_path / "clip.nii.gz"))
    made = open_cine(tmp_path / "clip.nii.gz")
    masks = result(made).masks
    masks[:, 35:40, 70:75] = 1
    write_mask(tmp_path / "m.nii.gz", masks, made)
    sitk.WriteImage(sitk.DICOMOrient(sitk.ReadImage(str(tmp_path / "m.nii.gz")), "LPS"), str(tmp_path / "t.nii.gz"))
    np.testing.assert_array_equal(read_masks(tmp_path / "t.nii.gz", made), masks)
    assert np.any(sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "t.nii.gz"))) != masks)
