"""Trained on, corrected, exported, unlabelled, segmented: one frame looks alike everywhere, to the grey level."""

from __future__ import annotations

import csv
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from learn_makers import BASE
from PIL import Image

from matae.exchange import plan_export, run_export
from matae.learn.clips import load_side
from matae.learn.gather import Clip
from matae.phantom import make_phantom, random_heart
from matae.phantom.frames import write_phantom_frames
from matae.read import open_cine
from matae.segment import Segmenter, SegmentOptions, find_sector
from matae.store import Edit, FrameStatus
from matae.train.data import load_folders, load_frames
from matae.train.unlabelled import load_unlabelled

if TYPE_CHECKING:
    from pathlib import Path

    from matae.cine import Cine
    from matae.segment import Sector
    from matae.store import Study

GRID = 32


def seen(cine: Cine, sector: Sector, *, is_placed: bool = False) -> np.ndarray:
    """Return what a network is given of the first frame, in grey levels."""
    given = []
    segmenter = Segmenter(SegmentOptions(BASE, "1", "cpu", "torch"))
    run = segmenter._backend._run
    segmenter._backend._run = lambda pictures: (given.append(pictures.copy()), run(pictures))[1]
    next(iter(segmenter.stream(cine, sector, [0], is_placed=is_placed)))
    grey = given[0][0]
    assert grey.shape == (GRID, GRID)
    assert grey.dtype == np.uint8
    return grey


def write_still(folder: Path, shape: tuple[int, int], aspect: float) -> tuple[Path, np.ndarray]:
    """Write a synthetic heart as a still with its millimetres, and as a folder to train on; return file and mask."""
    import SimpleITK as sitk  # noqa: N813

    config = random_heart(3)
    config = replace(config, sector=replace(config.sector, pixel_aspect=aspect))
    phantom = make_phantom(3, n_frames=1, shape=shape, config=config)
    spacing = phantom.cine.spacing
    image = sitk.GetImageFromArray(phantom.cine.frames[0])
    image.SetSpacing((spacing.x, spacing.y))
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    sitk.WriteImage(image, str(folder / "still.mha"))
    rows = []
    for name, split in (("a", "train"), ("b", "val")):
        Image.fromarray(phantom.cine.frames[0]).save(folder / "images" / f"{name}.png")
        Image.fromarray(phantom.masks[0] * np.uint8(255)).save(folder / "masks" / f"{name}.png")
        rows.append(
            {"frame": name, "patient": name, "split": split, "spacing_y_mm": spacing.y, "spacing_x_mm": spacing.x}
        )
    with (folder / "index.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder / "still.mha", phantom.masks[0]


@pytest.mark.parametrize(
    ("shape", "aspect"), [((211, 337), 0.7), ((300, 187), 1.0), ((127, 129), 1.3), ((40, 33), 1.0)]
)
def test_a_frame_looks_alike_to_the_grey_level(
    base: str, empty_study: Study, tmp_path: Path, shape: tuple[int, int], aspect: float
) -> None:
    assert base == BASE
    path, mask = write_still(tmp_path / "data", shape, aspect)
    cine = open_cine(path)
    assert cine.pixel_aspect[0] / cine.pixel_aspect[1] == pytest.approx(aspect, rel=0.01)
    want = seen(cine, find_sector(cine))
    assert want.std() > 5
    # Trained on.
    train, _ = load_folders([tmp_path / "data"], GRID)
    np.testing.assert_array_equal(train.images[0], want)
    np.testing.assert_array_equal(load_unlabelled([path], GRID)[0], want)
    # Corrected, and learnt from.
    empty_study.add_cine(cine, subject="p")
    revision = empty_study.put_edits(cine.content_id, [Edit(0, mask, 0, FrameStatus.ACCEPTED)])
    assert revision is not None
    clip = Clip(cine.content_id, "p", "train", {0: empty_study.frames(cine.content_id)[0].revision})
    corrected, _ = load_side(empty_study, [clip], GRID)
    np.testing.assert_array_equal(corrected.images[0], want)
    np.testing.assert_array_equal(corrected.masks[0], train.masks[0])
    if cine.spacing is not None:  # pixels of more than 5 mm are taken for none when a file states them
        np.testing.assert_allclose(corrected.spacing, train.spacing)
    # Exported, and trained on elsewhere.
    empty_study.set_split("p", "train")
    release = run_export(plan_export(empty_study, "png", size=GRID), tmp_path / "out", looked=True)
    picture = next((release.folder / "images").rglob("*.png"))
    np.testing.assert_array_equal(np.asarray(Image.open(picture)), want)
    exported = load_frames(release.folder, "train", GRID)
    np.testing.assert_array_equal(exported.images[0], want)
    np.testing.assert_array_equal(exported.masks[0], train.masks[0])
    np.testing.assert_allclose(exported.spacing, corrected.spacing, rtol=1e-5)


def test_replayed_frames_look_as_they_are_segmented(base: str, tmp_path: Path) -> None:
    assert base == BASE
    write_phantom_frames(tmp_path / "frames", 2, held_out=1, size=GRID, seed=7)
    from matae.labelled import open_labelled

    (ref, *_) = open_labelled(tmp_path / "frames", "train", "all").refs
    case = ref.read()
    assert case.is_placed
    want = seen(case.cine, case.sector(), is_placed=True)
    np.testing.assert_array_equal(load_frames(tmp_path / "frames", "train", GRID).images[0], want)
    np.testing.assert_array_equal(case.cine.frames[0], want)
    # And the phantom's cine, in its own sector, looks the same.
    phantom = make_phantom(7, n_frames=1, shape=(256, 256), config=random_heart(7, start_phase=_start(7)))
    native = phantom.cine
    grey = seen(native, find_sector(native))
    assert np.abs(grey.astype(int) - want).mean() < 12  # the sector that is found is not the exact one


def _start(heart: int) -> float:
    from matae.phantom.frames import _starts

    return _starts(heart)[0]
