"""EchoNet-Dynamic's layout: ``FileList.csv``, ``VolumeTracings.csv``, ``Videos/*.avi``.

D. Ouyang et al., Nature 580:252-256, 2020. Columns and geometry as echonet/dynamic reads them (echonet/datasets/
echo.py): names without suffix in the one list and with it in the other, 21 rows a traced frame, frames counted from 0,
and the frames of a clip ordered so that the first has the smallest cavity and the last the largest.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from matae.errors import ExchangeError
from matae.exchange.clip import ImportClip, only_said
from matae.exchange.encodings.tables import MOST_ROWS, number, read_rows, row_text
from matae.exchange.names import check_cell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.exchange.clip import ExportClip
    from matae.exchange.layouts.manifest_hints import Hint

__all__ = [
    "FILE_COLUMNS",
    "TRACING_COLUMNS",
    "EchonetWriter",
    "grid_tracing",
    "is_echonet_folder",
    "read_echonet_folder",
]

FILE_COLUMNS = ("FileName", "EF", "ESV", "EDV", "FrameHeight", "FrameWidth", "FPS", "NumberOfFrames", "Split")
TRACING_COLUMNS = ("FileName", "X1", "Y1", "X2", "Y2", "Frame")
_Frames = dict[int, "array[float]"]  # four numbers a row, one after the other
_LIST, _TRACINGS, _VIDEOS = "FileList.csv", "VolumeTracings.csv", "Videos"
_MOST_SAID = 10
_ROWS = 21
_MOST_ROWS = 3_000_000
_SHOWN = 25.0  # frames a second of a video whose rate is unknown; FPS is empty then
_QUALITY = 2  # the finest step that every MJPEG reader takes


class EchonetWriter:
    """Writes the folder.

    Parameters
    ----------
    root
        Where to.
    """

    def __init__(self, root: Path) -> None:
        self._videos = root / "Videos"
        self._videos.mkdir()
        self._list = (root / "FileList.csv").open("w", encoding="utf-8", newline="")
        self._tracings = (root / "VolumeTracings.csv").open("w", encoding="utf-8", newline="")
        self._list.write(row_text(FILE_COLUMNS))
        self._tracings.write(row_text(TRACING_COLUMNS))

    def add(self, clip: ExportClip, tick: Callable[[], None]) -> None:
        """Write a clip; `tick` is called after each labelled frame."""
        rate = clip.frame_rate
        count = clip.shape[0]
        write_mjpeg(
            self._videos / f"{clip.name}.avi", (clip.fit.image(clip.frame(t)) for t in range(count)), rate or _SHOWN
        )
        areas = {t: int((label.mask == 1).sum()) for t, label in clip.labels.items()}
        for t in sorted(areas, key=lambda t: (areas[t], t)):
            rows = grid_tracing(clip, t)
            if rows is not None:
                for x1, y1, x2, y2 in np.round(rows, 4).tolist():
                    self._tracings.write(row_text((f"{clip.name}.avi", x1, y1, x2, y2, t)))
            tick()
        height, width = clip.fit.out_shape
        ef, edv, esv = _volumes(clip)
        row = (
            clip.name,
            ef,
            esv,
            edv,
            height,
            width,
            None if rate is None else round(rate, 4),
            count,
            clip.split.upper(),
        )
        self._list.write(row_text(row))

    def close(self) -> None:
        """Finish the lists."""
        self._list.close()
        self._tracings.close()

    abandon = close


def grid_tracing(clip: ExportClip, frame: int) -> NDArray[np.float64] | None:
    """Return the (21, 4) tracing of a labelled frame, x1 y1 x2 y2 on the grid; None where the cavity is empty."""
    from matae.measure.tracing import tracing

    rows = tracing(clip.labels[frame].mask, clip.spacing, label=1, apex_down=clip.fit.flip)
    if rows is None:
        return None
    placed = clip.fit.points(rows.reshape(-1, 2)[:, ::-1])[:, ::-1]
    return np.ascontiguousarray(placed).reshape(rows.shape)


def _volumes(clip: ExportClip) -> tuple[float | None, float | None, float | None]:
    """Return ejection fraction in percent, and volumes in millilitres where the clip is calibrated."""
    from matae.measure.disks import single_plane

    if clip.ed not in clip.labels or clip.es not in clip.labels or clip.ed is None or clip.es is None:
        return None, None, None
    found = single_plane(
        clip.labels[clip.ed].mask == 1, clip.labels[clip.es].mask == 1, clip.spacing, apex_down=clip.fit.flip
    )
    if found is None:
        return None, None, None
    known = clip.spacing is not None
    return (
        round(found.ef_percent, 4), round(found.edv, 4) if known else None, round(found.esv, 4) if known else None
    )  # fmt: skip


def write_mjpeg(path: Path, frames: Iterator[NDArray[np.uint8]], rate: float) -> None:
    """Write grey frames as an MJPEG AVI, the same bytes for the same frames: no date, no version of the encoder."""
    import av

    speed = Fraction(rate).limit_denominator(10_000)
    with av.open(str(path), "w", format="avi", options={"fflags": "+bitexact"}) as container:
        stream = None
        for index, frame in enumerate(frames):
            if stream is None:
                stream = container.add_stream("mjpeg", rate=speed)
                stream.height, stream.width = frame.shape
                stream.pix_fmt = "yuvj420p"
                stream.options = {"flags": "+bitexact+qscale", "global_quality": str(118 * _QUALITY)}
                stream.thread_count = 1
                stream.codec_context.time_base = 1 / speed
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="gray").reformat(format="yuvj420p")
            picture.pts, picture.time_base = index, 1 / speed
            container.mux(stream.encode(picture))
        if stream is not None:
            container.mux(stream.encode(None))


def is_echonet_folder(folder: Path) -> bool:
    """Say whether `folder` has both lists and the videos, whatever letters are large in their names."""
    return all(_inside(folder, name) is not None for name in (_LIST, _TRACINGS, _VIDEOS))


def _inside(folder: Path, name: str) -> Path | None:
    """Return what is called `name` in a folder; a copy that went over another system may have other capitals."""
    if (folder / name).exists():
        return folder / name
    return next((path for path in folder.iterdir() if path.name.lower() == name.lower()), None)


def _stem(name: str) -> str:
    """Return the name of a video without its suffix."""
    return name[:-4] if name.lower().endswith(".avi") else name


def read_echonet_folder(folder: Path, hints: Mapping[str, Hint]) -> Iterator[ImportClip]:
    """Yield the clips that are there and traced; say which are listed or traced and not there.

    A frame whose tracing has another number of rows than 21 is left out and said; the data set itself has such.

    Raises
    ------
    ExchangeError
        If a list is damaged, or names what lies outside the folder.
    """
    listed: dict[str, tuple[str, dict[str, str]]] = {}
    for line, cells in read_rows(_inside(folder, _LIST) or folder / _LIST, ("FileName",), optional=FILE_COLUMNS):
        where = f"{_LIST} row {line}"
        name = _stem(check_cell(cells["FileName"], where))
        if not name or "/" in name or "\\" in name or name.startswith("."):
            raise ExchangeError(f"{where}: '{name[:40]}' is no name of a video in Videos; correct it.")
        listed[name.lower()] = name, cells
    traced, unlisted = _tracings(folder, {key: cells for key, (_, cells) in listed.items()})
    videos = _inside(folder, _VIDEOS) or folder / _VIDEOS
    there = {path.name.lower(): path for path in videos.iterdir()}
    missing = []
    for key, (name, cells) in listed.items():
        frames = traced.pop(key, {})
        video = there.get(f"{key}.avi")
        if frames and video is not None:
            yield _clip(video, cells, frames, hints.get(name))
        elif frames or video is None:
            missing.append(name)
    yield only_said(_absences(missing, unlisted))


def _absences(missing: Sequence[str], unlisted: Sequence[str]) -> list[str]:
    said = []
    for names, why in (
        (missing, "listed in FileList.csv but missing in Videos; copy the data again to have them"),
        (unlisted, "traced in VolumeTracings.csv but not listed in FileList.csv; they are left out"),
    ):
        if names:
            shown = ", ".join(name[:40] for name in names[:_MOST_SAID])
            more = f" and {len(names) - _MOST_SAID} more" if len(names) > _MOST_SAID else ""
            said.append(f"{len(names)} video{' is' if len(names) == 1 else 's are'} {why}: {shown}{more}.")
    return said


def _tracings(folder: Path, listed: Mapping[str, dict[str, str]]) -> tuple[dict[str, _Frames], list[str]]:
    """Return the rows of each frame of each listed clip, and the names of clips that are traced and not listed."""
    found: dict[str, _Frames] = {}
    unlisted: dict[str, str] = {}
    path = _inside(folder, _TRACINGS) or folder / _TRACINGS
    # The whole data set has 425,000 rows; a list of a part of it may stand beside all of them.
    most = min(max(MOST_ROWS, sum(_count(cells) for cells in listed.values()) * _ROWS), _MOST_ROWS)
    for line, cells in read_rows(path, TRACING_COLUMNS, most=most):
        where = f"{_TRACINGS} row {line}"
        name = _stem(cells["FileName"])
        key = name.lower()
        if key not in listed:
            unlisted.setdefault(key, check_cell(name, where))
            continue
        frame = int(number(cells["Frame"], where, low=0, high=_count(listed[key]) - 1))
        rows = found.setdefault(key, {}).setdefault(frame, array("d"))
        if len(rows) >= 4 * 4 * _ROWS:
            raise ExchangeError(
                f"{where}: frame {frame + 1} of {name} ({_stated(frame)}) has more rows than a tracing; correct it."
            )
        # Frames are at most some thousand pixels; the picture itself is held against them when it is opened.
        rows.extend(number(cells[column], where, low=-10_000, high=20_000) for column in ("X1", "Y1", "X2", "Y2"))
    return found, list(unlisted.values())


def _stated(frame: int) -> str:
    """Return what the table calls a frame, beside what people call it."""
    return f"Frame {frame} in {_TRACINGS}, which counts from 0"


def _count(cells: Mapping[str, str]) -> int:
    try:
        return min(max(int(float(cells.get("NumberOfFrames") or 1000)), 1), 100_000)
    except (ValueError, OverflowError):
        return 1000


def _clip(video: Path, cells: dict[str, str], frames: _Frames, hint: Hint | None) -> ImportClip:
    whole = {t: np.array(rows).reshape(-1, 4) for t, rows in sorted(frames.items()) if len(rows) == 4 * _ROWS}
    problems = [
        f"Frame {t + 1} of {video.stem} ({_stated(t)}) has {len(rows) // 4} rows instead of {_ROWS}; it is left out."
        for t, rows in sorted(frames.items())
        if len(rows) != 4 * _ROWS
    ]
    split = cells.get("Split", "").lower()

    def masks(native: bool) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        from matae.measure.tracing import mask_of_tracing

        for t, rows in whole.items():
            if native and hint is not None:
                placed = hint.fit.native_points(rows.reshape(-1, 2)[:, ::-1])[:, ::-1].reshape(rows.shape)
                yield t, mask_of_own_tracing(placed, hint.fit.shape)
                continue
            shape = _shape(video)
            _check_inside(rows, shape, f"{video.name}, frame {t + 1} ({_stated(t)})")
            yield t, mask_of_tracing(rows, shape) if hint is None else mask_of_own_tracing(rows, shape)

    ed, es = _extremes(whole)
    return ImportClip(
        name=video.stem,
        subject=hint.patient if hint is not None else video.stem.partition("-")[0] if _ours(video.stem) else video.stem,
        open=partial(_open, video, cells),
        masks=masks,
        frames=tuple(whole),
        native_frames=tuple(whole) if hint is not None else (),
        split=split if split in {"train", "val", "test"} else "",
        status=dict(hint.frames) if hint is not None else {},
        key=hint.key if hint is not None else "",
        lossless=False,
        ed=ed,
        es=es,
        problems=tuple(problems),
    )


def mask_of_own_tracing(rows: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Return the mask of a tracing we made: the polygon through the apex and the ends of the chords, unrounded.

    EchoNet-Dynamic's own reader rounds the ends to whole pixels and leaves the apex out, and so do we with its
    tracings; of our own we know where the apex is, which brings the mask back closer.
    """
    from skimage.draw import polygon

    outline = np.concatenate([rows[:1, :2], rows[1:, :2], rows[:0:-1, 2:]])
    mask = np.zeros(shape, np.uint8)
    mask[polygon(outline[:, 1], outline[:, 0], shape)] = 1
    return mask


def _ours(stem: str) -> bool:
    head, dash, _ = stem.partition("-")
    return bool(dash) and head.startswith("patient") and head[7:].isdigit()


def _extremes(whole: Mapping[int, NDArray[np.float64]]) -> tuple[int | None, int | None]:
    """Return the traced frames with the largest and the smallest cavity, where they differ."""
    if len(whole) < 2:
        return None, None
    area = {t: _area(rows) for t, rows in whole.items()}
    ed, es = max(area, key=lambda t: area[t]), min(area, key=lambda t: area[t])
    return (ed, es) if ed != es else (None, None)


def _area(rows: NDArray[np.float64]) -> float:
    x = np.concatenate([rows[1:, 0], rows[:0:-1, 2]])
    y = np.concatenate([rows[1:, 1], rows[:0:-1, 3]])
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


def _check_inside(rows: NDArray[np.float64], shape: tuple[int, int], where: str) -> None:
    slack = 0.1 * max(shape)
    points = rows.reshape(-1, 2)
    if (points < -slack).any() or (points > np.array([shape[1], shape[0]]) + slack).any():
        raise ExchangeError(f"{where}: its tracing lies outside the picture; check VolumeTracings.csv.")


def _shape(video: Path) -> tuple[int, int]:
    import av

    try:
        with av.open(str(video)) as container:
            track = container.streams.video[0]
            return int(track.height), int(track.width)
    except (av.FFmpegError, ValueError, OSError, IndexError) as error:
        raise ExchangeError(f"Videos/{video.name} cannot be read as a video; copy it again.") from error


def _open(video: Path, cells: dict[str, Any]) -> Cine:
    from matae.read.echonet import read_echonet

    try:
        rate = float(cells.get("FPS") or "nan")
    except ValueError:
        rate = math.nan
    if math.isfinite(rate):
        return read_echonet(video, {"patient": video.stem, "frame_rate_hz": rate})
    # A video always states some rate; that the list leaves it empty says that nobody knew.
    note = "FileList.csv leaves FPS empty; give the frame rate by hand."
    return replace(read_echonet(video, {"patient": video.stem}), frame_times=None, timing_note=note)
