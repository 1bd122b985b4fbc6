"""The frame of export and import: an outcome in a sentence, and a close that stops what runs."""

from __future__ import annotations

import threading

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QPushButton, QVBoxLayout

from matae.errors import ExchangeError
from napari_matae.exchange.job_dialog import JobDialog

pytestmark = pytest.mark.gui

WAIT = 60_000


@pytest.fixture
def dialog(qtbot) -> JobDialog:
    made = JobDialog("Title")
    made.go = QPushButton("Go", made)
    QVBoxLayout(made).addLayout(made._button_row([], [made.go]))
    qtbot.addWidget(made)
    made.show()
    yield made
    made.job.close()


def test_it_does_not_stand_in_the_way(dialog) -> None:
    assert not dialog.isModal()
    assert dialog.windowTitle() == "Title"
    assert dialog.result.text() == ""


def test_enter_starts_nothing(dialog, qtbot) -> None:
    with qtbot.assertNotEmitted(dialog.go.clicked):
        qtbot.keyClick(dialog, Qt.Key.Key_Return)


def test_a_failure_is_shown_and_said(dialog, qtbot) -> None:
    def work(_tick, _stop) -> None:
        raise ExchangeError("No room; free some.")

    with qtbot.waitSignal(dialog.failed, timeout=WAIT) as failed:
        dialog.job.start(work)
    assert failed.args == ["No room; free some."]
    assert dialog.result.text() == "No room; free some."


@pytest.mark.parametrize("how", ["escape", "button"])
def test_closing_stops_what_runs(dialog, qtbot, how) -> None:
    begun, go, seen = threading.Event(), threading.Event(), []

    def work(_tick, stop) -> None:
        begun.set()
        go.wait(WAIT / 1000)
        seen.append(stop())

    dialog.job.start(work)
    qtbot.waitUntil(begun.is_set, timeout=WAIT)
    if how == "escape":
        qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    else:
        dialog.close_button.click()
    assert dialog.isHidden()
    with qtbot.waitSignal(dialog.job.ended, timeout=WAIT):
        go.set()
    assert seen == [True]
