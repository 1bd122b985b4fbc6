"""A cine on screen and the state of its frames: masks, whose they are, and what changed. No Qt, no viewer."""

from __future__ import annotations

import math
import zlib
from typing import TYPE_CHECKING

import numpy as np

from matae.stack import new_stack
from matae.store.types import FrameStatus
from napari_matae.session.undo_step import FrameChange, Patch, UndoStep

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from napari.layers import Image, Labels, Shapes
    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.measure import Landmarks
    from matae.segment import Sector
    from matae.store.applied import Network
    from matae.store.types import FrameInfo, Origin, OverrideName

__all__ = ["OpenCine", "digest_of"]


class OpenCine:
    """A cine on screen with all that belongs to it.

    Three stacks hold its masks: what is on screen (the layer's own data, which anybody may draw in), what was last
    recorded, and what the model proposed. A frame whose first two differ has been drawn in since.

    Parameters
    ----------
    cine
        The cine.
    image
        Layer that shows it.
    """

    def __init__(self, cine: Cine, image: Image) -> None:
        self.cine = cine
        """The cine as people set it."""
        self.stated = cine
        """The cine as its file states it."""
        self.overrides: dict[OverrideName, Any] = {}
        """What people set of it, None for what they took away again; see `matae.store.Overrides`."""
        self.unstored: set[OverrideName] = set()
        """What was set here and is not in the study yet."""
        self.image = image
        self.found: Sector | None = None
        """The sector as it was found in the picture; None while it is being looked for."""
        self.sector: Sector | None = None
        """The sector as people set it, else as it was found."""
        self.sector_layer: Shapes | None = None
        self.outline_comes_late = False
        """Whether that layer is still to come, after the picture."""
        self.labels: Labels | None = None
        self.predicted: NDArray[np.uint8] | None = None
        """What the model proposed, frame by frame."""
        self.recorded: NDArray[np.uint8] | None = None
        """The masks as last recorded, frame by frame."""
        self.status: dict[int, FrameStatus] = {}
        """Whose each mask is; frames without one are left out."""
        self.classes: set[int] = set()
        """Classes that its masks hold, or held."""
        self.proposed, self.origins = set[int](), dict[int, "Origin"]()
        """Frames for which `predicted` holds a proposal; which network made it: the last run did not make all."""
        self.seconds: dict[int, float] = {}
        """Time people spent on each frame."""
        self.area_px = np.full(cine.n_frames, np.nan)
        """Cavity area of each frame as shown, (T,); NaN where there is no mask yet."""
        self.asked, self.compared, self.implied = (np.full(cine.n_frames, np.nan) for _ in range(3))
        """What is known of predicted masks, (T,) each, NaN where it is not: one minus the Dice between all widths of
        the network, where the ejection fraction rests on; the same between the width that ran and the next narrower
        one; and the Dice that the network's probabilities imply."""
        self.drawn, self.painted = set[int](), set[int]()
        """Frames somebody drew in since they were last recorded; those of them that napari's own tools painted in."""
        self.in_layer_history: set[int] = set()
        """Frames that the layer's own undo history could still change."""
        self.run: dict[str, Any] = {}
        """Model, width and device of the last run; for what is on screen see `network`."""
        self.ed: int | None = cine.ed_frame
        self.es: int | None = cine.es_frame
        """Frames marked as end-diastole and end-systole, by the file or a person."""
        self.by_hand: dict[int, dict[int, Landmarks]] = {}
        """Landmarks that people placed, by frame and by `digest` of the mask they belong to: when a mask is changed by
        another tool they count no longer, and when that is undone they do again."""
        self.unreadable: set[int] = set()
        """Frames with landmarks in the study that are no landmarks: they do not count, and that is said."""
        self.ready = True
        """Its work so far has been fetched from the study."""
        self.stack: Any = None
        """Its undo stack, which outlives the dock."""

    # -- whose a frame is ---------------------------------------------------------------------------------

    def is_manual(self, frame: int) -> bool:
        """Return whether a person has changed or judged this frame: no model may touch it."""
        if self.status.get(frame, FrameStatus.MACHINE) is not FrameStatus.MACHINE:
            return True
        return self.is_unrecorded(frame)

    def is_unrecorded(self, frame: int) -> bool:
        """Return whether the mask on screen is another than the one last recorded."""
        if self.labels is None or self.recorded is None:
            return False
        return not np.array_equal(self.labels.data[frame], self.recorded[frame])

    def edited_frames(self) -> list[int]:
        """Return the frames that a person has changed or judged."""
        judged = {t for t, status in self.status.items() if status is not FrameStatus.MACHINE}
        return sorted(judged | {t for t in self.drawn if self.is_unrecorded(t)})

    def with_status(self, *wanted: FrameStatus) -> list[int]:
        """Return the frames of some statuses."""
        return sorted(t for t, status in self.status.items() if status in wanted)

    @property
    def disagreement(self) -> NDArray[np.float64]:
        """How far the network's widths are apart, (T,): one minus their Dice; NaN where it is not known.

        It tells of predicted masks: whoever corrects or judges a frame speaks for it.
        """
        apart: NDArray[np.float64] = np.fmax(self.asked, self.compared)
        theirs = [t for t, status in self.status.items() if status is not FrameStatus.MACHINE]
        apart[theirs] = np.nan
        return apart

    @property
    def expected_dice(self) -> NDArray[np.float64]:
        """Dice to be expected of each predicted mask, (T,); NaN where it is not known, or a person speaks for it."""
        from matae.segment.expected import calibrated_dice

        return calibrated_dice(self.implied_dice, self.compared)

    @property
    def implied_dice(self) -> NDArray[np.float64]:
        """Dice that the network's probabilities imply, (T,); NaN where `expected_dice` is."""
        found = self.implied.copy()
        theirs = [t for t in range(len(found)) if self.status.get(t) is not FrameStatus.MACHINE]
        found[theirs] = np.nan
        return found

    @property
    def network(self) -> Network:
        """The network that stands for the masks on screen."""
        from matae.store.applied import network_of

        return network_of(self.origins, self.status)

    # -- landmarks ----------------------------------------------------------------------------------------

    def digest(self, frame: int) -> int:
        """Return a number that is another one for another mask of this frame."""
        return 0 if self.labels is None else digest_of(self.labels.data[frame])

    def placed(self, frame: int) -> Landmarks | None:
        """Return the landmarks that a person placed on the mask of a frame as it is now; None where nobody did."""
        known = self.by_hand.get(frame)
        return known.get(self.digest(frame)) if known else None

    # -- masks --------------------------------------------------------------------------------------------

    def take_labels(self, labels: Labels) -> None:
        """Work in this layer, whose masks count as recorded."""
        self.labels = labels
        shape = self.cine.frames.shape
        self.predicted, self.recorded = new_stack(shape), new_stack(shape)
        for frame in self.status:
            self.recorded[frame] = labels.data[frame]

    def drop_labels(self) -> None:
        """Forget masks and statuses: their layer is gone."""
        self.labels = self.predicted = self.recorded = None
        for state in (
            self.status, self.proposed, self.origins, self.drawn, self.painted, self.classes, self.in_layer_history,
            self.seconds, self.by_hand,
        ):  # fmt: skip
            state.clear()
        for values in (self.area_px, self.asked, self.compared, self.implied):
            values[:] = np.nan

    def mask(self, frame: int) -> NDArray[np.uint8]:
        """Return the mask on screen, (Y, X); not a copy."""
        if self.labels is None:
            raise RuntimeError("there are no masks")
        mask: NDArray[np.uint8] = self.labels.data[frame]
        return mask

    def measure(self, frame: int) -> bool:
        """Bring the area of one frame up to date with its mask; return whether it changed."""
        before = self.area_px[frame]
        if self.labels is None or (frame not in self.status and frame not in self.drawn):
            self.area_px[frame] = np.nan  # not segmented and nothing drawn: no area, which is not an area of zero
            return not np.isnan(before)
        self.area_px[frame] = np.count_nonzero(self.labels.data[frame] == 1)
        return bool(self.area_px[frame] != before)

    @property
    def area_mm2(self) -> NDArray[np.float64] | None:
        """Cavity area in mm2, (T,), or None without calibration."""
        spacing = self.cine.spacing
        return None if spacing is None else self.area_px * (spacing.y * spacing.x)

    # -- recording what changed ---------------------------------------------------------------------------

    def take_proposal(
        self, frame: int, mask: NDArray[np.uint8], implied: float = math.nan, origin: Origin | None = None
    ) -> FrameChange | None:
        """Show a predicted mask; return what it replaced, or None where there was nothing to replace.

        The same mask of another network replaces the one there was: what that said of it comes back by undo.
        `implied` is the Dice that its probabilities imply, NaN where that says nothing of this model; `origin` is the
        network that proposes it.
        """
        if self.labels is None or self.predicted is None or self.recorded is None:
            raise RuntimeError("there are no masks")
        known = frame in self.status
        patch = Patch.between(self.recorded[frame], mask) if known else None
        before, earlier = self.implied[frame], self.origins.get(frame)
        self.predicted[frame] = mask
        self._judge(frame, implied, origin)
        self._write(frame, mask, FrameStatus.MACHINE)
        if patch is None and (not known or earlier == origin):
            return None
        machine = FrameStatus.MACHINE
        return FrameChange(frame, patch, machine, machine, (_known(before), _known(implied)), (earlier, origin))

    def keep_proposal(self, frame: int, mask: NDArray[np.uint8], info: FrameInfo) -> None:
        """Keep the proposal of a frame that a person changed or judged; `info` is what the study knows of it."""
        if self.predicted is not None:
            self.predicted[frame] = mask
            self._judge(frame, math.nan if info.implied is None else info.implied, info.origin)

    def _judge(self, frame: int, implied: float, origin: Origin | None) -> None:
        """Note what a network says of a proposal that is in place of another one."""
        self.proposed.add(frame)
        self.asked[frame] = self.compared[frame] = np.nan  # they told of the mask before
        self.implied[frame] = implied
        if origin is None:
            self.origins.pop(frame, None)
        else:
            self.origins[frame] = origin

    def put_back(self) -> list[int]:
        """Give back what strokes took of structures that anatomy leaves it to; return the classes that took it."""
        from matae.anatomy import CAVITY, STRUCTURES
        from matae.edit import as_drawn

        frames, self.painted = self.painted & self.drawn, set()
        took: set[int] = set()
        if self.labels is None or self.recorded is None:
            return []
        known = {structure.value for structure in STRUCTURES} | self.classes
        for frame in frames:
            drawn = self.labels.data[frame]
            if self.classes <= {CAVITY} and int(drawn.max()) <= CAVITY:
                continue  # nothing is there that could be taken
            kept = as_drawn(self.recorded[frame], drawn, known)
            if kept is not drawn:
                took.update(np.unique(drawn[kept != drawn]).tolist())
                drawn[...] = kept
        return sorted(took)

    def settle(self, text: str, here: int) -> UndoStep | None:
        """Record what was drawn; return it as a step, or None if nothing was."""
        if self.labels is None or self.recorded is None:
            return None
        masks = {frame: self.labels.data[frame] for frame in sorted(self.drawn)}
        self.drawn.clear()
        return self.change(text, masks, here)

    def change(
        self,
        text: str,
        masks: Mapping[int, NDArray[np.uint8]],
        here: int,
        status: FrameStatus = FrameStatus.EDITED,
    ) -> UndoStep | None:
        """Give frames other masks; return it as a step, or None if all of them have those masks already.

        A frame that is accepted with the mask it has is part of the step too.

        Parameters
        ----------
        text
            What is done.
        masks
            New mask (Y, X) of each frame.
        here
            Frame on screen.
        status
            Status of the frames that change.
        """
        if self.labels is None or self.recorded is None:
            raise RuntimeError("there are no masks")
        changes = []
        for frame, mask in masks.items():
            patch = Patch.between(self.recorded[frame], mask)
            if patch is not None:
                changes.append(FrameChange(frame, patch, self.status.get(frame), status))
                self._write(frame, mask, status)
                continue
            before = self.status.get(frame)
            if status is FrameStatus.ACCEPTED and before not in (None, status):
                changes.append(FrameChange(frame, None, before, status))
                self.status[frame] = status
            self.measure(frame)
        return UndoStep(text, tuple(changes), here) if changes else None

    def judge(self, text: str, frames: Iterable[int], status: FrameStatus, here: int) -> UndoStep | None:
        """Give frames with a mask another status; return it as a step, or None if all have it already."""
        changes = []
        for frame in frames:
            before = self.status.get(frame)
            if before is not None and before is not status:
                changes.append(FrameChange(frame, None, before, status))
                self.status[frame] = status
        return UndoStep(text, tuple(changes), here) if changes else None

    def fits(self, step: UndoStep, *, forward: bool) -> bool:
        """Return whether a step can be done again (or taken back): its frames are as it found (or left) them."""
        if self.recorded is None:
            return False
        for change in step.changes:
            if self.status.get(change.frame) is not (change.before if forward else change.after):
                return False
            if change.patch is not None and not change.patch.fits(self.recorded[change.frame], forward=forward):
                return False
        return True

    def apply(self, step: UndoStep, *, forward: bool) -> None:
        """Do a step again, or take it back."""
        if self.recorded is None or self.predicted is None:
            raise RuntimeError("there are no masks")
        for change in step.changes if forward else reversed(step.changes):
            frame = change.frame
            mask = self.recorded[frame].copy()
            if change.patch is not None:
                change.patch.write(mask, forward=forward)
            status = change.after if forward else change.before
            if status is FrameStatus.MACHINE and change.before is change.after:
                self.predicted[frame] = mask  # one proposal in place of another
                implied = change.implied[1 if forward else 0]
                self._judge(frame, math.nan if implied is None else implied, change.origins[1 if forward else 0])
            elif status is FrameStatus.MACHINE and not np.array_equal(mask, self.predicted[frame]):
                status = FrameStatus.EDITED  # somebody else's stroke stays: it is not the predicted mask
            self._write(frame, mask, status)

    def put(
        self, frame: int, mask: NDArray[np.uint8], status: FrameStatus | None, info: FrameInfo | None = None
    ) -> None:
        """Show what the study holds for a frame; `info` is what it knows of it."""
        if status is FrameStatus.MACHINE and self.predicted is not None:
            implied = math.nan if info is None or info.implied is None else info.implied
            origin = None if info is None else info.origin
            is_same = frame in self.proposed and np.array_equal(self.predicted[frame], mask)
            if not (is_same and self.origins.get(frame) == origin):  # else what is known of it by now stays
                self._judge(frame, implied, origin)
            self.implied[frame] = implied
            self.predicted[frame] = mask
        self._write(frame, mask, status)

    def _write(self, frame: int, mask: NDArray[np.uint8], status: FrameStatus | None) -> None:
        if self.labels is None or self.recorded is None:
            raise RuntimeError("there are no masks")
        self.recorded[frame] = mask
        if mask.size and int(mask.max()) > 1:
            self.classes.update((np.flatnonzero(np.bincount(mask.ravel())[1:]) + 1).tolist())
        if mask is not self.labels.data[frame]:
            self.labels.data[frame] = mask
        self.drawn.discard(frame)
        if status is None:
            self.status.pop(frame, None)
        else:
            self.status[frame] = status
        self.measure(frame)


def _known(implied: float) -> float | None:
    return None if math.isnan(implied) else float(implied)


def digest_of(mask: NDArray[np.uint8]) -> int:
    """Return a number that is another one for another mask."""
    return zlib.crc32(mask.tobytes())
