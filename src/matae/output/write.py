"""Write all results of a cine into a folder: whole or not at all, and never over another's."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain, count
from typing import TYPE_CHECKING

from matae.errors import OutputError
from matae.files import file_sha256, staged, writing_to
from matae.output.record import dump_record, make_record, read_record
from matae.read import file_stem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from matae.cine import Cine
    from matae.segment import Segmentation

__all__ = ["Written", "is_own_result", "write_results", "written_before"]

_SUFFIXES = {"mask": "_mask.nii.gz", "overlay": "_overlay.mp4", "still": "_still.png"}


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
    """Write mask, record, still picture and, if asked for, overlay video.

    The files appear together once all are whole. The result of the same pixels from the same file is replaced;
    the result of any other source, a mask somebody edited and any file that is not ours are kept, and the new
    result gets a name with the first digits of the content id.

    Parameters
    ----------
    cine
        What was segmented.
    result
        What came out.
    out
        Folder, made if missing.
    overlay
        Write the video; a single frame has none.
    distinguish
        Put the content id into the name from the start: another input of the same run has the same stem.
    keep_margins
        Show in the pictures what a scanner writes around the sector; otherwise it is black there.
    key
        What the result was computed from (`matae.output.key`); kept in the record, for `written_before`.

    Returns
    -------
    Written
        Where everything is.

    Raises
    ------
    OutputError
        If the folder cannot be written or the disk is full; nothing half-written is left.
    """
    from matae.output.still import write_still
    from matae.output.video import write_overlay
    from matae.output.volume import write_masks
    from matae.segment.margins import margins

    record = make_record(cine, result)
    shown = margins(cine, result.sector, keep=keep_margins)
    record["margins"] = shown.state
    if key:
        record["key"] = key
    with writing_to(out), staged(out) as stage:
        parts = {"mask": stage / "mask.nii.gz", "still": stage / "still.png"}
        write_masks(parts["mask"], cine, result.masks)
        write_still(parts["still"], cine, result, shown)
        video: dict[str, Any] | None = None
        if overlay and cine.n_frames > 1:
            parts["overlay"] = stage / "overlay.mp4"
            video = write_overlay(parts["overlay"], cine, result.masks, shown)
        stem, notice = _free_stem(out, cine, distinguish=distinguish)
        names = {kind: stem + _SUFFIXES[kind] for kind in parts}
        record["files"] = {kind: {"name": names[kind], "sha256": file_sha256(part)} for kind, part in parts.items()}
        record["overlay"] = video
        notices = [text for text in (notice, shown.notice) if text]
        if video is not None and cine.frame_rate is None:
            notices.append(video["playback_note"])
        record["notices"] += notices
        parts["record"], names["record"] = stage / "record.json", f"{stem}.json"
        parts["record"].write_bytes(dump_record(record))
        # The record goes first: it is what says that the names beside it are taken.
        for kind in sorted(parts, key=lambda kind: kind != "record"):
            parts[kind].replace(out / names[kind])
        if video is None and (stale := out / (stem + _SUFFIXES["overlay"])).exists():
            stale.unlink()  # of an earlier run on these pixels; its outline may differ from the new mask
    return Written({kind: out / name for kind, name in names.items()}, tuple(notices))


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
    for kind, stated in record["files"].items():
        file = files[kind] = out / stated["name"]
        if not file.is_file():
            return None
        if file_sha256(file) != stated["sha256"] and file.stat().st_mtime_ns < path.stat().st_mtime_ns:
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
