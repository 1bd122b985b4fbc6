"""The lines of the worklist as Qt's models: sorted in one go in Python, filtered by words and status."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QSortFilterProxyModel, Qt, Signal

from napari_matae.widgets.colours import DARK
from napari_matae.widgets.pixmap import dot
from napari_matae.worklist.columns import CLIP, COLUMNS, STATUS, status_dots

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from qtpy.QtCore import QObject
    from qtpy.QtGui import QPixmap

    from matae.store import Claim, ClipStatus, WorklistRow
    from napari_matae.widgets.colours import Colours

__all__ = ["ROW", "WorklistFilter", "WorklistModel"]

ROW = int(Qt.ItemDataRole.UserRole)
"""Role under which a cell gives its `matae.store.WorklistRow`."""
_NOWHERE = QModelIndex()
_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
_MIDDLE = int(Qt.AlignmentFlag.AlignCenter)


class WorklistModel(QAbstractTableModel):  # type: ignore[misc]
    """A row a clip.

    A table of ten thousand is sorted here, by one key a row, and not by the proxy, which would ask for two values of
    each of the hundred thousand comparisons.

    Parameters
    ----------
    parent
        Qt parent.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[WorklistRow] = []
        self._places: dict[str, int] = {}
        self._pictures: dict[str, QPixmap] = {}
        self._texts: dict[str, str] = {}
        self._dots: dict[ClipStatus, QPixmap] = {}
        self.take_colours(DARK)
        self._sorted = (CLIP, Qt.SortOrder.AscendingOrder)

    # -- what is shown ------------------------------------------------------------------------------------

    @property
    def rows(self) -> Sequence[WorklistRow]:
        """The lines, as sorted."""
        return self._rows

    def take_colours(self, colours: Colours) -> None:
        """Draw the dots of the statuses in the colours of a theme."""
        self._dots = {status: dot(colour) for status, colour in status_dots(colours).items()}
        if self._rows:
            last = self.index(len(self._rows) - 1, STATUS)
            self.dataChanged.emit(self.index(0, STATUS), last, [Qt.ItemDataRole.DecorationRole])

    def show_rows(self, rows: Iterable[WorklistRow]) -> None:
        """Show these lines in place of all before."""
        self.beginResetModel()
        self._rows = self._in_order(list(rows))
        self._texts.clear()
        self._index()
        self.endResetModel()

    def update_rows(self, rows: Iterable[WorklistRow]) -> list[WorklistRow]:
        """Show lines anew where they are; return those that are not among the lines."""
        new = []
        for row in rows:
            place = self._places.get(row.key)
            if place is None:
                new.append(row)
                continue
            # How readings compare is asked for with all lines, and stays until then.
            row = row._replace(readers=self._rows[place].readers, disagree=self._rows[place].disagree)  # noqa: PLW2901
            if self._rows[place] != row:
                self._rows[place] = row
                self._tell(place)
        return new

    def show_claims(self, claims: Mapping[str, tuple[Claim, ...]]) -> None:
        """Show who else has which clip open, by content id."""
        for place, row in enumerate(self._rows):
            now = claims.get(row.content_id, ())
            if row.claims != now:
                self._rows[place] = row._replace(claims=now)
                self._tell(place)

    def show_picture(self, key: str, picture: QPixmap) -> None:
        """Show a clip's thumbnail; an empty one where it has none."""
        self._pictures[key] = picture
        place = self._places.get(key)
        if place is not None:
            index = self.index(place, CLIP)
            self.dataChanged.emit(index, index, [Qt.ItemDataRole.DecorationRole])

    def forget_pictures(self, keys: Iterable[str]) -> None:
        """Let go of thumbnails that are far from what is on screen."""
        for key in keys:
            self._pictures.pop(key, None)

    def words_of(self, place: int) -> str:
        """Return all that a line can be found by, in small letters; made once, since each letter typed asks for it."""
        row = self._rows[place]
        text = self._texts.get(row.key)
        if text is None:
            claims = " ".join(claim.rater for claim in row.claims)
            parts = (row.stem, row.subject or "", row.view or "", row.status.value, row.by, row.note, row.readers)
            text = self._texts[row.key] = " ".join((*parts, claims)).casefold()
        return text

    def place_of(self, key: str) -> int | None:
        """Return where the line of a clip is, or None."""
        return self._places.get(key)

    # -- Qt's questions -----------------------------------------------------------------------------------

    def rowCount(self, parent: QModelIndex = _NOWHERE) -> int:  # noqa: N802 - Qt's name
        """Return the number of lines."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: QModelIndex = _NOWHERE) -> int:  # noqa: N802 - Qt's name
        """Return the number of columns."""
        return 0 if parent.isValid() else len(COLUMNS)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell holds."""
        return self._cell(self._rows[index.row()], index.column(), role) if index.isValid() else None

    def _cell(self, row: WorklistRow, column: int, role: int) -> Any:
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return COLUMNS[column].text(row)
            case Qt.ItemDataRole.DecorationRole:
                return self._decoration(row, column)
            case Qt.ItemDataRole.ToolTipRole:
                return COLUMNS[column].full(row) or COLUMNS[column].text(row)
            case Qt.ItemDataRole.TextAlignmentRole:
                return _MIDDLE if COLUMNS[column].middle else _LEFT
            case Qt.ItemDataRole.AccessibleTextRole:
                return f"{COLUMNS[column].title}: {COLUMNS[column].text(row) or 'none'}"
            case _:
                return row if role == ROW else None

    def _decoration(self, row: WorklistRow, column: int) -> QPixmap | None:
        if column == CLIP:
            return self._pictures.get(row.key)
        return self._dots[row.status] if column == STATUS else None

    def headerData(  # noqa: N802 - Qt's name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return the head of a column."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section].title
        return f"{COLUMNS[section].tip}; a click sorts by it." if role == Qt.ItemDataRole.ToolTipRole else None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; lines that are equal in it stay as they are."""
        self._sorted = (column, order)
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        keys = [(self._rows[index.row()].key, index.column()) for index in before]
        self._rows = self._in_order(self._rows)
        self._index()
        self.changePersistentIndexList(before, [self.index(self._places[key], at) for key, at in keys])
        self.layoutChanged.emit()

    def _in_order(self, rows: list[WorklistRow]) -> list[WorklistRow]:
        column, order = self._sorted
        if not 0 <= column < len(COLUMNS):
            return rows
        return sorted(rows, key=COLUMNS[column].key, reverse=order == Qt.SortOrder.DescendingOrder)

    def _index(self) -> None:
        self._places = {row.key: place for place, row in enumerate(self._rows)}

    def _tell(self, place: int) -> None:
        self._texts.pop(self._rows[place].key, None)
        self.dataChanged.emit(self.index(place, 0), self.index(place, len(COLUMNS) - 1))


class WorklistFilter(QSortFilterProxyModel):  # type: ignore[misc]
    """Leaves the lines that hold every word and have one of some statuses.

    Parameters
    ----------
    model
        All lines; it sorts itself.
    parent
        Qt parent.
    """

    narrowed = Signal()
    """Other lines are left."""

    def __init__(self, model: WorklistModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._words: tuple[str, ...] = ()
        self._status: ClipStatus | None = None
        self._disagree = False
        self._model = model
        self.setDynamicSortFilter(False)
        self.setSourceModel(model)

    def look_for(self, text: str) -> None:
        """Leave the lines that hold every one of these words, in whatever column and case."""
        self._words = tuple(text.casefold().split())
        self.invalidateFilter()
        self.narrowed.emit()

    def only(self, status: ClipStatus | None) -> None:
        """Leave the lines of a status; all of them for None."""
        self._status = status
        self.invalidateFilter()
        self.narrowed.emit()

    def only_disagreement(self, on: bool) -> None:
        """Leave the lines whose readers disagree; all of them again if not."""
        self._disagree = on
        self.invalidateFilter()
        self.narrowed.emit()

    def row(self, index: QModelIndex) -> WorklistRow:
        """Return the line of a cell."""
        found: WorklistRow = self.data(index, ROW)
        return found

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Have the lines themselves sorted."""
        self._model.sort(column, order)

    def filterAcceptsRow(self, place: int, _: QModelIndex) -> bool:  # noqa: N802 - Qt's name
        """Say whether a line is left."""
        if self._status is not None and self._model.rows[place].status is not self._status:
            return False
        if self._disagree and not self._model.rows[place].disagree:
            return False
        if not self._words:
            return True
        text = self._model.words_of(place)
        return all(word in text for word in self._words)
