"""Video files: AVI, MP4, MOV, MKV, WEBM, MPG, WMV and GIF.

The file is decoded once, from beginning to end. Random access is never used: it returns the neighbour frame in
AVI files with B-frames. PyAV is called directly, because imageio's plugin hides the presentation times and
hands out uninitialised memory for the missing end of a truncated file.

Pictures come out as a player shows them: turned by the display matrix that phones write, and where they are
transparent, on black. They are not stretched: that pixels are not square is kept in `Cine.sample_aspect`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from matae.cine import Cine
from matae.errors import ReadError
from matae.read._formats import MOST_PIXELS, quiet, size_text
from matae.read._gif import gif_delays
from matae.read._grey import ColourMeter, doppler_facts, is_neutral, luma, on_black
from matae.read._timing import presentation_timing
from matae.read._turn import Turn, turn_of_matrix
from matae.stack import StackBuilder

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["read_video"]

_NO_CALIBRATION = "No millimetres: video files carry no calibration."
_LEAST_ASPECT, _MOST_ASPECT = 0.2, 5.0
_WITH_OPACITY = ("rgba", "bgra", "argb", "abgr", "gbrap", "ya", "yuva", "pal8")


@dataclass
class _Decoded:
    """What one pass over the stream yields."""

    frames: StackBuilder = field(default_factory=StackBuilder)
    stamps: list[float | None] = field(default_factory=list)
    colour: ColourMeter = field(default_factory=ColourMeter)
    damaged: int = 0
    stated: int = 0
    rate: float | None = None
    tick: float = 0.0
    aspect: float = 1.0
    turn: Turn | None = None
    is_gif: bool = False
    warnings: list[str] = field(default_factory=list)


def read_video(path: Path) -> Cine:
    """Read a video file.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    Cine
        The frames that decode, in display order and turned as a player turns them, with their presentation times
        where the file states them soundly. Never calibrated; `sample_aspect` where the pixels are not square.

    Raises
    ------
    ReadError
        If it is no video, has no video track, or no frame decodes.
    """
    with quiet():
        decoded = _decode(path)
    count = len(decoded.frames)
    if not count:
        raise ReadError(f"{path.name} holds no frames that decode; export the clip again from the scanner or archive.")
    stamps = _gif_stamps(path, count) if decoded.is_gif else decoded.stamps
    timing = presentation_timing(stamps, decoded.rate, resolution=decoded.tick, trust_header=not decoded.is_gif)
    warnings, info = doppler_facts(doppler=decoded.colour.is_doppler())
    warnings = (*warnings, *decoded.warnings)
    shape = "" if decoded.aspect == 1 else f" Each pixel is {decoded.aspect:.4g} times as wide as it is high."
    if count < decoded.stated:
        warnings = (
            f"{count} of {decoded.stated} frames could be decoded; the file is truncated or damaged.",
            *warnings,
        )
    elif decoded.damaged:
        warnings = (f"{decoded.damaged} damaged pieces of the file were left out.", *warnings)
    return Cine(
        frames=decoded.frames.build(),
        frame_times=timing.times,
        spacing=None,
        source=path,
        timing_note=timing.note,
        spacing_note=_NO_CALIBRATION + shape,
        warnings=warnings,
        info={**timing.info, **info},
        sample_aspect=decoded.aspect,
    )


def _gif_stamps(path: Path, count: int) -> list[float | None]:
    """Return the time of each frame as the delays between them say, None for all where one of them is missing."""
    delays = gif_delays(path)[: count - 1]
    if len(delays) < count - 1 or not all(delays):
        return [None] * count
    stamps: list[float | None] = [0.0]
    total = 0
    for delay in delays:
        total += delay
        stamps.append(total / 100)
    return stamps


def _decode(path: Path) -> _Decoded:
    """Decode the first video track once, keeping grey frames only."""
    import av
    from av.video.reformatter import VideoReformatter

    try:
        # A whole path: "A4C:1.mp4" alone would be taken for an address. Titles in an old encoding stop nothing.
        container = av.open(str(path.absolute()), metadata_errors="replace")
    except (av.FFmpegError, ValueError, OSError) as error:
        raise ReadError(
            f"{path.name} cannot be read as a video; it is damaged or not a video, so export the clip again."
        ) from error
    with container:
        tracks = [track for track in container.streams.video if not _is_cover_picture(track)]
        if not tracks:
            raise ReadError(f"{path.name} has no video track, only sound or data; choose the clip itself.")
        track = tracks[0]
        if track.codec_context is None:
            raise ReadError(f"{path.name} uses a video codec that is not available here; convert it to MP4 (H.264).")
        decoded = _Decoded(
            stated=int(track.frames),
            rate=float(track.average_rate) if track.average_rate else None,
            tick=float(track.time_base or Fraction(0)),
            is_gif=container.format.name == "gif",
        )
        decoded.frames.expect(decoded.stated)
        track.codec_context.options = {"max_pixels": str(MOST_PIXELS)}
        # Slice threads only: frame threads hold many decoded colour frames and delay errors.
        track.thread_type = "SLICE"
        convert = VideoReformatter().reformat
        try:
            for packet in container.demux(track):
                _decode_packet(packet, convert, decoded, path)
        except av.FFmpegError:  # the container itself ends in the middle of a packet
            decoded.damaged += 1
        if len(decoded.frames):
            _take_aspect(track, decoded)
    return decoded


def _take_aspect(track: Any, decoded: _Decoded) -> None:
    """Note the shape of the pixels, which some codecs state only with their pictures."""
    stated = track.sample_aspect_ratio or track.codec_context.sample_aspect_ratio
    aspect = float(stated) if stated else 1.0
    if abs(aspect - 1) < 0.005:
        return
    if not _LEAST_ASPECT <= aspect <= _MOST_ASPECT:
        decoded.warnings.append(
            f"The file states pixels {aspect:.4g} times as wide as high, which is not plausible; they are taken for "
            "square."
        )
        return
    decoded.aspect = 1 / aspect if decoded.turn is not None and decoded.turn.transpose else aspect


def _take_turn(picture: Any, decoded: _Decoded) -> Turn:
    """Return how the pictures are turned, as the first of them says."""
    if decoded.turn is None:
        matrices = [bytes(entry) for entry in picture.side_data if entry.type.name == "DISPLAYMATRIX"]
        turn = turn_of_matrix(matrices[0]) if matrices else Turn()
        if turn is None:
            decoded.warnings.append(
                "The file asks to be shown at an angle that is no quarter turn; it is shown as it is stored."
            )
        decoded.turn = turn or Turn()
    return decoded.turn


def _decode_packet(packet: Any, convert: Any, decoded: _Decoded, path: Path) -> None:
    import av

    if packet.is_corrupt:  # cut short: the decoder would fill the rest of the picture with grey
        decoded.damaged += 1
        return
    try:
        pictures = packet.decode()
    except av.FFmpegError:
        decoded.damaged += 1
        return
    for picture in pictures:
        if picture.is_corrupt:
            decoded.damaged += 1
            continue
        measured = decoded.colour.due()
        grey, rgb = _grey(picture, convert, colour=measured, is_gif=decoded.is_gif)
        turn = _take_turn(picture, decoded)
        try:
            decoded.frames.append(turn.apply(grey))
        except ValueError as error:
            raise ReadError(
                f"{path.name} changes its frame size from {size_text(decoded.frames.frame_shape or (0, 0))} to "
                f"{size_text(grey.shape[:2])} at frame {len(decoded.frames) + 1}; cut the clip there and open the "
                "parts."
            ) from error
        if measured and rgb is not None:
            decoded.colour.add_rgb(rgb, grey)
        elif measured:
            decoded.colour.add_grey(grey)
        stamp = None if picture.pts is None or picture.time_base is None else float(picture.pts * picture.time_base)
        decoded.stamps.append(stamp)


def _grey(
    picture: Any, convert: Any, *, colour: bool, is_gif: bool
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Return the luma of a decoded picture, and its RGB when asked for or needed; None where it shows no colour.

    `convert` is `reformat` of a converter that lives as long as the clip: setting one up costs more than a frame.
    """
    name = picture.format.name
    if name == "gray":
        return picture.to_ndarray(), None
    if name.startswith(_WITH_OPACITY):
        rgb = on_black(convert(picture, format="rgba").to_ndarray(), is_stated=is_gif)
        return luma(rgb), rgb
    if name.startswith("yuv"):
        grey = convert(picture, format="gray").to_ndarray()
        return grey, convert(picture, format="rgb24").to_ndarray() if colour and not is_neutral(picture) else None
    # RGB formats: our own luma keeps grey pixels exact, the converter's is off by one.
    rgb = convert(picture, format="rgb24").to_ndarray()
    return luma(rgb), rgb


def _is_cover_picture(track: Any) -> bool:
    import av

    return bool(track.disposition & av.stream.Disposition.attached_pic)
