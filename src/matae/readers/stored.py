"""Clips of a study measured from their stored masks, and the two views of a subject that belong together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matae.errors import MataeError, MeasureError
from matae.readers.network import network_word
from matae.store.types import FrameStatus, OverrideName, Overrides

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from matae.cine import Cine, Spacing
    from matae.measure import Landmarks, Measurement
    from matae.measure.person import Person
    from matae.measure.uncertainty import QualityFlag
    from matae.store import Study
    from matae.store.types import CineSummary, LandmarkSet

__all__ = ["LANDMARKS", "UNREADABLE", "find_stored_pair", "from_stored", "measure_stored", "unreadable_flag"]

UNREADABLE = "landmarks-unreadable"
"""Code of the flag on landmarks that cannot be used."""
LANDMARKS = ("apex", "left", "right")
"""What they are called in a study."""
_VIEWS = ("A4C", "A2C")


def from_stored(stored: LandmarkSet | None) -> Landmarks | None:
    """Return the landmarks of a frame as a person placed them; None where nobody did, or only a model.

    Raises
    ------
    MeasureError
        If a person stored something that is no apex and two hinge points, as an older version or another program may.
    """
    from matae.measure import Landmarks

    if stored is None or not stored.rater or not stored.points:
        return None
    if missing := [name for name in LANDMARKS if name not in stored.points]:
        raise MeasureError(f"The landmark {' and '.join(missing)} is missing; place all three.")
    return Landmarks.from_array([tuple(stored.points[name]) for name in LANDMARKS], by_hand=True)


def unreadable_flag(frames: Iterable[int]) -> QualityFlag:
    """Return what to say of frames whose stored landmarks are none (`from_stored` refuses them)."""
    from matae.measure.uncertainty import QualityFlag

    where = sorted(frames)
    named = ", ".join(str(frame + 1) for frame in where[:6]) + (", …" if len(where) > 6 else "")
    text = (
        f"The landmarks stored for frame{'s' * (len(where) > 1)} {named} cannot be read, so the computer's own are "
        "measured there; place them again."
    )
    return QualityFlag(UNREADABLE, text, tuple(where))


def measure_stored(
    study: Study,
    content_id: str,
    view: str | None = None,
    *,
    scale: Callable[[Cine], Spacing | None] | None = None,
    person: Person | None = None,
) -> Measurement:
    """Measure a clip of a study from its stored masks, with all that people set of it and placed on it.

    Where the study holds what the network's probabilities imply of its outlines, the other widths are asked as when the
    clip is opened, and the interval is the one that the dock shows.

    Parameters
    ----------
    study
        Open; where it is blind, under the rater whose reading counts.
    content_id
        The clip; its file must still be where it was opened from, with the same pixels.
    view
        What it counts as where neither a person nor its file says what it shows; its pictures can contradict that.
    scale
        Gives the pixel size in mm of a clip for which the study holds none that people set.
    person
        Sex, height and weight, where somebody says them here.

    Raises
    ------
    MeasureError
        If its file is gone or another.
    """
    from matae.exchange.export.source import open_stored
    from matae.measure import MeasureOptions, PhaseMarks, measure_cine
    from matae.stack import new_stack
    from matae.store.applied import cine_with

    entry = study.cine(content_id)
    try:
        source = open_stored(study, entry)
        sector = source.sector
    except MataeError as error:
        raise MeasureError(f"{entry.stem} cannot be measured: {error}") from error
    cine = source.cine
    if (
        scale is not None
        and OverrideName.SPACING not in source.overrides.revisions
        and (found := scale(cine)) is not None
    ):
        cine = cine_with(cine, Overrides(spacing=found))
    masks = new_stack(cine.frames.shape)
    infos, marks = study.load_masks(content_id, masks), study.marks(content_id)
    stored = study.landmarks(content_id)
    # A place among two clips is as good as a file's word; what a person chose for the clip ends all doubt of its view.
    options = MeasureOptions(
        view=source.overrides.view, apex_down=sector.apex_down, person=person, assumed=None if cine.view else view
    )
    word = network_word(cine, sector, masks, infos, chosen=options.view, assumed=options.assumed)
    for frame, info in infos.items():
        if info.status is FrameStatus.REJECTED:
            masks[frame] = 0
            stored.pop(frame, None)
    placed, unreadable = {}, []
    for frame, points in stored.items():
        try:
            placed[frame] = from_stored(points)
        except MeasureError:
            unreadable.append(frame)
    given = {} if word is None else word.given
    said = [unreadable_flag(unreadable)] if unreadable else []
    measured = measure_cine(
        cine if word is None else word.cine,
        masks,
        options,
        marks=PhaseMarks(
            () if marks.ed in (None, cine.ed_frame) else (marks.ed,),
            () if marks.es in (None, cine.es_frame) else (marks.es,),
        ),
        landmarks={frame: points for frame, points in placed.items() if points is not None},
        sector=sector,
        **{**given, "remarks": [*given.get("remarks", ()), *said]},
    )
    return measured if word is None else word.with_widths(measured)


def find_stored_pair(study: Study, subject: str, names: Sequence[str] = ()) -> tuple[str, str]:
    """Return the content ids of the four-chamber and the two-chamber view of a subject that belong together.

    Only clips with masks count. Where a subject has several of a view, those of the latest examination are taken.

    Parameters
    ----------
    study
        Open.
    subject
        Pseudonym.
    names
        Of clips, as `CineSummary.stem` has them: only these count, whatever view they state.

    Returns
    -------
    str, str
        A4C, A2C.

    Raises
    ------
    MeasureError
        If it is not plain which two they are; the sentence names what there is.
    StoreError
        If there is no such subject.
    """
    examined = {clip.content_id: clip for clip in study.examined(subject)}
    here = [cine for cine in study.cines() if cine.content_id in examined and cine.n_labelled]
    views = {cine.content_id: examined[cine.content_id].view for cine in here}
    if names:
        return _named(here, names, views)
    latest = ""
    for day in sorted({examined[cine.content_id].day or "" for cine in here}, reverse=True):
        of_day = {views[cine.content_id] for cine in here if (examined[cine.content_id].day or "") == day}
        if set(_VIEWS) <= of_day:
            latest = day
            break
    here = [cine for cine in here if (examined[cine.content_id].day or "") == latest] if latest else here
    found = {view: [cine for cine in here if views[cine.content_id] == view] for view in _VIEWS}
    if any(len(cines) != 1 for cines in found.values()):
        counts = " and ".join(f"{len(cines)} {view}" for view, cines in found.items())
        there = ", ".join(f"{cine.stem} ({views[cine.content_id] or 'view not stated'})" for cine in here) or "none"
        raise MeasureError(
            f"{subject} has {counts} clips with masks in {study.name} (there is {there}); name the two: A4C A2C."
        )
    return found["A4C"][0].content_id, found["A2C"][0].content_id


def _named(here: Sequence[CineSummary], names: Sequence[str], views: Mapping[str, str | None]) -> tuple[str, str]:
    chosen = []
    for name in names:
        found = [cine for cine in here if name in {cine.stem, cine.content_id}]
        if len(found) != 1:
            there = ", ".join(sorted(cine.stem for cine in here)) or "none"
            how = "no clip" if not found else f"{len(found)} clips"
            raise MeasureError(f"The subject has {how} with masks called {name}; name two of these: {there}.")
        chosen.append(found[0])
    if len(chosen) != len(_VIEWS):
        raise MeasureError("Name two clips of the subject, its A4C and its A2C.")
    first, second = (cine.content_id for cine in chosen)
    return (second, first) if views[second] == "A4C" or views[first] == "A2C" else (first, second)
