"""What every control of the dock owes its user: a name, a tooltip with its key, a place on a small screen, colours."""

from __future__ import annotations

import re

import pytest
from napari.components import ViewerModel
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLabel,
    QLineEdit,
    QProgressBar,
    QScrollBar,
    QTabBar,
    QWidget,
)

from napari_matae.dock import MataeDock
from napari_matae.widgets.colours import DARK, LIGHT

from .conftest import opened, proposals

pytestmark = pytest.mark.gui

CONTROLS = (
    QAbstractButton, QAbstractItemView, QAbstractSlider, QAbstractSpinBox, QComboBox, QLineEdit, QProgressBar, QTabBar,
)  # fmt: skip
SCREENS = {"1000 x 700": (1000, 700), "1280 x 800": (1280, 800), "2560 x 1440 at scale 2": (1280, 720)}
"""Sizes of a window in Qt's own pixels."""
NAPARIS_OWN = 85
"""Height in pixels of napari's menu, title of the dock and status line."""


@pytest.fixture
def dock(qtbot, tiny_model, cine) -> MataeDock:
    """A dock with a measured clip, every step of which somebody has looked at, in the style of napari's dark theme."""
    dock = MataeDock(ViewerModel())
    qtbot.addWidget(dock)
    dock.setStyleSheet(style("dark"))
    dock.resize(400, 800)
    dock.show()
    qtbot.waitUntil(lambda: not dock.is_probing)
    opened(qtbot, dock.workspace, cine)
    proposals(cine, dock.session)
    for step in (*range(dock.steps.count()), 3):  # Learn is made when somebody looks
        dock.steps.setCurrentIndex(step)
    measuring = dock.measure_panel.measuring
    qtbot.waitUntil(lambda: measuring.measurement is not None and not measuring.is_running)
    yield dock
    dock.close_down()


def style(theme: str) -> str:
    """Return napari's style sheet of a theme, without the pictures that only its own window finds."""
    from napari._qt.qt_resources import get_stylesheet

    return re.sub(r"image:\s*url\([^)]*\);", "", get_stylesheet(theme))


def controls(dock: QWidget) -> list[QWidget]:
    """Return what a person operates, without the parts that Qt makes of it."""
    found = []
    for widget in dock.findChildren(QWidget):
        parent = widget.parent()
        part = widget.objectName().startswith("qt_") or isinstance(widget, QScrollBar)
        while parent is not None and parent is not dock and not part:
            part = isinstance(parent, (QComboBox, QAbstractSpinBox, QAbstractItemView, QTabBar))
            parent = parent.parent()
        if isinstance(widget, CONTROLS) and not part:
            found.append(widget)
    return found


def described(widget: QWidget) -> str:
    """Return a control's kind, text and place, for the list of those that lack something."""
    text = widget.text() if hasattr(widget, "text") and callable(widget.text) else ""
    return f"{type(widget).__name__} {text!r} in {type(widget.parent()).__name__}"


def test_every_control_of_every_step_has_a_name_for_a_screen_reader_and_says_what_it_does(dock) -> None:
    """One dock for all that only looks at it: each takes a second to make."""
    has_a_name_for_a_screen_reader(dock)
    says_what_it_does(dock)
    names_its_key_and_the_new_one(dock)


def has_a_name_for_a_screen_reader(dock) -> None:
    named_by = {label.buddy() for label in dock.findChildren(QLabel) if label.buddy() is not None}
    found = controls(dock)
    assert len(found) > 100
    assert any(dock.learn_panel.isAncestorOf(widget) for widget in found)
    nameless = [
        described(widget)
        for widget in found
        if not widget.accessibleName()
        and widget not in named_by
        and not (isinstance(widget, QAbstractButton) and any(map(str.isalpha, widget.text())))
    ]
    assert nameless == []


def says_what_it_does(dock) -> None:
    assert [described(widget) for widget in controls(dock) if not widget.toolTip()] == []


def names_its_key_and_the_new_one(dock) -> None:
    review, transport = dock.review_panel, dock.transport
    named = {
        "open": dock.open_panel.file_button,
        "segment": dock.segment_panel.run_button,
        "report": dock.measure_panel.report_button,
        "play": transport.play_button,
        "more_room": transport.room_button,
        "accept": review.accept_button,
        "reject": review.reject_button,
        "next": review.next_button,
        "undo": review.undo_button,
        "brush": review.tool_buttons["brush"],
        "smooth": review.mend_buttons[2],
        "mark_ed": dock.measure_panel.mark_ed,
    }
    assert {name for name, widget in named.items() if dock.keys.hint(name).strip() not in widget.toolTip()} == set()
    assert dock.keys.hint("next_step").strip() in dock.steps.tabToolTip(0)
    dock.keys.change("segment", "Shift+F5")
    assert "(Shift+F5)" in dock.segment_panel.run_button.toolTip()


def test_the_dock_fits_small_screens_with_all_that_must_be_in_sight(dock, qtbot) -> None:
    for width, height in SCREENS.values():
        fits(dock, width, height)
    no_panel_is_wider_than_the_narrowest_dock(dock, qtbot)


def fits(dock, width: int, height: int) -> None:
    dock.resize(dock.minimumWidth(), height - NAPARIS_OWN)
    assert dock.minimumSizeHint().height() <= height - NAPARIS_OWN
    assert dock.minimumWidth() <= width * 0.36
    for step in range(dock.steps.count()):
        dock.steps.setCurrentIndex(step)
        for part in (dock.transport, dock.strip, dock.saved):
            assert dock.rect().contains(part.mapTo(dock, part.rect().topLeft()))
            assert dock.rect().contains(part.mapTo(dock, part.rect().bottomRight()))
            assert part.visibleRegion().boundingRect() == part.rect()
    bar = dock.steps.tabBar()
    assert all(bar.rect().contains(bar.tabRect(step)) for step in range(bar.count()))


def no_panel_is_wider_than_the_narrowest_dock(dock, qtbot) -> None:
    dock.setStyleSheet(style("dark"))  # napari's buttons are wider than Qt's own
    dock.resize(dock.minimumWidth(), 560)
    for sections in (dock.measure_panel.sections, dock.learn_panel.sections):
        for section in sections.values():
            section.set_open(True)
    cut = {}
    for step in range(dock.steps.count()):
        dock.steps.setCurrentIndex(step)
        area = dock.steps.widget(step)
        qtbot.waitUntil(lambda area=area: area.viewport().width() > 0)
        need, have = area.widget().minimumSizeHint().width(), dock.minimumWidth() - 29  # margins and a scroll bar
        if need > have:
            cut[dock.steps.tabText(step)] = (need, have)
    assert cut == {}


def test_the_dock_takes_the_colours_of_another_theme_while_it_is_open(dock) -> None:
    for theme, colours in (("light", LIGHT), ("dark", DARK), ("light", LIGHT)):
        dock.setStyleSheet(style(theme))
        axis = dock.area_plot.getPlotItem().getAxis("left")
        assert axis.textPen().color().name() == colours.ink
        assert dock.area_plot._curve.opts["pen"].color().name() == colours.curve
        assert colours.ed in dock.measure_panel.ef.facts.text()
        assert colours.faint in dock.open_panel.facts.text()
        assert colours.status[dock.session.current.status[0]] in dock.review_panel.state.text()
        assert dock.strip.grab().toImage().pixelColor(0, 0).lightnessF() == pytest.approx(
            dock.palette().window().color().lightnessF(), abs=0.1
        )
