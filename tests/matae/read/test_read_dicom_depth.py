"""Stored words of every size, and the tables that make them grey, held against pydicom's and against the standard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi_lut
from read_makers import dataset, encapsulated, grey_clip, region, save

from matae.cine import Spacing
from matae.read.dicom import read_dicom

Frames = np.ndarray[Any, Any]
EXTENDED, LOSSLESS, LOSSLESS_1, JPEG_LS, J2K, RLE = (
    f"1.2.840.10008.1.2.{tail}" for tail in ("4.51", "4.57", "4.70", "4.80", "4.90", "5")
)


def palette(made: Dataset, entries: Any, bits: int, first: int = 0) -> Dataset:
    """Give a data set three palettes that run up, down, and up to half."""
    made.PhotometricInterpretation = "PALETTE COLOR"
    for name, data in zip(("Red", "Green", "Blue"), entries, strict=True):
        count = data.size if data.size < 65536 else 0
        setattr(made, f"{name}PaletteColorLookupTableDescriptor", [count, first, bits])
        setattr(made, f"{name}PaletteColorLookupTableData", data.tobytes())
    return made


def luma(rgb: Frames) -> Frames:
    return rgb.astype(float) @ np.array([0.299, 0.587, 0.114])


def test_no_palette_at_all(tmp_path: Path) -> None:
    made = dataset(grey_clip(), PhotometricInterpretation="PALETTE COLOR")
    cine = read_dicom(save(made, tmp_path / "a.dcm"))
    np.testing.assert_array_equal(cine.frames, grey_clip())
    assert cine.warnings == ("The palette of the file cannot be read; its stored values are shown as grey.",)


@pytest.mark.parametrize("stated", [8, 16])
@pytest.mark.parametrize("words", ["<u1", "<u2"])
def test_palette_of_eight_bits(tmp_path: Path, stated: int, words: str) -> None:
    """In bytes or in words, whatever the descriptor says."""
    frames = grey_clip()
    up = np.arange(256)
    entries = [table.astype(words) for table in (up, 255 - up, up // 2)]
    made = palette(dataset(frames), entries, stated)
    wanted = luma(np.stack([entry[frames] for entry in entries], axis=-1))
    assert np.abs(read_dicom(save(made, tmp_path / "a.dcm")).frames - wanted).max() <= 1


@pytest.mark.parametrize("first", [0, 40, -10])
@pytest.mark.parametrize("count", [256, 100])
def test_palette_of_sixteen_bits_as_pydicom(tmp_path: Path, first: int, count: int) -> None:
    frames = grey_clip()
    up = (np.linspace(0, 65535, count)).astype("<u2")
    made = palette(dataset(frames), [up, up[::-1].copy(), up // 2], 16, first % 65536)
    wanted = luma(apply_color_lut(frames, made) >> 8) if first >= 0 else None
    found = read_dicom(save(made, tmp_path / "a.dcm")).frames
    if wanted is None:
        places = np.clip(frames.astype(int) - first, 0, count - 1)
        wanted = luma(np.stack([up[places], up[::-1][places], (up // 2)[places]], axis=-1) >> 8)
    assert np.abs(found - wanted).max() <= 1


def test_palette_in_sixteen_bit_words_and_segments(tmp_path: Path) -> None:
    frames = (np.arange(2 * 8 * 16).reshape(2, 8, 16) * 3).astype(np.uint16)
    up = np.linspace(0, 65535, 1024).astype("<u2")
    made = palette(dataset(frames), [up, up, up], 16)
    assert np.abs(read_dicom(save(made, tmp_path / "a.dcm")).frames - (up[frames] >> 8)).max() <= 1
    made = dataset(grey_clip(), PhotometricInterpretation="PALETTE COLOR")
    segments = np.array([0, 1, 0, 1, 255, 65535], "<u2").tobytes()  # one value, then a line of 255 to the top
    for name in ("Red", "Green", "Blue"):
        setattr(made, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 16])
        setattr(made, f"Segmented{name}PaletteColorLookupTableData", segments)
    assert np.abs(read_dicom(save(made, tmp_path / "b.dcm")).frames.astype(int) - grey_clip()).max() <= 1


@pytest.mark.parametrize("shift", [0, 8])
@pytest.mark.parametrize("high", [7, 15])
def test_eight_bits_in_either_half_of_a_word(tmp_path: Path, shift: int, high: int) -> None:
    """Where the header says the other half than the values lie in, the values hold, except that 7 is the usual one."""
    frames = grey_clip()
    made = dataset(frames.astype(np.uint16) << shift, BitsStored=8, HighBit=high)
    found = read_dicom(save(made, tmp_path / "a.dcm")).frames
    np.testing.assert_array_equal(found, frames if (shift, high) != (8, 7) else np.zeros_like(frames))


@pytest.mark.parametrize("syntax", [None, RLE])
def test_overlay_in_the_unused_bits(tmp_path: Path, syntax: str | None) -> None:
    frames = np.linspace(0, 4095, 2 * 16 * 16).reshape(2, 16, 16).astype(np.uint16)
    marked = frames | (np.arange(16) % 2 << 15).astype(np.uint16)
    made = dataset(marked, BitsStored=12, HighBit=11)
    if syntax:
        made.compress(syntax, encoding_plugin="pydicom", generate_instance_uid=False)
    assert np.abs(read_dicom(save(made, tmp_path / "a.dcm")).frames - frames / 4095 * 255).max() <= 0.51


@pytest.mark.parametrize("bits", [1, 2, 4, 6])
def test_few_bits_are_stretched(tmp_path: Path, bits: int) -> None:
    frames = grey_clip() >> (8 - bits)
    made = dataset(frames, BitsStored=bits, HighBit=bits - 1)
    found = read_dicom(save(made, tmp_path / "a.dcm")).frames
    assert np.abs(found - frames * (255 / (2**bits - 1))).max() <= 0.51


def test_one_bit_a_pixel(tmp_path: Path) -> None:
    flags = (grey_clip(3, (5, 7)) > 127).astype(np.uint8)
    made = dataset(flags, BitsAllocated=1, BitsStored=1, HighBit=0)
    packed = np.packbits(flags.reshape(-1), bitorder="little").tobytes()
    made.PixelData = packed + b"\0" * (len(packed) % 2)
    np.testing.assert_array_equal(read_dicom(save(made, tmp_path / "a.dcm")).frames, flags * 255)


def test_signed_and_eight_bits(tmp_path: Path) -> None:
    frames = np.arange(-128, 128, dtype=np.int8).reshape(1, 16, 16)
    found = read_dicom(save(dataset(frames), tmp_path / "a.dcm"))
    np.testing.assert_array_equal(found.frames, frames.astype(int) + 128)
    assert "rescaled from -128..127" in found.warnings[0]


def deep_clip() -> Frames:
    return np.linspace(-900, 2900, 2 * 16 * 16).reshape(2, 16, 16).astype(np.int16)


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize("inverted", [False, True])
def test_window_as_pydicom(tmp_path: Path, function: str, inverted: bool) -> None:
    made = dataset(deep_clip(), WindowCenter=["700", "1"], WindowWidth=["1500", "2"], VOILUTFunction=function)
    made.RescaleSlope, made.RescaleIntercept = "0.5", "100"
    shown = apply_voi_lut(apply_modality_lut(deep_clip(), made), made).astype(float)
    low, high = -32768 * 0.5 + 100, 32767 * 0.5 + 100
    wanted = (shown - low) / (high - low) * 255
    if inverted:
        made.PhotometricInterpretation, wanted = "MONOCHROME1", 255 - wanted
    found = read_dicom(save(made, tmp_path / "a.dcm")).frames
    assert np.abs(found - wanted).max() <= 1


def table_item(entries: Frames, first: int, bits: int, **elements: Any) -> Dataset:
    item = Dataset()
    item.add_new("LUTDescriptor", "SS", [len(entries), first, bits])
    item.add_new("LUTData", "OW", entries.astype("<u2").tobytes())
    for keyword, value in elements.items():
        setattr(item, keyword, value)
    return item


def test_voi_and_modality_tables_as_pydicom(tmp_path: Path) -> None:
    curve = (np.linspace(0, 1, 3000) ** 2 * 4095).astype(np.uint16)
    made = dataset(deep_clip(), VOILUTSequence=[table_item(curve, -500, 12)])
    wanted = apply_voi_lut(deep_clip(), made) / 4095 * 255
    assert np.abs(read_dicom(save(made, tmp_path / "a.dcm")).frames - wanted).max() <= 1
    made = dataset(deep_clip(), ModalityLUTSequence=[table_item(curve, -500, 16, ModalityLUTType="US")])
    values = apply_modality_lut(deep_clip(), made).astype(float)
    wanted = (values - values.min()) / np.ptp(values) * 255
    assert np.abs(read_dicom(save(made, tmp_path / "b.dcm")).frames - wanted).max() <= 1


@pytest.mark.parametrize("syntax", [RLE, J2K, JPEG_LS, LOSSLESS, LOSSLESS_1])
@pytest.mark.parametrize("bits", [10, 12, 16])
def test_deep_words_are_the_same_in_every_syntax(tmp_path: Path, syntax: str, bits: int) -> None:
    frames = np.linspace(0, 2**bits - 1, 3 * 16 * 16).reshape(3, 16, 16).astype(np.uint16)
    made = dataset(frames, BitsStored=bits, HighBit=bits - 1)
    plain = read_dicom(save(made, tmp_path / "a.dcm"))
    if syntax == RLE:
        made.compress(RLE, encoding_plugin="pydicom", generate_instance_uid=False)
    else:
        coders = {
            J2K: lambda f: imagecodecs.jpeg2k_encode(f, codecformat="j2k", bitspersample=bits),
            JPEG_LS: imagecodecs.jpegls_encode,
        }
        lossless = {"lossless": True, "bitspersample": bits, "predictor": 1 if syntax == LOSSLESS_1 else 6}
        coder = coders.get(syntax, lambda f: imagecodecs.jpeg8_encode(f, **lossless))
        made = encapsulated(made, syntax, [bytes(coder(frame)) for frame in frames])
    packed = read_dicom(save(made, tmp_path / "b.dcm"))
    np.testing.assert_array_equal(packed.frames, plain.frames)
    assert packed.warnings == plain.warnings
    assert np.abs(packed.frames - frames / (2**bits - 1) * 255).max() <= 0.51


def test_jpeg_extended_of_twelve_bits(tmp_path: Path) -> None:
    y, x = np.mgrid[:32, :48]
    frames = np.stack([2000 + 1500 * np.sin((x + 3 * t) / 9) * np.cos(y / 7) for t in range(3)]).astype(np.uint16)
    streams = [bytes(imagecodecs.jpeg8_encode(frame, level=98, bitspersample=12)) for frame in frames]
    made = dataset(frames, BitsStored=12, HighBit=11, WindowCenter="2048", WindowWidth="4096")
    found = read_dicom(save(encapsulated(made, EXTENDED, streams), tmp_path / "a.dcm")).frames
    assert np.abs(found - frames / 4095 * 255).max() <= 3


def test_pixels_that_are_not_square(tmp_path: Path) -> None:
    frames = grey_clip()
    plain = read_dicom(save(dataset(frames, PixelAspectRatio=["1", "2"]), tmp_path / "a.dcm"))
    assert plain.pixel_aspect == (1.0, 2.0)
    assert plain.spacing_note.endswith("Each pixel is 2 times as wide as it is high.")
    made = dataset(frames, PixelAspectRatio=["2", "1"], SequenceOfUltrasoundRegions=[region(0, 0, 23, 15, 0.04)])
    assert read_dicom(save(made, tmp_path / "b.dcm")).spacing == pytest.approx(Spacing(0.4, 0.4))
    for ratio in (["0", "1"], ["1"], ["1", "50"]):
        made = dataset(frames, PixelAspectRatio=ratio)
        assert read_dicom(save(made, tmp_path / "c.dcm")).pixel_aspect == (1.0, 1.0)
