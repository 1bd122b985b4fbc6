"""What to export, as what, and where to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from matae.exchange.options import ExportOptions
from matae.exchange.registry import FORMATS
from matae.extras import has_extra, without_extra
from matae.files import is_file_or_folder
from napari_matae.exchange.tasks import ExportChoice
from napari_matae.widgets.folder_field import FolderField
from napari_matae.widgets.layout import combo_box, wrapped
from napari_matae.widgets.option_form import OptionForm
from napari_matae.widgets.settings import settings
from napari_matae.widgets.words import plural

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ExportForm"]

_SIZES = (112, 224, 256)
_ASKS_VIEW = {"camus"}
_NATIVE = 0
_LONGEST = 200
"""Letters of a folder's name: most file systems take 255 bytes, and files beside it have longer ones."""


class ExportForm(QWidget):  # type: ignore[misc]
    """Asks for format, frames, name and folder; what was chosen last comes first.

    Made from `matae.exchange.ExportOptions`. By hand is the size: one list with the format's own, native pixels and
    usual sides, as far as the format can be scaled; whose reading leaves, of the raters that the study has; and the
    folder, with the name of the one that is made in it.

    Parameters
    ----------
    parent
        Qt parent.
    """

    changed = Signal()
    """Another choice."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.size, self.reading = combo_box(self), combo_box(self)
        self._form = form = OptionForm(
            ExportOptions, ("format", "size", "view", "edited", "reading", "name"),
            own={"size": self.size, "reading": self.reading}, parent=self,
        )  # fmt: skip
        self.reading.setAccessibleName("Reading of")
        self.format, self.view, self.edited, self.name = (
            form.rows[name] for name in ("format", "view", "edited", "name")
        )
        self.name.setMaxLength(40)
        self.sentence = wrapped("", self)
        form.add_row(self.sentence, below="format")
        self.folder = FolderField("Where the export goes", self)
        self.folder.setToolTip("A new folder of this release's name and format is made in here.")
        form.add_row(self.folder, "Folder")
        self.place = wrapped("", self)
        self.place.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        form.add_row(self.place)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(form)
        self._restore()
        self.format.currentIndexChanged.connect(self._on_format)
        form.changed.connect(self._update)
        self.folder.changed.connect(self._update)
        self.reading.currentIndexChanged.connect(self._update)
        self.show_readers({})
        self._on_format()

    def show_readers(self, readers: Mapping[str, int]) -> None:
        """Offer the readings of these raters; what was chosen stays chosen as long as it is offered.

        Parameters
        ----------
        readers
            Clips that each of them read. Where there is no more than one, nothing is to be chosen.
        """
        kept = self.reading.currentData()
        self.reading.blockSignals(True)
        self.reading.clear()
        self.reading.addItem("what counts", None)
        for name, n in readers.items():
            self.reading.addItem(f"{name} ({plural(n, 'clip')})", name)
        self.reading.setCurrentIndex(max(0, self.reading.findData(kept)))
        self.reading.blockSignals(False)
        self._form.set_row_visible(self.reading, len(readers) > 1)
        if self.reading.currentData() != kept:
            self._update()

    def _restore(self) -> None:
        kept, usual = settings(), ExportOptions()
        place = self.format.findData(str(kept.value("export/format", usual.format)))
        self.format.setCurrentIndex(max(0, place))
        self.name.setText(str(kept.value("export/name", usual.name)))
        self.folder.setText(str(kept.value("export/folder", "") or Path.home()))

    def remember(self) -> None:
        """Keep what was chosen for the next time."""
        kept = settings()
        kept.setValue("export/format", self.format.currentData())
        kept.setValue("export/name", self.name.text().strip())
        kept.setValue("export/folder", self.folder.text())

    @property
    def options(self) -> ExportOptions:
        """How to export."""
        size = self.size.currentData()
        name = self._form.value("format")
        return ExportOptions(
            format=name,
            name=self.name.text().strip(),
            edited=self._form.value("edited"),
            size=size or None,
            native=size == _NATIVE,
            view=self._form.value("view") if name in _ASKS_VIEW else None,
            reading=self.reading.currentData(),
        )

    @property
    def choice(self) -> ExportChoice:
        """How to export, and where to."""
        return ExportChoice(self.options, self._out())

    @property
    def problem(self) -> str:
        """Why this cannot be exported, with the next step; empty if it can."""
        out = self._out()
        if self.format.currentData() == "dicom-seg" and not has_extra("dicom-seg"):
            return without_extra("dicom-seg", "choose another format")
        if not self.folder.text():
            return "Choose a folder for the export first."
        if not self.name.text().strip():
            return "Give the release a name first, such as lv-spring."
        if len(out.name) > _LONGEST:
            return "That name is too long for a folder; give a shorter one."
        if is_file_or_folder(out) and (not out.is_dir() or any(out.iterdir())):
            return f"{out.name} is in that folder already: give another name, or choose another folder."
        return ""

    def _out(self) -> Path:
        return self.folder.path / f"{self.name.text().strip()}-{self.format.currentData()}"

    def _on_format(self, _: int = 0) -> None:
        chosen = FORMATS[self.format.currentData()]
        self.sentence.setText(chosen.about)
        self.size.clear()
        usual = chosen.size
        self.size.addItem("as it is, native pixels" if usual is None else f"{usual} x {usual}, as the format is", None)
        if chosen.sized:
            if usual is not None:
                self.size.addItem("as it is, native pixels", _NATIVE)
            for side in _SIZES:
                if side != usual:
                    words = ", as the paper trains" if side == 112 else ""
                    self.size.addItem(f"{side} x {side}{words}", side)
        self._form.set_row_visible(self.size, chosen.sized)
        self._form.set_row_visible(self.view, chosen.name in _ASKS_VIEW)
        self._update()

    def refresh(self) -> None:
        """Look at the folder again: something was written."""
        self._update()

    def _update(self, _: object = None) -> None:
        self.place.setText(self.problem or f"A new folder is made there: {self._out().name}")
        self.changed.emit()
