"""Figures before and after: an empty table first, and what got worse looks like it."""

from __future__ import annotations

import re

import pytest

from matae.learn.paired import compare
from napari_matae.verdict.table import FigureTable
from napari_matae.widgets.colours import colours_of

pytestmark = pytest.mark.gui

PATIENTS = ["a", "a", "b", "b", "c", "c"]


def plain(text: str) -> str:
    return re.sub("<[^>]*>", "", text)


@pytest.mark.parametrize("wide", [False, True])
def test_no_figures_leave_no_rows(qtbot, wide) -> None:
    table = FigureTable(wide=wide)
    qtbot.addWidget(table)
    table.show_figures([])
    table.show_figures([compare("dice", [0.5], [0.6], ["a"])])
    table.show_figures([])
    assert table.rows == {}


@pytest.mark.parametrize("wide", [False, True])
def test_a_figure_with_one_patient_has_no_interval(qtbot, wide) -> None:
    table = FigureTable(wide=wide)
    qtbot.addWidget(table)
    table.show_figures([compare("dice", [0.5], [0.6], ["a"])])
    row = {name: plain(label.text()) for name, label in table.rows["dice"].items()}
    assert (row["title"], row["before"], row["after"], row["change"]) == ("Dice", "0.500", "0.600", "+0.100 ▲")
    assert row["interval"] == "–"
    assert "one patient or none has no interval" in table.rows["dice"]["n"].toolTip()


def test_what_got_worse_is_said_in_words_too(qtbot) -> None:
    table = FigureTable()
    qtbot.addWidget(table)
    table.show_figures([compare("dice", [0.9] * 6, [0.7, 0.71, 0.72, 0.7, 0.69, 0.7], PATIENTS)])
    row = table.rows["dice"]
    assert "▼" in plain(row["change"].text())
    assert colours_of(table).alarm in row["change"].text()
    assert plain(row["interval"].text()).startswith("worse: ")
    assert "significantly worse" in row["title"].toolTip()


def test_a_distance_that_falls_is_better(qtbot) -> None:
    table = FigureTable()
    qtbot.addWidget(table)
    table.show_figures([compare("hd95", [5.0] * 6, [4.0] * 6, PATIENTS, unit="mm", higher_is_better=False)])
    row = table.rows["hd95"]
    assert plain(row["title"].text()) == "HD95 (mm)"
    assert "▲" in plain(row["change"].text())
    assert "Lower is better." in row["change"].toolTip()
