"""Colours that the header calls by another name, in every transfer syntax; the samples are encoded as they are."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image
from read_makers import dataset, encapsulated, region, save

from matae.read.dicom import read_dicom

Frames = np.ndarray[Any, Any]
PLAIN, DEFLATED, BIG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"
JPEG, EXTENDED, LOSSLESS, LOSSLESS_1, JPEG_LS, J2K, RLE = (
    f"1.2.840.10008.1.2.{tail}" for tail in ("4.50", "4.51", "4.57", "4.70", "4.80", "4.90", "5")
)
SYNTAXES = [PLAIN, DEFLATED, JPEG, EXTENDED, LOSSLESS, LOSSLESS_1, JPEG_LS, J2K, RLE]
LABELS = ["RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT"]


def sector(count: int = 5, shape: tuple[int, int] = (48, 64)) -> Frames:
    """A bright fan of speckle on black that moves."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[: shape[0], : shape[1]]
    fan = np.abs(x - shape[1] / 2) < 0.6 * y
    noise = rng.integers(20, 255, (count, -(-shape[0] // 4), -(-shape[1] // 4)), dtype=np.uint8)
    speckle = noise.repeat(4, axis=1).repeat(4, axis=2)[:, : shape[0], : shape[1]]
    return np.where(fan, speckle, 0).astype(np.uint8)


def to_ybr(rgb: Frames) -> Frames:
    """ITU-R BT.601 at full range, as JFIF has it."""
    r, g, b = (rgb[..., channel].astype(float) for channel in range(3))
    y = 0.299 * r + 0.587 * g + 0.114 * b
    planes = [y, 128 + 0.564 * (b - y), 128 + 0.713 * (r - y)]
    return np.rint(np.stack(planes, axis=-1)).clip(0, 255).astype(np.uint8)


def without_markers(stream: bytes) -> bytes:
    """Drop the application markers, so that nothing but the samples tells their colours."""
    kept, at = [stream[:2]], 2
    while stream[at + 1] != 0xDA:
        size = 2 + int.from_bytes(stream[at + 2 : at + 4], "big")
        if not 0xE0 <= stream[at + 1] <= 0xEF:
            kept.append(stream[at : at + size])
        at += size
    return b"".join([*kept, stream[at:]])


def stream_of(frame: Frames, syntax: str) -> bytes:
    if syntax in (JPEG, EXTENDED):
        coded = imagecodecs.jpeg8_encode(frame, level=98, colorspace="YCBCR", outcolorspace="YCBCR", subsampling="444")
        return without_markers(bytes(coded))
    if syntax in (LOSSLESS, LOSSLESS_1):
        coded = imagecodecs.jpeg8_encode(
            frame, lossless=True, predictor=1 if syntax == LOSSLESS_1 else 4, colorspace="RGB", outcolorspace="RGB"
        )
        return without_markers(bytes(coded))
    if syntax == JPEG_LS:
        return bytes(imagecodecs.jpegls_encode(frame))
    return bytes(imagecodecs.jpeg2k_encode(frame, codecformat="j2k", mct=False))


def written(path: Path, samples: Frames, syntax: str, label: str, **elements: Any) -> Path:
    made = dataset(samples, FrameTime="33", PhotometricInterpretation=label, **elements)
    if syntax == RLE:
        made.PhotometricInterpretation = "RGB"
        made.compress(RLE, encoding_plugin="pydicom", generate_instance_uid=False)
        made.PhotometricInterpretation = label
    elif syntax in (PLAIN, DEFLATED):
        from pydicom.uid import UID

        made.file_meta.TransferSyntaxUID = UID(syntax)
    else:
        made = encapsulated(made, syntax, [stream_of(np.ascontiguousarray(frame), syntax) for frame in samples])
    return save(made, path)


def check(path: Path, frames: Frames, *, doppler: bool = False, within: int = 3) -> None:
    cine = read_dicom(path)
    assert cine.frames.shape == frames.shape
    assert np.abs(cine.frames.astype(int) - frames).max() <= within
    assert ("colour_doppler" in cine.info) is doppler
    assert bool(cine.warnings) is doppler


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("stored", ["RGB", "YBR"])
def test_what_the_samples_are_is_seen(tmp_path: Path, syntax: str, label: str, stored: str) -> None:
    frames = sector()
    rgb = np.repeat(frames[..., None], 3, axis=3)
    check(written(tmp_path / "a.dcm", rgb if stored == "RGB" else to_ybr(rgb), syntax, label), frames)


@pytest.mark.parametrize("syntax", [PLAIN, JPEG, LOSSLESS, J2K, RLE])
@pytest.mark.parametrize("label", ["RGB", "YBR_FULL"])
@pytest.mark.parametrize("stored", ["RGB", "YBR"])
def test_real_doppler_is_still_seen(tmp_path: Path, syntax: str, label: str, stored: str) -> None:
    frames = sector(8, (96, 128))
    rgb = np.repeat(frames[..., None], 3, axis=3)
    for index in range(1, 8, 2):
        rgb[index, 50:80, 50:64], rgb[index, 50:80, 64:78] = (220, 40, 30), (30, 60, 220)
    wanted = to_ybr(rgb)[..., 0]
    path = written(tmp_path / "a.dcm", rgb if stored == "RGB" else to_ybr(rgb), syntax, label)
    check(path, wanted, doppler=True, within=4)


@pytest.mark.parametrize("stored", ["RGB", "YBR"])
def test_first_frames_that_tell_nothing(tmp_path: Path, stored: str) -> None:
    """Grey of exactly 128 is grey either way: the frames after it decide."""
    frames = sector()
    frames[:2] = 128
    rgb = np.repeat(frames[..., None], 3, axis=3)
    label = "YBR_FULL" if stored == "RGB" else "RGB"
    check(written(tmp_path / "a.dcm", rgb if stored == "RGB" else to_ybr(rgb), RLE, label), frames)


def test_colourful_picture_keeps_its_label(tmp_path: Path) -> None:
    """A picture without grey gives no evidence: the header holds."""
    rng = np.random.default_rng(0)
    samples = rng.integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    as_rgb = read_dicom(written(tmp_path / "a.dcm", samples, PLAIN, "RGB")).frames
    as_ybr = read_dicom(written(tmp_path / "b.dcm", samples, PLAIN, "YBR_FULL")).frames
    assert np.abs(as_rgb - samples @ np.array([0.299, 0.587, 0.114])).max() <= 1
    np.testing.assert_array_equal(as_ybr, samples[..., 0])


@pytest.mark.parametrize("stated", [0, 1])
@pytest.mark.parametrize("stored", [0, 1])
@pytest.mark.parametrize("ybr", [False, True])
def test_planar_configuration_is_seen(tmp_path: Path, stated: int, stored: int, ybr: bool) -> None:
    frames = sector()
    rgb = np.repeat(frames[..., None], 3, axis=3)
    samples = to_ybr(rgb) if ybr else rgb
    made = dataset(samples, PlanarConfiguration=stated, PhotometricInterpretation="YBR_FULL" if ybr else "RGB")
    if stored:
        made.PixelData = np.moveaxis(samples, 3, 1).tobytes()
    check(save(made, tmp_path / "a.dcm"), frames, within=1)


def test_halved_chroma_stored_whole(tmp_path: Path) -> None:
    frames = sector()
    made = dataset(to_ybr(np.repeat(frames[..., None], 3, axis=3)), PhotometricInterpretation="YBR_FULL_422")
    check(save(made, tmp_path / "a.dcm"), frames, within=1)


@pytest.mark.parametrize("partial", [False, True])
def test_range_of_video(tmp_path: Path, partial: bool) -> None:
    """From 16 to 235 where the header says so and the black background agrees."""
    frames = sector()
    samples = to_ybr(np.repeat(frames[..., None], 3, axis=3))
    if partial:
        samples[..., 0] = np.rint(16 + frames * (219 / 255))
    made = dataset(samples, PhotometricInterpretation="YBR_PARTIAL_422")
    check(save(made, tmp_path / "a.dcm"), frames, within=1)


def test_header_that_forgets_the_colours(tmp_path: Path) -> None:
    """One sample a pixel by the header, three in the codestream, and the other way round."""
    frames = sector()
    rgb = np.repeat(frames[..., None], 3, axis=3)
    made = dataset(frames, PhotometricInterpretation="MONOCHROME2")
    made = encapsulated(made, J2K, [stream_of(np.ascontiguousarray(frame), J2K) for frame in rgb])
    check(save(made, tmp_path / "a.dcm"), frames)
    buffers = [io.BytesIO() for _ in frames]
    for frame, buffer in zip(frames, buffers, strict=True):
        Image.fromarray(frame).save(buffer, "JPEG", quality=98)
    made = encapsulated(dataset(rgb), JPEG, [buffer.getvalue() for buffer in buffers])
    check(save(made, tmp_path / "b.dcm"), frames)


@pytest.mark.parametrize("size", [16, 32])
def test_deep_colours(tmp_path: Path, size: int) -> None:
    frames = sector()
    deep = np.repeat(frames[..., None], 3, axis=3).astype(f"u{size // 8}")
    check(save(dataset(deep << (size - 8)), tmp_path / "a.dcm"), frames)
    check(save(dataset(deep), tmp_path / "b.dcm"), frames)  # eight bits in wider words


def test_big_endian_words(tmp_path: Path) -> None:
    """Bytes in words of the other order, whose frames begin in the middle of a word."""
    frames = sector(3, (47, 63))
    made = dataset(frames)
    stored = made.PixelData
    swapped = np.frombuffer(stored, "<u2").byteswap().tobytes()
    made = dataset(frames, BIG)
    made.PixelData = swapped
    made["PixelData"].VR = "OW"
    from pydicom.uid import UID

    made.file_meta.TransferSyntaxUID = UID(BIG)
    made.save_as(tmp_path / "a.dcm", little_endian=False, implicit_vr=False, enforce_file_format=True)
    np.testing.assert_array_equal(read_dicom(tmp_path / "a.dcm").frames, frames)


def test_colour_box_beside_the_tissue_is_doppler_only_within_it(tmp_path: Path) -> None:
    frames = np.repeat(sector(8, (96, 128))[..., None], 3, axis=3)
    frames[::2, 60:90, 100:127] = (220, 40, 30)
    elements = {"SequenceOfUltrasoundRegions": [region(0, 0, 90, 95, 0.1)]}
    cine = read_dicom(save(dataset(frames, **elements), tmp_path / "a.dcm"))
    assert "colour_doppler" not in cine.info
