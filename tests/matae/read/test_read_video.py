from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from read_makers import coded_frames, doppler_clip, grey_clip, read_codes, repeat_video, write_sound, write_video

import matae.stack
from matae.errors import ReadError
from matae.read.video import read_video

if TYPE_CHECKING:
    from pathlib import Path


def test_empty_file_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "empty.avi"
    path.touch()
    with pytest.raises(ReadError, match=r"empty\.avi cannot be read as a video; .* export the clip again"):
        read_video(path)


def test_text_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "notes.mp4"
    path.write_text("not a video " * 100)
    with pytest.raises(ReadError, match="is damaged or not a video"):
        read_video(path)


def test_sound_only_mp4_says_so(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="has no video track, only sound or data; choose the clip itself"):
        read_video(write_sound(tmp_path / "voice.mp4"))


def test_zero_frames_says_so(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "whole.avi", coded_frames(3)).read_bytes()
    path = tmp_path / "none.avi"
    path.write_bytes(whole[: whole.index(b"movi") + 12])
    with pytest.raises(ReadError, match=r"none\.avi holds no frames that decode; export the clip again"):
        read_video(path)


def test_truncated_avi_keeps_what_decodes_and_says_how_many(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "whole.avi", coded_frames(90)).read_bytes()
    path = tmp_path / "cut.avi"
    path.write_bytes(whole[: int(len(whole) * 0.6)])
    cine = read_video(path)
    assert 30 < cine.n_frames < 70
    assert read_codes(cine.frames) == list(range(cine.n_frames))
    assert cine.warnings[0] == (f"{cine.n_frames} of 90 frames could be decoded; the file is truncated or damaged.")
    assert cine.frame_rate == pytest.approx(50)


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "options"),
    [
        ("plain.avi", "mjpeg", "yuvj420p", {}),
        ("b.avi", "mpeg4", "yuv420p", {"bf": "2", "g": "12", "qscale": "2"}),
        ("b.mkv", "mpeg4", "yuv420p", {"bf": "2", "qscale": "2"}),
        ("b264.avi", "libx264", "yuv420p", {"bf": "3"}),
        ("b264.mp4", "libx264", "yuv420p", {"bf": "3"}),
        ("clip.mov", "mpeg4", "yuv420p", {"qscale": "2"}),
        ("clip.gif", "gif", "rgb8", {}),
        ("raw.avi", "rawvideo", "bgr24", {}),
        ("grey.mkv", "ffv1", "gray", {}),
    ],
)
def test_every_frame_once_and_in_order(
    tmp_path: Path, name: str, codec: str, pix_fmt: str, options: dict[str, str]
) -> None:
    import av

    if codec not in av.codecs_available:
        pytest.skip(f"this PyAV has no encoder {codec}")
    cine = read_video(write_video(tmp_path / name, coded_frames(40), codec, pix_fmt=pix_fmt, options=options))
    assert read_codes(cine.frames) == list(range(40))
    assert cine.frame_rate == pytest.approx(50, rel=1e-3)
    assert cine.warnings == ()
    assert cine.spacing is None
    assert "no calibration" in cine.spacing_note


def test_uncompressed_frames_keep_every_grey_value(tmp_path: Path) -> None:
    frames = grey_clip(7, (32, 48))
    cine = read_video(write_video(tmp_path / "raw.avi", frames, "rawvideo", pix_fmt="bgr24"))
    np.testing.assert_array_equal(cine.frames, frames)


def test_variable_frame_times_are_kept(tmp_path: Path) -> None:
    stamps = np.cumsum([0, *([15, 30] * 8)]).tolist()
    path = write_video(tmp_path / "variable.mp4", coded_frames(17), "mpeg4", pix_fmt="yuv420p", stamps_ms=stamps)
    cine = read_video(path)
    assert cine.frame_times is not None
    np.testing.assert_allclose(cine.frame_times, np.array(stamps) / 1000, atol=1e-3)
    assert "Variable" in cine.timing_note


def test_contradicting_frame_rates_are_asked_for(tmp_path: Path) -> None:
    path = write_video(
        tmp_path / "two-rates.mkv",
        coded_frames(20),
        "mpeg4",
        pix_fmt="yuv420p",
        rate=50,
        stamps_ms=[40 * index for index in range(20)],
    )
    cine = read_video(path)
    assert cine.frame_times is None
    assert "25 Hz and its header says 50 Hz; give the frame rate by hand." in cine.timing_note
    assert cine.info["frame_rate_candidates"] == pytest.approx({"presentation timestamps": 25, "file header": 50})


def test_colour_doppler_is_flagged(tmp_path: Path) -> None:
    path = write_video(tmp_path / "doppler.avi", doppler_clip(), pix_fmt="yuvj444p", options={"qscale": "2"})
    cine = read_video(path)
    assert cine.info["colour_doppler"] is True
    assert any("colour Doppler" in warning for warning in cine.warnings)


def test_size_change_inside_the_stream_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(self: object, frame: object) -> None:
        raise ValueError

    path = write_video(tmp_path / "clip.avi", coded_frames(3))
    monkeypatch.setattr(matae.stack.StackBuilder, "append", wrong)
    with pytest.raises(ReadError, match="changes its frame size"):
        read_video(path)


def test_long_clip_goes_to_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "clip.avi", coded_frames(60))
    in_memory = read_video(path)
    monkeypatch.setattr(matae.stack, "IN_MEMORY_BYTES", 64 * 96 * 10)
    on_disk = read_video(path)
    assert isinstance(on_disk.frames, np.memmap)
    assert on_disk.content_id == in_memory.content_id


_PEAK = """
import resource, sys
import matae.stack
from matae.read.video import read_video
from pathlib import Path
matae.stack.IN_MEMORY_BYTES = 2**20
read_video(Path(sys.argv[1]))
first = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
cine = read_video(Path(sys.argv[2]))
print(cine.n_frames, type(cine.frames).__name__, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - first)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="measures the peak with ru_maxrss in kB")
@pytest.mark.parametrize("times", [40, pytest.param(100, marks=pytest.mark.slow)])
def test_many_thousand_frames_in_bounded_memory(tmp_path: Path, times: int) -> None:
    short = write_video(tmp_path / "short.avi", coded_frames(200, (64, 64)))
    long = repeat_video(short, tmp_path / "long.avi", times)
    done = subprocess.run(
        [sys.executable, "-c", _PEAK, str(short), str(long)], capture_output=True, text=True, check=True
    )
    count, kind, growth_kb = done.stdout.split()
    assert (int(count), kind) == (200 * times, "memmap")
    # Grey frames in memory would take 33 MB of 8,000 and 82 of 20,000, colour ones three times as much.
    assert int(growth_kb) < 400 * times
