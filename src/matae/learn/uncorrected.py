"""The frames of a study that nobody corrected: some guard what the base could do, others teach.

Which ones they are is settled when a run begins and kept in its folder, so that a run that goes on tomorrow sees what
it began with. Only training patients' frames are looked at: never a held-out patient's, nor those of unknown patient.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from matae.errors import MataeError, TrainError
from matae.files import write_atomic, writing_to
from matae.records import load_record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from matae.learn.gather import Corrections
    from matae.store import CineSummary, Study

__all__ = ["Pictures", "Uncorrected", "choose_uncorrected", "load_pictures"]

FILE = "uncorrected.json"
_PER_CLIP, _MOST = 24, 1000  # neighbouring frames of a clip tell little that is new
_GUARDED, _PER_GUARDED = 20, 4


@dataclass(frozen=True)
class Uncorrected:
    """Frames that nobody corrected, by cine.

    Parameters
    ----------
    guard
        Those of patients nobody corrected anything of, which show whether what the base could do is lost; never learnt
        from.
    learnt
        Those that self-training learns from.
    between
        Those between two corrected frames of their clip that are filled and learnt from as pseudo-labels.
    """

    guard: dict[str, tuple[int, ...]] = field(default_factory=dict)
    learnt: dict[str, tuple[int, ...]] = field(default_factory=dict)
    between: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Write them into the folder of a run."""
        values = {"guard": self.guard, "learnt": self.learnt, "between": self.between}
        with writing_to(folder):
            write_atomic(folder / FILE, json.dumps(values).encode())

    @classmethod
    def read(cls, folder: Path) -> Uncorrected | None:
        """Read those of a run; None where none were chosen yet.

        Raises
        ------
        TrainError
            If the file is damaged.
        """
        try:
            return load_record(cls, json.loads((folder / FILE).read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            raise TrainError(f"{FILE} of the run {folder.name} is damaged; start a new retraining.") from None


@dataclass(frozen=True, eq=False)
class Pictures:
    """Frames as the network sees them.

    Parameters
    ----------
    images
        (N, size, size) uint8.
    names, patients
        Of each frame; patients under the study's key.
    digests
        Of the native frames, to tell whether one of them is on another side too.
    """

    images: NDArray[np.uint8]
    names: tuple[str, ...]
    patients: tuple[str, ...]
    digests: frozenset[str]


def choose_uncorrected(
    study: Study, corrections: Corrections, *, guard: bool, learn: bool, fill: bool = False
) -> Uncorrected:
    """Return the frames that guard, and those that are learnt from.

    Parameters
    ----------
    study
        An open study, its sides drawn.
    corrections
        What is learnt from anyway.
    guard, learn, fill
        Which of them are wanted. Every second patient nobody corrected anything of guards, twenty at most; what guards
        is never learnt from.
    """
    from matae.store import FrameStatus

    people = (FrameStatus.EDITED, FrameStatus.ACCEPTED, FrameStatus.REJECTED)
    clips = sorted(
        (study.keyed(cine.known_subject), cine.content_id, cine)
        for cine in study.cines()
        if cine.known_subject is not None and cine.split == "train"
    )
    touched = {who for who, _, cine in clips if any(cine.counts.get(status, 0) for status in people)}
    untouched = list(dict.fromkeys(who for who, _, _ in clips if who not in touched))
    guarding = set(untouched[::2][:_GUARDED]) if guard else set()
    views = {study.cine(clip.content_id).view for clip in corrections.side("train")}
    alike = [(who, cine) for who, _, cine in clips if cine.view is None or None in views or cine.view in views]
    chosen = {cine.content_id: _spread(range(cine.n_frames), _PER_GUARDED) for who, cine in alike if who in guarding}
    teachers = [cine for who, cine in alike if learn and who not in guarding]
    return Uncorrected(chosen, _some_of(study, teachers), _between(study, corrections) if fill else {})


def _some_of(study: Study, cines: list[CineSummary]) -> dict[str, tuple[int, ...]]:
    some = [cines[i * len(cines) // _MOST] for i in range(_MOST)] if len(cines) > _MOST else cines
    most = max(1, min(_PER_CLIP, _MOST // max(1, len(some))))
    found = {}
    for cine in some:
        free = _free(study, cine.content_id, range(cine.n_frames))
        if free:
            found[cine.content_id] = _spread(free, most)
    return found


def _between(study: Study, corrections: Corrections) -> dict[str, tuple[int, ...]]:
    """Return the free frames between corrected ones, of training patients' clips; what a person did stays theirs."""
    from matae.learn.between import between

    found = {}
    clips = [clip for clip in corrections.side("train") if len(clip.frames) > 1][:_MOST]
    most = max(1, min(_PER_CLIP, _MOST // max(1, len(clips))))
    for clip in clips:
        free = _free(study, clip.content_id, between(list(clip.frames), study.cine(clip.content_id).n_frames))
        if free:
            found[clip.content_id] = _spread(free, most)
    return found


def _free(study: Study, content_id: str, frames: Iterable[int]) -> list[int]:
    """Return the frames that no person edited, accepted or rejected."""
    from matae.store import FrameStatus

    infos = study.frames(content_id)
    return [t for t in frames if t not in infos or infos[t].status is FrameStatus.MACHINE]


def _spread(frames: Iterable[int], most: int) -> tuple[int, ...]:
    """Return at most so many of the frames, evenly spread."""
    those = list(frames)
    n = min(len(those), most)
    return tuple(those[i * len(those) // n] for i in range(n))


def load_pictures(
    study: Study,
    chosen: dict[str, tuple[int, ...]],
    size: int,
    *,
    progress: Callable[[int, int], None],
    notify: Callable[[str], None],
) -> Pictures | None:
    """Return frames as a network of a grid of `size` pixels sees them; None where there are none.

    A clip whose file is gone, or whose patient is no training patient any more, is left out with a notice.
    """
    from matae.exchange.export.source import open_stored
    from matae.placement import Placement
    from matae.train.data import picture_digest

    sides = {cine.content_id: cine for cine in study.cines()}
    images, names, patients, digests = [], [], [], set()
    for done, (content_id, frames) in enumerate(chosen.items()):
        progress(done, len(chosen))
        cine = sides.get(content_id)
        if cine is None or cine.known_subject is None or cine.split != "train":
            notify("A clip that nobody corrected was left out: its patient is no training patient any more.")
            continue
        try:
            source = open_stored(study, study.cine(content_id))
            place = Placement.of(source.cine, source.sector, size)
        except MataeError as error:
            notify(f"{cine.stem} was left out: {error}")
            continue
        for t in frames:
            picture = np.asarray(source.cine.frames[t])
            images.append(place.image(picture))
            names.append(f"{content_id[:12]}_{t}")
            patients.append(study.keyed(cine.known_subject))
            digests.add(picture_digest(picture))
    progress(len(chosen), len(chosen))
    if not images:
        return None
    return Pictures(np.stack(images), tuple(names), tuple(patients), frozenset(digests - {""}))
