"""What is measured of a cine on screen: its masks without the rejected ones, its marks, and the cine behind them."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING

import numpy as np

from matae.store.types import FrameStatus, OverrideName
from napari_matae.measure.tasks import Task

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.measure import Landmarks, Measurement, PhaseMarks
    from napari_matae.session.open_cine import OpenCine

__all__ = [
    "SuspectFrames",
    "changed_landmarks",
    "changed_masks",
    "cine_to_measure",
    "is_judged_otherwise",
    "is_of_another_network",
    "landmarks_of",
    "marks_of",
    "mask_to_measure",
    "of_another_person",
    "reviewed_frames",
    "task_of",
]


def mask_to_measure(current: OpenCine, frame: int) -> NDArray[np.uint8]:
    """Return the mask that counts for a frame, (Y, X); an empty one for a frame without, or called unusable."""
    return current.mask(frame) if _counts(current, frame) else np.zeros(current.cine.shape, np.uint8)


def changed_masks(current: OpenCine, measured: Measurement, frames: Iterable[int]) -> dict[int, NDArray[np.uint8]]:
    """Return the masks on screen, among those of some frames, that are other ones than were measured; not copies."""
    return {t: mask for t in frames if not np.array_equal(mask := mask_to_measure(current, t), measured.inputs.mask(t))}


def landmarks_of(current: OpenCine, measured: Measurement, frames: Iterable[int]) -> dict[int, Landmarks | None]:
    """Return the landmarks of frames whose masks changed; None where those that were measured count no longer.

    Landmarks of a handle that is dragged come with its mask; a mask of another tool has none.
    """
    placed = {t: _placed(current, t) for t in frames}
    return {t: mine for t, mine in placed.items() if mine is not None or t in measured.inputs.landmarks}


def changed_landmarks(current: OpenCine, measured: Measurement, frames: Iterable[int]) -> dict[int, Landmarks | None]:
    """Return the landmarks on screen, among those of some frames, that are other ones than were measured."""
    known = measured.inputs.landmarks
    placed = {t: _placed(current, t) for t in frames if t in current.by_hand or t in known}
    return {t: mine for t, mine in placed.items() if mine != known.get(t)}


def reviewed_frames(current: OpenCine) -> frozenset[int]:
    """Return the frames whose mask a person drew or accepted."""
    by_a_person = (FrameStatus.EDITED, FrameStatus.ACCEPTED)
    return frozenset(t for t, status in current.status.items() if status in by_a_person)


def is_of_another_network(current: OpenCine, measured: Measurement) -> bool:
    """Return whether another network stands for the masks than did when they were measured."""
    network = current.network
    return (measured.model, measured.width) != (network.model, network.widths)


def is_judged_otherwise(current: OpenCine, measured: Measurement) -> bool:
    """Return whether the network's word on its outlines counts for other frames than it did when it was measured."""
    known = measured.inputs.implied
    return known is not None and not np.array_equal(known, current.implied_dice, equal_nan=True)


def marks_of(current: OpenCine) -> PhaseMarks:
    """Return what a person marked; what the file states is in the cine."""
    from matae.measure import PhaseMarks

    ed, es, cine = current.ed, current.es, current.cine
    return PhaseMarks(
        () if ed is None or ed == cine.ed_frame else (ed,), () if es is None or es == cine.es_frame else (es,)
    )


def cine_to_measure(current: OpenCine, measured: Measurement | None) -> Cine:
    """Return the cine, without a mark of the file that a person took away.

    Parameters
    ----------
    current
        The cine on screen.
    measured
        A measurement of it: the cine in there is returned where it is the same.
    """
    cine = current.cine
    ed = None if current.ed is None else cine.ed_frame
    es = None if current.es is None else cine.es_frame
    if (ed, es) == (cine.ed_frame, cine.es_frame):
        return cine
    kept = None if measured is None else measured.inputs.cine
    if kept is not None and kept.frames is cine.frames and (kept.ed_frame, kept.es_frame) == (ed, es):
        return kept
    return replace(cine, ed_frame=ed, es_frame=es)


def of_another_person(current: OpenCine, measured: Measurement) -> Measurement | None:
    """Return a measurement with what is said of the person now, where nothing else of the cine is another.

    Body size and sex change no outline and no volume: what was measured stays, and the indexed numbers follow.

    Parameters
    ----------
    current
        The cine on screen.
    measured
        The measurement so far.

    Returns
    -------
    Measurement or None
        None where the person is the same, or something else of the cine changed too.
    """
    from matae.measure.person import person_of

    cine, before = cine_to_measure(current, measured), measured.inputs.cine
    if person_of(cine.info) == person_of(before.info):
        return None
    for part in fields(cine):
        one, two = getattr(cine, part.name), getattr(before, part.name)
        # A view that was recognised in the pictures is in the measured cine alone.
        if part.name in {"info", "_hashed"} or one is two or (part.name == "view" and one is None):
            continue
        same = np.array_equal(one, two) if isinstance(one, np.ndarray) or isinstance(two, np.ndarray) else one == two
        if not same:
            return None
    return replace(measured, inputs=replace(measured.inputs, cine=replace(before, info=cine.info)))


def task_of(current: OpenCine, measured: Measurement | None) -> Task | None:
    """Return what is to be measured of a cine from the ground up.

    Parameters
    ----------
    current
        The cine on screen.
    measured
        The measurement so far.

    Returns
    -------
    Task or None
        None where the cine has no masks, or its sector, which says which way up it is, is still being looked for.
    """
    from matae.measure import MeasureOptions

    if current.labels is None or current.sector is None:
        return None
    placed = {t: _placed(current, t) for t in current.by_hand}
    return Task(
        cine=cine_to_measure(current, measured),
        masks=current.labels.data,
        frames=frozenset(t for t in {*current.status, *current.drawn} if _counts(current, t)),
        options=MeasureOptions(view=current.overrides.get(OverrideName.VIEW), apex_down=current.sector.apex_down),
        marks=marks_of(current),
        sector=current.sector,
        origins=dict(current.origins),
        network=current.network,
        placed={t: points for t, points in placed.items() if points is not None},
        unreadable=frozenset(current.unreadable),
        reviewed=reviewed_frames(current),
        expected=current.expected_dice,
        implied=current.implied_dice,
    )


def _placed(current: OpenCine, frame: int) -> Landmarks | None:
    """Return the landmarks that a person placed on the mask that counts for a frame."""
    return current.placed(frame) if _counts(current, frame) else None


def _counts(current: OpenCine, frame: int) -> bool:
    if current.status.get(frame) is FrameStatus.REJECTED:
        return False
    return frame in current.status or frame in current.drawn


class SuspectFrames:
    """Gathers hints. A change that moves no area and is told to nobody is not among them."""

    def __init__(self) -> None:
        self._areas: NDArray[np.float64] = np.zeros(0)
        self._written: set[int] = set()

    def add(self, frames: Iterable[int]) -> None:
        """Suspect frames that somebody said were changed."""
        self._written.update(frames)

    def looked(self, current: OpenCine) -> None:
        """Take the areas as they are now for those measured."""
        self._areas = current.area_px.copy()

    def begin(self, current: OpenCine) -> None:
        """Suspect nothing: all of it is being measured."""
        self._written.clear()
        self.looked(current)

    def frames_to_check(self, current: OpenCine) -> set[int]:
        """Return the frames that are drawn in, were said to be changed, or have another area; ask only once."""
        found = {*current.drawn, *self._written}
        self._written.clear()
        if self._areas.shape == current.area_px.shape:
            same = (self._areas == current.area_px) | (np.isnan(self._areas) & np.isnan(current.area_px))
            found.update(int(t) for t in np.flatnonzero(~same))
        return found
