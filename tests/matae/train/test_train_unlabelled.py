"""Unlabelled frames: nothing to read, then clips as the network sees them; and a run that learns from them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - its documented name
import torch

from matae.errors import MataeError, TrainError
from matae.nn.matae import Matae, MataeConfig
from matae.phantom import make_phantom
from matae.train.config import TrainConfig
from matae.train.data import LabelledFrames, load_folders
from matae.train.loop import begin, make_fabric, train
from matae.train.step import take_step
from matae.train.unlabelled import load_unlabelled

CONFIG = TrainConfig(steps=4, batch=4, grid=32, check_every=2)


def network() -> Matae:
    torch.manual_seed(0)
    return Matae(MataeConfig(channels=(8, 8, 16), autoencoder=True))


def test_nothing_to_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(MataeError):
        load_unlabelled([tmp_path / "empty"], 32)
    with pytest.raises(MataeError):
        load_unlabelled([tmp_path / "absent"], 32)


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    folder = tmp_path / "clips"
    folder.mkdir()
    for seed, frames in ((1, 30), (2, 5)):
        cine = make_phantom(seed, n_frames=frames, shape=(64, 80)).cine
        np.save(folder / f"clip{seed}.npy", cine.frames)
    return folder


def test_clips_are_thinned_and_placed(clips: Path) -> None:
    found = load_unlabelled([clips], 48)
    assert found.shape == (24 + 5, 48, 48)
    assert found.dtype == np.uint8
    assert (found.reshape(29, -1).max(1) > 60).all()
    assert len(np.unique(found, axis=0)) == 29


def test_only_the_heads_and_the_encoder_learn_from_them(clips: Path, toy: Path, tmp_path: Path) -> None:
    sides = load_folders([toy])
    more = load_unlabelled([clips], sides[0].images.shape[1])
    shaping = replace(CONFIG, shape_encoder=True)
    without = train(network(), *sides, tmp_path / "a", shaping)
    with_them = train(network(), *sides, tmp_path / "b", shaping, unlabelled=more)
    assert not torch.equal(without.state_dict()["encoder.0.0.weight"], with_them.state_dict()["encoder.0.0.weight"])
    with pytest.raises(TrainError, match="autoencoder heads only; set rebuild above 0"):
        train(network(), *sides, tmp_path / "c", replace(CONFIG, rebuild=0.0), unlabelled=more)


@pytest.mark.parametrize("shaping", [False, True])
def test_heads_follow_the_encoder_and_move_it_only_where_wanted(*, shaping: bool) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (4, 32, 32), dtype=np.uint8)
    names = tuple("abcd")
    frames = LabelledFrames(pixels, (pixels > 127).astype(np.uint8), names, names, ("",) * 4, np.ones(4))
    images = torch.tensor(pixels)[:, None] / 255
    ended: list[dict[str, torch.Tensor]] = []
    for rebuild in (0.0, 10.0):
        torch.manual_seed(0)
        # Two widths leave nothing to draw but the heads' prefixes.
        model = Matae(MataeConfig(channels=(8, 8, 16), widths=(0.5, 1.0), autoencoder=True))
        config = replace(CONFIG, rebuild=rebuild, shape_encoder=shaping, precision="32")
        fabric = make_fabric(config)
        run, _ = begin(model, config, fabric.device, frames)
        take_step(fabric, run, (images, (images > 0.5).float()))
        ended.append(model.state_dict())
    moved = {name for name, value in ended[0].items() if not torch.equal(value, ended[1][name])}
    assert any(name.startswith("autoencoder") for name in moved)
    assert any(name.startswith("encoder") for name in moved) is shaping


def test_a_pile_of_files_that_are_no_clips_is_refused(tmp_path: Path) -> None:
    sitk.WriteImage(sitk.Image(8, 8, sitk.sitkUInt8), str(tmp_path / "x_gt.nii.gz"))
    with pytest.raises(MataeError):
        load_unlabelled([tmp_path], 32)
