"""Tabs for the steps of work, all of them always in sight: in a narrow dock their numbers go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QSize, Qt
from qtpy.QtWidgets import QScrollArea, QTabBar, QTabWidget, QWidget

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from qtpy.QtGui import QResizeEvent

__all__ = ["StepTabs"]


class _Bar(QTabBar):  # type: ignore[misc]
    """A tab bar that does not widen the dock: its titles fold instead."""

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(0, super().minimumSizeHint().height())


class StepTabs(QTabWidget):  # type: ignore[misc]
    """A tab for each step, numbered, each with a page that scrolls.

    Qt hides tabs behind arrows where there is no room for all of them.

    Parameters
    ----------
    parent
        Qt parent.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._titles: list[str] = []
        self._makers: dict[int, Callable[[], QWidget]] = {}
        self.setTabBar(_Bar(self))
        self.setUsesScrollButtons(False)
        self.setElideMode(Qt.TextElideMode.ElideNone)
        self.tabBar().setAccessibleName("Steps")
        self.tabBar().setToolTip("The steps of the work, in their order.")
        self.currentChanged.connect(self._make)

    def add_step(self, panel: QWidget | Callable[[], QWidget], title: str) -> None:
        """Add a step after the others.

        Parameters
        ----------
        panel
            Its panel, or what makes it, which is called when the step is first shown.
        title
            What the step is called.
        """
        area = QScrollArea(self)
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setAccessibleName(title)
        if isinstance(panel, QWidget):
            area.setWidget(panel)
        else:
            self._makers[self.count()] = panel
        self._titles.append(title)
        self.addTab(area, title)
        self._fold()

    def panel(self, place: int) -> QWidget:
        """Return the panel of a step, made now if it was not yet."""
        area = self.widget(place)
        if make := self._makers.pop(place, None):
            area.setWidget(make())
            area.widget().show()  # as Qt asks where the page is seen already
        return area.widget()

    def _make(self, place: int) -> None:
        if place in self._makers:
            self.panel(place)

    def set_hints(self, hint: str) -> None:
        """Say in every tab's tooltip what it is, and a hint."""
        for place, title in enumerate(self._titles):
            self.setTabToolTip(place, f"Step {place + 1} of {len(self._titles)}: {title}{hint}")

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Choose the titles that fit."""
        super().resizeEvent(event)
        self._fold()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Choose them anew with another font or style sheet."""
        super().changeEvent(event)
        if event.type() in {QEvent.Type.StyleChange, QEvent.Type.FontChange}:
            self._fold()

    def event(self, event: Any) -> bool:
        """Choose them once the style is known."""
        done = bool(super().event(event))
        if event.type() == QEvent.Type.Polish:
            self._fold()
        return done

    def _fold(self) -> None:
        for numbered in (True, False):
            for place, title in enumerate(self._titles):
                text = f"{place + 1}  {title}" if numbered else title
                if self.tabText(place) != text:
                    self.setTabText(place, text)
            if self.tabBar().sizeHint().width() <= self.width():
                break
