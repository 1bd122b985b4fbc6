"""NIfTI files: what other readers see of them, and that the same pixels give the same bytes."""

from __future__ import annotations

import errno
import gzip
import subprocess
import sys
from typing import TYPE_CHECKING

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - the name SimpleITK's own documentation uses

from matae.cine import Geometry, Spacing
from matae.errors import OutputError
from matae.output.nifti import NiftiStream, write_nifti
from matae.output.volume import write_masks

if TYPE_CHECKING:
    from pathlib import Path

PIXELS = np.random.default_rng(0).integers(0, 4, (4, 5, 7), dtype=np.uint8)
QUARTER = Geometry((3.0, 4.0, 5.0), (0.0, 1.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0, 1.0))
BACKWARDS = Geometry((3.0, 4.0, 5.0), (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, -1.0))
SHEARED = Geometry((3.0, 4.0, 5.0), (1.0, 0.3, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0))


def test_a_folder_that_is_not_there_is_an_error_of_the_file_system(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"a\.nii\.gz"):
        write_nifti(tmp_path / "absent" / "a.nii.gz", PIXELS, None, None)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_a_disk_that_fills_up_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def fill_up(image: nibabel.Nifti1Image, file: object, **_: object) -> None:
        file.write(b"half of it")  # type: ignore[attr-defined]
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(nibabel.Nifti1Image, "to_stream", fill_up)
    with pytest.raises(OSError, match="No space left"):
        write_nifti(tmp_path / name, PIXELS, None, None)


def itk(path: Path, pixels: np.ndarray, spacing: tuple[float, ...], geometry: Geometry | None) -> sitk.Image:
    """Return what ITK reads of a file that ITK wrote."""
    image = sitk.GetImageFromArray(pixels)
    image.SetSpacing(spacing)
    if geometry is not None:
        image.SetOrigin(geometry.origin)
        image.SetDirection(geometry.direction)
    sitk.WriteImage(image, str(path))
    return sitk.ReadImage(str(path))


@pytest.mark.parametrize("geometry", [None, QUARTER, BACKWARDS])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_itk_reads_what_itk_would_have_written(tmp_path: Path, suffix: str, geometry: Geometry | None) -> None:
    there = tmp_path / f"a{suffix}"
    write_nifti(there, PIXELS, Spacing(y=0.4, x=0.3), 0.02, geometry)
    mine, theirs = sitk.ReadImage(str(there)), itk(tmp_path / f"b{suffix}", PIXELS, (0.3, 0.4, 0.02), geometry)
    assert mine.GetPixelIDTypeAsString() == theirs.GetPixelIDTypeAsString() == "8-bit unsigned integer"
    np.testing.assert_array_equal(sitk.GetArrayFromImage(mine), PIXELS)
    for what in ("GetSize", "GetSpacing", "GetOrigin", "GetDirection"):
        assert getattr(mine, what)() == getattr(theirs, what)()
    ours, itks = nibabel.load(there), nibabel.load(tmp_path / f"b{suffix}")
    np.testing.assert_array_equal(ours.affine, itks.affine)
    for code in ("qform_code", "sform_code", "datatype", "dim", "vox_offset"):
        np.testing.assert_array_equal(ours.header[code], itks.header[code])


def test_a_picture_has_two_axes_and_no_time(tmp_path: Path) -> None:
    write_nifti(tmp_path / "a.nii", PIXELS[0], Spacing(y=0.4, x=0.3), 0.02)
    image = sitk.ReadImage(str(tmp_path / "a.nii"))
    assert (image.GetSize(), image.GetSpacing()) == ((7, 5), pytest.approx((0.3, 0.4)))
    assert nibabel.load(tmp_path / "a.nii").header.get_xyzt_units() == ("mm", "unknown")


@pytest.mark.parametrize(
    ("spacing", "step", "units"),
    [
        (Spacing(0.4, 0.3), 0.02, ("mm", "sec")),
        (Spacing(0.4, 0.3), None, ("mm", "unknown")),
        (None, 0.02, ("unknown", "sec")),
        (None, None, ("unknown", "unknown")),
    ],
)
def test_units_are_stated_only_where_they_are_known(
    tmp_path: Path, spacing: Spacing | None, step: float | None, units: tuple[str, str]
) -> None:
    write_nifti(tmp_path / "a.nii.gz", PIXELS, spacing, step)
    header = nibabel.load(tmp_path / "a.nii.gz").header
    assert header.get_xyzt_units() == units
    assert header.get_zooms() == pytest.approx((*((0.3, 0.4) if spacing else (1, 1)), step or 1))


def test_axes_that_are_no_rotation_are_left_out(tmp_path: Path) -> None:
    write_nifti(tmp_path / "a.nii", PIXELS, None, None, SHEARED)
    image = sitk.ReadImage(str(tmp_path / "a.nii"))
    assert (image.GetOrigin(), image.GetDirection()) == ((0, 0, 0), (1, 0, 0, 0, 1, 0, 0, 0, 1))


def test_the_same_pixels_give_the_same_bytes_under_any_name(tmp_path: Path) -> None:
    for name in ("a.nii.gz", "another.nii.gz"):
        write_nifti(tmp_path / name, PIXELS, None, None)
    data = (tmp_path / "a.nii.gz").read_bytes()
    assert data == (tmp_path / "another.nii.gz").read_bytes()
    assert data[3:8] == bytes(5)  # no name, no time
    write_nifti(tmp_path / "a.nii", PIXELS, None, None)
    assert gzip.decompress(data) == (tmp_path / "a.nii").read_bytes()


def test_frames_of_any_layout_in_memory_are_written_alike(tmp_path: Path) -> None:
    turned = np.asfortranarray(PIXELS)
    write_nifti(tmp_path / "a.nii", PIXELS, None, None)
    write_nifti(tmp_path / "b.nii", turned, None, None)
    write_nifti(tmp_path / "c.nii", np.repeat(PIXELS, 2, 0)[::2], None, None)
    assert len({(tmp_path / name).read_bytes() for name in ("a.nii", "b.nii", "c.nii")}) == 1


@pytest.mark.parametrize("spacing", [None, Spacing(y=0.4, x=0.3)])
@pytest.mark.parametrize("step", [None, 0.02])
@pytest.mark.parametrize("geometry", [None, QUARTER, BACKWARDS, SHEARED])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_frame_by_frame_gives_the_bytes_of_nibabel(
    tmp_path: Path, suffix: str, spacing: Spacing | None, step: float | None, geometry: Geometry | None
) -> None:
    write_nifti(tmp_path / f"whole{suffix}", PIXELS, spacing, step, geometry)
    with NiftiStream(tmp_path / f"frames{suffix}", (4, 5, 7), spacing, step, geometry) as file:
        for frame in PIXELS:
            file.add(frame)
    whole, frames = ((tmp_path / f"{name}{suffix}").read_bytes() for name in ("whole", "frames"))
    if suffix == ".nii.gz":
        whole, frames = gzip.decompress(whole), gzip.decompress(frames)
    assert frames == whole


def test_frames_written_twice_give_the_same_bytes_packed(tmp_path: Path) -> None:
    for name in ("a.nii.gz", "b.nii.gz"):
        write_masks(tmp_path / name, None, PIXELS)
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


def test_no_nibabel_is_loaded_for_a_clip_without_a_geometry(tmp_path: Path) -> None:
    script = (
        "import sys, numpy\nfrom pathlib import Path\nfrom matae.output.volume import write_masks\n"
        "write_masks(Path(sys.argv[1]), None, numpy.ones((2, 3, 4), 'u1'))\n"
        "sys.exit('nibabel' in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "a.nii.gz")], check=True)
    assert nibabel.load(tmp_path / "a.nii.gz").get_fdata().sum() == 24


def test_a_clip_that_the_format_does_not_hold_is_one_sentence_and_no_file(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"at most 32,767 frames .* not 32,768 of 2 x 3; cut the clip"):
        NiftiStream(tmp_path / "m.nii.gz", (32_768, 2, 3), None, None)
    assert not list(tmp_path.iterdir())


def test_masks_that_end_too_early_do_not_look_whole(tmp_path: Path) -> None:
    path = tmp_path / "m.nii.gz"
    one_missing = iter([np.ones((8, 8), np.uint8)])
    with pytest.raises(StopIteration), NiftiStream(path, (2, 8, 8), None, None) as file:
        [file.add(next(one_missing)) for _ in range(2)]
    with pytest.raises(EOFError):
        gzip.decompress(path.read_bytes())
