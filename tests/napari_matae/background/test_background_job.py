"""A job says once how it ended, and is free for the next before anybody hears of it."""

from __future__ import annotations

import threading

import pytest

from matae.errors import MataeError
from napari_matae.background.connections import end_owned
from napari_matae.background.job import Job


@pytest.fixture
def job(qapp):
    job = Job()
    yield job
    job.close()


def listen(job: Job) -> list[tuple[object, ...]]:
    heard: list[tuple[object, ...]] = []
    job.began.connect(lambda: heard.append(("began",)))
    job.progressed.connect(lambda progress: heard.append(("progressed", progress)))
    job.finished.connect(lambda value: heard.append(("finished", value, job.is_running)))
    job.failed.connect(lambda text: heard.append(("failed", text)))
    job.stopped.connect(lambda text: heard.append(("stopped", text)))
    job.ended.connect(lambda: heard.append(("ended",)))
    return heard


def test_what_nobody_began_is_neither_running_nor_stopping(job):
    job.stop()
    assert not job.is_running
    assert not job.is_stopping
    job.close()


def test_what_it_returned_and_how_far_it_was(qtbot, job):
    heard = listen(job)

    def work(tick, _):
        tick("half")
        return 7

    with qtbot.waitSignal(job.ended, timeout=10_000):
        job.start(work)
    assert heard == [("began",), ("progressed", "half"), ("finished", 7, False), ("ended",)]


def test_an_error_is_a_failure_unless_it_was_told_to_stop(qtbot, job):
    heard, gate = listen(job), threading.Event()

    def work(_, should_stop):
        gate.wait(300)
        raise MataeError("Stopped as asked." if should_stop() else "The disk is full; make room.")

    gate.set()
    with qtbot.waitSignal(job.ended, timeout=10_000):
        job.start(work)
    assert ("failed", "The disk is full; make room.") in heard
    gate.clear()
    with qtbot.waitSignal(job.ended, timeout=10_000):
        job.start(work)
        job.stop()
        assert job.is_stopping
        gate.set()
    assert heard[-2:] == [("stopped", "Stopped as asked."), ("ended",)]


def test_one_at_a_time_and_the_next_from_the_end_of_the_first(qtbot, job):
    values = []

    def again(value):
        values.append(value)
        if value == 1:
            job.start(lambda *_: 2)
            job.start(lambda *_: 3)  # not while the other runs

    job.finished.connect(again)
    job.start(lambda *_: 1)
    qtbot.waitUntil(lambda: values == [1, 2] and not job.is_running, timeout=10_000)


def test_whoever_owns_it_ends_it(qtbot, qapp):
    from qtpy.QtCore import QObject

    owner = QObject()
    job, gate, asked = Job(owner), threading.Event(), threading.Event()
    heard = listen(job)

    def work(tick, should_stop):
        gate.wait(300)
        tick("late")
        if should_stop():
            asked.set()

    job.start(work)
    end_owned(owner)
    gate.set()
    qtbot.waitUntil(asked.is_set, timeout=10_000)
    assert not job.is_running
    assert heard == [("began",)]


def test_what_is_closed_at_once_is_done_all_the_same(qtbot, job):
    done = threading.Event()
    job.start(lambda _tick, _stop: done.set())
    job.close()  # most often before its thread begins
    qtbot.waitUntil(done.is_set, timeout=10_000)
    assert not job.is_running
