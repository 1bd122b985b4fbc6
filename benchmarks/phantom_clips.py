"""Clips of synthetic hearts with exact masks in every frame, for `benchmarks/low_label.py --data phantoms`.

Real data sets have masks at end-diastole and end-systole alone; what is filled between them can be judged only where
the truth is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from matae.phantom import Phantom
    from matae.placement import Placement
    from matae.train.data import LabelledFrames
    from matae.train.pseudo_labels import PseudoLabelled

TRAIN, HELD_OUT = range(20_000, 20_016), range(20_500, 20_520)
N_FRAMES, RATE, SHAPE = 14, 30.0, (144, 180)


@dataclass(frozen=True, eq=False)
class Clip:
    """A synthetic clip, its end-diastolic and end-systolic frame, and where it lies on a grid."""

    phantom: Phantom
    ed: int
    es: int
    place: Placement

    def phase(self, frame: int) -> str:
        """Return "ED", "ES" or "" of a frame."""
        return "ED" if frame == self.ed else "ES" if frame == self.es else ""


def _clip(heart: int, grid: int) -> Clip:
    from matae.phantom import make_phantom
    from matae.phantom.frames import placement_of

    phantom = make_phantom(heart, n_frames=N_FRAMES, frame_rate=RATE, shape=SHAPE)
    area = (phantom.masks == 1).sum((1, 2))
    # The longest way between two extremes of the area that the clip holds.
    ed = int(area[: N_FRAMES // 2].argmax())
    return Clip(phantom, ed, ed + int(area[ed:].argmin()), placement_of(phantom, grid))


def _placed(clips: dict[str, Clip], chosen: dict[str, Sequence[int]]) -> LabelledFrames:
    from matae.train.data import LabelledFrames

    at = [(name, clips[name], t) for name, frames in chosen.items() for t in frames]
    return LabelledFrames(
        images=np.stack([clip.place.image(clip.phantom.cine.frames[t]) for _, clip, t in at]),
        masks=np.stack([clip.place.mask(clip.phantom.masks[t]) for _, clip, t in at]),
        frames=tuple(f"{name}_{t}" for name, _, t in at),
        patients=tuple(name for name, _, _ in at),
        phases=tuple(clip.phase(t) for _, clip, t in at),
        spacing=np.full(len(at), np.nan),
    )


@lru_cache(maxsize=2)
def clips(grid: int) -> dict[str, Clip]:
    """Return the training clips by name."""
    return {f"phantom{heart}": _clip(heart, grid) for heart in TRAIN}


@lru_cache(maxsize=2)
def sides(grid: int) -> tuple[LabelledFrames, LabelledFrames]:
    """Return all frames of the training clips, and of other hearts end-diastole, end-systole and two frames between."""
    there = clips(grid)
    others = {f"phantom{heart}": _clip(heart, grid) for heart in HELD_OUT}
    some = {
        name: sorted({clip.ed, clip.es, *(clip.ed + (clip.es - clip.ed) * i // 3 for i in (1, 2))})
        for name, clip in others.items()
    }
    return _placed(there, dict.fromkeys(there, range(N_FRAMES))), _placed(others, some)


def pseudo_labelled(grid: int, patients: Sequence[str], by: str = "flow", seconds: float = 20.0) -> PseudoLabelled:
    """Return the frames between end-diastole and end-systole of some clips, filled.

    Parameters
    ----------
    grid
        Side of the network's input.
    patients
        Whose clips.
    by
        ``flow``, as the product fills; ``network``, a frame-interpolation teacher for each clip
        (`frame_interpolation`), each pixel weighed by its uncertainty as published; or ``exact``, the exact masks.
    seconds
        Of processor time that each teacher has.
    """
    from dataclasses import replace

    from matae.train.pseudo_labels import PseudoLabelled

    there = clips(grid)
    between = {name: range(there[name].ed + 1, there[name].es) for name in patients}
    found = _placed(there, between)
    if by == "exact":
        return PseudoLabelled(found, np.full(found.masks.shape, 255, np.uint8))
    masks: list[NDArray[np.uint8]] = []
    weights: list[NDArray[np.uint8]] = []
    for name, frames in between.items():
        clip = there[name]
        for mask, weight in _by_network(clip, frames, seconds) if by == "network" else _by_flow(clip, frames):
            top = weight.max()
            masks.append(clip.place.mask(mask))
            weights.append(top - clip.place.image(top - weight))
    return PseudoLabelled(replace(found, masks=np.stack(masks)), np.stack(weights))


def _by_flow(clip: Clip, frames: range) -> list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    from matae.train.pseudo_labels import label_between

    truth, cine = clip.phantom.masks, clip.phantom.cine
    keys = {t: truth[t] for t in (clip.ed, clip.es)}
    return [(one.mask, one.weight) for one in label_between(cine.frames, keys, frames, spacing=cine.spacing)]


def _by_network(clip: Clip, frames: range, seconds: float) -> list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    from frame_interpolation import Settings, Teacher

    keys = {t: clip.phantom.masks[t] for t in (clip.ed, clip.es)}
    teacher = Teacher(clip.phantom.cine.frames, keys, Settings(seconds=seconds))
    said = [teacher.fill(t)[:2] for t in frames]
    # The uncertainty of a volume runs from 0 to 1, as published; the weight is 1 - 0.99 u.
    doubts = np.stack([doubt for _, doubt in said])
    doubts = (doubts - doubts.min()) / max(float(np.ptp(doubts)), 1e-9)
    weights = np.rint(255 * (1 - 0.99 * doubts)).astype(np.uint8)
    return [(mask, weight) for (mask, _), weight in zip(said, weights, strict=True)]
