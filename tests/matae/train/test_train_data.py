"""Labelled frames: every way the folder can be wrong, then what is read; and augmentation."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from train_makers import SIDE, read_index, write_frames, write_index

from matae.errors import MataeError, TrainError
from matae.labelled import LabelledError
from matae.train.augment import AugmentConfig, augment
from matae.train.data import load_folders, load_frames


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainError, match="is no folder; name one"):
        load_frames(tmp_path / "absent", "train")
    with pytest.raises(LabelledError, match=r"has no index\.csv and is neither"):
        load_frames(tmp_path, "train")


@pytest.mark.parametrize("part", ["images", "masks"])
def test_a_folder_without_pictures_or_masks_is_refused(toy: Path, part: str) -> None:
    shutil.rmtree(toy / part)
    with pytest.raises(LabelledError, match=f"toy has no {part}/"):
        load_folders([toy])


def test_a_patient_on_both_sides_is_refused(toy: Path) -> None:
    rows = read_index(toy)
    write_index(toy, [rows[0] | {"split": "val"}, *rows[1:]])
    with pytest.raises(LabelledError, match="Patient p0 of toy is in both"):
        load_folders([toy])


def test_an_empty_split_is_refused(toy: Path) -> None:
    with pytest.raises(LabelledError, match="no frame with split 'test'"):
        load_frames(toy, "test")


def test_a_mask_of_another_size_is_refused(toy: Path) -> None:
    Image.new("L", (SIDE, SIDE + 1)).save(toy / "masks" / "p1_ES.png")
    with pytest.raises(LabelledError, match="p1_ES: the image is 40 x 40 pixels and its mask 41 x 40"):
        load_frames(toy, "train")


def test_empty_masks_are_counted_and_allowed(toy: Path) -> None:
    assert load_frames(toy, "train").empty == 0
    for name in ("p0_ED", "p1_ES"):
        Image.new("L", (SIDE, SIDE)).save(toy / "masks" / f"{name}.png")
    frames = load_frames(toy, "train")
    assert (len(frames), frames.empty) == (12, 2)


@pytest.mark.parametrize("high", [1, 2, 255])
def test_frames_are_read_as_they_are(tmp_path: Path, high: int) -> None:
    folder = write_frames(tmp_path / "toy", high=high)
    frames, held_out = load_frames(folder, "train"), load_frames(folder, "val")
    assert (len(frames), len(held_out)) == (12, 6)
    assert frames.images.shape == frames.masks.shape == (12, SIDE, SIDE)
    assert frames.classes == (1 if high == 255 else high)
    assert frames.phases[:2] == ("ED", "ES")
    assert set(frames.patients).isdisjoint(held_out.patients)
    np.testing.assert_array_equal(frames.spacing, 0.5)
    name = frames.frames[3]
    np.testing.assert_array_equal(frames.images[3], np.asarray(Image.open(folder / "images" / f"{name}.png")))


def test_without_optional_columns_phase_and_spacing_are_unknown(toy: Path) -> None:
    write_index(toy, [{key: row[key] for key in ("frame", "patient", "split")} for row in read_index(toy)])
    frames = load_frames(toy, "train")
    assert set(frames.phases) == {""}
    assert np.isnan(frames.spacing).all()


@pytest.mark.parametrize("size", [(30, 41), (41, 30)])
def test_frames_that_are_not_square_are_padded(tmp_path: Path, size: tuple[int, int]) -> None:
    frames = load_frames(write_frames(tmp_path / "toy", size=size), "val")
    assert frames.images.shape == frames.masks.shape == (6, 41, 41)
    assert (frames.images > 0).sum() == 6 * 30 * 41


def test_large_frames_are_reduced_with_their_spacing(tmp_path: Path) -> None:
    frames = load_frames(write_frames(tmp_path / "toy", size=(400, 512), train=1, val=1), "val")
    assert frames.images.shape == (2, 256, 256)
    np.testing.assert_allclose(frames.spacing, 1.0)


def test_the_digest_is_that_of_names_pictures_and_masks(toy: Path) -> None:
    frames = load_frames(toy, "train")
    assert frames.digest() == load_frames(toy, "train").digest()
    assert frames.digest() != load_frames(toy, "val").digest()
    for changed in (
        replace(frames, masks=1 - frames.masks),
        replace(frames, images=frames.images + 1),
        replace(frames, patients=("x", *frames.patients[1:])),
    ):
        assert changed.digest() != frames.digest()


def batch(n: int = 6, side: int = SIDE) -> tuple[torch.Tensor, torch.Tensor]:
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    masks = torch.stack([((y - 18) ** 2 + (x - 15 - i % 5) ** 2 < 64).float() for i in range(n)])[:, None]
    return masks * 0.9, masks


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_augmentation_is_repeated_by_its_seed_alone() -> None:
    first, again, other = (augment(*batch(), 32, generator(seed)) for seed in (4, 4, 5))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])


def test_picture_and_mask_move_together() -> None:
    still = AugmentConfig(gamma=1.0, gain=0.0, blur=0.0, drift=0.0)
    images, masks = augment(*batch(), 64, generator(), still)
    torch.testing.assert_close(images, 0.9 * masks, atol=1e-3, rtol=0)
    centres = [tuple(torch.nonzero(mask[0] > 0.5).float().mean(0).round().tolist()) for mask in masks]
    assert len(set(centres)) > 3


@pytest.mark.parametrize("side", [1, 2, 3, 33])
def test_augmented_frames_stay_in_range_and_black_stays_black(side: int) -> None:
    harsh = AugmentConfig(blur=1.0, drift=1.0)
    images, masks = augment(*batch(8), side, generator(), harsh)
    assert images.shape == masks.shape == (8, 1, side, side)
    for values in (images, masks):
        assert values.min() >= 0
        assert values.max() <= 1
    black = torch.zeros(2, 1, SIDE, SIDE)
    assert not any(part.any() for part in augment(black, black, 32, generator(), harsh))


def test_nothing_moves_where_nothing_is_allowed_to() -> None:
    images, masks = augment(*batch(), SIDE, generator(), AugmentConfig.none())
    torch.testing.assert_close(images, batch()[0], atol=2e-4, rtol=0)
    torch.testing.assert_close(masks, batch()[1], atol=1e-5, rtol=0)


def other(folder: Path, **more: object) -> Path:
    """Write a folder of other patients."""
    write_frames(folder, **more)
    write_index(folder, [row | {"patient": f"q{row['patient']}"} for row in read_index(folder)])
    return folder


def test_folders_are_joined_in_their_order(toy: Path, tmp_path: Path) -> None:
    second = other(tmp_path / "second", train=2, val=0)
    train, val = load_folders([toy, second])
    alone = load_frames(toy, "train")
    assert train.frames == alone.frames + load_frames(second, "train").frames
    np.testing.assert_array_equal(train.images[: len(alone)], alone.images)
    assert len(train.masks) == len(train.patients) == len(train.phases) == len(train.spacing) == 16
    assert val.digest() == load_frames(toy, "val").digest()


def test_frames_of_several_folders_come_to_one_size(toy: Path, tmp_path: Path) -> None:
    train, val = load_folders([toy, other(tmp_path / "big", size=(60, 80), val=0)])
    assert train.images.shape == (24, 80, 80)
    assert val.images.shape == (6, 80, 80)
    assert train.frames[0] == val.frames[0].replace("p6", "p0")
    np.testing.assert_allclose(train.spacing, [0.25] * 12 + [0.5] * 12)
    areas = train.masks[:12].any(0).sum(), load_frames(toy, "train").masks.any(0).sum()
    assert areas[0] == pytest.approx(4 * areas[1], rel=0.05)


def test_folders_that_do_not_fit_are_refused(toy: Path, tmp_path: Path) -> None:
    with pytest.raises(MataeError, match="no folder to train on"):
        load_folders([])
    with pytest.raises(MataeError, match="named twice"):
        load_folders([toy, toy / ".." / "toy"])
    with pytest.raises(MataeError, match="is no folder"):
        load_folders([toy, tmp_path / "absent"])
    moved = write_frames(tmp_path / "moved", train=0, val=1)
    with pytest.raises(MataeError, match="Patient p0 is in 'train' of toy and in 'val' of moved"):
        load_folders([toy, moved])
    with pytest.raises(MataeError, match="there is no frame with split 'train'"):
        load_folders([moved])
    write_index(moved, [row | {"split": "test"} for row in read_index(moved)])
    with pytest.raises(MataeError, match="moved has no frame with split 'train' or 'val'"):
        load_folders([toy, moved])


def test_a_folder_may_lack_a_structure_that_another_has(toy: Path, tmp_path: Path) -> None:
    more = other(tmp_path / "more")
    (more / "structures").mkdir()
    for path in (more / "masks").iterdir():
        mask = (np.array(Image.open(path)) > 0).astype(np.uint8)
        mask[-4:] = 3
        Image.fromarray(mask).save(more / "structures" / path.name)
    frames, held_out = load_folders([toy, more], 32, classes=("left ventricular cavity", "left atrium"))
    for side in (frames, held_out):
        own = side.is_annotated([3])
        assert own.any()
        assert not own.all()
        assert side.is_annotated([1]).all()
        assert (side.masks[own] == 3).any((1, 2)).all()
        assert not (side.masks[~own] == 3).any()
        assert side.take([0, 1]).annotated == side.annotated[:2]
    alike = replace(frames, annotated=((1, 3),) * len(frames))
    assert frames.digest() != alike.digest() == replace(frames, annotated=()).digest()
