"""Scrolling over a control changes nothing until the control is clicked."""

from __future__ import annotations

import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDoubleSpinBox,
    QScrollArea,
    QScrollBar,
    QSlider,
    QSpinBox,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from napari_matae.dock import MataeDock
from napari_matae.widgets.wheel_guard import WheelGuard


def scroll(widget: QWidget, notches: int = -1) -> None:
    """Offer a turn of the wheel to a widget, then to its parents until one takes it, as Qt does with a real one."""
    at = QPointF(widget.mapToGlobal(widget.rect().center()))
    while widget is not None:
        event = QWheelEvent(
            QPointF(widget.mapFromGlobal(at.toPoint())), at, QPoint(), QPoint(0, 120 * notches),
            Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        event.setAccepted(True)
        if (QApplication.sendEvent(widget, event) and event.isAccepted()) or widget.isWindow():
            return
        widget = widget.parentWidget()


def value_of(control: QWidget) -> float:
    return control.currentIndex() if isinstance(control, QComboBox | QTabWidget) else control.value()


def make_control(kind: type[QWidget]) -> QWidget:
    control = kind()
    if isinstance(control, QComboBox):
        control.addItems(["not stated", "A4C", "A2C"])
    else:
        control.setRange(0, 10)
        control.setValue(5)
    if isinstance(control, QSlider):
        control.setOrientation(Qt.Orientation.Horizontal)
    return control


@pytest.fixture
def page(qtbot) -> QScrollArea:
    """Return a page that is longer than its window, guarded while it is empty."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    inner = QWidget()
    QVBoxLayout(inner)
    inner.setMinimumHeight(2000)
    area.setWidget(inner)
    WheelGuard(area)
    qtbot.addWidget(area)
    area.resize(200, 200)
    area.show()
    qtbot.waitExposed(area)
    return area


CONTROLS = (QComboBox, QSpinBox, QDoubleSpinBox, QSlider)


@pytest.mark.parametrize("kind", CONTROLS)
def test_the_wheel_scrolls_the_page_and_leaves_the_control(page, qtbot, kind) -> None:
    control = make_control(kind)
    page.widget().layout().addWidget(control)  # it comes after the guard
    qtbot.waitUntil(control.isVisible)
    before, bar = value_of(control), page.verticalScrollBar()
    scroll(control)
    assert value_of(control) == before
    assert bar.value() > 0
    assert control.focusPolicy() == Qt.FocusPolicy.StrongFocus, "the wheel gives it the focus"


@pytest.mark.parametrize("kind", CONTROLS)
def test_a_control_that_was_clicked_takes_the_wheel_until_the_focus_goes(page, qtbot, kind) -> None:
    control, other = make_control(kind), QSpinBox()
    for widget in (control, other):
        page.widget().layout().addWidget(widget)
    qtbot.waitUntil(other.isVisible)
    part = control.findChild(QWidget, "qt_spinbox_lineedit") or control
    QTest.mouseClick(part, Qt.MouseButton.LeftButton)
    if isinstance(control, QComboBox):
        control.hidePopup()
    before = value_of(control)
    scroll(control)
    assert value_of(control) != before
    QTest.mouseClick(other.findChild(QWidget, "qt_spinbox_lineedit"), Qt.MouseButton.LeftButton)
    if control is not page.window().focusWidget():
        QApplication.processEvents()
    after = value_of(control)
    scroll(control)
    assert value_of(control) == after


def test_a_scroll_bar_keeps_the_wheel(page) -> None:
    scroll(page.verticalScrollBar())
    assert page.verticalScrollBar().value() > 0


def test_no_control_of_the_dock_changes_under_the_wheel(make_napari_viewer_proxy, qtbot) -> None:
    viewer = make_napari_viewer_proxy(show=True)
    dock = MataeDock(viewer)
    viewer.window.add_dock_widget(dock, name="MatAE")
    dock.steps.setCurrentIndex(dock.steps.count() - 1)  # a page that comes after the guard
    qtbot.waitUntil(dock.learn_panel.retrain.choices.isVisible)
    kinds = (QComboBox, QAbstractSpinBox, QAbstractSlider)
    controls = [each for kind in kinds for each in dock.findChildren(kind) if not isinstance(each, QScrollBar)]
    assert len(controls) > 10
    assert any(dock.learn_panel.isAncestorOf(each) for each in controls)
    before = {each: value_of(each) for each in controls}
    for each in controls:
        for notches in (-1, 1, 1):
            scroll(each, notches)
    changed = [each.objectName() or type(each).__name__ for each in controls if value_of(each) != before[each]]
    taking = [each for each in controls if each.focusPolicy() == Qt.FocusPolicy.WheelFocus]
    assert (changed, taking) == ([], [])
    dock.close_down()
