"""The pipeline: what fails in a stage first, then the order, and that a few batches are held at most."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from matae.segment.pipeline import SLOTS, run_stages

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Held:
    """One batch in some stage; it counts how many there are."""

    alive, most = 0, 0
    lock = threading.Lock()

    def __init__(self, frames: Sequence[int]) -> None:
        self.frames = list(frames)
        with Held.lock:
            Held.alive += 1
            Held.most = max(Held.most, Held.alive)

    def __del__(self) -> None:
        with Held.lock:
            Held.alive -= 1


class Counted:
    """Stages that do nothing but count; `failing` is the stage that fails at frame 5."""

    def __init__(self, batch: int = 1, failing: str = "") -> None:
        self.batch, self.failing, self.placed, self.threads = batch, failing, 0, set()
        Held.alive = Held.most = 0

    def _maybe_fail(self, stage: str, frames: Sequence[int]) -> None:
        self.threads.add((stage, threading.current_thread().name))
        if stage == self.failing and 5 in frames:
            raise OSError(f"{stage} failed")

    def begin(self) -> None:
        self._maybe_fail("begin", [5])

    def place(self, frames: Sequence[int]) -> Held:
        self._maybe_fail("place", frames)
        self.placed += len(frames)
        return Held(frames)

    def infer(self, placed: Held) -> Held:
        self._maybe_fail("infer", placed.frames)
        return placed

    def finish(self, frames: Sequence[int], inferred: Held) -> Iterator[int]:
        self._maybe_fail("finish", frames)
        assert inferred.frames == frames
        yield from frames


def line_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("matae-")]


@pytest.mark.parametrize("failing", ["begin", "place", "infer", "finish"])
def test_what_fails_in_a_stage_is_raised_where_the_results_are_taken(failing: str) -> None:
    done: list[int] = []
    with pytest.raises(OSError, match=f"{failing} failed"):
        done.extend(run_stages(Counted(failing=failing), range(100)))
    assert done == ([] if failing == "begin" else list(range(5)))
    assert line_threads() == []


def test_what_fails_in_the_order_asked_for_is_raised_too() -> None:
    def wanted() -> Iterator[int]:
        yield 3
        raise LookupError("no more")

    stream = run_stages(Counted(), wanted())
    assert next(stream) == 3
    with pytest.raises(LookupError, match="no more"):
        next(stream)


def test_no_frames_give_no_results() -> None:
    assert list(run_stages(Counted(), [])) == []


@pytest.mark.parametrize("batch", [1, 4, 7])
def test_frames_come_in_the_order_asked_for(batch: int) -> None:
    stages = Counted(batch)
    assert list(run_stages(stages, iter([*range(20, 0, -1), 3, 3]))) == [*range(20, 0, -1), 3, 3]
    assert len({name for stage, name in stages.threads if stage != "begin"}) == 3


@pytest.mark.parametrize("batch", [1, 4])
def test_an_hour_of_frames_is_held_a_few_batches_at_a_time(batch: int) -> None:
    stages = Counted(batch)
    for taken, _ in enumerate(run_stages(stages, range(200_000)), start=1):
        assert stages.placed - taken <= SLOTS * batch
        if taken == 20_000:
            break
    assert Held.most <= SLOTS + 1  # one more for the moment in which a thread hands its batch on


def test_a_stream_that_is_left_ends_its_threads() -> None:
    stream = run_stages(Counted(), range(10**9))
    next(stream)
    assert len(line_threads()) == 2
    stream.close()
    assert line_threads() == []
