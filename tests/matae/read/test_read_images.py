from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from read_makers import grey_clip

from matae.cine import Spacing
from matae.errors import ReadError
from matae.read import open_cine
from matae.read.images import read_array, read_image, read_image_folder

if TYPE_CHECKING:
    from pathlib import Path


def save_frames(folder: Path, frames: np.ndarray[Any, Any], suffix: str = ".png") -> Path:
    folder.mkdir(exist_ok=True)
    for index, frame in enumerate(frames):
        Image.fromarray(frame).save(folder / f"frame{index}{suffix}")
    return folder


def test_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="holds nothing that can be read; choose a folder with clips or frames"):
        open_cine(tmp_path)
    with pytest.raises(ReadError, match="holds no pictures; choose a folder of PNG"):
        read_image_folder(tmp_path)


def test_different_sizes_name_both_files(tmp_path: Path) -> None:
    save_frames(tmp_path, grey_clip(3))
    Image.fromarray(grey_clip(1, (9, 11))[0]).save(tmp_path / "frame10.png")
    with pytest.raises(ReadError, match=r"frame0\.png is 24x16 and frame10\.png is 11x9; .*move the others"):
        open_cine(tmp_path)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif"])
def test_damaged_picture(tmp_path: Path, suffix: str) -> None:
    save_frames(tmp_path, grey_clip(2), suffix)
    path = tmp_path / f"frame1{suffix}"
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(ReadError, match=r"frame1\.\w+ is a damaged (picture|TIFF file); copy or export it again"):
        read_image_folder(tmp_path)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif"])
def test_folder_in_natural_order(tmp_path: Path, suffix: str) -> None:
    frames = grey_clip(12)
    save_frames(tmp_path, frames, suffix)
    Image.fromarray(frames[0]).save(tmp_path / "frame3_mask.png")
    cine = open_cine(tmp_path)
    np.testing.assert_array_equal(cine.frames, frames)
    assert cine.frame_times is None
    assert cine.spacing is None


def test_colour_sixteen_bit_and_bilevel_pictures(tmp_path: Path) -> None:
    frame = grey_clip(1)[0]
    Image.fromarray(np.repeat(frame[..., None], 3, axis=2)).save(tmp_path / "rgb.png")
    Image.fromarray(frame.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    Image.fromarray(np.stack([frame, np.full_like(frame, 255)], axis=2), "LA").save(tmp_path / "alpha.png")
    for name in ("rgb.png", "deep.png", "alpha.png"):
        np.testing.assert_array_equal(read_image(tmp_path / name).frames[0], frame)
    Image.fromarray(frame > 128).save(tmp_path / "bilevel.png")
    np.testing.assert_array_equal(read_image(tmp_path / "bilevel.png").frames[0], (frame > 128) * 255)


def test_tiff_stack_with_imagej_times_and_scale(tmp_path: Path) -> None:
    frames = grey_clip(8)
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path, frames, imagej=True, resolution=(5.0, 4.0), metadata={"axes": "TYX", "finterval": 0.02, "unit": "mm"}
    )
    cine = open_cine(path)
    np.testing.assert_array_equal(cine.frames, frames)
    assert cine.frame_rate == pytest.approx(50)
    assert cine.spacing == pytest.approx(Spacing(0.25, 0.2))
    tifffile.imwrite(path, frames, imagej=True, metadata={"axes": "TYX", "finterval": 0.02, "fps": 20})
    assert "by interval and 20 Hz by rate; give the frame rate" in open_cine(path).timing_note
    tifffile.imwrite(path, frames, imagej=True, metadata={"axes": "TYX", "fps": 40})
    assert open_cine(path).frame_rate == pytest.approx(40)


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_plain_tiff_stack(tmp_path: Path, compression: str | None) -> None:
    frames = grey_clip(8)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, frames, compression=compression, photometric="minisblack")
    cine = open_cine(path)
    np.testing.assert_array_equal(cine.frames, frames)
    assert cine.frame_times is None


def test_colour_and_sixteen_bit_tiff(tmp_path: Path) -> None:
    frames = grey_clip(8)
    tifffile.imwrite(tmp_path / "c.tif", np.repeat(frames[..., None], 3, axis=3), photometric="rgb")
    np.testing.assert_array_equal(open_cine(tmp_path / "c.tif").frames, frames)
    tifffile.imwrite(tmp_path / "d.tif", frames.astype(np.uint16) * 100, photometric="minisblack")
    cine = open_cine(tmp_path / "d.tif")
    assert (cine.frames.max(), "rescaled" in cine.warnings[0]) == (255, True)


def test_tiff_with_too_many_axes(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, grey_clip(12).reshape(2, 6, 16, 24), imagej=True, metadata={"axes": "TZYX"})
    with pytest.raises(ReadError, match="has the axes TZYX; a clip has only time, rows and columns"):
        open_cine(path)


def test_pickles_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ReadError, match=r"not a plain NumPy array file \(pickled objects are not loaded\)"):
        open_cine(path)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.zeros(5), "frames need"),
        (np.zeros((2, 3, 4, 5)), "frames need"),
        (np.zeros((0, 4, 4)), "holds no frames"),
        (np.zeros((2, 4, 4), complex), "frames need"),
    ],
)
def test_arrays_that_are_no_frames(tmp_path: Path, values: np.ndarray[Any, Any], reason: str) -> None:
    path = tmp_path / "a.npy"
    np.save(path, values)
    with pytest.raises(ReadError, match=reason):
        read_array(path)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrays(np.uint8, st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(1, 9))))
def test_array_round_trip(tmp_path: Path, frames: np.ndarray[Any, Any]) -> None:
    np.save(tmp_path / "a.npy", frames)
    np.testing.assert_array_equal(open_cine(tmp_path / "a.npy").frames, frames)
    np.savez_compressed(tmp_path / "b.npz", frames=frames, frame_times=np.arange(len(frames)) / 50, spacing=[0.3, 0.2])
    cine = open_cine(tmp_path / "b.npz")
    np.testing.assert_array_equal(cine.frames, frames)
    assert cine.spacing == Spacing(0.3, 0.2)


def test_npz_with_unnamed_arrays(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", one=grey_clip(), two=grey_clip())
    with pytest.raises(ReadError, match="holds 2 arrays; name the one with the frames 'frames'"):
        open_cine(tmp_path / "a.npz")
