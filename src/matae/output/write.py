"""Write all results of a cine into a folder: whole or not at all, and never over another's."""

from __future__ import annotations

import math
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain, count
from typing import TYPE_CHECKING

from matae.errors import OutputError
from matae.files import file_sha256, staged, writing_to
from matae.output.record import class_counts, dump_record, make_record, read_record
from matae.read import file_stem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any, Self

    import numpy as np
    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.output.nifti import NiftiStream
    from matae.output.overlay_thread import OverlayThread
    from matae.segment import Sector, Segmentation

__all__ = ["ResultWriter", "Written", "is_own_result", "write_results", "written_before"]

_SUFFIXES = {"mask": "_mask.nii.gz", "overlay": "_overlay.mp4", "still": "_still.png"}
_PARTS = {"mask": "mask.nii.gz", "still": "still.png", "overlay": "overlay.mp4"}


@dataclass(frozen=True)
class Written:
    """The files of one result.

    Parameters
    ----------
    files
        Path of each: ``record``, ``mask``, ``still`` and, if asked for, ``overlay``.
    notices
        Sentences on how they were named or timed, for the user.
    """

    files: dict[str, Path]
    notices: tuple[str, ...] = field(default=())


def is_own_result(path: Path) -> bool:
    """Say whether a video or picture, or every picture of a folder, was written by `write_results`."""
    if path.is_dir():
        pictures = [file for file in path.iterdir() if file.suffix.lower() == ".png"]
        return bool(pictures) and all(is_own_result(file) for file in pictures)
    for suffix in _SUFFIXES.values():
        if path.name.endswith(suffix):
            return read_record(path.with_name(path.name.removesuffix(suffix) + ".json")) is not None
    return False


class ResultWriter:
    """Writes the results of a cine into a folder; masks and overlay video while the masks are still being made.

    The files appear together once all are whole, by `finish`; leaving the context before that leaves nothing. The
    result of the same pixels from the same file is replaced; the result of any other source, a mask somebody edited
    and any file that is not ours are kept, and the new result gets a name with the first digits of the content id.

    Parameters
    ----------
    cine
        What is segmented.
    sector
        The part of the picture that the network sees.
    out
        Folder, made if missing.
    overlay
        Write the video; a single frame has none.
    distinguish
        Put the content id into the name from the start: another input of the same run has the same stem.
    keep_margins
        Show in the pictures what a scanner writes around the sector; otherwise it is black there.
    key
        What the result is computed from (`matae.output.key`); kept in the record, for `written_before`.

    Raises
    ------
    OutputError
        If the folder cannot be written or the disk is full; nothing half-written is left. By `add` and `finish` too.
    """

    def __init__(
        self,
        cine: Cine,
        sector: Sector,
        out: Path,
        *,
        overlay: bool = True,
        distinguish: bool = False,
        keep_margins: bool = False,
        key: str = "",
    ) -> None:
        from matae.segment.margins import margins

        self._cine, self._out, self._distinguish, self._key = cine, out, distinguish, key
        self._shown = margins(cine, sector, keep=keep_margins)
        self._has_overlay = overlay and cine.n_frames > 1
        self._open = ExitStack()
        self._masks = _Masks()
        self._overlay: OverlayThread | None = None

    def __enter__(self) -> Self:
        from matae.output.overlay_thread import OverlayThread
        from matae.output.volume import mask_stream

        with writing_to(self._out):
            self._stage = self._open.enter_context(staged(self._out))
            stream = mask_stream(self._stage / _PARTS["mask"], self._cine, self._cine.frames.shape)
        self._open.callback(stream.abandon)
        self._masks.stream = stream
        if self._has_overlay:
            path = self._stage / _PARTS["overlay"]
            # Entered last, so ended first: on Windows a file that is open cannot be removed.
            self._overlay = self._open.enter_context(OverlayThread(path, self._cine, self._shown))
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def add(self, mask: NDArray[np.uint8]) -> None:
        """Take the mask (Y, X) of the next frame, in the order of the frames; it must not change any more."""
        with writing_to(self._out):
            if self._overlay is not None:
                self._overlay.add(mask)
            self._masks.add(mask)

    def finish(self, result: Segmentation) -> Written:
        """Write the rest, and put all files into place.

        Parameters
        ----------
        result
            What came out. Its masks are those that were added, and need not be kept in it.
        """
        with writing_to(self._out):
            return self._finish(result)

    def _finish(self, result: Segmentation) -> Written:
        from matae.output.still import write_still

        cine, out, shown, masks = self._cine, self._out, self._shown, self._masks
        masks.finish(cine.n_frames)
        record = make_record(cine, result, masks.counts)
        record["margins"] = shown.state
        if self._key:
            record["key"] = self._key
        parts = {kind: self._stage / name for kind, name in _PARTS.items() if kind != "overlay" or self._overlay}
        write_still(parts["still"], cine, result, shown, masks.shown)
        video = None if self._overlay is None else self._overlay.finish()
        stem, notice = _free_stem(out, cine, distinguish=self._distinguish)
        names = {kind: stem + _SUFFIXES[kind] for kind in parts}
        record["files"] = {kind: {"name": names[kind], "sha256": file_sha256(part)} for kind, part in parts.items()}
        record["overlay"] = video
        notices = [text for text in (notice, shown.notice) if text]
        if video is not None and cine.frame_rate is None:
            notices.append(video["playback_note"])
        record["notices"] += notices
        parts["record"], names["record"] = self._stage / "record.json", f"{stem}.json"
        parts["record"].write_bytes(dump_record(record))
        # The record goes first: it is what says that the names beside it are taken.
        for kind in sorted(parts, key=lambda kind: kind != "record"):
            parts[kind].replace(out / names[kind])
        if video is None and (stale := out / (stem + _SUFFIXES["overlay"])).exists():
            stale.unlink()  # of an earlier run on these pixels; its outline may differ from the new mask
        return Written({kind: out / name for kind, name in names.items()}, tuple(notices))


class _Masks:
    """The masks of a clip as they come: written, and of each no more held than record and still picture need."""

    def __init__(self) -> None:
        self.stream: NiftiStream | None = None
        self.counts: list[list[int]] = []
        self._largest = self._smallest = 0
        self.shown: dict[int, NDArray[np.uint8]] = {}

    def add(self, mask: NDArray[np.uint8]) -> None:
        """Write the next mask."""
        if self.stream is not None:
            self.stream.add(mask)
        t = len(self.counts)
        self.counts.append(class_counts(mask))
        area = self._area(t)
        # Of several alike the first, as the still picture has it; an empty frame is never the smallest.
        if t == 0 or area > self._area(self._largest):
            self._largest = t
        if t == 0 or 0 < area < (self._area(self._smallest) or math.inf):
            self._smallest = t
        known = self.shown | {t: mask}
        self.shown = {frame: known[frame] for frame in {0, self._largest, self._smallest}}

    def finish(self, n_frames: int) -> None:
        """Close the file, which holds them all."""
        if len(self.counts) != n_frames:
            raise ValueError(f"{len(self.counts)} masks of {n_frames} frames")
        if self.stream is not None:
            self.stream.close()

    def _area(self, frame: int) -> int:
        counts = self.counts[frame]
        return counts[0] if counts else 0


def write_results(
    cine: Cine,
    result: Segmentation,
    out: Path,
    *,
    overlay: bool = True,
    distinguish: bool = False,
    keep_margins: bool = False,
    key: str = "",
) -> Written:
    """Write mask, record, still picture and, if asked for, overlay video of what is segmented already.

    Parameters
    ----------
    cine
        What was segmented.
    result
        What came out.
    out, overlay, distinguish, keep_margins, key
        As for `ResultWriter`.

    Returns
    -------
    Written
        Where everything is.

    Raises
    ------
    OutputError
        As `ResultWriter`.
    """
    with ResultWriter(
        cine, result.sector, out, overlay=overlay, distinguish=distinguish, keep_margins=keep_margins, key=key
    ) as writer:
        for mask in result.masks:
            writer.add(mask)
        return writer.finish(result)


def written_before(out: Path, cine: Cine, key: str, *, distinguish: bool = False) -> dict[str, Path] | None:
    """Return the files of a result that was computed from the same, or None if it is not there whole.

    A mask that a person edited since counts as done. One that is older than its record was about to be replaced when
    the program ended, and does not.

    Parameters
    ----------
    out
        Folder of the results.
    cine, distinguish
        As for `write_results`.
    key
        What the result is computed from.
    """
    for candidate in _stems(cine, distinguish=distinguish):
        path = out / f"{candidate}.json"
        if not path.exists():
            if candidate.startswith(_marked(cine)):
                return None
            continue
        record = read_record(path)
        if record is not None and record.get("key") == key:
            return _whole(out, path, record)
    return None  # pragma: no cover - the names do not end


def _whole(out: Path, path: Path, record: dict[str, Any]) -> dict[str, Path] | None:
    files = {"record": path}
    try:
        names = {kind: (out / stated["name"], stated["sha256"]) for kind, stated in record["files"].items()}
    except (KeyError, TypeError, AttributeError):
        return None  # of another version, or somebody changed it: it is computed again, under another name
    for kind, (file, digest) in names.items():
        files[kind] = file
        if not file.is_file():
            return None
        if file_sha256(file) != digest and file.stat().st_mtime_ns < path.stat().st_mtime_ns:
            return None
    return files


def _marked(cine: Cine) -> str:
    return f"{file_stem(cine.source)}-{cine.content_id[:8]}"


def _stems(cine: Cine, *, distinguish: bool) -> Iterator[str]:
    """Yield the names a result may have, the first free one is taken."""
    stem, marked = file_stem(cine.source), _marked(cine)
    return chain([marked] if distinguish else [stem, marked], (f"{marked}-{number}" for number in count(2)))


def _free_stem(out: Path, cine: Cine, *, distinguish: bool) -> tuple[str, str]:
    """Return the name to use and, where it is not the plain one, a sentence saying why."""
    stem = file_stem(cine.source)
    for candidate in _stems(cine, distinguish=distinguish):
        if _is_free(out, candidate, cine):
            why = "another input has the same name" if distinguish else "that name holds something else"
            plain = candidate == stem
            return candidate, "" if plain else f"Written as {candidate} instead of {stem}: {why}."
    raise OutputError(f"{out} has no free name for {stem}; choose another folder.")  # pragma: no cover


def _is_free(out: Path, stem: str, cine: Cine) -> bool:
    present = [out / (stem + suffix) for suffix in _SUFFIXES.values() if (out / (stem + suffix)).exists()]
    path = out / f"{stem}.json"
    if not path.exists():
        return not present
    record = read_record(path)
    if record is None or (record.get("source"), record.get("content_id")) != (cine.source.name, cine.content_id):
        return False
    files = record.get("files")
    written = [file for file in files.values() if isinstance(file, dict)] if isinstance(files, dict) else []
    digests = {file.get("name"): file.get("sha256") for file in written}
    # What differs from what we wrote was changed by a person since.
    return all(digests.get(file.name) == file_sha256(file) for file in present)
