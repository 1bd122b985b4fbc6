"""Tables to read, as high as their rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTreeWidget, QTreeWidgetItem, QWidget

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["fit_height", "reading_table"]


def reading_table(titles: Sequence[str], rows: Iterable[Sequence[object]], parent: QWidget) -> QTreeWidget:
    """Return a table that is only read, as high as its rows; each cell says in its tooltip what a narrow one cuts off.

    Parameters
    ----------
    titles
        Of the columns.
    rows
        One sequence of cells a row.
    parent
        Qt parent.
    """
    table = QTreeWidget(parent)
    table.setColumnCount(len(titles))
    table.setHeaderLabels(list(titles))
    table.setRootIsDecorated(False)
    table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
    table.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    table.header().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    for row in rows:
        item = QTreeWidgetItem([str(cell) for cell in row])
        for place, cell in enumerate(row):
            item.setToolTip(place, str(cell))
        table.addTopLevelItem(item)
    fit_height(table)
    return table


def fit_height(tree: QTreeWidget, most: int = 8) -> None:
    """Make a table as high as its rows, up to a number of them."""
    rows = min(max(tree.topLevelItemCount(), 1), most)
    line = tree.sizeHintForRow(0) if tree.topLevelItemCount() else tree.fontMetrics().height()
    head = tree.header().sizeHint().height()
    tree.setMinimumHeight(head + rows * max(line, tree.fontMetrics().height() + 4) + 6)
    if tree.topLevelItemCount() <= most:
        tree.setMaximumHeight(tree.minimumHeight())
