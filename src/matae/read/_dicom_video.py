"""Video inside DICOM: MPEG-2, H.264 and HEVC transfer syntaxes (PS3.5 8.2.5 to 8.2.8), decoded through PyAV.

The fragments together are one stream, whatever the offset table says: a container (MPEG-TS, MP4) or the bare
elementary stream.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from matae.errors import ReadError
from matae.read._dicom_pixels import Decoded
from matae.read._grey import is_neutral, luma

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    from matae.read._dicom_fragments import Fragments, PixelElement

__all__ = ["decode_video", "is_video"]

_FORMATS = {
    "100": "mpegvideo",
    "101": "mpegvideo",
    "102": "h264",
    "103": "h264",
    "104": "h264",
    "105": "h264",
    "106": "h264",
    "107": "hevc",
    "108": "hevc",
}
"""FFmpeg's demuxer of the bare stream by the last number of the transfer syntax."""
_ROOT = "1.2.840.10008.1.2.4."


def is_video(syntax: str) -> bool:
    """Say whether a transfer syntax is a video; those in fragments (102.1) count."""
    return _format(syntax) is not None


def _format(syntax: str) -> str | None:
    return _FORMATS.get(syntax.removeprefix(_ROOT).split(".")[0]) if syntax.startswith(_ROOT) else None


class _Pieces(io.RawIOBase):
    """The fragments as one file to read and seek in."""

    def __init__(self, element: PixelElement, pieces: tuple[tuple[int, int], ...]) -> None:
        self._element, self._pieces = element, pieces
        self._size = sum(size for _, size in pieces)
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def read(self, size: int = -1) -> bytes:
        wanted = self._size - self._at if size < 0 else min(size, self._size - self._at)
        found: list[bytes] = []
        start = 0
        for at, length in self._pieces:
            inside = self._at - start
            if 0 <= inside < length and wanted > 0:
                part = self._element.read(at + inside, min(wanted, length - inside))
                if not part:
                    break
                found.append(part)
                self._at += len(part)
                wanted -= len(part)
            start += length
        return b"".join(found)


def decode_video(
    element: PixelElement, fragments: Fragments, syntax: str, stated: int | None, name: str
) -> tuple[Decoded, float | None]:
    """Decode the video of a DICOM file.

    Parameters
    ----------
    element, fragments
        Its pixel data.
    syntax
        Transfer syntax.
    stated
        Number of Frames, where stated.
    name
        Of the file, for the messages.

    Returns
    -------
    Decoded, float or None
        The frames, and the frame rate by the stream.

    Raises
    ------
    ReadError
        If it is no video, or changes its size on the way.
    """
    import av

    pieces = fragments.pieces
    for demuxer in (None, _format(syntax), "h264", "hevc", "mpegvideo"):
        try:
            container = av.open(_Pieces(element, pieces), mode="r", format=demuxer)
        except (av.FFmpegError, ValueError, OSError):
            continue
        with container:
            tracks = container.streams.video
            if not tracks or tracks[0].codec_context is None:
                continue
            decoded, rate = _decoded(container, tracks[0], name)
            if decoded.kept:
                count = len(decoded.kept)
                # A stream does not say where frames are lost: a smaller count than the header's is told.
                decoded.present, decoded.stated = count, max(count, stated or 0)
                if stated is not None and stated < count:
                    decoded.notes.append(
                        f"The header counts {stated} of the {count} frames in the file; all are shown."
                    )
                return decoded, rate
    raise ReadError(
        f"{name} holds a video that cannot be decoded (damaged, or of an unknown kind); export the clip again."
    )


def _decoded(container: Any, track: Any, name: str) -> tuple[Decoded, float | None]:
    import av
    from av.video.reformatter import VideoReformatter

    decoded = Decoded(0, 0)
    # A bare H.264 or HEVC stream without a rate would be given the demuxer's default.
    stated = container.format.name not in ("h264", "hevc") and track.average_rate
    rate = float(track.average_rate) if stated else None
    track.thread_type = "SLICE"
    convert = VideoReformatter().reformat
    for picture in _pictures(container, track, av.FFmpegError):
        due = decoded.colour.due()
        grey, rgb = _grey(picture, convert, colour=due)
        if due and rgb is not None:
            decoded.colour.add_rgb(rgb, grey)
        elif due:
            decoded.colour.add_grey(grey)
        try:
            decoded.frames.append(grey)
        except ValueError as error:
            raise ReadError(
                f"{name} changes its frame size at frame {len(decoded.kept) + 1}; export it again."
            ) from error
        decoded.kept.append(len(decoded.kept))
    return decoded, rate


def _pictures(container: Any, track: Any, failure: type[Exception]) -> Iterator[Any]:
    """Yield the pictures in display order; what is damaged is left out."""
    try:
        for packet in container.demux(track):
            if packet.is_corrupt:
                continue
            try:
                pictures = packet.decode()
            except failure:
                continue
            yield from (picture for picture in pictures if not picture.is_corrupt)
    except failure:
        return


def _grey(picture: Any, convert: Any, *, colour: bool) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    if picture.format.name.startswith(("yuv", "gray")):
        grey = convert(picture, format="gray").to_ndarray()
        return grey, convert(picture, format="rgb24").to_ndarray() if colour and not is_neutral(picture) else None
    rgb = convert(picture, format="rgb24").to_ndarray()
    return luma(rgb), rgb
