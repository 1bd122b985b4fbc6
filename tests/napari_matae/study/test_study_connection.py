"""One study after the other: what is asked of none is dropped, and who is open is known when it is."""

from __future__ import annotations

import pytest

from matae.store import Study
from napari_matae.study.connection import StudyConnection

WAIT = 60_000


@pytest.fixture
def connection(qapp):
    made = StudyConnection()
    yield made
    made.close()


def test_before_any_is_open_nothing_is_asked_and_nothing_is_missing(connection):
    asked: list[object] = []
    connection.requests.ask(asked.append)
    connection.count()
    assert connection.requests.flush(0.0)
    assert not connection.is_open
    assert (connection.name, connection.target, connection.opened_target) == ("", "", "")
    assert connection.close()
    assert asked == []


def test_one_that_cannot_be_opened_says_so(connection, qtbot, tmp_path):
    target = tmp_path / "notes.sqlite"
    target.write_text("no study")
    with qtbot.waitSignal(connection.closed_out, timeout=WAIT) as said:
        connection.open(str(target))
    assert "notes.sqlite" in said.args[0]
    assert connection.opened_target == ""


def test_the_target_is_given_to_others_once_it_is_open(connection, qtbot, tmp_path):
    target = str(tmp_path / "study.sqlite")
    with qtbot.waitSignal(connection.opened, timeout=WAIT):
        connection.open(target)
        assert connection.is_open
        assert connection.opened_target == ""
    assert connection.opened_target == target
    assert connection.name == "study.sqlite"
    with qtbot.waitSignal(connection.counted, timeout=WAIT):
        connection.count()
    assert connection.statistics is not None
    assert connection.close()
    assert (connection.name, connection.opened_target, connection.is_open) == ("", "", False)


def test_of_the_study_before_nothing_is_heard_any_more(connection, qtbot, tmp_path):
    first, second = str(tmp_path / "first.sqlite"), str(tmp_path / "second.sqlite")
    with qtbot.waitSignal(connection.opened, timeout=WAIT):
        connection.open(first)
    before = connection.requests
    connection.close()
    before.trouble.emit("The disk is full; make room.")
    before.opened.emit("first.sqlite")
    assert (connection.name, connection.problem) == ("", "")
    with qtbot.waitSignal(connection.opened, timeout=WAIT):
        connection.open(second)
    assert (connection.name, connection.problem) == ("second.sqlite", "")
    connection.close()
    with Study.open(second) as study:
        assert study.cines() == []
