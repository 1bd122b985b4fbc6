"""Synthetic training folders: whole, repeatable, and what the network sees of a cine."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from matae.errors import OutputError
from matae.phantom.frames import LICENCE, write_phantom_frames
from matae.train.data import load_frames


def test_no_hearts_make_an_index_without_rows(tmp_path: Path) -> None:
    write_phantom_frames(tmp_path / "none", 0)
    assert (tmp_path / "none" / "index.csv").read_text() == "frame\n"


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(OutputError):
        write_phantom_frames(tmp_path / "out", 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("phantom") / "frames"
    write_phantom_frames(out, 3, held_out=1, size=96, seed=40)
    return out


def test_the_folder_is_one_to_train_on(folder: Path) -> None:
    train, val = load_frames(folder, "train"), load_frames(folder, "val")
    assert (len(train), len(val)) == (4, 2)
    assert set(train.phases) == {"ED", "ES"}
    assert not set(train.patients) & set(val.patients)
    assert train.images.shape[1:] == (96, 96)
    assert ((train.spacing > 0.3) & (train.spacing < 4)).all()
    assert (folder / "LICENCE.txt").read_text().strip() == LICENCE


def test_the_sector_fills_the_square_and_the_cavity_shrinks_in_systole(folder: Path) -> None:
    with (folder / "index.csv").open(newline="") as file:
        names = [row["frame"] for row in csv.DictReader(file)]
    areas = {}
    for name in names:
        picture = np.asarray(Image.open(folder / "images" / f"{name}.png"))
        mask = np.asarray(Image.open(folder / "masks" / f"{name}.png"))
        assert set(np.unique(mask)) == {0, 255}
        extent = np.argwhere(picture > 0)
        assert (np.ptp(extent, 0) + 1).max() >= 93
        areas[name] = np.count_nonzero(mask)
    for heart in {name.split("-")[0] for name in names}:
        assert areas[f"{heart}-ES"] < areas[f"{heart}-ED"]


def test_the_same_hearts_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    seen: list[int] = []
    write_phantom_frames(tmp_path / "again", 3, held_out=1, size=96, seed=40, report=seen.append)
    assert seen == [1, 2, 3]
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            assert (tmp_path / "again" / path.relative_to(folder)).read_bytes() == path.read_bytes()
