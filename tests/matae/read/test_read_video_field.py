"""Videos as the field writes them: turned, pixels that are not square, odd names, no delays, frames that grow.

The reference is the picture that was encoded.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from read_makers import write_video

from matae.errors import ReadError
from matae.read import open_cine

if TYPE_CHECKING:
    from pathlib import Path


def blocks(count: int = 4, rows: int = 48, columns: int = 64) -> np.ndarray[Any, Any]:
    """Frames with a bright corner and a grey edge, so that each way of turning them is another picture."""
    frames = np.full((count, rows, columns), 40, np.uint8)
    frames[:, :16, :32] = 220
    frames[:, 32:, :16] = 130
    return frames


def turn(path: Path, matrix: tuple[int, int, int, int]) -> None:
    """Put (a, b, c, d) into the track header of an MP4 (ISO 14496-12, 8.3.2): where a phone says how it was held."""
    content = bytearray(path.read_bytes())
    place = content.index(b"tkhd") + 4 + 40
    assert struct.unpack_from(">9i", content, place) == (65536, 0, 0, 0, 65536, 0, 0, 0, 0x40000000)
    a, b, c, d = (value * 65536 for value in matrix)
    struct.pack_into(">9i", content, place, a, b, 0, c, d, 0, 0, 0, 0x40000000)
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("matrix", "turned"),
    [
        ((1, 0, 0, 1), lambda f: f),
        ((0, 1, -1, 0), lambda f: np.rot90(f, -1, (1, 2))),
        ((-1, 0, 0, -1), lambda f: f[:, ::-1, ::-1]),
        ((0, -1, 1, 0), lambda f: np.rot90(f, 1, (1, 2))),
        ((-1, 0, 0, 1), lambda f: f[:, :, ::-1]),
        ((1, 0, 0, -1), lambda f: f[:, ::-1]),
        ((0, 1, 1, 0), lambda f: f.swapaxes(1, 2)),
        ((0, -1, -1, 0), lambda f: np.rot90(f, 2, (1, 2)).swapaxes(1, 2)),
    ],
)
def test_display_matrix_is_applied(tmp_path: Path, matrix: tuple[int, int, int, int], turned: Any) -> None:
    path = write_video(tmp_path / "a.mp4", blocks(), "mpeg4", pix_fmt="yuv420p", options={"qscale": "1"})
    turn(path, matrix)
    cine = open_cine(path)
    expected = turned(blocks())
    assert cine.frames.shape == expected.shape
    assert np.abs(cine.frames.astype(int) - expected).mean() < 3
    assert not cine.warnings


def test_angle_that_is_no_quarter_turn_is_said(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", blocks(), "mpeg4", pix_fmt="yuv420p")
    turn(path, (1, 1, -1, 1))
    cine = open_cine(path)
    assert cine.frames.shape == (4, 48, 64)
    assert "no quarter turn; it is shown as it is stored" in cine.warnings[0]


def write_wide(path: Path, aspect: tuple[int, int]) -> Path:
    from fractions import Fraction

    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(*aspect)
        for frame in blocks():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="gray")))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".mkv"])
def test_sample_aspect_is_kept(tmp_path: Path, suffix: str) -> None:
    cine = open_cine(write_wide(tmp_path / f"a{suffix}", (2, 1)))
    assert cine.frames.shape == (4, 48, 64)
    assert cine.pixel_aspect == (1, 2)
    assert cine.spacing is None
    assert "Each pixel is 2 times as wide as it is high" in cine.spacing_note


def test_sample_aspect_turns_with_the_picture(tmp_path: Path) -> None:
    path = write_wide(tmp_path / "a.mp4", (2, 1))
    turn(path, (0, 1, -1, 0))
    cine = open_cine(path)
    assert cine.frames.shape == (4, 64, 48)
    assert cine.pixel_aspect == (1, 0.5)


def test_absurd_sample_aspect_is_said(tmp_path: Path) -> None:
    cine = open_cine(write_wide(tmp_path / "a.avi", (10, 1)))
    assert cine.pixel_aspect == (1, 1)
    assert "not plausible" in cine.warnings[0]


@pytest.mark.parametrize("name", ["A4C:1.avi", "file:x.avi", "http:x.avi", "concat:a|b.avi", "a%03d.avi", "-i.avi"])
def test_names_that_look_like_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    from pathlib import Path as Plain

    plain = write_video(tmp_path / "a.avi", blocks())
    plain.rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert open_cine(Plain(name)).n_frames == 4


def test_title_in_an_old_encoding(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", blocks())
    content = path.read_bytes()
    place = content.index(b"ISFT") + 8
    path.write_bytes(content[:place] + "Köhler".encode("latin-1") + content[place + 6 :])
    assert open_cine(path).n_frames == 4


def save_gif(path: Path, delays_ms: list[int]) -> Path:
    pictures = [Image.fromarray(frame + np.uint8(index)) for index, frame in enumerate(blocks(len(delays_ms)))]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=delays_ms)
    return path


def test_gif_without_delays_has_no_rate(tmp_path: Path) -> None:
    for delays in ([0, 0, 0, 0], [0, 40, 40, 40], [40, 40, 0, 40]):
        cine = open_cine(save_gif(tmp_path / "a.gif", delays))
        assert cine.n_frames == 4
        assert cine.frame_times is None
        assert "give the frame rate by hand" in cine.timing_note


def test_gif_delays_are_its_times(tmp_path: Path) -> None:
    cine = open_cine(save_gif(tmp_path / "a.gif", [10, 20, 60, 0]))  # after the last frame there is nothing to time
    np.testing.assert_allclose(cine.frame_times, [0, 0.01, 0.03, 0.09])
    with_other_name = tmp_path / "clip.avi"
    (tmp_path / "a.gif").rename(with_other_name)
    np.testing.assert_allclose(open_cine(with_other_name).frame_times, [0, 0.01, 0.03, 0.09])


def test_frames_that_change_size_in_colour(tmp_path: Path) -> None:
    small = write_video(tmp_path / "small.avi", np.repeat(blocks(2)[..., None], 3, axis=3), "png", pix_fmt="rgb24")
    large = write_video(
        tmp_path / "large.avi", np.repeat(blocks(2, 64, 96)[..., None], 3, axis=3), "png", pix_fmt="rgb24"
    )
    import av

    with av.open(str(small)) as one, av.open(str(large)) as two, av.open(str(tmp_path / "a.avi"), "w") as both:
        stream = both.add_stream_from_template(one.streams.video[0])
        for index, packet in enumerate([*one.demux(video=0), *two.demux(video=0)]):
            if packet.size:
                made = av.Packet(bytes(packet))
                made.stream, made.time_base, made.pts, made.dts = stream, packet.time_base, index, index
                made.is_keyframe = True
                both.mux(made)
    with pytest.raises(ReadError, match=r"changes its frame size from 64x48 to 96x64 at frame 3; cut the clip there"):
        open_cine(tmp_path / "a.avi")


def test_unused_opacity_of_a_video_is_not_applied(tmp_path: Path) -> None:
    frames = blocks()
    path = write_video(tmp_path / "a.mov", frames, "png", pix_fmt="rgba")
    np.testing.assert_array_equal(open_cine(path).frames, frames)
