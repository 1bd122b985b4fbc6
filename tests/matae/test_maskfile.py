"""The one reader of mask files: laid over the picture, bounded, and never silent about what does not fit."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - the name SimpleITK's own documentation uses
from PIL import Image

from matae.cine import Geometry
from matae.maskfile import MaskFileError, MaskSizeError, as_classes, read_mask_file

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SHAPE = (3, 6, 9)
TURNS = ["LPS", "RAS", "LAS", "RPS", "PLS", "SPL", "ASR", "LPI"]


@pytest.fixture(scope="module")
def masks() -> NDArray[np.uint8]:
    """Masks that look different whichever way they are turned."""
    return (np.random.default_rng(0).random(SHAPE) > 0.6).astype(np.uint8)


def image(
    values: NDArray[np.uint8], origin: tuple[float, ...] = (0, 0, 0), turn: tuple[int, int] = (1, 1), step: float = 1
) -> sitk.Image:
    made = sitk.GetImageFromArray(values)
    made.SetSpacing((step, step, 1.0))
    made.SetOrigin(origin)
    made.SetDirection((turn[0], 0, 0, 0, turn[1], 0, 0, 0, 1))
    return made


def place_of(made: sitk.Image) -> Geometry:
    return Geometry(made.GetOrigin(), made.GetDirection())


# --- where it lies ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("suffix", [".nii.gz", ".mha", ".nrrd"])
def test_a_mask_turned_by_another_tool_is_turned_back(masks, tmp_path: Path, turn: str, suffix: str) -> None:
    stored = image(masks, (50, 70, 0), (-1, -1), 0.6)
    sitk.WriteImage(sitk.DICOMOrient(stored, turn), str(tmp_path / f"m{suffix}"))
    np.testing.assert_array_equal(read_mask_file(tmp_path / f"m{suffix}", SHAPE, place_of(stored)), masks)


@pytest.mark.parametrize("turn", TURNS)
def test_so_it_is_for_a_picture_that_states_no_place(masks, tmp_path: Path, turn: str) -> None:
    sitk.WriteImage(sitk.DICOMOrient(image(masks), turn), str(tmp_path / "m.nii.gz"))
    np.testing.assert_array_equal(read_mask_file(tmp_path / "m.nii.gz", SHAPE), masks)


@pytest.mark.parametrize("turn", [(1, 1), (-1, -1)])
@pytest.mark.parametrize("geometry", [None, Geometry((50, 70, 0), (-1, 0, 0, 0, -1, 0, 0, 0, 1))])
def test_a_mask_that_states_no_place_lies_as_it_is_stored(
    masks, tmp_path: Path, turn: tuple[int, int], geometry: Geometry | None
) -> None:
    # What writers put that know none: ITK an identity, nibabel's np.eye(4) what ITK reads as two minuses.
    sitk.WriteImage(image(masks, turn=turn), str(tmp_path / "m.nii.gz"))
    np.testing.assert_array_equal(read_mask_file(tmp_path / "m.nii.gz", SHAPE, geometry), masks)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ({"origin": (10, 70, 0), "turn": (-1, -1)}, "does not lie where"),
        ({"origin": (50, 70, 0), "turn": (1, -1)}, "does not lie where"),
    ],
)
def test_a_mask_that_lies_elsewhere_is_refused(masks, tmp_path: Path, made: dict, said: str) -> None:
    sitk.WriteImage(image(masks, step=0.6, **made), str(tmp_path / "m.nii.gz"))
    with pytest.raises(MaskFileError, match=said):
        read_mask_file(tmp_path / "m.nii.gz", SHAPE, place_of(image(masks, (50, 70, 0), (-1, -1), 0.6)))


def test_a_flipped_mask_over_a_picture_without_a_place_is_refused(masks, tmp_path: Path) -> None:
    sitk.WriteImage(image(masks, (0, 3, 0), (1, -1)), str(tmp_path / "m.nii.gz"))
    with pytest.raises(MaskFileError, match="does not lie where"):
        read_mask_file(tmp_path / "m.nii.gz", SHAPE)


def test_a_mask_at_an_angle_is_refused(masks, tmp_path: Path) -> None:
    stored = image(masks)
    stored.SetDirection((0.6, -0.8, 0, 0.8, 0.6, 0, 0, 0, 1))
    sitk.WriteImage(stored, str(tmp_path / "m.nii.gz"))
    with pytest.raises(MaskFileError, match="lies at an angle"):
        read_mask_file(tmp_path / "m.nii.gz", SHAPE, place_of(image(masks)))
    # The same angle is no angle.
    np.testing.assert_array_equal(read_mask_file(tmp_path / "m.nii.gz", SHAPE, place_of(stored)), masks)


def test_four_axes_and_a_plane_in_space(masks, tmp_path: Path) -> None:
    frames = []
    for mask in masks:
        frame = sitk.GetImageFromArray(mask[None])
        frame.SetSpacing((0.5, 0.5, 2))
        frame.SetOrigin((5, 6, 7))
        frame.SetDirection((0, 0, 1, 1, 0, 0, 0, 1, 0))  # columns run to the back, rows to the head
        frames.append(frame)
    stored = sitk.JoinSeries(frames, 0, 0.04)
    sitk.WriteImage(stored, str(tmp_path / "m.nii.gz"))
    np.testing.assert_array_equal(read_mask_file(tmp_path / "m.nii.gz", SHAPE, place_of(stored)), masks)
    np.testing.assert_array_equal(read_mask_file(tmp_path / "m.nii.gz", SHAPE), masks)


def test_a_still_of_two_axes(masks, tmp_path: Path) -> None:
    stored = sitk.GetImageFromArray(masks[0])
    stored.SetDirection((-1, 0, 0, -1))
    stored.SetOrigin((4, 4))
    for suffix in (".mha", ".nrrd", ".nii"):
        sitk.WriteImage(stored, str(tmp_path / f"m{suffix}"))
        place = Geometry((4.0, 4.0), (-1.0, 0.0, 0.0, -1.0))
        np.testing.assert_array_equal(read_mask_file(tmp_path / f"m{suffix}", SHAPE[1:], place), masks[0])
        np.testing.assert_array_equal(read_mask_file(tmp_path / f"m{suffix}", (1, *SHAPE[1:]), place), masks[:1])


# --- bounds -----------------------------------------------------------------------------------------------------


def test_another_size_is_refused_before_anything_is_unpacked(masks, tmp_path: Path) -> None:
    sitk.WriteImage(image(masks), str(tmp_path / "m.nii.gz"))
    np.save(tmp_path / "m.npy", masks)
    Image.fromarray(masks[0]).save(tmp_path / "m.png")
    for name in ("m.nii.gz", "m.npy", "m.png"):
        with pytest.raises(MaskSizeError, match="size of its picture"):
            read_mask_file(tmp_path / name, (1, 7, 9))


def test_a_file_that_was_cut_off_is_no_empty_mask(tmp_path: Path) -> None:
    values = np.random.default_rng(1).integers(0, 2, (4, 60, 60), np.uint8)
    sitk.WriteImage(image(values), str(tmp_path / "m.nii"))
    whole = (tmp_path / "m.nii").read_bytes()
    (tmp_path / "m.nii").write_bytes(whole[:-5000])
    # Cut off before it was packed: the archive is sound, its content is not.
    (tmp_path / "m.nii.gz").write_bytes(gzip.compress(whole[:-5000]))
    (tmp_path / "torn.nii.gz").write_bytes(gzip.compress(whole)[:-500])
    for name in ("m.nii", "m.nii.gz", "torn.nii.gz"):
        with pytest.raises(MaskFileError, match=r"cannot be read|more pixels"):
            read_mask_file(tmp_path / name, (4, 60, 60))


@pytest.mark.parametrize("name", ["m.nii.gz", "m.nii", "m.mha", "m.nrrd", "m.npy", "m.png", "m.bmp", "m.tif", "m.txt"])
@pytest.mark.parametrize("content", [b"", b"\x1f\x8b", b"nothing of the kind" * 40])
def test_what_is_no_mask_is_one_sentence(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(MaskFileError) as error:
        read_mask_file(tmp_path / name, (6, 9))
    assert "\n" not in str(error.value)
    assert str(error.value).endswith(".")
    assert name in str(error.value)


@pytest.mark.parametrize("data", ["../secret.raw", "/etc/passwd", "..\\secret.raw"])
def test_a_header_names_no_file_outside(tmp_path: Path, data: str) -> None:
    (tmp_path / "m.mhd").write_text(
        f"ObjectType = Image\nNDims = 2\nDimSize = 9 6\nElementType = MET_UCHAR\nElementDataFile = {data}\n"
    )
    (tmp_path / "m.nhdr").write_text(
        f"NRRD0004\ntype: uint8\ndimension: 2\nsizes: 9 6\nencoding: raw\ndata file: {data}\n"
    )
    for name in ("m.mhd", "m.nhdr"):
        with pytest.raises(MaskFileError, match="stay inside"):
            read_mask_file(tmp_path / name, (6, 9))


@pytest.mark.parametrize("axes", ["99999999999999", "11", "0", "x"])
def test_a_header_with_more_axes_than_itk_has_room_for(tmp_path: Path, axes: str) -> None:
    # MetaIO writes beyond its tables with these: the process itself would end.
    for name in ("m.mha", "m.mhd"):
        (tmp_path / name).write_text(f"ObjectType = Image\nNDims = 3\nNDims = {axes} 0.4\nElementDataFile = LOCAL\n")
        with pytest.raises(MaskFileError, match="cannot be read"):
            read_mask_file(tmp_path / name, (6, 9))


def test_a_header_and_its_data_beside_it(masks, tmp_path: Path) -> None:
    sitk.WriteImage(image(masks), str(tmp_path / "A4C view.mhd"))
    sitk.WriteImage(image(masks), str(tmp_path / "m.nhdr"), useCompression=True)
    for name in ("A4C view.mhd", "m.nhdr"):
        np.testing.assert_array_equal(read_mask_file(tmp_path / name, SHAPE), masks)


# --- values -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0, 255]], np.uint8), [[0, 1]]),
        (np.array([[0, 65535]], np.uint16), [[0, 1]]),
        (np.array([[0, 1, 2, 3]], np.int16), [[0, 1, 2, 3]]),
        (np.array([[0.0, 2.0]]), [[0, 2]]),
        (np.array([[False, True]]), [[0, 1]]),
        (np.zeros((2, 2), np.uint8), [[0, 0], [0, 0]]),
    ],
)
def test_values_that_are_classes(values: NDArray, expected: list) -> None:
    assert as_classes(values, "x").tolist() == expected


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.array([[0, 128]], np.uint8), "0 to 20"),
        (np.array([[0, -1]], np.int16), "0 to 20"),
        (np.array([[0.0, 0.5]]), "whole numbers"),
        (np.array([[0.0, np.nan]]), "whole numbers"),
        (np.array([[0, 1j]]), "no numbers"),
    ],
)
def test_values_that_are_none(values: NDArray, said: str) -> None:
    with pytest.raises(MaskFileError, match=said):
        as_classes(values, "x")


def disc() -> NDArray[np.bool_]:
    y, x = np.mgrid[:20, :30]
    return np.hypot(y - 9, x - 12) < 6


@pytest.mark.parametrize(
    ("colour", "under", "alpha"),
    [
        (255, 255, 255), (255, 0, 255), (0, 255, 255), (0, 0, 255), (255, 255, 200), ((255, 0, 0), 255, 255),
        ((0, 200, 30), (0, 200, 30), 255),
    ],
)  # fmt: skip
@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_what_is_seen_of_a_transparent_mask_is_the_structure(
    tmp_path: Path, mode: str, colour: int | tuple[int, ...], under: int | tuple[int, ...], alpha: int
) -> None:
    inside = disc()
    values = np.zeros((*inside.shape, 4), np.uint8)
    values[..., :3] = np.where(inside[..., None], np.broadcast_to(colour, 3), np.broadcast_to(under, 3))
    values[..., 3] = inside * alpha
    if mode == "LA" and not (isinstance(colour, int) and isinstance(under, int)):
        pytest.skip("grey has no colours")
    Image.fromarray(values).convert(mode).save(tmp_path / "m.png")
    np.testing.assert_array_equal(read_mask_file(tmp_path / "m.png", inside.shape), inside)


def test_classes_on_transparent_ground(tmp_path: Path) -> None:
    inside = disc()
    grey = np.where(inside, 1, 3).astype(np.uint8)
    grey[:, 20:] = 255
    seen = np.where(grey == 255, 0, 255).astype(np.uint8)
    Image.merge("LA", [Image.fromarray(grey), Image.fromarray(seen)]).save(tmp_path / "m.png")
    expected = np.where(grey == 255, 0, grey)
    np.testing.assert_array_equal(read_mask_file(tmp_path / "m.png", inside.shape), expected)


def test_opaque_alpha_changes_nothing(tmp_path: Path) -> None:
    grey = Image.fromarray(disc() * np.uint8(255))
    for mode in ("RGBA", "LA", "RGB", "L", "1"):
        grey.convert(mode).save(tmp_path / "m.png")
        np.testing.assert_array_equal(read_mask_file(tmp_path / "m.png", (20, 30)), disc())
    grey.save(tmp_path / "m.bmp")
    grey.save(tmp_path / "m.tif", compression="tiff_lzw")
    for name in ("m.bmp", "m.tif"):
        np.testing.assert_array_equal(read_mask_file(tmp_path / name, (20, 30)), disc())


@pytest.mark.parametrize("colours", [[0, 0, 0, 255, 255, 255], [255, 255, 255, 0, 0, 0]])
def test_a_palette_of_black_and_white_in_either_order(tmp_path: Path, colours: list[int]) -> None:
    white = colours.index(255) // 3
    picture = Image.fromarray(np.where(disc(), white, 1 - white).astype(np.uint8), mode="P")
    picture.putpalette(colours)
    picture.save(tmp_path / "m.png")
    np.testing.assert_array_equal(read_mask_file(tmp_path / "m.png", (20, 30)), disc())


@pytest.mark.parametrize("clear", [None, 0])
def test_a_palette_of_colours_holds_class_numbers(tmp_path: Path, clear: int | None) -> None:
    values = np.where(disc(), 2, 0).astype(np.uint8)
    values[0] = 1
    picture = Image.fromarray(values, mode="P")
    picture.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
    picture.save(tmp_path / "m.png", **({} if clear is None else {"transparency": clear}))
    np.testing.assert_array_equal(read_mask_file(tmp_path / "m.png", (20, 30)), values)


def test_a_colour_picture_is_no_mask(tmp_path: Path) -> None:
    values = np.zeros((20, 30, 3), np.uint8)
    values[disc()] = (255, 0, 0)
    Image.fromarray(values).save(tmp_path / "m.png")
    with pytest.raises(MaskFileError, match="colour picture"):
        read_mask_file(tmp_path / "m.png", (20, 30))
