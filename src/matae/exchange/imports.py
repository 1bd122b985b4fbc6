"""Import: first a plan that lists what is new, what is the same and what is in conflict; then only the new is stored.

A person's label is never overwritten. What a model proposed is: somebody drew the imported mask, or accepted it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from matae.errors import ConflictError, ExchangeError, MataeError
from matae.exchange.clip import ImportClip, Progress
from matae.exchange.names import Pseudonyms
from matae.store.types import SubjectSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.store import FrameInfo, FrameStatus, Study

__all__ = ["ImportPlan", "ImportResult", "PlannedImport", "plan_import", "run_import"]

_BATCH = 64  # masks stored in one transaction: many frames need not fit into memory
_MOST_PROBLEMS = 200


@dataclass(frozen=True, eq=False)
class PlannedImport:
    """One clip of an import.

    Parameters
    ----------
    clip
        As found in the folder.
    content_id
        The clip of the study it belongs to, or that it will be.
    is_new
        Whether the study does not have it yet.
    is_own
        Whether it left this study before and is recognised by its key.
    new, same, conflicts
        Frames: without a manual label; labelled just so already; labelled otherwise by hand, and kept.
    """

    clip: ImportClip
    content_id: str
    is_new: bool
    is_own: bool
    new: tuple[int, ...]
    same: tuple[int, ...]
    conflicts: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class ImportPlan:
    """An import that can be looked at, and then run with `run_import`.

    Parameters
    ----------
    study, path, format
        What is imported, and how it is laid out.
    clips
        In order of the folder.
    problems
        What cannot be used, a sentence each.
    notes
        What the names of the folder were taken for, a sentence each.
    """

    study: Study
    path: Path
    format: str
    clips: tuple[PlannedImport, ...]
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def n_new(self) -> int:
        """Labels to be stored."""
        return sum(len(clip.new) for clip in self.clips)

    @property
    def n_same(self) -> int:
        """Labels the study has already."""
        return sum(len(clip.same) for clip in self.clips)

    @property
    def n_conflicts(self) -> int:
        """Labels that differ from a manual one, which is kept."""
        return sum(len(clip.conflicts) for clip in self.clips)

    @property
    def n_patients(self) -> int:
        """Patients, as the folder tells them apart; nobody is said of some clips, perhaps."""
        return len({clip.clip.subject for clip in self.clips} - {""})

    @property
    def n_unknown(self) -> int:
        """Clips of which the folder does not say whose they are."""
        return sum(not clip.clip.subject for clip in self.clips)

    def describe(self) -> str:
        """Return it in a few lines."""
        new_clips = sum(clip.is_new for clip in self.clips)
        lines = [
            f"{self.format}: {len(self.clips)} clips of {self.n_patients} patients, {new_clips} of them new.",
            f"{self.n_new} labels are new, {self.n_same} are there already, {self.n_conflicts} differ from yours.",
        ]
        if self.n_unknown:
            lines.append(
                f"The patient of {self.n_unknown} is not stated: say who it is before they are learnt from or exported."
            )
        for clip in self.clips:
            if clip.conflicts:
                frames = ", ".join(str(t + 1) for t in clip.conflicts[:10]) + (
                    ", ..." if len(clip.conflicts) > 10 else ""
                )
                lines.append(f"Kept as they are: {clip.clip.name}, frames {frames}.")
        return "\n".join([*lines, *self.notes, *self.problems])


@dataclass
class ImportResult:
    """What an import did.

    Parameters
    ----------
    stored, conflicts
        Labels stored; labels kept because a manual one differs.
    clips
        Clips added.
    problems
        What went wrong, a sentence each; everything else is stored.
    """

    stored: int = 0
    conflicts: int = 0
    clips: int = 0
    problems: list[str] = field(default_factory=list)


def plan_import(
    study: Study,
    path: Path,
    *,
    classes: Mapping[str, str] | None = None,
    progress: Callable[[Progress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> ImportPlan:
    """Find out what an import would do. Nothing in the study changes.

    Parameters
    ----------
    study
        An open study.
    path
        A folder of any format that is exported, a LabelMe file or folder, or a ``.zip`` of one (unpacked beside it).
    classes
        What a person says of class names that are not known: the name in the folder to ``left ventricle``,
        ``myocardium``, ``left atrium`` or ``skip``.
    progress, should_stop
        Told how far it is; asked whether to stop.

    Raises
    ------
    UnknownClassError
        If it has classes that are not known; its ``names`` can be asked for.
    ExchangeError
        If it is none of these, its lists are damaged or hostile, or `should_stop` said so.
    """
    from matae.exchange.archive import unpack
    from matae.exchange.layouts.manifest_hints import hints_of
    from matae.exchange.naming import Naming
    from matae.exchange.registry import read_clips
    from matae.exchange.release import read_manifest

    if path.is_file() and path.suffix.lower() == ".zip":
        path = unpack(path)
    manifest = read_manifest(path) if path.is_dir() else None
    naming = Naming(classes)
    format_name, clips = read_clips(path, hints_of(manifest), naming)
    known = _own_clips(study)
    planned: list[PlannedImport] = []
    problems: list[str] = []
    seen: dict[str, str] = {}
    found = list(clips)
    started = time.monotonic()
    for done, clip in enumerate(_with_subject(study, clip) for clip in found):
        if should_stop is not None and should_stop():
            raise ExchangeError("Stopped before anything was imported; start again when you are ready.")
        if progress is not None:
            left = (time.monotonic() - started) / done * (len(found) - done) if done else None
            progress(Progress(done, len(found), left, "Comparing labels"))
        problems += clip.problems
        if not clip.frames:
            continue
        try:
            entry, bare = _plan_clip(study, clip, known)
        except MataeError as error:
            problems.append(_named(clip.name, error))
            continue
        if bare:
            which = "frame has" if bare == 1 else "frames have"
            problems.append(f"{clip.name}: {bare} {which} a mask in which nothing is drawn, so no label.")
            if not (entry.new or entry.same or entry.conflicts):
                continue
        first = seen.setdefault(entry.content_id, clip.name)
        if first != clip.name and not entry.is_own:
            problems.append(f"{clip.name} shows the same pixels as {first}; it is left out.")
        else:
            planned.append(entry)
    _check_sides(planned)
    if not planned:
        why = f" {problems[0]}" if problems else ""
        raise ExchangeError(f"{path.name} holds no label that can be imported.{why}")
    if len(problems) > _MOST_PROBLEMS:
        problems = [*problems[:_MOST_PROBLEMS], f"and {len(problems) - _MOST_PROBLEMS} more problems."]
    return ImportPlan(study, path, format_name, tuple(planned), tuple(problems), naming.notes)


def _with_subject(study: Study, clip: ImportClip) -> ImportClip:
    """Return a clip with the subject that its file states under the study's key, where no list of the folder says."""
    return clip if clip.subject else replace(clip, subject=study.subject_stated(clip.patient) or "")


def _named(name: str, error: Exception) -> str:
    text = str(error)
    return text if name in text else f"{name}: {text}"


def _own_clips(study: Study) -> dict[str, str]:
    """Return the content ids of the study by the key they leave with."""
    pseudonyms = Pseudonyms(study.secret)
    return {pseudonyms.key(summary.content_id): summary.content_id for summary in study.cines()}


def _plan_clip(study: Study, clip: ImportClip, known: dict[str, str]) -> tuple[PlannedImport, int]:
    """Return a clip with what is new, the same and in conflict, and how many of its masks are no label."""
    own = known.get(clip.key) if clip.key and len(clip.native_frames) == len(clip.frames) else None
    content_id = own or clip.open().content_id
    is_new = own is None and not study.has_cine(content_id)
    infos = {} if is_new else study.frames(content_id)
    found: dict[str, list[int]] = {"new": [], "same": [], "conflict": []}
    stated = _statuses(clip, is_own=own is not None)
    bare = 0
    for t, mask in _masks(study, clip, content_id, is_own=own is not None, is_new=is_new):
        if not mask.any() and t not in stated:
            bare += 1
            continue
        kind = _compare(study, content_id, t, mask, infos.get(t), exact=own is None or clip.lossless)
        found[kind].append(t)
    new, same, conflicts = (tuple(found[kind]) for kind in ("new", "same", "conflict"))
    return PlannedImport(clip, content_id, is_new, own is not None, new, same, conflicts), bare


def _masks(
    study: Study, clip: ImportClip, content_id: str, *, is_own: bool, is_new: bool
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    shape = None
    if not is_new:
        entry = study.cine(content_id)
        shape = (entry.height, entry.width)
    for t, mask in clip.masks(is_own):
        if shape is not None and mask.shape != shape:
            raise ExchangeError(
                f"{clip.name}: its masks are {mask.shape[1]} x {mask.shape[0]} pixels, the clip is {shape[1]} x "
                f"{shape[0]}; a mask must have the size of its picture."
            )
        yield t, mask


def _compare(
    study: Study, content_id: str, frame: int, mask: NDArray[np.uint8], info: FrameInfo | None, *, exact: bool
) -> str:
    from matae.store import FrameStatus

    if info is None or info.status is FrameStatus.MACHINE:
        return "new"
    there = study.mask(content_id, frame)
    if there is None:
        return "conflict"  # a person took the label away
    if np.array_equal(there, mask):
        return "same"
    # A format that scales or traces brings our own mask back a little changed: it is still the same label.
    return "same" if not exact and _nearly(there, mask) else "conflict"


def _nearly(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> bool:
    one, two = a == 1, b == 1
    total = int(one.sum()) + int(two.sum())
    return total == 0 or 2 * int((one & two).sum()) / total >= 0.9


def _check_sides(planned: list[PlannedImport]) -> None:
    """Refuse a folder that puts one patient on two sides."""
    sides: dict[str, str] = {}
    for entry in planned:
        clip = entry.clip
        if clip.split and clip.subject and sides.setdefault(clip.subject, clip.split) != clip.split:
            raise ExchangeError(f"Patient {clip.subject} is on two sides of the split; correct the lists first.")


def run_import(
    plan: ImportPlan,
    progress: Callable[[Progress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> ImportResult:
    """Store the new labels of a plan.

    Each clip is stored in transactions of its own; stopped or failed, what was stored is whole, and the same import
    goes on where it was.

    Parameters
    ----------
    plan
        As `plan_import` made it.
    progress, should_stop
        Told how far it is, with the time left; asked whether to stop.

    Raises
    ------
    StoreError
        If the study cannot be written to.
    """
    result = ImportResult(conflicts=plan.n_conflicts)
    total, done, started = plan.n_new, 0, time.monotonic()
    for entry in plan.clips:
        if should_stop is not None and should_stop():
            result.problems.append(f"Stopped after {result.stored} of {total} labels; import again to go on.")
            return result
        names = _names_whom(plan.study, entry)
        if not entry.new and not names:
            continue
        try:
            if entry.is_new or names:
                _add(plan.study, entry, result)
            _store_clip(plan.study, entry, result)
        except ExchangeError as error:
            result.problems.append(_named(entry.clip.name, error))
        done += len(entry.new)
        if progress is not None:
            left = (time.monotonic() - started) / done * (total - done) if done else None
            progress(Progress(done, total, left, "Storing labels"))
    return result


def _names_whom(study: Study, entry: PlannedImport) -> bool:
    """Return whether the data set says whose a clip is that the study knows, and of which it does not know that."""
    if entry.is_new or not entry.clip.subject:
        return False
    return study.cine(entry.content_id).known_subject is None


def _store_clip(study: Study, entry: PlannedImport, result: ImportResult) -> None:
    clip = entry.clip
    wanted = set(entry.new)
    batch: list[tuple[int, NDArray[np.uint8]]] = []
    for t, mask in _masks(study, clip, entry.content_id, is_own=entry.is_own, is_new=False):
        if t in wanted:
            batch.append((t, mask))
        if len(batch) >= _BATCH:
            _store(study, entry, batch, result)
            batch = []
    if batch:
        _store(study, entry, batch, result)


def _add(study: Study, entry: PlannedImport, result: ImportResult) -> None:
    clip = entry.clip
    cine: Cine = clip.open()
    if cine.content_id != entry.content_id:
        raise ExchangeError(f"{clip.name} changed since it was looked at; import the folder again.")
    if clip.split and clip.subject:
        study.add_subject(clip.subject, clip.split)
    known = study.has_cine(entry.content_id) and study.cine(entry.content_id).known_subject is not None
    # Whom a cine shows is not overwritten either: what the study says of it stays.
    if known or not clip.subject:
        study.add_as_stated(cine)
    else:
        source = SubjectSource.DATA_SET if clip.patient is None else SubjectSource(clip.patient.origin)
        study.add_cine(cine, subject=clip.subject, source=source)
    result.clips += 1
    if clip.split and clip.subject:
        try:
            study.set_split(clip.subject, clip.split)
        except MataeError as error:
            # The patient has a side here; it keeps it, and with it the promise that nobody changes sides.
            if str(error) not in result.problems:
                result.problems.append(str(error))
    marks = study.marks(entry.content_id)
    ed, es = (value if value is not None else old for value, old in ((clip.ed, marks.ed), (clip.es, marks.es)))
    if (ed, es) != (marks.ed, marks.es):
        study.set_marks(entry.content_id, ed=ed, es=es, by_machine=True)


def _store(
    study: Study, entry: PlannedImport, batch: list[tuple[int, NDArray[np.uint8]]], result: ImportResult
) -> None:
    from matae.store import Edit, FrameStatus

    infos = study.frames(entry.content_id)
    status = _statuses(entry.clip, is_own=entry.is_own)
    edits = [
        Edit(t, mask, infos[t].revision if t in infos else 0, status.get(t, FrameStatus.ACCEPTED))
        for t, mask in batch
        if t not in infos or infos[t].status is FrameStatus.MACHINE
    ]
    late = len(batch) - len(edits)
    try:
        stored = len(study.put_edits(entry.content_id, edits, note="import")) if edits else 0
    except ConflictError:
        # Somebody labelled one of them this very moment: theirs stays, the others are stored one by one.
        stored = 0
        for edit in edits:
            try:
                stored += len(study.put_edits(entry.content_id, [edit], note="import"))
            except ConflictError:
                late += 1
    result.stored += stored
    result.conflicts += late


def _statuses(clip: ImportClip, *, is_own: bool) -> dict[int, FrameStatus]:
    """Return the status of each frame that the folder states one of."""
    from matae.store import FrameStatus

    numbers = clip.native_frames if is_own else clip.frames
    return {
        t: FrameStatus(name)
        for t, own in zip(numbers, clip.frames, strict=True)
        if (name := clip.status.get(own, "")) in {"accepted", "edited"}
    }
