"""Waiting for the study does not freeze the window, and is bounded."""

from __future__ import annotations

import sqlite3
import threading
import time

import pytest
from qtpy.QtCore import QEventLoop, QObject, QTimer
from qtpy.QtGui import QCloseEvent

from matae.store import Study
from napari_matae.background.patient_wait import wait_until

from ..conftest import opened, paint


@pytest.fixture
def beats(qapp):
    """Times at which the GUI thread was free to draw."""
    times: list[float] = []
    timer = QTimer()
    timer.setInterval(5)
    timer.timeout.connect(lambda: times.append(time.monotonic()))
    timer.start()
    yield times
    timer.stop()


def test_what_is_so_already_is_not_waited_for(qapp) -> None:
    asked = []
    assert wait_until(lambda: asked.append(1) or True, 60)
    assert asked == [1]


def test_the_wait_is_bounded_and_the_window_is_drawn_meanwhile(beats) -> None:
    began = time.monotonic()
    assert not wait_until(lambda: False, 0.3)
    assert time.monotonic() - began >= 0.3
    assert [at for at in beats if at > began]


def test_what_another_thread_does_ends_the_wait(beats) -> None:
    done = threading.Event()
    QTimer.singleShot(50, lambda: threading.Thread(target=done.set).start())
    assert wait_until(done.is_set, 60)
    assert beats


@pytest.mark.parametrize("in_a_loop", [False, True])
def test_a_wait_while_a_window_is_closed_deletes_nothing_of_it(beats, *, in_a_loop: bool) -> None:
    gone: list[bool] = []
    held = []

    def close() -> None:
        part = QObject()
        held.append(part)
        part.destroyed.connect(lambda: gone.append(True))
        part.deleteLater()  # as napari does with the parts of its window, before it closes the window itself
        assert not wait_until(lambda: False, 0.2)
        assert gone == []

    began = time.monotonic()
    if in_a_loop:
        loop = QEventLoop()
        QTimer.singleShot(0, lambda: (close(), loop.quit()))
        loop.exec()
    else:
        close()
    assert len([at for at in beats if at > began]) > 1  # one may come as the loop ends


def test_a_thread_without_an_event_loop_waits_by_itself(qapp) -> None:
    done, found = threading.Event(), []
    waiting = threading.Thread(target=lambda: found.append(wait_until(done.is_set, 60)))
    waiting.start()
    done.set()
    waiting.join()
    assert found == [True]


def test_closing_waits_for_a_study_that_is_written_by_another_and_draws_meanwhile(
    make_workspace, qtbot, cine, tmp_path, beats
) -> None:
    """The other program writes for longer than a person would take a frozen window for."""
    workspace = make_workspace()
    opened(qtbot, workspace, cine)
    workspace.session.masks.ensure_labels()
    assert workspace.link.flush()
    holder = sqlite3.connect(tmp_path / "study.sqlite", isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN IMMEDIATE")
    paint(workspace, 3)
    QTimer.singleShot(400, lambda: holder.execute("ROLLBACK"))  # runs in the GUI thread: only where that is free
    began = time.monotonic()
    workspace.close_down()
    assert [at for at in beats if at > began]
    holder.close()
    with Study.open(tmp_path / "study.sqlite") as study:
        assert study.mask(cine.content_id, 3)[50, 60]


def test_a_window_asked_to_close_twice_saves_once_and_goes_on(qapp, qtbot, cine, monkeypatch):
    from napari.components import ViewerModel
    from qtpy.QtWidgets import QMainWindow

    from napari_matae.dock import MataeDock

    window = QMainWindow()
    qtbot.addWidget(window)
    dock = MataeDock(ViewerModel())
    window.setCentralWidget(dock)
    qtbot.waitUntil(lambda: not dock.is_probing)
    asked: list[bool] = []
    second = QCloseEvent()

    def slow(_: float) -> bool:
        assert dock._is_saving
        asked.append(dock.eventFilter(dock._window, second))
        return True

    monkeypatch.setattr(dock.workspace.link, "flush", slow)
    first = QCloseEvent()
    dock._watch_window(dock.window())
    assert not dock.eventFilter(dock._window, first)  # the very same event goes on to napari, which may ask
    assert first.isAccepted()
    assert asked == [True]
    assert not second.isAccepted()
    assert not dock._is_saving
    dock.close_down()
