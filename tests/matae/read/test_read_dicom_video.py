"""MPEG-2, H.264 and HEVC inside DICOM, in one fragment or many, bare or in a container."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from read_makers import coded_frames, dataset, encapsulated, read_codes, save

from matae.errors import ReadError
from matae.read.dicom import read_dicom

MPEG2, MPEG2_HIGH, H264, H264_FRAGMENTS, HEVC = (
    f"1.2.840.10008.1.2.4.{tail}" for tail in ("100", "101", "102", "102.1", "107")
)
CODECS = {MPEG2: "mpeg2video", MPEG2_HIGH: "mpeg2video", H264: "libx264", H264_FRAGMENTS: "libx264", HEVC: "libx265"}
BARE = {"mpeg2video": "mpeg2video", "libx264": "h264", "libx265": "hevc"}
COUNT = 12


def stream(codec: str, container: str = "", **options: str) -> bytes:
    """Encode frames that carry their number, with pictures that are stored out of order."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container or BARE[codec]) as target:
        track = target.add_stream(codec, rate=25)
        track.height, track.width, track.pix_fmt = 64, 96, "yuv420p"
        track.bit_rate = 4_000_000
        track.options = {
            "bf": "2",
            **({"x265-params": "log-level=none:bframes=2"} if codec == "libx265" else {}),
            **options,
        }
        for index, frame in enumerate(coded_frames(COUNT)):
            picture = av.VideoFrame.from_ndarray(np.repeat(frame[..., None], 3, axis=2), format="rgb24")
            picture.pts, picture.time_base = index, Fraction(1, 25)
            target.mux(track.encode(picture))
        target.mux(track.encode())
    return buffer.getvalue()


def written(path: Path, syntax: str, pieces: list[bytes], **elements: Any) -> Path:
    colour = np.zeros((COUNT, 64, 96, 3), np.uint8)
    made = dataset(colour, PhotometricInterpretation="YBR_PARTIAL_420", **elements)
    return save(encapsulated(made, syntax, pieces), path)


@pytest.mark.parametrize("syntax", [MPEG2, H264, HEVC])
def test_no_video_in_it(tmp_path: Path, syntax: str) -> None:
    for number, content in enumerate((b"\0\0", bytes(4000), b"this is no video" * 40)):
        with pytest.raises(ReadError, match=r"holds a video that cannot be decoded .*export the clip again"):
            read_dicom(written(tmp_path / f"{number}.dcm", syntax, [content]))


@pytest.mark.parametrize("syntax", CODECS)
def test_every_frame_in_display_order(tmp_path: Path, syntax: str) -> None:
    cine = read_dicom(written(tmp_path / "a.dcm", syntax, [stream(CODECS[syntax])], FrameTime="20"))
    assert read_codes(cine.frames) == list(range(COUNT))
    np.testing.assert_allclose(cine.frame_times, 0.02 * np.arange(COUNT))
    assert np.abs(cine.frames[0, 40:60, 4:90].astype(int) - 60).max() <= 6  # the full range of grey, not 16 to 235
    assert cine.warnings == ()


@pytest.mark.parametrize("syntax", [H264_FRAGMENTS, HEVC])
@pytest.mark.parametrize("container", ["", "mpegts"])
def test_pieces_and_containers(tmp_path: Path, syntax: str, container: str) -> None:
    data = stream(CODECS[syntax], container)
    pieces = [data[start : start + 700] for start in range(0, len(data), 700)]
    cine = read_dicom(written(tmp_path / "a.dcm", syntax, pieces, FrameTime="40"))
    assert read_codes(cine.frames) == list(range(COUNT))


def test_count_of_the_header_is_wrong(tmp_path: Path) -> None:
    data = stream("libx264")
    few = read_dicom(written(tmp_path / "a.dcm", H264, [data], NumberOfFrames=4, FrameTime="40"))
    assert few.warnings == ("The header counts 4 of the 12 frames in the file; all are shown.",)
    many = read_dicom(written(tmp_path / "b.dcm", H264, [data], NumberOfFrames=30, FrameTime="40"))
    assert many.warnings == ("12 of 30 frames could be decoded; the file is truncated or damaged.",)
    assert few.n_frames == many.n_frames == COUNT


def test_rate_of_the_stream_counts_last_and_is_never_a_default(tmp_path: Path) -> None:
    both = read_dicom(written(tmp_path / "a.dcm", MPEG2, [stream("mpeg2video")], FrameTime="20"))
    assert both.frame_rate == pytest.approx(50)
    by_stream = read_dicom(written(tmp_path / "b.dcm", MPEG2, [stream("mpeg2video")]))
    assert by_stream.timing_note == "25 Hz from the video stream."
    silent = read_dicom(written(tmp_path / "c.dcm", H264, [stream("libx264")]))
    assert silent.frame_times is None
