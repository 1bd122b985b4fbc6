"""Runs that were put aside: none is nothing, and one is deleted only when somebody insists."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from napari_matae.learn.unfinished_runs import UnfinishedRuns

pytestmark = pytest.mark.gui


def run(name: str, folder: str, *, under_way: bool = False) -> SimpleNamespace:
    return SimpleNamespace(name=name, folder=Path(folder), under_way=under_way)


@pytest.fixture
def shown(qtbot) -> UnfinishedRuns:
    made = UnfinishedRuns()
    qtbot.addWidget(made)
    return made


def test_none_is_nothing(shown) -> None:
    shown.show_runs([])
    assert shown.isHidden()
    assert shown.rows == []


def test_a_run_says_when_it_was_begun_where_its_folder_does(shown) -> None:
    shown.show_runs([run("a", "20260102-030405-x"), run("b", "odd name")])
    assert shown.rows[0].words.text() == "a is unfinished, begun on 2026-01-02 at 03:04. Nothing of it is lost."
    assert shown.rows[1].words.text() == "b is unfinished. Nothing of it is lost."


def test_one_in_another_window_is_left_alone(shown) -> None:
    shown.show_runs([run("a", "x", under_way=True)])
    (row,) = shown.rows
    assert "another window" in row.words.text()
    assert not row.go_on_button.isEnabled()
    assert not row.discard_button.isEnabled()


def test_discarding_is_asked_twice(shown, qtbot) -> None:
    shown.show_runs([run("a", "x")])
    (row,) = shown.rows
    with qtbot.waitSignal(shown.go_on_wanted) as wanted:
        row.go_on_button.click()
    assert wanted.args == [Path("x")]
    with qtbot.assertNotEmitted(shown.discard_wanted):
        row.discard_button.click()
    with qtbot.waitSignal(shown.discard_wanted) as wanted:
        row.discard_button.click()
    assert wanted.args == [Path("x")]
