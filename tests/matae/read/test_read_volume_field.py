"""Volume files as the field writes them: scale factors, negative sizes, names of data files, sequences, geometry.

The headers are written by hand here, so that nothing is shared with the reader.
"""

from __future__ import annotations

import gzip
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from read_makers import grey_clip

from matae.cine import Spacing
from matae.errors import ReadError, VolumeError
from matae.read import open_cine

if TYPE_CHECKING:
    from pathlib import Path

CLIP = grey_clip(6, (96, 128))
MHD = "ObjectType = Image\nNDims = 3\nElementSpacing = 0.3 0.4 1\nDimSize = 128 96 6\nElementType = MET_UCHAR\n"


def write_nifti(
    path: Path,
    values: np.ndarray[Any, Any],
    pixdim: tuple[float, ...] = (0.3, 0.4, 1.0),
    *,
    slope: float = 1.0,
    inter: float = 0.0,
    units: int = 10,
    offset: int = 352,
) -> Path:
    """Write a NIfTI-1 by the layout of its header (nifti1.h)."""
    head = bytearray(offset)
    code = {"u1": 2, "i2": 4, "f4": 16, "u2": 512}[values.dtype.str[1:]]
    dims = (*values.shape[::-1], *[1] * (7 - values.ndim))
    struct.pack_into("<i", head, 0, 348)
    struct.pack_into("<8h", head, 40, values.ndim, *dims)
    struct.pack_into("<hh", head, 70, code, values.itemsize * 8)
    struct.pack_into("<8f", head, 76, 0, *pixdim, *[0.0] * (7 - len(pixdim)))
    struct.pack_into("<fff", head, 108, offset, slope, inter)
    head[123] = units
    head[344:348] = b"n+1\0"
    data = bytes(head) + values.tobytes()
    path.write_bytes(gzip.compress(data) if path.name.endswith(".gz") else data)
    return path


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_scale_of_a_nifti_is_applied(tmp_path: Path, suffix: str) -> None:
    doubled = np.minimum(CLIP, 127) * np.uint8(2)
    cine = open_cine(write_nifti(tmp_path / f"a{suffix}", doubled, slope=0.5))
    np.testing.assert_array_equal(cine.frames, doubled // 2)
    cine = open_cine(write_nifti(tmp_path / f"b{suffix}", CLIP.astype(np.int16) - 128, inter=128))
    np.testing.assert_array_equal(cine.frames, CLIP)
    cine = open_cine(write_nifti(tmp_path / f"c{suffix}", CLIP, slope=1 / 255))
    np.testing.assert_array_equal(cine.frames, CLIP)
    assert not cine.warnings


def test_scaled_nifti_that_is_cut_short(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "a.nii", CLIP, slope=0.5, offset=1024)
    assert open_cine(path).n_frames == 6
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ReadError, match=r"a\.nii is damaged or incomplete"):
        open_cine(path)


@pytest.mark.parametrize(("name", "other"), [("a.nii.gz", "a.nii"), ("a.nii", "a.nii.gz"), ("a.nii.gz", "a.NII")])
def test_neighbour_of_the_same_name_is_another_clip(tmp_path: Path, name: str, other: str) -> None:
    write_nifti(tmp_path / other, grey_clip(6, (96, 128), seed=7), (0.5, 0.5, 1.0))
    cine = open_cine(write_nifti(tmp_path / name, CLIP))
    np.testing.assert_array_equal(cine.frames, CLIP)
    assert cine.spacing == pytest.approx(Spacing(0.4, 0.3))


@pytest.mark.parametrize("pixdim", [(-0.3, 0.4, 1.0), (0.3, -0.4, 1.0), (-0.3, -0.4, 1.0), (-0.3, 0.4, -1.0)])
def test_negative_pixel_sizes_are_sizes(tmp_path: Path, pixdim: tuple[float, float, float]) -> None:
    cine = open_cine(write_nifti(tmp_path / "a.nii", CLIP, pixdim))
    np.testing.assert_array_equal(cine.frames, CLIP)
    assert cine.spacing == pytest.approx(Spacing(0.4, 0.3))
    assert cine.geometry is not None
    assert [cine.geometry.direction[axis] for axis in (0, 4, 8)] == [np.sign(size) for size in pixdim]


def test_pixel_sizes_of_nothing(tmp_path: Path) -> None:
    cine = open_cine(write_nifti(tmp_path / "a.nii", CLIP, (0.0, 0.0, 0.0)))
    assert (cine.n_frames, cine.spacing) == (6, None)


def test_picture_in_another_plane(tmp_path: Path) -> None:
    sagittal = np.ascontiguousarray(CLIP[:, :, np.newaxis, :])  # columns, one slice, rows, time
    cine = open_cine(write_nifti(tmp_path / "a.nii", sagittal, (0.3, 1.0, 0.4, 0.02)))
    np.testing.assert_array_equal(cine.frames, CLIP)
    assert cine.spacing == pytest.approx(Spacing(0.4, 0.3))
    assert cine.frame_rate == pytest.approx(50)
    assert cine.geometry is not None
    assert cine.geometry.direction == (1, 0, 0, 0, 0, 1, 0, 1, 0)


def test_geometry_is_that_of_the_file(tmp_path: Path) -> None:
    import SimpleITK as sitk  # noqa: N813

    image = sitk.GetImageFromArray(CLIP)
    image.SetSpacing((0.3, 0.4, 1.0))
    image.SetOrigin((50.0, 70.0, -5.0))
    image.SetDirection((-1, 0, 0, 0, 0, 1, 0, 1, 0))
    for suffix in (".nii.gz", ".mha", ".nrrd"):
        sitk.WriteImage(image, str(tmp_path / f"a{suffix}"))
        cine = open_cine(tmp_path / f"a{suffix}")
        np.testing.assert_array_equal(cine.frames, CLIP)
        assert cine.geometry is not None
        np.testing.assert_allclose(cine.geometry.origin, image.GetOrigin(), atol=1e-5)
        np.testing.assert_allclose(cine.geometry.direction, image.GetDirection(), atol=1e-6)


def test_unstated_third_size_is_time(tmp_path: Path) -> None:
    cine = open_cine(write_nifti(tmp_path / "grid112.nii.gz", CLIP, (1.4, 1.4, 1.0)))
    np.testing.assert_array_equal(cine.frames, CLIP)


def test_volume_says_how_to_be_taken_for_a_cine(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "a.nii", CLIP, (1.4, 1.4, 1.2))
    with pytest.raises(
        VolumeError, match="--third-axis time on the command line, 'The third axis is time' in the Open"
    ):
        open_cine(path)
    np.testing.assert_array_equal(open_cine(path, third_axis_is_time=True).frames, CLIP)


@pytest.mark.parametrize("name", ["A4C view.raw", "A4C, 2nd (best).raw", "A4C.raw"])
def test_data_file_with_any_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(CLIP.tobytes())
    (tmp_path / "a.mhd").write_text(f"{MHD}ElementDataFile = {name}\n")
    np.testing.assert_array_equal(open_cine(tmp_path / "a.mhd").frames, CLIP)


def test_lists_and_patterns_of_data_files(tmp_path: Path) -> None:
    for index, frame in enumerate(CLIP):
        (tmp_path / f"f{index}.raw").write_bytes(frame.tobytes())
        (tmp_path / f"the {index:03d}.raw").write_bytes(frame.tobytes())
    names = "\n".join(f"the {index:03d}.raw" for index in range(6))
    for tail in (f"LIST\n{names}", "f%d.raw 0 5 1"):
        (tmp_path / "a.mhd").write_text(f"{MHD}ElementDataFile = {tail}\n")
        np.testing.assert_array_equal(open_cine(tmp_path / "a.mhd").frames, CLIP)
    (tmp_path / "f3.raw").unlink()
    with pytest.raises(ReadError, match=r"a\.mhd needs its data file f3\.raw, which is missing"):
        open_cine(tmp_path / "a.mhd")


@pytest.mark.parametrize("tail", ["f%d%d.raw 0 5 1", "f%d.raw 0 5 0", "f%d.raw 0 999999999 1", "f%x 0 1"])
def test_patterns_that_stand_for_nothing(tmp_path: Path, tail: str) -> None:
    (tmp_path / "a.mhd").write_text(f"{MHD}ElementDataFile = {tail}\n")
    with pytest.raises(ReadError, match=r"^a\.mhd .*; "):
        open_cine(tmp_path / "a.mhd")


def write_nrrd(path: Path, values: np.ndarray[Any, Any], head: str) -> Path:
    """Write a NRRD by its definition (teem.sourceforge.net/nrrd/format.html)."""
    path.write_bytes(f"NRRD0005\ntype: unsigned char\n{head}encoding: raw\n\n".encode() + values.tobytes())
    return path


LIST_FIRST = (
    "dimension: 4\nsizes: {0} 128 96 1\nspace: left-posterior-superior\n"
    "space directions: none (0.3,0,0) (0,0.4,0) (0,0,1)\nkinds: list domain domain domain\n"
)


@pytest.mark.parametrize("count", [2, 3, 4, 6])
def test_slicer_sequence_is_a_cine(tmp_path: Path, count: int) -> None:
    frames = CLIP[:count]
    path = write_nrrd(
        tmp_path / "a.seq.nrrd", np.ascontiguousarray(np.moveaxis(frames, 0, -1)), LIST_FIRST.format(count)
    )
    cine = open_cine(path)
    np.testing.assert_array_equal(cine.frames, frames)
    assert cine.spacing == pytest.approx(Spacing(0.4, 0.3))
    assert cine.frame_times is None
    assert not cine.warnings


def test_sequence_with_the_list_last(tmp_path: Path) -> None:
    head = (
        "dimension: 3\nsizes: 128 96 6\nspace dimension: 2\nspace directions: (0.3,0) (0,0.4) none\n"
        "kinds: domain domain list\n"
    )
    np.testing.assert_array_equal(open_cine(write_nrrd(tmp_path / "a.nrrd", CLIP, head)).frames, CLIP)


def test_times_of_a_slicer_sequence(tmp_path: Path) -> None:
    head = LIST_FIRST.format(6) + 'units: "ms" "" "" ""\naxis 0 index values:=0 20 40 60 80 110\n'
    cine = open_cine(write_nrrd(tmp_path / "a.nrrd", np.ascontiguousarray(np.moveaxis(CLIP, 0, -1)), head))
    np.testing.assert_allclose(cine.frame_times, [0, 0.02, 0.04, 0.06, 0.08, 0.11])


def test_time_axis_of_a_nrrd(tmp_path: Path) -> None:
    head = 'dimension: 3\nsizes: 128 96 6\nspacings: 0.3 0.4 0.3\nkinds: domain domain time\nunits: "mm" "mm" "s"\n'
    cine = open_cine(write_nrrd(tmp_path / "a.nrrd", CLIP, head))
    np.testing.assert_array_equal(cine.frames, CLIP)
    assert cine.frame_rate == pytest.approx(1 / 0.3)


def test_colours_of_a_nrrd_stay_colours(tmp_path: Path) -> None:
    rgb = np.ascontiguousarray(np.repeat(CLIP[:2, ..., np.newaxis], 3, axis=3))
    head = "dimension: 4\nsizes: 3 128 96 2\nspacings: nan 0.3 0.4 9\nkinds: RGB-color domain domain domain\n"
    np.testing.assert_array_equal(open_cine(write_nrrd(tmp_path / "a.nrrd", rgb, head)).frames, CLIP[:2])


def test_sequence_of_volumes_is_refused(tmp_path: Path) -> None:
    values = np.ascontiguousarray(CLIP.reshape(6, 8, 12, 128))
    head = (
        "dimension: 4\nsizes: 128 12 8 6\nspace dimension: 3\nspace directions: (1,0,0) (0,1,0) (0,0,1) none\n"
        "kinds: domain domain domain list\n"
    )
    with pytest.raises(ReadError, match="is a 3-D volume over time, not a 2-D cine; export one 2-D view"):
        open_cine(write_nrrd(tmp_path / "a.nrrd", values, head))
