from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from read_makers import grey_clip

from matae.cine import Spacing
from matae.errors import ReadError
from matae.read import open_cine
from matae.read.volume import read_volume

if TYPE_CHECKING:
    from pathlib import Path

ALL = [".nii", ".nii.gz", ".mhd", ".mha", ".nrrd"]


def write(path: Path, values: np.ndarray[Any, Any], spacing: tuple[float, ...] = (0.3, 0.2, 1.5)) -> Path:
    image = sitk.GetImageFromArray(values, isVector=False)
    image.SetSpacing(spacing[: image.GetDimension()])
    sitk.WriteImage(image, str(path))
    return path


@pytest.mark.parametrize("suffix", ALL)
def test_empty_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.touch()
    with pytest.raises(ReadError, match="is empty; copy or export it again"):
        open_cine(path)


@pytest.mark.parametrize("suffix", ALL)
def test_garbage(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"garbage " * 200)
    with pytest.raises(ReadError, match=r"is not a readable (NIfTI|MetaImage|NRRD) file; export it again"):
        open_cine(path)


def test_missing_raw_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "loop.mhd", grey_clip())
    path.with_suffix(".raw").unlink()
    with pytest.raises(ReadError, match=r"loop\.mhd needs its data file loop\.raw, which is missing; copy it"):
        open_cine(path)


def test_short_raw(tmp_path: Path) -> None:
    path = write(tmp_path / "loop.mhd", grey_clip())
    raw = path.with_suffix(".raw")
    raw.write_bytes(raw.read_bytes()[:100])
    with pytest.raises(ReadError, match="is damaged or incomplete; copy or export it again"):
        read_volume(path)


def test_cut_gzip(tmp_path: Path) -> None:
    path = write(tmp_path / "a.nii.gz", grey_clip(20, (64, 64)))
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(ReadError, match=r"a\.nii\.gz is damaged or incomplete"):
        read_volume(path)


def test_short_nifti(tmp_path: Path) -> None:
    path = write(tmp_path / "a.nii", grey_clip(20, (64, 64)))
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(ReadError, match=r"a\.nii is damaged or incomplete"):
        read_volume(path)


@pytest.mark.parametrize("size", ["10000 10000 10000", "100000 20 30"])
def test_absurd_header_is_refused_before_allocation(tmp_path: Path, size: str) -> None:
    path = write(tmp_path / "a.mhd", grey_clip())
    lines = [f"DimSize = {size}" if line.startswith("DimSize") else line for line in path.read_text().splitlines()]
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(ReadError, match=f"claims {size.replace(' ', ' x ')} pixels, far more than it can hold"):
        read_volume(path)


@pytest.mark.parametrize(
    ("values", "spacing", "why"),
    [
        (grey_clip(), (0.5, 0.5, 0.5), "its third axis is as fine as the others"),
        (grey_clip().astype(np.int16) * 8 - 1000, (0.7, 0.7, 5.0), "its values are not those of ultrasound frames"),
        (grey_clip().astype(np.float32) * 10, (0.7, 0.7, 5.0), "its values are not those of ultrasound frames"),
    ],
)
def test_volume_that_is_no_cine(
    tmp_path: Path, values: np.ndarray[Any, Any], spacing: tuple[float, ...], why: str
) -> None:
    path = write(tmp_path / "ct.nii.gz", values, spacing)
    with pytest.raises(ReadError, match=f"looks like a 3-D volume, not a cine .{why}.; if the third axis is time"):
        open_cine(path)
    assert open_cine(path, third_axis_is_time=True).n_frames == len(values)


def test_volume_over_time(tmp_path: Path) -> None:
    path = write(tmp_path / "a.nii", grey_clip(8, (4, 6)).reshape(2, 4, 4, 6), (1.0, 1.0, 1.0, 1.0))
    with pytest.raises(ReadError, match="is a 3-D volume over time"):
        read_volume(path)


@pytest.mark.parametrize("suffix", ALL)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrays(np.uint8, st.tuples(st.integers(2, 4), st.integers(2, 9), st.integers(2, 9))))
def test_round_trip(tmp_path: Path, suffix: str, frames: np.ndarray[Any, Any]) -> None:
    cine = read_volume(write(tmp_path / f"a{suffix}", frames))
    np.testing.assert_array_equal(cine.frames, frames)
    assert cine.spacing == pytest.approx(Spacing(0.2, 0.3))
    assert cine.frame_times is None


def test_still_and_float_values(tmp_path: Path) -> None:
    frames = grey_clip(1)
    assert read_volume(write(tmp_path / "a.nii.gz", frames[0])).n_frames == 1
    kept = read_volume(write(tmp_path / "b.nii.gz", frames.astype(np.float32)))
    np.testing.assert_array_equal(kept.frames, frames)
    unit = read_volume(write(tmp_path / "c.nii.gz", frames.astype(np.float32) / 255))
    np.testing.assert_array_equal(unit.frames, frames)
    wide = read_volume(write(tmp_path / "d.nii.gz", frames.astype(np.float32) * 3 - 40))
    assert (wide.frames.min(), wide.frames.max()) == (0, 255)
    assert "Brightness was rescaled" in wide.warnings[0]


def test_values_that_are_no_numbers(tmp_path: Path) -> None:
    values = grey_clip(1).astype(np.float32)
    values[0, 0, 0], values[0, 0, 1] = np.nan, np.inf
    cine = read_volume(write(tmp_path / "a.nii.gz", values))
    assert cine.frames[0, 0, 0] == 0


def test_fourth_axis_is_time_with_its_unit(tmp_path: Path) -> None:
    path = write(tmp_path / "a.nii", grey_clip(5)[:, np.newaxis], (0.3, 0.3, 1.0, 0.02))
    cine = read_volume(path)
    assert cine.n_frames == 5
    assert cine.frame_rate == pytest.approx(50)
    assert "pixdim[4]" in cine.timing_note
    data = bytearray(path.read_bytes())
    data[123] = 2  # xyzt_units: millimetres, and no unit of time
    path.write_bytes(data)
    assert read_volume(path).frame_times is None
    data[123] = 0  # no unit of length either
    path.write_bytes(data)
    assert "without a unit of length" in read_volume(path).spacing_note


def test_unit_spacing_is_none(tmp_path: Path) -> None:
    cine = read_volume(write(tmp_path / "a.nii", grey_clip(), (1.0, 1.0, 1.0)))
    assert cine.spacing is None
    assert "exactly 1" in cine.spacing_note


def test_colour_volume_becomes_luma(tmp_path: Path) -> None:
    frames = grey_clip()
    image = sitk.GetImageFromArray(np.repeat(frames[..., np.newaxis], 3, axis=3), isVector=True)
    sitk.WriteImage(image, str(tmp_path / "a.mha"))
    np.testing.assert_array_equal(read_volume(tmp_path / "a.mha").frames, frames)
