"""What the Learn step asks of a study, off the GUI thread: counts, exports, imports.

Each piece of work opens the study for itself: a study belongs to the thread that opened it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_matae.study_thread.own_connection import own_connection

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from matae.exchange import (
        Comparison,
        ExportedRelease,
        ExportOptions,
        ExportPlan,
        ImportPlan,
        ImportResult,
        Progress,
    )
    from matae.store import Study
    from matae.store.types import CineSummary
    from matae.store.types import Release as KeptRelease

    Tick = Callable[[Progress], None]
    Stop = Callable[[], bool]

__all__ = [
    "ExportChoice",
    "Overview",
    "PreparedExport",
    "PreparedImport",
    "UnknownClasses",
    "compare_in_words",
    "overview",
    "prepare_export",
    "prepare_import",
    "write_export",
    "write_import",
]

_PICTURES = 48


@dataclass(frozen=True)
class Overview:
    """How much training data a study holds.

    Parameters
    ----------
    accepted, edited
        Frames.
    clips, patients
        Those with an accepted frame.
    sides
        Patients and accepted frames by side of the split; the empty name stands for "not drawn yet".
    new_patients
        Of the patients, those that the last release did not hold; None without a release.
    releases
        Oldest first.
    titles
        What clips are called on this screen, by content id.
    unknown
        Clips with frames a person worked on whose patient nobody has said.
    frames
        Frames that each release holds, by its name and number.
    readers
        Clips that each rater read, by the rater's name.
    """

    accepted: int
    edited: int
    clips: int
    patients: int
    sides: dict[str, tuple[int, int]]
    new_patients: int | None
    releases: tuple[KeptRelease, ...]
    titles: dict[str, str]
    unknown: tuple[CineSummary, ...] = ()
    frames: Mapping[tuple[str, int], int] = field(default_factory=dict)
    readers: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ExportChoice:
    """How to export, and the folder that is made."""

    options: ExportOptions
    folder: Path


@dataclass(frozen=True, eq=False)
class PreparedExport:
    """An export to look at.

    Parameters
    ----------
    target
        The study, path or URL.
    choice, plan
        What was asked for, and what would leave.
    before
        Pictures as they are here, (Y, X, 3) uint8, with what is blanked tinted; by content id.
    titles
        What clips are called on this screen, by content id.
    free
        Bytes free where it is to go, or None if that is not known.
    hidden
        Clips that others read and whoever looks has not finished reading blind: their outlines are not shown.
    """

    target: str
    choice: ExportChoice
    plan: ExportPlan
    before: dict[str, NDArray[np.uint8]]
    titles: dict[str, str]
    free: int | None
    hidden: frozenset[str] = frozenset()


@dataclass(frozen=True, eq=False)
class PreparedImport:
    """An import to look at.

    Parameters
    ----------
    target
        The study, path or URL.
    plan
        What would be stored.
    titles
        What clips of the study are called on this screen, by content id.
    """

    target: str
    plan: ImportPlan
    titles: dict[str, str]


def overview(target: str) -> Overview:
    """Count what a study holds."""
    from matae.store.types import FrameStatus

    with own_connection(target) as study:
        cines, splits, releases = study.cines(), study.splits(), tuple(study.releases())
        readers = study.raters_read()
        frames = {(r.name, r.number): len(study.release_frames(r.name, r.number)) for r in releases}
    found = [(cine.known_subject, cine.counts.get(FrameStatus.ACCEPTED, 0)) for cine in cines]
    accepted = [(subject, count) for subject, count in found if subject is not None and count]
    sides: dict[str, tuple[int, int]] = {}
    for side in dict.fromkeys(("train", "val", "test", *splits.values(), "")):
        mine = [(subject, count) for subject, count in accepted if splits.get(subject, "") == side]
        sides[side] = len({subject for subject, _ in mine}), sum(count for _, count in mine)
    subjects = {subject for subject, _ in accepted}
    new = None if not releases else len(subjects - _released(releases[-1].manifest))
    return Overview(
        accepted=sum(count for _, count in accepted),
        edited=sum(cine.counts.get(FrameStatus.EDITED, 0) for cine in cines),
        clips=len(accepted),
        patients=len(subjects),
        sides=sides,
        new_patients=new,
        releases=releases,
        titles=_titles(cines),
        unknown=tuple(cine for cine in cines if cine.known_subject is None and reviewed(cine)),
        frames=frames,
        readers=readers,
    )


def reviewed(cine: CineSummary) -> int:
    """Return how many frames of a cine a person worked on that could be learnt from."""
    from matae.store.types import FrameStatus

    return sum(cine.counts.get(status, 0) for status in (FrameStatus.ACCEPTED, FrameStatus.EDITED))


def _released(manifest: Mapping[str, object]) -> set[str]:
    clips = manifest.get("clips")
    found = clips if isinstance(clips, list) else []
    return {str(clip.get("subject")) for clip in found if isinstance(clip, dict)}


def _titles(cines: list[CineSummary]) -> dict[str, str]:
    return {cine.content_id: cine.stem for cine in cines}


def prepare_export(
    target: str, choice: ExportChoice, tick: Tick, should_stop: Stop, *, rater: str = ""
) -> PreparedExport:
    """Plan an export, and draw what is blanked beside what leaves.

    What lies outside the sector of a clip is blanked, as the study holds it, whether the clip is open here or not. What
    leaves does not depend on who looks at it; what of it is shown does, where the study is read blind.
    """
    from matae.exchange import plan_export

    with own_connection(target) as study:
        plan = plan_export(study, **choice.options.arguments(), progress=tick, should_stop=should_stop)
        before, hidden = _before(study, plan, tick, should_stop), study.hidden_from(rater)
        return PreparedExport(target, choice, plan, before, _titles(study.cines()), _free(choice.folder), hidden)


def _before(study: Study, plan: ExportPlan, tick: Tick, should_stop: Stop) -> dict[str, NDArray[np.uint8]]:
    from matae.errors import ExchangeError
    from matae.exchange import Progress
    from matae.exchange.export.deidentify_pixels import blanking
    from matae.exchange.export.source import open_stored

    sectors = {clip.content_id: clip.sector for clip in plan.clips}
    chosen = sorted(plan.previews, key=lambda preview: not preview.text)[:_PICTURES]
    found = {}
    for done, preview in enumerate(chosen):
        if should_stop():
            raise ExchangeError("Stopped before anything was written; preview the export again when you are ready.")
        tick(Progress(done, len(chosen), None, "Drawing the preview"))
        cine = open_stored(study, study.cine(preview.clip)).cine
        allowed = blanking(cine, sectors[preview.clip]).allowed
        colour = np.repeat(np.asarray(cine.frames[preview.frame])[..., None], 3, -1).astype(np.float32)
        colour[~allowed] = 0.55 * colour[~allowed] + 0.45 * np.array((213, 94, 0), np.float32)
        found[preview.clip] = colour.astype(np.uint8)
    return found


def _free(folder: Path) -> int | None:
    import shutil

    from matae.files import is_folder

    for place in (folder, *folder.parents):
        if is_folder(place):
            try:
                return shutil.disk_usage(place).free
            except OSError:
                return None
    return None


def write_export(prepared: PreparedExport, looked: bool, tick: Tick, should_stop: Stop) -> ExportedRelease:
    """Write an export that was looked at."""
    from matae.exchange import run_export

    with own_connection(prepared.target) as study:
        plan = replace(prepared.plan, study=study)
        return run_export(plan, prepared.choice.folder, tick, should_stop, looked=looked)


@dataclass(frozen=True)
class UnknownClasses:
    """Classes of a folder that a person has to say something of.

    Parameters
    ----------
    path
        The folder or file.
    names
        The classes, as the folder calls them.
    answers
        What was said before, by name.
    """

    path: Path
    names: tuple[str, ...]
    answers: dict[str, str]


def prepare_import(
    target: str, path: Path, tick: Tick, should_stop: Stop, answers: dict[str, str] | None = None
) -> PreparedImport | UnknownClasses:
    """Find out what an import would do, or what has to be asked first."""
    from matae.exchange import UnknownClassError, plan_import

    with own_connection(target) as study:
        try:
            plan = plan_import(study, path, classes=answers, progress=tick, should_stop=should_stop)
        except UnknownClassError as error:
            return UnknownClasses(path, error.names, answers or {})
        return PreparedImport(target, plan, _titles(study.cines()))


def write_import(prepared: PreparedImport, rater: str, tick: Tick, should_stop: Stop) -> ImportResult:
    """Store the new labels of an import."""
    from matae.exchange import run_import

    with own_connection(prepared.target, rater=rater, as_reader=True) as study:
        return run_import(replace(prepared.plan, study=study), tick, should_stop)


def compare_in_words(first: KeptRelease, second: KeptRelease, titles: Mapping[str, str]) -> str:
    """Say what the second of two releases holds that the first does not, and the other way round."""
    from matae.exchange import compare_releases

    found = compare_releases(first.manifest, second.manifest)
    names: dict[str, str] = {}
    for release in (first, second):
        for clip in release.manifest["clips"]:
            names[str(clip["name"])] = titles.get(str(clip.get("original", "")), str(clip["name"]))
    return "\n".join(_lines(found, names))


def _lines(found: Comparison, names: Mapping[str, str]) -> list[str]:
    lines = [f"{found.same} label{'' if found.same == 1 else 's'} the same."]
    for what, entries in (("Added", found.added), ("Changed", found.changed), ("Removed", found.removed)):
        if not entries:
            lines.append(f"{what}: none.")
            continue
        frames: dict[str, list[int]] = {}
        for clip, frame in entries:
            frames.setdefault(clip, []).append(frame)
        lines.append(f"{what}: {len(entries)}, in {_clips(frames, names)}.")
    if found.moved:
        lines.append(f"{len(found.moved)} patients changed sides: do not compare results across these two.")
    return lines


def _clips(frames: Mapping[str, list[int]], names: Mapping[str, str]) -> str:
    from napari_matae.widgets.words import frames_in_words

    chosen = sorted(frames.items(), key=lambda entry: names.get(entry[0], entry[0]))
    shown = [f"{names.get(clip, clip)} ({frames_in_words(numbers)})" for clip, numbers in chosen[:5]]
    more = f" and {len(frames) - 5} more clips" if len(frames) > 5 else ""
    return ", ".join(shown) + more
