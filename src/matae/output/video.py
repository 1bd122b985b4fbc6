"""The overlay video: the cine with its outline, at its true speed."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from matae.output.canvas import Canvas
from matae.output.draw import CAPTION, picture_size
from matae.threads import processors

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any, Self

    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.segment.margins import Margins

__all__ = ["PREVIEW_RATE", "OverlayVideo"]

PREVIEW_RATE = 25.0
"""Frames a second of a preview whose true rate is unknown; stated wherever it is used."""

_LONGEST = 448  # smaller frames are enlarged to this: a clip of 112 pixels can be watched, and takes little to encode
# Half the processor time of superfast at the same CRF, as near the pictures (docs/speed.md), for files a quarter to
# a third larger. Blocks of 8 pixels, which the preset leaves out, cost nothing.
_QUICK = {"preset": "ultrafast", "crf": "21", "x264-params": "8x8dct=1"}
_MOST_THREADS = 4
_TICKS = 60_000  # a second; MPEG-4 part 2 allows 65,535, and 24, 25, 30, 50, 60 and 29.97 Hz are whole in it


class OverlayVideo:
    """An MP4 of a cine with the outlines drawn in, written frame by frame.

    Every frame is shown at the time the cine gives it, so a clip with varying frame times plays as recorded. Leaving
    the context closes the file; it is whole only after `finish`.

    Parameters
    ----------
    path
        The file, ending in ``.mp4``.
    cine
        The frames, and their times if they are known.
    visible
        What of the pictures is shown; everything if left out.
    """

    def __init__(self, path: Path, cine: Cine, visible: Margins | None = None) -> None:
        import av

        self._cine, self._visible = cine, visible
        rate = cine.frame_rate
        if cine.frame_times is None or rate is None:
            times, self._shown = np.arange(cine.n_frames) / PREVIEW_RATE, PREVIEW_RATE
            self._note = (
                f"The frame rate is unknown: played at {PREVIEW_RATE:g} frames a second, which is not a measurement."
            )
        else:
            times, self._shown, self._note = cine.frame_times, rate, "Played at the recorded speed."
        self._ticks = _strictly_rising(np.rint((times - times[0]) * _TICKS).astype(np.int64))
        self._canvas = Canvas(picture_size(cine, _LONGEST))
        self._codec = _codec()
        self._added = 0
        self._container = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
        self._container.metadata["comment"] = CAPTION
        self._stream = self._container.add_stream(self._codec, rate=Fraction(self._shown).limit_denominator(1001))
        self._set_up()

    def _set_up(self) -> None:
        stream = self._stream
        stream.width, stream.height, stream.pix_fmt = *self._canvas.size, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, _TICKS)
        if self._codec == "libx264":
            # By itself it takes more threads than there are processors, and memory for each.
            stream.codec_context.thread_count = min(processors(), _MOST_THREADS)
            stream.options = _QUICK
        else:
            stream.codec_context.bit_rate = 8_000_000  # MPEG-4's default turns speckle into blocks

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    def add(self, mask: NDArray[np.uint8]) -> None:
        """Draw and encode the next frame.

        Parameters
        ----------
        mask
            (Y, X) classes in native pixels.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        t, cine, visible = self._added, self._cine, self._visible
        frame = np.asarray(cine.frames[t])
        when = "" if cine.frame_times is None else f"   {cine.frame_times[t]:.2f} s"
        drawn = self._canvas.draw(
            frame if visible is None else visible.frame(frame), np.asarray(mask), f"frame {t + 1}{when}"
        )
        drawn.pts, drawn.time_base = int(self._ticks[t]), Fraction(1, _TICKS)
        self._container.mux(self._stream.encode(drawn))
        self._added += 1

    def finish(self) -> dict[str, Any]:
        """Write what the encoder still holds, close the file and return what is to be said of it.

        Returns
        -------
        dict
            ``codec``, ``width``, ``height``, ``playback_rate``, and ``playback_note`` on where the rate is from.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        self._container.mux(self._stream.encode(None))
        self._container.close()
        return {
            "codec": "h264" if self._codec == "libx264" else self._codec,
            "width": self._canvas.size[0],
            "height": self._canvas.size[1],
            "playback_rate": self._shown,
            "playback_note": self._note,
        }


def _codec() -> str:
    import av

    return "libx264" if "libx264" in av.codecs_available else "mpeg4"


def _strictly_rising(ticks: NDArray[np.int64]) -> NDArray[np.int64]:
    # Frames closer than a tick would be dropped by the muxer; frames are never lost here.
    steps = np.arange(len(ticks))
    return np.maximum.accumulate(ticks - steps) + steps
