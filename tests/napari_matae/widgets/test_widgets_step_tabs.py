"""Every step is in sight at any width the dock can have."""

from __future__ import annotations

import pytest
from qtpy.QtWidgets import QLabel

from napari_matae.widgets.step_tabs import StepTabs

pytestmark = pytest.mark.gui

TITLES = ("Open", "Segment", "Review", "Measure", "Learn")


@pytest.fixture
def tabs(qtbot) -> StepTabs:
    widget = StepTabs()
    qtbot.addWidget(widget)
    for title in TITLES:
        widget.add_step(QLabel(title), title)
    return widget


def test_no_step_yet_is_no_fault(qtbot) -> None:
    widget = StepTabs()
    qtbot.addWidget(widget)
    widget.resize(200, 100)
    widget.show()
    widget.set_hints(".")
    assert widget.count() == 0


@pytest.mark.parametrize("width", [345, 420, 900])
def test_every_tab_lies_in_the_bar(tabs, width) -> None:
    tabs.resize(width, 300)
    tabs.show()
    bar = tabs.tabBar()
    assert tabs.width() == width
    assert all(bar.rect().contains(bar.tabRect(place)) for place in range(bar.count()))
    assert bar.tabRect(bar.count() - 1).right() <= width


def test_the_numbers_go_where_there_is_no_room_and_come_back(tabs) -> None:
    tabs.resize(900, 300)
    tabs.show()
    assert [tabs.tabText(place) for place in range(5)] == [f"{n}  {t}" for n, t in enumerate(TITLES, start=1)]
    tabs.resize(260, 300)
    assert [tabs.tabText(place) for place in range(5)] == list(TITLES)
    tabs.resize(900, 300)
    assert tabs.tabText(0) == "1  Open"


def test_the_tooltip_says_which_step_it_is_and_the_key(tabs) -> None:
    tabs.set_hints(". Next step (Alt+→).")
    assert tabs.tabToolTip(2) == "Step 3 of 5: Review. Next step (Alt+→)."


def test_a_panel_that_is_made_later_is_made_once_when_it_is_looked_at_or_asked_for(tabs) -> None:
    made = []
    for title in ("Shown", "Asked for"):
        tabs.add_step(lambda title=title: made.append(QLabel(title)) or made[-1], title)
    tabs.show()
    assert made == []
    assert [tabs.tabText(place).split()[-1] for place in (5, 6)] == ["Shown", "for"]
    tabs.setCurrentIndex(5)
    assert [label.text() for label in made] == ["Shown"]
    assert tabs.widget(5).widget() is made[0]
    assert made[0].isVisible()
    assert tabs.panel(6) is made[1]
    assert not made[1].isVisible()  # its step is not
    for place in (6, 5, 6):
        tabs.setCurrentIndex(place)
        assert tabs.panel(place) is made[place - 5]
    assert made[1].isVisible()
    assert len(made) == 2
