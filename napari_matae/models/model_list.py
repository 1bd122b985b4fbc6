"""The models on this machine, a row each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QFontDatabase
from qtpy.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QHeaderView,
    QLabel,
    QPlainTextEdit,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtWidgets import QWidget

    from napari_matae.models.tasks import ModelFacts


__all__ = ["CardWindow", "ModelList", "about"]

_HEADS = ("Model", "Kind", "Dice", "Made")
_TIPS = (
    "Its name; the one in use has a ●.",
    "Of the package, imported, or how it was retrained: quick (an adapter) or full (all weights).",
    "Dice on held-out patients of the study it was retrained in. Two models are compared with Compare, not by this.",
    "Day it was made here.",
)
_MOST = 8
_DASH = "–"


class ModelList(QTreeWidget):  # type: ignore[misc]
    """Models to choose from.

    Parameters
    ----------
    parent
        Qt parent.
    """

    chosen = Signal(object)
    """Another model was chosen (`napari_matae.models.tasks.ModelFacts`), or None."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Models")
        self.setToolTip("The models on this computer; the one in use is marked.")
        self.setColumnCount(len(_HEADS))
        self.setHeaderLabels(list(_HEADS))
        self.setRootIsDecorated(False)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        header = self.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column, tip in enumerate(_TIPS):
            self.headerItem().setToolTip(column, tip)
            if column:
                header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        self.facts: dict[str, ModelFacts] = {}
        self.currentItemChanged.connect(lambda *_: self.chosen.emit(self.current))

    @property
    def current(self) -> ModelFacts | None:
        """The chosen model."""
        item = self.currentItem()
        return None if item is None else self.facts.get(item.data(0, Qt.ItemDataRole.UserRole))

    def choose(self, name: str) -> None:
        """Choose a model."""
        for place in range(self.topLevelItemCount()):
            item = self.topLevelItem(place)
            if item.data(0, Qt.ItemDataRole.UserRole) == name:
                self.setCurrentItem(item)

    def show_facts(self, found: Sequence[ModelFacts]) -> None:
        """List these models; the choice stays where it can."""
        before = self.current
        self.blockSignals(True)
        self.clear()
        self.facts = {facts.name: facts for facts in found}
        for facts in found:
            cells = (
                f"{'● ' if facts.in_use else ''}{facts.name}",
                "broken" if facts.problem else facts.kind,
                _DASH if facts.dice is None else f"{facts.dice:.3f}",
                facts.made or _DASH,
            )
            item = QTreeWidgetItem(self, list(cells))
            item.setData(0, Qt.ItemDataRole.UserRole, facts.name)
            item.setTextAlignment(2, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            for column in range(len(cells)):
                item.setToolTip(column, facts.problem or f"{facts.name}. {_TIPS[column]}")
            if facts.in_use:
                font = item.font(0)
                font.setBold(True)
                item.setFont(0, font)
        rows = min(max(len(found), 2), _MOST)
        line = self.sizeHintForRow(0) if found else self.fontMetrics().height()
        self.setFixedHeight(self.header().sizeHint().height() + rows * line + 8)
        self.blockSignals(False)
        name = before.name if before is not None and before.name in self.facts else ""
        if name or found:
            self.choose(name or found[0].name)
        self.chosen.emit(self.current)


def about(facts: ModelFacts) -> str:
    """Return what a person wants to know of a model before choosing it, in lines."""
    if facts.problem:
        return facts.problem
    made_from = f"from {facts.parent}" if facts.parent else ""
    learnt = f"on the labels of release {facts.release}" if facts.release else ""
    kinds = {"package": "Came with the package", "imported": "Imported"}
    first = " ".join(part for part in (kinds.get(facts.kind, f"Retrained ({facts.kind})"), made_from, learnt) if part)
    lines = [f"{first}{f', {facts.made}' if facts.made else ''}.", f"Licence: {facts.licence}."]
    if facts.verdict:
        lines.append(f"Verdict: {facts.verdict}")
    elif facts.kind != "package":
        lines.append("Nobody has compared it on held-out patients yet.")
    return "\n".join(lines)


class CardWindow(QDialog):  # type: ignore[misc]
    """Shows what a model is, and whether its files are whole.

    Parameters
    ----------
    facts
        Of the model.
    parent
        Qt parent.
    """

    def __init__(self, facts: ModelFacts, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(facts.name)
        self.setModal(False)
        self.resize(640, 620)
        self.files = QLabel(self)
        self.files.setWordWrap(True)
        self.files.setText(
            f"⚠ {facts.problem}" if facts.problem else "✓ The weights are those the card was written for (sha256)."
        )
        release = f"Labels it learnt from: release {facts.release} of the study." if facts.release else ""
        self.release = QLabel(release, self)
        self.release.setVisible(bool(release))
        self.text = QPlainTextEdit(self)
        self.text.setReadOnly(True)
        self.text.setAccessibleName("Card of the model")
        self.text.setToolTip("What the model was made from, how it was judged, and its licence.")
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.text.setPlainText(facts.text)
        column = QVBoxLayout(self)
        for widget in (self.files, self.release):
            column.addWidget(widget)
        column.addWidget(self.text, stretch=1)
