"""A worker's events are heard, in order, until it is dropped or replaced."""

from __future__ import annotations

import threading

import pytest

from napari_matae.background.worker import EventWorker


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
        gate.wait(10)
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
