"""Frames that are counted wrongly, or wrapped in every odd way; the wrapping is written here, byte by byte."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image
from read_makers import dataset, save

from matae.errors import ReadError
from matae.read.dicom import read_dicom

JPEG, JPEG_LS, J2K, RLE = (f"1.2.840.10008.1.2.{tail}" for tail in ("4.50", "4.80", "4.90", "5"))
SYNTAXES = {"jpeg": JPEG, "jpeg-ls": JPEG_LS, "jpeg-2000": J2K, "rle": RLE}
COUNT = 6
ITEM, END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0\0\0\0\0"


def clip(count: int = COUNT) -> np.ndarray[Any, Any]:
    ramp = np.add.outer(np.arange(48), np.arange(64)) * 2
    return np.stack([(ramp + 9 * index).astype(np.uint8) for index in range(count)])


def rle(frame: np.ndarray[Any, Any]) -> bytes:
    """Literal runs of up to 128 bytes: PackBits as its definition has it."""
    flat = frame.tobytes()
    body = b"".join(
        bytes([len(run) - 1]) + run for start in range(0, len(flat), 128) if (run := flat[start : start + 128])
    )
    return struct.pack("<16L", 1, 64, *[0] * 14) + body + b"\0" * (len(body) % 2)


def encoded(frame: np.ndarray[Any, Any], kind: str) -> bytes:
    if kind == "jpeg":
        buffer = io.BytesIO()
        Image.fromarray(frame).save(buffer, "JPEG", quality=98)
        return buffer.getvalue()
    if kind == "rle":
        return rle(frame)
    return bytes(
        imagecodecs.jpegls_encode(frame) if kind == "jpeg-ls" else imagecodecs.jpeg2k_encode(frame, codecformat="j2k")
    )


def item(content: bytes, length: int | None = None) -> bytes:
    return ITEM + struct.pack("<L", len(content) if length is None else length) + content


def even(content: bytes) -> bytes:
    return content + b"\0" * (len(content) % 2)


def wrapped(streams: list[bytes], table: bytes | None = b"", parts: int = 1, tail: bytes = END) -> bytes:
    pieces = [] if table is None else [item(table)]
    for stream in streams:
        step = -(-len(stream) // parts) // 2 * 2 + 2
        pieces += [item(even(stream[start : start + step])) for start in range(0, len(stream), step)]
    return b"".join(pieces) + tail


def offsets(streams: list[bytes], parts: int = 1) -> list[int]:
    found, at = [], 0
    for stream in streams:
        found.append(at)
        at += len(wrapped([stream], None, parts, b""))
    return found


def written(path: Path, frames: np.ndarray[Any, Any], kind: str, pixels: bytes, **elements: Any) -> Path:
    """Write the header with pydicom and the pixel data as given."""
    from pydicom.uid import UID

    made = dataset(frames, **{"FrameTime": "20", **elements})
    made.file_meta.TransferSyntaxUID = UID(SYNTAXES[kind])
    del made.PixelData
    save(made, path)
    length = 0xFFFFFFFF if pixels.startswith(ITEM) else len(pixels)
    path.write_bytes(path.read_bytes() + b"\xe0\x7f\x10\0OB\0\0" + struct.pack("<L", length) + pixels)
    return path


def check(path: Path, frames: np.ndarray[Any, Any], *, warnings: tuple[str, ...] = ()) -> None:
    cine = read_dicom(path)
    assert cine.frames.shape == frames.shape
    assert np.abs(cine.frames.astype(int) - frames).max() <= 3
    assert cine.warnings == warnings
    np.testing.assert_allclose(cine.frame_times, 0.02 * np.arange(len(frames)))


def test_no_fragment_at_all(tmp_path: Path) -> None:
    for number, pixels in enumerate((END, item(b"") + END, item(b""), item(b"") + item(b"") + END, ITEM)):
        path = written(tmp_path / f"{number}.dcm", clip(), "jpeg", pixels)
        with pytest.raises(ReadError, match="holds no frames that decode"):
            read_dicom(path)


TABLES = ["none", "empty", "right", "zeros", "wrong", "short", "long"]


@pytest.mark.parametrize(
    ("kind", "parts", "table"),
    [
        (kind, parts, table)
        for kind in SYNTAXES
        for parts in (1, 3)
        for table in TABLES
        # A frame in run lengths is one fragment, and only a table can tell otherwise.
        if kind != "rle" or parts == 1 or table == "right"
    ],
)
def test_offset_tables(tmp_path: Path, kind: str, parts: int, table: str) -> None:
    frames = clip()
    streams = [encoded(frame, kind) for frame in frames]
    right = offsets(streams, parts)
    entries = {
        "none": None,
        "empty": [],
        "right": right,
        "zeros": [0] * COUNT,
        "wrong": [offset + 8 for offset in right],
        "short": right[:1],
        "long": [*right, right[-1] + 4],
    }[table]
    packed = None if entries is None else struct.pack(f"<{len(entries)}L", *entries)
    check(written(tmp_path / "a.dcm", frames, kind, wrapped(streams, packed, parts)), frames)


@pytest.mark.parametrize("sound", [True, False])
def test_extended_offset_table(tmp_path: Path, sound: bool) -> None:
    frames = clip()
    streams = [encoded(frame, "jpeg-2000") for frame in frames]
    starts = offsets(streams, 2) if sound else [0] * COUNT
    table = struct.pack(f"<{COUNT}Q", *starts)
    lengths = struct.pack(f"<{COUNT}Q", *[len(stream) for stream in streams])
    path = written(
        tmp_path / "a.dcm", frames, "jpeg-2000", wrapped(streams, b"", 2), ExtendedOffsetTable=table,
        ExtendedOffsetTableLengths=lengths,
    )  # fmt: skip
    check(path, frames)


@pytest.mark.parametrize("kind", SYNTAXES)
def test_odd_ends(tmp_path: Path, kind: str) -> None:
    frames = clip()
    streams = [encoded(frame, kind) for frame in frames]
    whole = wrapped(streams)
    empty = item(b"") * 2
    for number, pixels in enumerate(
        (
            wrapped(streams, tail=b""),  # no delimiter
            wrapped(streams, tail=empty + END),  # empty fragments at the end
            item(b"") + empty + wrapped(streams, None),  # and at the beginning
            whole + bytes(40),  # rubbish behind
            b"".join([item(b""), *[item(stream) for stream in streams]]) + END,  # odd lengths
            # the last item without a length of its own
            wrapped(streams[:-1], tail=b"") + item(even(streams[-1]), 0xFFFFFFFF) + END,
        )
    ):
        check(written(tmp_path / f"{number}.dcm", frames, kind, pixels), frames)


def test_several_streams_in_one_fragment(tmp_path: Path) -> None:
    frames = clip()
    streams = [encoded(frame, "jpeg") for frame in frames]
    for number, glue in enumerate((b"", b"\0")):
        check(written(tmp_path / f"{number}.dcm", frames, "jpeg", wrapped([glue.join(streams)])), frames)


@pytest.mark.parametrize("kind", SYNTAXES)
def test_compressed_count_missing_or_too_small(tmp_path: Path, kind: str) -> None:
    frames = clip()
    pixels = wrapped([encoded(frame, kind) for frame in frames])
    check(
        written(tmp_path / "a.dcm", frames, kind, pixels, NumberOfFrames=3),
        frames,
        warnings=("The header counts 3 of the 6 frames in the file; all are shown.",),
    )
    for number, count in enumerate((None, "", 0)):
        check(written(tmp_path / f"{number}.dcm", frames, kind, pixels, NumberOfFrames=count), frames)


@pytest.mark.parametrize("kind", SYNTAXES)
def test_compressed_count_too_large(tmp_path: Path, kind: str) -> None:
    frames = clip()
    pixels = wrapped([encoded(frame, kind) for frame in frames])
    cine = read_dicom(written(tmp_path / "a.dcm", frames, kind, pixels, NumberOfFrames=9))
    assert cine.n_frames == COUNT
    assert cine.warnings == ("6 of 9 frames could be decoded; the file is truncated or damaged.",)


@pytest.mark.parametrize("colour", [False, True])
def test_uncompressed_counts(tmp_path: Path, colour: bool) -> None:
    frames = clip()
    stored = np.repeat(frames[..., None], 3, axis=3) if colour else frames
    for count in (None, 3, 1):
        made = dataset(stored, FrameTime="20", NumberOfFrames=count)
        if count is None:
            del made.NumberOfFrames
        path = save(made, tmp_path / f"{count}.dcm")
        said = () if count is None else (f"The header counts {count} of the 6 frames in the file; all are shown.",)
        check(path, frames, warnings=said)


def test_padding_is_no_frame(tmp_path: Path) -> None:
    frames = np.array([[[7]], [[9]], [[11]]], np.uint8)
    np.testing.assert_array_equal(read_dicom(save(dataset(frames), tmp_path / "a.dcm")).frames, frames)
    made = dataset(frames[:1])
    del made.NumberOfFrames
    np.testing.assert_array_equal(read_dicom(save(made, tmp_path / "b.dcm")).frames, frames[:1])


@pytest.mark.parametrize("kind", SYNTAXES)
def test_frame_cut_short_is_left_out(tmp_path: Path, kind: str) -> None:
    frames = clip()
    streams = [encoded(frame, kind) for frame in frames]
    streams[2] = streams[2][: len(streams[2]) // 2]
    cine = read_dicom(written(tmp_path / "a.dcm", frames, kind, wrapped(streams)))
    assert cine.n_frames == COUNT - 1
    assert "5 of 6 frames could be decoded" in cine.warnings[0]
    np.testing.assert_allclose(cine.frame_times, [0, 0.02, 0.06, 0.08, 0.1])


def test_file_that_ends_within_a_frame(tmp_path: Path) -> None:
    frames = clip()
    pixels = wrapped([encoded(frame, "jpeg") for frame in frames], tail=b"")
    cine = read_dicom(written(tmp_path / "a.dcm", frames, "jpeg", pixels[:-200]))
    assert cine.n_frames == COUNT - 1
    assert "5 of 6 frames" in cine.warnings[0]


def test_encoder_that_never_ends_its_streams(tmp_path: Path) -> None:
    frames = clip()
    streams = [encoded(frame, "jpeg").removesuffix(b"\xff\xd9") for frame in frames]
    check(written(tmp_path / "a.dcm", frames, "jpeg", wrapped(streams)), frames)


@pytest.mark.parametrize("kind", SYNTAXES)
@pytest.mark.parametrize("claimed", SYNTAXES)
def test_codestream_tells_its_own_format(tmp_path: Path, kind: str, claimed: str) -> None:
    frames = clip()
    pixels = wrapped([encoded(frame, kind) for frame in frames])
    check(written(tmp_path / "a.dcm", frames, claimed, pixels), frames)


def test_uncompressed_frames_that_somebody_wrapped(tmp_path: Path) -> None:
    frames = clip()
    check(written(tmp_path / "a.dcm", frames, "rle", wrapped([frame.tobytes() for frame in frames])), frames)


def test_codestream_of_another_size_than_the_header(tmp_path: Path) -> None:
    frames = clip()
    pixels = wrapped([encoded(frame, "jpeg") for frame in frames])
    path = written(tmp_path / "a.dcm", frames, "jpeg", pixels, Rows=40)
    said = "The frames are 64x48 pixels and the header says 64x40; they are shown as they are."
    check(path, frames, warnings=(said,))


def test_header_that_claims_the_memory(tmp_path: Path) -> None:
    stream = bytearray(encoded(clip()[0], "jpeg-2000"))
    stream[8:16] = struct.pack(">LL", 60000, 60000)  # Xsiz, Ysiz
    path = written(tmp_path / "a.dcm", clip(), "jpeg-2000", wrapped([bytes(stream)] * COUNT))
    with pytest.raises(ReadError, match="holds no frames that decode"):
        read_dicom(path)


def test_vector_that_counts_the_frames_that_are_there(tmp_path: Path) -> None:
    frames = clip()
    pixels = wrapped([encoded(frame, "jpeg") for frame in frames])
    for count, steps in ((9, 6), (9, 9), (3, 6)):
        vector = ["0", *["30"] * (steps - 1)]
        path = written(
            tmp_path / "a.dcm", frames, "jpeg", pixels, NumberOfFrames=count, FrameTimeVector=vector, FrameTime="30"
        )
        np.testing.assert_allclose(read_dicom(path).frame_times, 0.03 * np.arange(COUNT))


def test_gap_in_the_vector_is_said(tmp_path: Path) -> None:
    frames = clip()
    made = dataset(frames, FrameTimeVector=["0", "40", "40", "200", "40", "40"], FrameIncrementPointer=0x00181065)
    cine = read_dicom(save(made, tmp_path / "a.dcm"))
    assert cine.warnings == ("Frames are missing in time: 200 ms pass after frame 3, where frames are 40 ms apart.",)
    np.testing.assert_allclose(cine.frame_times, [0, 0.04, 0.08, 0.28, 0.32, 0.36])
