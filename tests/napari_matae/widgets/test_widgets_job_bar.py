"""How far a job is, and a cancel that answers at once."""

from __future__ import annotations

import threading

import pytest

from matae.exchange import Progress
from napari_matae.background.job import Job
from napari_matae.widgets.job_bar import JobBar

pytestmark = pytest.mark.gui

WAIT = 60_000


@pytest.fixture
def bar(qtbot) -> JobBar:
    job = Job()
    made = JobBar(job)
    made.job = job
    qtbot.addWidget(made)
    yield made
    job.close()


def test_it_is_hidden_while_nothing_runs(bar) -> None:
    assert bar.isHidden()


def test_a_job_is_shown_counted_and_gone(bar, qtbot) -> None:
    told, go = threading.Event(), threading.Event()

    def work(tick, _stop) -> int:
        tick(Progress(3, 12, 200.0, "Reading"))
        told.set()
        go.wait(WAIT / 1000)
        return 1

    bar.job.start(work)
    assert not bar.isHidden()
    assert bar.text.text() == "Starting…"
    qtbot.waitUntil(lambda: bar.text.text() == "Reading: 3 of 12, about 3 min left", timeout=WAIT)
    assert (bar.bar.value(), bar.bar.maximum()) == (3, 12)
    with qtbot.waitSignal(bar.job.ended, timeout=WAIT):
        go.set()
    assert bar.isHidden()


def test_cancel_answers_before_the_work_does(bar, qtbot) -> None:
    begun, go = threading.Event(), threading.Event()

    def work(tick, stop) -> None:
        begun.set()
        go.wait(WAIT / 1000)
        if stop():
            raise RuntimeError("stopped")

    bar.job.start(work)
    qtbot.waitUntil(begun.is_set, timeout=WAIT)
    bar.cancel_button.click()
    assert bar.text.text() == "Stopping…"
    assert not bar.cancel_button.isEnabled()
    with qtbot.waitSignal(bar.job.stopped, timeout=WAIT):
        go.set()


def test_a_count_of_nothing_is_no_division_by_zero(bar, qtbot) -> None:
    bar._on_progress(Progress(0, 0, None, "Counting"))
    assert bar.text.text() == "Counting: 0 of 0"
    assert bar.bar.maximum() == 1
