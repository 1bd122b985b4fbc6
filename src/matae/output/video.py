"""The overlay video: the cine with its outline, at its true speed."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from matae.output.canvas import Canvas
from matae.output.draw import CAPTION, picture_size

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.segment.margins import Margins

__all__ = ["PREVIEW_RATE", "write_overlay"]

PREVIEW_RATE = 25.0
"""Frames a second of a preview whose true rate is unknown; stated wherever it is used."""

_LONGEST = 448  # smaller frames are enlarged to this: a clip of 112 pixels can be watched, and takes little to encode
_TICKS = 60_000  # a second; MPEG-4 part 2 allows 65,535, and 24, 25, 30, 50, 60 and 29.97 Hz are whole in it


def write_overlay(path: Path, cine: Cine, masks: NDArray[np.uint8], visible: Margins | None = None) -> dict[str, Any]:
    """Write an MP4 of the cine with the outlines drawn in.

    Every frame is shown at the time the cine gives it, so a clip with varying frame times plays as recorded.

    Parameters
    ----------
    path
        The file, ending in ``.mp4``.
    cine
        The frames, and their times if they are known.
    masks
        (T, Y, X) classes in native pixels.
    visible
        What of the pictures is shown; everything if left out.

    Returns
    -------
    dict
        ``codec``, ``width``, ``height``, ``playback_rate``, and ``playback_note`` on where the rate is from.
    """
    import av

    rate = cine.frame_rate
    if cine.frame_times is None or rate is None:
        times, shown = np.arange(cine.n_frames) / PREVIEW_RATE, PREVIEW_RATE
        note = f"The frame rate is unknown: played at {PREVIEW_RATE:g} frames a second, which is not a measurement."
    else:
        times, shown, note = cine.frame_times, rate, "Played at the recorded speed."
    ticks = _strictly_rising(np.rint((times - times[0]) * _TICKS).astype(np.int64))

    canvas = Canvas(picture_size(cine, _LONGEST))
    size = canvas.size
    codec = _codec()
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        container.metadata["comment"] = CAPTION
        stream = container.add_stream(codec, rate=Fraction(shown).limit_denominator(1001))
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, _TICKS)
        if codec == "libx264":
            stream.options = {"crf": "18", "preset": "veryfast"}
        else:
            stream.codec_context.bit_rate = 8_000_000  # MPEG-4's default turns speckle into blocks
        for t, pts in enumerate(ticks):
            frame = np.asarray(cine.frames[t])
            when = "" if cine.frame_times is None else f"   {cine.frame_times[t]:.2f} s"
            planes = canvas.draw(
                frame if visible is None else visible.frame(frame), np.asarray(masks[t]), f"frame {t + 1}{when}"
            )
            coded = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            coded.pts, coded.time_base = int(pts), Fraction(1, _TICKS)
            container.mux(stream.encode(coded))
        container.mux(stream.encode(None))
    return {
        "codec": "h264" if codec == "libx264" else codec,
        "width": size[0],
        "height": size[1],
        "playback_rate": shown,
        "playback_note": note,
    }


def _codec() -> str:
    import av

    return "libx264" if "libx264" in av.codecs_available else "mpeg4"


def _strictly_rising(ticks: NDArray[np.int64]) -> NDArray[np.int64]:
    # Frames closer than a tick would be dropped by the muxer; frames are never lost here.
    steps = np.arange(len(ticks))
    return np.maximum.accumulate(ticks - steps) + steps
