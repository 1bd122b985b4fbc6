"""Pictures as the field writes them: depth, colours, opacity, orientation, compression, other pages, axes."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from PIL import Image
from read_makers import grey_clip

from matae.errors import ReadError
from matae.read import open_cine

if TYPE_CHECKING:
    from pathlib import Path

CLIP = grey_clip(6, (32, 48))
FRAME = CLIP[0]
MARK = np.zeros((16, 24), np.uint8)  # a corner, so that each way of turning it is another picture
MARK[2:5, 3:12] = 200
MARK[2:12, 3:5] = 120


def png(values: np.ndarray[Any, Any], *, chunks: bytes = b"") -> bytes:
    """Write a PNG of 8 or 16 bits by its definition (RFC 2083); Pillow writes no colours of 16 bits."""
    rows, columns = values.shape[:2]
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[1 if values.ndim == 2 else values.shape[2]]
    big = values.astype(values.dtype.newbyteorder(">"))

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", columns, rows, values.itemsize * 8, kind, 0, 0, 0)
    lines = b"".join(b"\0" + row.tobytes() for row in big)
    data = chunk(b"IHDR", head)
    if chunks:
        data += chunk(chunks[:4], chunks[4:])
    return b"\x89PNG\r\n\x1a\n" + data + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


# -- depth ----------------------------------------------------------------------------------------------


def test_twelve_bits_in_sixteen_are_scaled_over_the_clip(tmp_path: Path) -> None:
    deep = CLIP.astype(np.uint16) * 16
    (tmp_path / "pictures").mkdir()
    for index, frame in enumerate(deep):
        Image.fromarray(frame).save(tmp_path / "pictures" / f"f{index}.png")
    tifffile.imwrite(tmp_path / "same_tif", deep, photometric="minisblack")
    cine = open_cine(tmp_path / "pictures")
    expected = np.rint((deep - float(deep.min())) * 255 / (deep.max() - deep.min()))
    np.testing.assert_array_equal(cine.frames, expected)
    np.testing.assert_array_equal(cine.frames, open_cine(tmp_path / "same_tif").frames)
    assert "rescaled" in cine.warnings[0]


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_colours_of_sixteen_bits_keep_their_lower_half(tmp_path: Path, channels: int) -> None:
    deep = np.repeat((FRAME.astype(np.uint16) * 16)[..., np.newaxis], channels, axis=2)
    if channels in (2, 4):
        deep[..., -1] = 65535
    (tmp_path / "a.png").write_bytes(png(deep))
    cine = open_cine(tmp_path / "a.png")
    low, high = int(FRAME.min()), int(FRAME.max())
    expected = (FRAME.astype(float) - low) * 255 / (high - low)
    assert np.abs(cine.frames[0] - expected).max() <= 1


def test_few_bits_of_a_tiff_fill_the_range(tmp_path: Path) -> None:
    values = (FRAME >> 4).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="minisblack", bitspersample=4)
    np.testing.assert_array_equal(open_cine(tmp_path / "a.tif").frames[0], values * 17)
    Image.fromarray(FRAME > 99).save(tmp_path / "b.tif")
    np.testing.assert_array_equal(open_cine(tmp_path / "b.tif").frames[0], (FRAME > 99) * 255)


def test_mixed_depths_each_keep_their_picture(tmp_path: Path) -> None:
    Image.fromarray(FRAME).save(tmp_path / "a0.png")
    Image.fromarray(FRAME.astype(np.uint16) * 16).save(tmp_path / "a1.png")
    frames = open_cine(tmp_path).frames
    np.testing.assert_array_equal(frames[0], FRAME)
    assert np.abs(frames[1].astype(int) - FRAME).max() <= 3


# -- photometric interpretation ---------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_white_is_zero(tmp_path: Path, dtype: Any) -> None:
    wide = CLIP.astype(dtype) * (257 if dtype is np.uint16 else 1)
    stored = np.iinfo(dtype).max - wide
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="miniswhite")
    cine = open_cine(tmp_path / "a.tif")
    assert np.abs(cine.frames.astype(int) - CLIP).max() <= 1
    Image.fromarray(FRAME > 99).save(tmp_path / "b.tif", tiffinfo={262: 0})
    shown = np.asarray(Image.open(tmp_path / "b.tif").convert("L"))
    np.testing.assert_array_equal(open_cine(tmp_path / "b.tif").frames[0], shown)


def test_palette_is_looked_up(tmp_path: Path) -> None:
    table = np.random.default_rng(3).permutation(256).astype(np.uint16)
    index = np.argsort(table).astype(np.uint8)[CLIP]  # the entry that shows each grey
    tifffile.imwrite(tmp_path / "a.tif", index, photometric="palette", colormap=np.stack([table * 257] * 3))
    np.testing.assert_array_equal(open_cine(tmp_path / "a.tif").frames, CLIP)
    narrow = np.stack([table] * 3)  # the lower 8 bits only, as some writers do
    tifffile.imwrite(tmp_path / "b.tif", index, photometric="palette", colormap=narrow)
    np.testing.assert_array_equal(open_cine(tmp_path / "b.tif").frames, CLIP)


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "LAB", "P", "RGBA", "RGB"])
def test_colour_models_of_tiff(tmp_path: Path, mode: str) -> None:
    rgb = Image.fromarray(np.stack([FRAME, FRAME // 2, 255 - FRAME], axis=2))
    if mode == "LAB":
        picture = Image.fromarray(np.stack([FRAME, np.zeros_like(FRAME), np.zeros_like(FRAME)], axis=2), "LAB")
    else:
        picture = rgb.quantize(64) if mode == "P" else rgb.convert(mode)
    picture.save(tmp_path / "a.tif")
    with Image.open(tmp_path / "a.tif") as again:
        shown = np.asarray(again.convert("RGB").convert("L")).astype(int)
    assert np.abs(open_cine(tmp_path / "a.tif").frames[0] - shown).max() <= 3


def test_planes_apart(tmp_path: Path) -> None:
    planes = np.stack([FRAME, FRAME, FRAME])
    tifffile.imwrite(tmp_path / "a.tif", planes, photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(open_cine(tmp_path / "a.tif").frames[0], FRAME)


# -- compression ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("has_imagecodecs", [True, False])
def test_compressions_with_and_without_imagecodecs(tmp_path: Path, has_imagecodecs: bool) -> None:
    smooth = np.add.outer(np.arange(32) * 4, np.arange(48) * 2).astype(np.uint8)
    shown = {}
    for compression in ("tiff_lzw", "jpeg", "packbits", "tiff_adobe_deflate", "group4", "zstd"):
        pictures = [Image.fromarray(smooth + np.uint8(index)) for index in range(3)]
        if compression == "group4":
            pictures = [Image.fromarray(smooth > 60 + index) for index in range(3)]
        path = tmp_path / f"{compression}.tif"
        options = {"quality": 95} if compression == "jpeg" else {}
        pictures[0].save(path, save_all=True, append_images=pictures[1:], compression=compression, **options)
        with Image.open(path) as again:
            frames = []
            for index in range(3):
                again.seek(index)
                frames.append(np.asarray(again.convert("L")).astype(int))
        shown[compression] = np.stack(frames)
    code = (
        "import sys, numpy as np\nfrom pathlib import Path\nfrom matae.read import open_cine\n"
        "folder = Path(sys.argv[1])\n"
        "np.savez(folder / 'out.npz', **{path.stem: open_cine(path).frames for path in folder.glob('*.tif')})"
    )
    hidden = "" if has_imagecodecs else "import sys\nsys.modules['imagecodecs'] = None\n"
    subprocess.run([sys.executable, "-c", hidden + code, str(tmp_path)], check=True)
    read = np.load(tmp_path / "out.npz")
    assert set(read.files) == set(shown)
    for compression, frames in shown.items():
        assert np.abs(read[compression] - frames).max() <= 3, compression


def test_jpeg_colours_in_a_tiff(tmp_path: Path) -> None:
    rgb = np.stack([np.add.outer(np.arange(32) * 4, np.arange(48)).astype(np.uint8)] * 3, axis=2)
    rgb[..., 0] //= 2
    Image.fromarray(rgb).save(tmp_path / "a.tif", compression="jpeg", quality=95)
    shown = np.asarray(Image.open(tmp_path / "a.tif").convert("L")).astype(int)
    assert np.abs(open_cine(tmp_path / "a.tif").frames[0] - shown).max() <= 3


# -- pages of other sizes -----------------------------------------------------------------------------------


def write_pages(path: Path, pages: list[np.ndarray[Any, Any]], **options: Any) -> Path:
    with tifffile.TiffWriter(path) as writer:
        for page in pages:
            writer.write(page, photometric="minisblack", contiguous=False, metadata=None, **options)
    return path


@pytest.mark.parametrize("first", [True, False])
def test_thumbnail_is_left_out(tmp_path: Path, first: bool) -> None:
    thumbnail = [CLIP[0, ::4, ::4]]
    path = write_pages(tmp_path / "a.tif", [*thumbnail, *CLIP] if first else [*CLIP, *thumbnail])
    cine = open_cine(path)
    np.testing.assert_array_equal(cine.frames, CLIP)
    assert not cine.warnings
    assert cine.info["left_out"] == "1 of 12x8"


def test_thumbnail_beside_a_still(tmp_path: Path) -> None:
    np.testing.assert_array_equal(open_cine(write_pages(tmp_path / "a.tif", [FRAME[::4, ::4], FRAME])).frames[0], FRAME)


def test_thumbnails_between_the_frames(tmp_path: Path) -> None:
    pages = [page for frame in CLIP for page in (frame, frame[::2, ::2])]
    np.testing.assert_array_equal(open_cine(write_pages(tmp_path / "a.tif", pages)).frames, CLIP)


def test_pages_of_another_kind_are_named(tmp_path: Path) -> None:
    cine = open_cine(write_pages(tmp_path / "a.tif", [np.zeros((50, 20), np.uint8), *CLIP]))
    np.testing.assert_array_equal(cine.frames, CLIP)
    assert cine.warnings == ("Pages of another size or kind were left out: 1 of 20x50 pixels.",)


# -- opacity ----------------------------------------------------------------------------------------------


def laid_on_black(grey: np.ndarray[Any, Any], opacity: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.rint(grey.astype(float) * opacity / 255)


def test_transparent_pixels_are_black_in_every_container(tmp_path: Path) -> None:
    opacity = np.where(np.arange(48) < 20, 0, 255).astype(np.uint8) * np.ones((32, 1), np.uint8)
    opacity[:8] = 100
    white = np.where(opacity == 0, 255, FRAME).astype(np.uint8)  # what lies below is not seen
    rgba = np.dstack([white, white, white, opacity])
    expected = laid_on_black(white, opacity)
    Image.fromarray(rgba).save(tmp_path / "a.png")
    Image.fromarray(np.dstack([white, opacity]), "LA").save(tmp_path / "b.png")
    Image.fromarray(rgba).save(tmp_path / "c.webp", lossless=True, exact=True)
    tifffile.imwrite(tmp_path / "d.tif", rgba, photometric="rgb", extrasamples=["unassalpha"])
    np.save(tmp_path / "e.npy", rgba[np.newaxis])
    (tmp_path / "f.png").write_bytes(png(rgba.astype(np.uint16) * 257))
    for name in ("a.png", "b.png", "c.webp", "d.tif", "e.npy", "f.png"):
        assert np.abs(open_cine(tmp_path / name).frames[0] - expected).max() <= 1, name


def test_transparent_colours_of_png(tmp_path: Path) -> None:
    grey = np.where(FRAME < 40, 255, FRAME).astype(np.uint8)
    expected = np.where(grey == 255, 0, grey)
    (tmp_path / "a.png").write_bytes(png(grey, chunks=b"tRNS\0\xff"))
    rgb = np.repeat(grey[..., np.newaxis], 3, axis=2)
    (tmp_path / "b.png").write_bytes(png(rgb, chunks=b"tRNS" + b"\0\xff" * 3))
    for name in ("a.png", "b.png"):
        np.testing.assert_array_equal(open_cine(tmp_path / name).frames[0], expected)
    palette = Image.fromarray(grey).convert("P")
    palette.putpalette(bytes(value for value in range(256) for _ in range(3)))
    palette.save(tmp_path / "c.png", transparency=255)
    np.testing.assert_array_equal(open_cine(tmp_path / "c.png").frames[0], expected)


def test_transparent_gif_is_black(tmp_path: Path) -> None:
    pictures = []
    for frame in CLIP:
        picture = Image.fromarray(np.maximum(frame, 8)).convert("P")
        picture.putpalette(b"\xff\xff\xff" + bytes(value for value in range(1, 256) for _ in range(3)))
        picture.putdata(np.where(frame < 8, 0, frame).ravel().tolist())
        pictures.append(picture)
    pictures[0].save(
        tmp_path / "a.gif", save_all=True, append_images=pictures[1:], transparency=0, duration=40, disposal=2
    )
    cine = open_cine(tmp_path / "a.gif")
    assert np.abs(cine.frames.astype(int) - np.where(CLIP < 8, 0, CLIP)).max() <= 1
    assert cine.frame_rate == pytest.approx(25)


def test_unused_fourth_channel_of_an_array(tmp_path: Path) -> None:
    rgba = np.dstack([FRAME, FRAME, FRAME, np.zeros_like(FRAME)])
    np.save(tmp_path / "a.npy", rgba[np.newaxis])
    np.testing.assert_array_equal(open_cine(tmp_path / "a.npy").frames[0], FRAME)


# -- orientation --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_every_container(tmp_path: Path, orientation: int) -> None:
    tag = Image.Exif()
    tag[0x0112] = orientation
    big = np.kron(MARK, np.ones((4, 4), np.uint8))
    Image.fromarray(big).save(tmp_path / "a.jpg", exif=tag, quality=95)
    Image.fromarray(big).save(tmp_path / "b.png", exif=tag)
    tifffile.imwrite(tmp_path / "c.tif", big, photometric="minisblack", extratags=[(274, 3, 1, orientation, True)])
    # Exif 2.32, section 4.6.4: where row 0 and column 0 of the stored picture are shown.
    turned = {
        1: big, 2: big[:, ::-1], 3: big[::-1, ::-1], 4: big[::-1], 5: big.T, 6: np.rot90(big, -1),
        7: np.rot90(big, 2).T, 8: np.rot90(big),
    }[orientation]  # fmt: skip
    for name in ("a.jpg", "b.png", "c.tif"):
        frame = open_cine(tmp_path / name).frames[0]
        assert frame.shape == turned.shape, name
        assert np.abs(frame.astype(int) - turned).mean() < 3, name


def test_folder_of_turned_pictures(tmp_path: Path) -> None:
    tag = Image.Exif()
    tag[0x0112] = 6
    for index in range(3):
        Image.fromarray(MARK).save(tmp_path / f"f{index}.png", exif=tag)
    np.testing.assert_array_equal(open_cine(tmp_path).frames, [np.rot90(MARK, -1)] * 3)


def test_resolution_turns_with_the_picture(tmp_path: Path) -> None:
    options: dict[str, Any] = {"imagej": True, "resolution": (5.0, 4.0), "metadata": {"axes": "TYX", "unit": "mm"}}
    tifffile.imwrite(tmp_path / "a.tif", CLIP, extratags=[(274, 3, 1, 6, True)], **options)
    cine = open_cine(tmp_path / "a.tif")
    assert cine.frames.shape == (6, 48, 32)
    assert cine.spacing == pytest.approx((0.2, 0.25))


# -- pixels that are not square -----------------------------------------------------------------------------


def test_densities_that_differ_say_the_shape_of_a_pixel(tmp_path: Path) -> None:
    Image.fromarray(FRAME).save(tmp_path / "a.png", dpi=(100, 200))
    (tmp_path / "b.png").write_bytes(png(FRAME, chunks=b"pHYs" + struct.pack(">IIB", 1, 2, 0)))
    Image.fromarray(FRAME).save(tmp_path / "c.jpg", dpi=(100, 200))
    tifffile.imwrite(tmp_path / "d.tif", FRAME, photometric="minisblack", resolution=(100, 200))
    for name in ("a.png", "b.png", "c.jpg", "d.tif"):
        cine = open_cine(tmp_path / name)
        assert cine.pixel_aspect == pytest.approx((1, 2), rel=1e-3), name
        assert cine.frames.shape[1:] == FRAME.shape
        assert "2 times as wide as it is high" in cine.spacing_note
    Image.fromarray(FRAME).save(tmp_path / "e.png", dpi=(72, 72))
    assert open_cine(tmp_path / "e.png").pixel_aspect == (1, 1)


# -- animations ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_animation_is_a_cine(tmp_path: Path, suffix: str) -> None:
    pictures = [Image.fromarray(frame).convert("RGB") for frame in CLIP]
    options: dict[str, Any] = {"lossless": True} if suffix == ".webp" else {}
    pictures[0].save(tmp_path / f"a{suffix}", save_all=True, append_images=pictures[1:], duration=40, **options)
    cine = open_cine(tmp_path / f"a{suffix}")
    assert np.abs(cine.frames.astype(int) - CLIP).max() <= 1
    assert cine.frame_rate == pytest.approx(25)
    assert not cine.warnings


# -- arrays -------------------------------------------------------------------------------------------------


def sector_clip(count: int, rows: int, columns: int) -> np.ndarray[Any, Any]:
    """Moving speckle in a sector on black, (T, Y, X)."""
    y, x = np.mgrid[:rows, :columns]
    sector = np.abs(x - columns / 2) < 4 + y * 0.4
    return (grey_clip(count, (rows, columns), seed=1) | 16) * sector.astype(np.uint8)


@pytest.mark.parametrize("shape", [(6, 96, 128), (60, 112, 112), (40, 64, 48), (200, 96, 128), (3, 64, 64)])
def test_time_last_is_refused_with_the_order_wanted(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    frames = sector_clip(*shape)
    np.save(tmp_path / "a.npy", np.moveaxis(frames, 0, -1))
    with pytest.raises(ReadError, match=r"a\.npy has the shape .*; save it as \(time, rows, columns\)"):
        open_cine(tmp_path / "a.npy")
    np.savez(tmp_path / "b.npz", frames=np.moveaxis(frames, 0, -1))
    with pytest.raises(ReadError, match=r"b\.npz has the shape .*save it as \(time, rows, columns\)"):
        open_cine(tmp_path / "b.npz")
    np.save(tmp_path / "c.npy", frames)
    np.testing.assert_array_equal(open_cine(tmp_path / "c.npy").frames, frames)


@pytest.mark.parametrize(
    "frames",
    [
        np.zeros((20, 32, 32), np.uint8),
        np.full((20, 32, 32), 9, np.uint8),
        np.arange(20, dtype=np.uint8)[:, np.newaxis, np.newaxis] * np.ones((1, 32, 32), np.uint8),
        grey_clip(20, (32, 48)),
        grey_clip(2, (300, 200)),
        grey_clip(1, (300, 20)),
    ],
)
def test_arrays_in_doubt_are_frames_first(tmp_path: Path, frames: np.ndarray[Any, Any]) -> None:
    np.save(tmp_path / "a.npy", frames)
    np.testing.assert_array_equal(open_cine(tmp_path / "a.npy").frames, frames)


def test_single_channel_last(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", CLIP[..., np.newaxis])
    np.testing.assert_array_equal(open_cine(tmp_path / "a.npy").frames, CLIP)


def test_spacing_and_times_of_an_npz_that_are_no_numbers(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", frames=CLIP, frame_times=["a"] * 6, spacing=np.array("x"))
    cine = open_cine(tmp_path / "a.npz")
    assert (cine.frame_times, cine.spacing) == (None, None)


# -- hostile ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [2_700_000, 16_384_000])
def test_picture_that_claims_more_than_it_can_hold(tmp_path: Path, rows: int) -> None:
    content = bytearray(png(FRAME))
    content[20:24] = struct.pack(">I", rows)
    content[29:33] = struct.pack(">I", zlib.crc32(bytes(content[12:29])))
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(ReadError, match=r"a\.png claims .* pixels.*; its header is damaged"):
        open_cine(tmp_path / "a.png")


def test_wrong_suffix_is_no_hindrance(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(FRAME).save(buffer, "PNG")
    (tmp_path / "a.tif").write_bytes(buffer.getvalue())
    np.testing.assert_array_equal(open_cine(tmp_path / "a.tif").frames[0], FRAME)
