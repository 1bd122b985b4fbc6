"""The undo stack of an earlier sitting is as it was when the viewer closed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matae.store.types import FrameStatus, Origin
from napari_matae.study_thread.earlier_undo import undo_steps_of

SHAPE = (8, 8)
_FULL = {size: np.pad(np.ones((size, size), np.uint8), (0, 8 - size)) for size in (2, 3, 4)}


@dataclass
class Stored:
    """A version of a frame, as `matae.store.types.Revision` has it."""

    number: int
    size: int | None
    kind: str = "person"
    note: str = "brush"
    frame: int = 0
    shown: bool = True
    status: FrameStatus = FrameStatus.EDITED
    implied: float | None = None
    origin: Origin | None = None

    @property
    def png(self) -> bytes | None:
        return None if self.size is None else bytes([self.size])

    def mask(self) -> np.ndarray | None:
        return None if self.size is None else _FULL[self.size]


def texts(*transactions: list[Stored]) -> list[str]:
    return [step.text for step in undo_steps_of(transactions, SHAPE)]


def test_nothing_was_done():
    assert undo_steps_of([], SHAPE) == []
    assert texts([]) == []
    assert texts([Stored(1, 2, shown=False)]) == []


def test_what_was_undone_is_not_there_and_what_was_redone_is():
    first, second = [Stored(1, 2)], [Stored(2, 3, note="push")]
    back, forth = [Stored(3, 2, note="undo")], [Stored(4, 3, note="redo")]
    assert texts(first, second) == ["brush", "push"]
    assert texts(first, second, back) == ["brush"]
    assert texts(first, second, back, forth) == ["brush", "push"]
    assert texts(first, second, back, [Stored(4, 4, note="fill")], forth) == ["brush", "fill"]


def test_a_step_takes_back_to_the_mask_before():
    (step,) = undo_steps_of([[Stored(1, 2, "machine", "")], [Stored(2, 3)]], SHAPE)
    (change,) = step.changes
    mask = _FULL[3].copy()
    change.patch.write(mask, forward=False)
    np.testing.assert_array_equal(mask, _FULL[2])


def test_a_state_that_was_not_read_ends_the_list_there():
    assert texts([Stored(1, 2)], [Stored(9, 3, frame=1)], [Stored(2, 4)]) == ["brush"]


def test_proposals_of_one_run_are_one_step_and_first_ones_are_none():
    first = [Stored(1, 2, "machine", "", frame, status=FrameStatus.MACHINE) for frame in (0, 1)]
    again = [[Stored(2, 3, "machine", "", frame, status=FrameStatus.MACHINE)] for frame in (0, 1)]
    (step,) = undo_steps_of([first, *again], SHAPE)
    assert step.text == "new proposals"
    assert step.frames == [0, 1]


def test_a_proposal_comes_back_with_what_its_probabilities_implied():
    machine = FrameStatus.MACHINE
    first, second, third = (
        [Stored(n, size, "machine", "", status=machine, implied=implied)]
        for n, size, implied in ((1, 2, 0.9), (2, 3, None), (4, 4, 0.7))
    )
    back = [Stored(3, 2, note="undo", status=machine)]
    (step,) = undo_steps_of([first, second], SHAPE)
    assert step.changes[0].implied == (0.9, None)
    (step,) = undo_steps_of([first, second, back, third], SHAPE)
    assert step.changes[0].implied == (0.9, 0.7)  # what undo brought back is the proposal that it was


def test_a_proposal_comes_back_with_the_network_that_made_it_though_two_made_the_same_mask():
    machine, wide, narrow = FrameStatus.MACHINE, Origin("m", "1"), Origin("m", "1/2")
    first, second, third = (
        [Stored(n, size, "machine", "", status=machine, implied=implied, origin=origin)]
        for n, size, implied, origin in ((1, 2, 0.9, wide), (2, 3, 0.8, wide), (3, 2, 0.6, narrow))
    )
    back = [Stored(4, 3, note="undo", status=machine, implied=0.8, origin=wide)]
    again = [Stored(5, 2, note="undo", status=machine, implied=0.9, origin=wide)]
    last = [Stored(6, 4, "machine", "", status=machine, implied=0.7, origin=narrow)]
    (step,) = undo_steps_of([first, second, third, back, again, last], SHAPE)
    assert step.changes[0].origins == (wide, narrow)
    assert step.changes[0].implied == (0.9, 0.7)


def test_runs_of_two_networks_are_two_steps_though_they_share_no_frame():
    machine, wide, narrow = FrameStatus.MACHINE, Origin("m", "1"), Origin("m", "1/2")
    first = [Stored(1, 2, "machine", "", t, status=machine, origin=wide) for t in (0, 1)]
    one, other = (
        [Stored(2, 3, "machine", "", t, status=machine, origin=origin)] for t, origin in ((0, wide), (1, narrow))
    )
    assert [step.frames for step in undo_steps_of([first, one, other], SHAPE)] == [[0], [1]]


def test_the_same_mask_of_another_network_is_taken_back_too():
    machine, wide, narrow = FrameStatus.MACHINE, Origin("m", "1"), Origin("m", "1/2")
    first = [Stored(1, 2, "machine", "", status=machine, implied=0.9, origin=wide)]
    other = [Stored(2, 2, "machine", "", status=machine, implied=0.6, origin=narrow)]
    (step,) = undo_steps_of([first, other], SHAPE)
    (change,) = step.changes
    assert (change.patch, change.origins, change.implied) == (None, (wide, narrow), (0.9, 0.6))
    again = [Stored(2, 2, "machine", "", status=machine, implied=0.9, origin=wide)]
    assert undo_steps_of([first, again], SHAPE) == []  # nothing is another
