"""What two models did with every frame of one side: figures, and the masks of those that changed most."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from matae.anatomy import CAVITY, class_name
from matae.learn.paired import Paired, compare
from matae.learn.verdict import STRUCTURE, FrameChange, Side
from matae.train.progress import StoppedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from matae.learn.clips import Case
    from matae.segment import Segmenter

__all__ = ["Tally"]

# Losses that a few patients show by chance; 5 points of ejection fraction are what a clinic calls a change.
_TOLERANCE = {"dice": 0.005, "iou": 0.005, "pixel_accuracy": 0.002, "hd95": 0.3, "ef_error": 5.0}


@dataclass(eq=False)
class Tally:
    """One side: what both models did with every frame.

    Parameters
    ----------
    meaning, sides
        As in `matae.learn.verdict.Side`.
    patients
        Of each frame, in the order of the values.
    values
        Figure to its values before and after, one a frame; NaN for a frame in which it was not outlined.
    ef
        Errors of the ejection fraction before and after, and the patient, one a clip.
    frames
        Dice before and after.
    masks
        Shape, and the packed masks of both models and the person, of each frame.
    n_inverted
        Frames whose label looks inverted.
    """

    meaning: str
    sides: tuple[str, ...]
    patients: list[str] = field(default_factory=list)
    values: dict[str, tuple[list[float], list[float]]] = field(default_factory=dict)
    ef: tuple[list[float], list[float], list[str]] = field(default_factory=lambda: ([], [], []))
    frames: list[FrameChange] = field(default_factory=list)
    masks: dict[tuple[str, int], tuple[tuple[int, int], list[bytes]]] = field(default_factory=dict)
    n_inverted: int = 0

    def _add(self, name: str, pair: Sequence[float]) -> None:
        """Add the values of the last frame of `patients`; frames before it that had none get NaN."""
        for values, value in zip(self.values.setdefault(name, ([], [])), pair, strict=True):
            values.extend([math.nan] * (len(self.patients) - 1 - len(values)))
            values.append(value)

    def side(self, unit: str) -> Side:
        """Return the figures of all clips so far, distances in the unit given."""
        figures: dict[str, Paired] = {}
        for name in ("dice", "iou", "pixel_accuracy", "hd95"):  # there also where no frame could be opened
            self.values.setdefault(name, ([], []))
        for name, both in self.values.items():
            before, after = (values + [math.nan] * (len(self.patients) - len(values)) for values in both)
            kind = name.removeprefix(STRUCTURE).split()[0]
            figures[name] = compare(
                name,
                before,
                after,
                self.patients,
                unit=unit if kind == "hd95" else "",
                higher_is_better=kind != "hd95",
                tolerance=_TOLERANCE[kind],
            )
        before, after, names = self.ef
        figures["ef_error"] = compare("ef_error", before, after, names, unit="percentage points",
                                      higher_is_better=False, tolerance=_TOLERANCE["ef_error"])  # fmt: skip
        n, n_patients = len(self.frames), len(set(self.patients))
        return Side(self.meaning, self.sides, n, n_patients, figures, tuple(self.frames), self.n_inverted)

    def add(
        self,
        case: Case,
        pairs: dict[str, tuple[Segmenter, Segmenter]],
        calibrated: bool,
        should_stop: Callable[[], bool],
    ) -> None:
        """Segment the labelled frames of a clip with both models, and compare with the person's masks.

        Parameters
        ----------
        case
            The clip, opened.
        pairs
            Width to both models, the widest first: all figures at that, Dice and IoU at the others. All are those of
            the cavity; Dice and HD95 of every structure stand beside them where there are several.
        calibrated
            Whether distances are in mm.
        should_stop
            Asked between frames.

        Raises
        ------
        StoppedError
            If `should_stop` said so.
        """
        from matae.metrics import dice, iou, score_frame

        frames = sorted(case.masks)
        self.n_inverted += len(case.looks_inverted())
        values = [set(segmenter.card.outputs.values) for segmenter in next(iter(pairs.values()))]
        known = sorted(values[0] & values[1])
        main = CAVITY if CAVITY in known or not known else known[0]
        classes = [c for c in known if c in case.classes or c == main]
        spacing = case.cine.spacing if calibrated else None
        found: dict[str, list[dict[int, NDArray[np.uint8]]]] = {}
        for width, both in pairs.items():
            found[width] = [{}, {}]
            for masks, segmenter in zip(found[width], both, strict=True):
                for frame in segmenter.stream(case.cine, case.sector, frames):
                    if should_stop():
                        raise StoppedError
                    masks[frame.index] = frame.mask
        widest = next(iter(found))
        for t in frames:
            if should_stop():
                raise StoppedError
            reference = case.masks[t]
            self.patients.append(case.clip.patient)
            means = []
            for masks in found[widest]:
                (own,), accuracy = score_frame(masks[t], reference, [(main, main)], spacing)
                means.append({"dice": own.dice, "iou": own.iou, "pixel_accuracy": accuracy, "hd95": own.hd95})
            for key in means[0]:
                self._add(key, [mean[key] for mean in means])
            for c in classes if len(known) > 1 else ():
                each = [score_frame(masks[t], reference, [(c, c)], spacing)[0][0] for masks in found[widest]]
                self._add(f"{STRUCTURE}dice {class_name(c)}", [score.dice for score in each])
                self._add(f"{STRUCTURE}hd95 {class_name(c)}", [score.hd95 for score in each])
            for width in list(found)[1:]:
                for key, overlap in (("dice", dice), ("iou", iou)):
                    self._add(
                        f"{key} {width}",
                        [float(overlap(masks[t] == main, reference == main)) for masks in found[width]],
                    )
            change = FrameChange(
                case.clip.content_id, t, case.clip.patient, case.phases[t], means[0]["dice"], means[1]["dice"]
            )
            self.frames.append(change)
            shown = [masks[t] for masks in found[widest]]
            self.masks[case.clip.content_id, t] = (reference.shape, [zlib.compress(m.tobytes(), 1)
                                                                      for m in (*shown, reference)])  # fmt: skip
        self._add_ef(case, found[widest])

    def _add_ef(self, case: Case, found: list[dict[int, NDArray[np.uint8]]]) -> None:
        by_phase = {phase: t for t, phase in case.phases.items() if phase}
        if len(by_phase) < 2:
            return
        wanted = _ef(case, case.masks, by_phase)
        if wanted is None:
            return
        values = [_ef(case, masks, by_phase) for masks in found]
        for errors, value in zip(self.ef[:2], values, strict=True):
            errors.append(math.nan if value is None else abs(value - wanted))
        self.ef[2].append(case.clip.patient)


def _ef(case: Case, masks: dict[int, NDArray[np.uint8]], by_phase: dict[str, int]) -> float | None:
    from matae.measure.disks import disks, ejection_fraction

    volumes = {}
    for phase, t in by_phase.items():
        stack = disks(masks[t] == 1, case.cine.spacing, apex_down=case.sector.apex_down)
        if stack is None:
            return None
        volumes[phase] = stack.volume
    return ejection_fraction(volumes["ED"], volumes["ES"])
