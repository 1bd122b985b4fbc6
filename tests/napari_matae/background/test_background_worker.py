"""A worker's events are heard, in order, until it is dropped or replaced."""

from __future__ import annotations

import threading

import pytest

from napari_matae.background.events import Failed, Finished
from napari_matae.background.worker import EventWorker, guarded


@pytest.fixture
def worker(qapp):
    worker = EventWorker()
    yield worker
    worker.drop()


def three():
    yield from (1, 2, 3)


def test_events_come_in_order_and_then_the_end(qtbot, worker):
    heard = []
    worker.came.connect(heard.append)
    worker.ended.connect(lambda: heard.append(worker.is_running))
    worker.start(three)
    assert worker.is_running
    qtbot.waitUntil(lambda: len(heard) == 4, timeout=10_000)
    assert heard == [1, 2, 3, False]


def test_nothing_is_heard_of_one_that_was_replaced(qtbot, worker):
    gate = threading.Event()

    def late():
        gate.wait(300)
        yield "late"

    heard, ends = [], []
    worker.came.connect(heard.append)
    worker.ended.connect(lambda: ends.append(1))
    worker.start(late)
    worker.start(three)
    gate.set()
    qtbot.waitUntil(lambda: len(ends) == 1, timeout=10_000)
    qtbot.wait(50)
    assert heard == [1, 2, 3]
    assert len(ends) == 1


def test_dropping_nothing_is_no_error(worker):
    worker.drop()
    assert not worker.is_running


def refuses():
    raise ValueError("not this one")


def breaks():
    yield 1
    raise RuntimeError("CUDA is gone")


def memory():
    yield 1
    raise MemoryError


@pytest.mark.parametrize(
    ("work", "first", "said"),
    [(refuses, [], "not this one"), (breaks, [1], "CUDA is gone"), (memory, [1], "Memory ran out")],
)
def test_an_error_is_the_last_event_and_not_the_last_word(qtbot, worker, work, first, said):
    heard = []
    worker.came.connect(heard.append)
    with qtbot.waitSignal(worker.ended, timeout=10_000):
        worker.start(work)
    assert heard[:-1] == first
    assert isinstance(heard[-1], Failed)
    assert said in heard[-1].text
    assert heard[-1].error is not None


def test_a_function_gives_what_it_returns(qtbot, worker):
    heard = []
    worker.came.connect(heard.append)
    with qtbot.waitSignal(worker.ended, timeout=10_000):
        worker.call(divmod, 7, 2)
    (event,) = heard
    assert isinstance(event, Finished)
    assert event.value == (3, 1)
    with qtbot.waitSignal(worker.ended, timeout=10_000):
        worker.call(divmod, 7, 0)
    assert isinstance(heard[-1], Failed)


def test_events_without_an_error_are_passed_as_they_are():
    assert list(guarded([])) == []
    assert list(guarded(iter("ab"))) == ["a", "b"]
