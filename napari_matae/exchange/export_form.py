"""What to export, as what, and where to."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QWidget,
)

from matae.exchange.registry import FORMATS
from matae.extras import has_extra, without_extra
from napari_matae.exchange.tasks import ExportChoice
from napari_matae.widgets.layout import combo_box, form_layout, wrapped
from napari_matae.widgets.settings import settings

__all__ = ["ExportForm"]

_FORMATS = {
    "png": (
        "Pictures and masks (PNG)",
        "One picture and one mask a frame, and a list of them: for retraining here, and for most other programs.",
    ),
    "echonet": (
        "EchoNet-Dynamic",
        "Small videos with 21 traced lines a frame, as EchoNet-Dynamic has them; apical four-chamber views only.",
    ),
    "camus": (
        "CAMUS (NIfTI)",
        "End-diastole, end-systole and what lies between, with the true pixel size, in the folders of CAMUS.",
    ),
    "coco": ("COCO", "Pictures, and the masks in one JSON file, for detection and labelling tools."),
    "npz": ("NumPy", "One file a clip with frames, masks, times and pixel size, for your own Python."),
    "dicom-seg": (
        "DICOM segmentation",
        "Segmentations with the blanked images they refer to, for DICOM viewers; only clips from DICOM files.",
    ),
}
_SIZES = (112, 224, 256)
_ASKS_VIEW = {"camus"}


class ExportForm(QWidget):  # type: ignore[misc]
    """Asks for format, frames, name and folder; what was chosen last comes first.

    Parameters
    ----------
    parent
        Qt parent.
    """

    changed = Signal()
    """Another choice."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.format = combo_box(self)
        for name in FORMATS:
            title, _ = _FORMATS.get(name, (FORMATS[name].title, ""))
            self.format.addItem(title, name)
        self.sentence = wrapped("", self)
        self.size = combo_box(self)
        self.size.setToolTip(
            "Training takes frames of one size: scaled ones are cropped to the sector and stand apex up."
        )
        self.view = combo_box(self)
        self.view.setToolTip("This format needs a view; it is used only for clips whose file states none.")
        for text, value in (("leave such clips out", None), ("apical four-chamber", "A4C"), ("two-chamber", "A2C")):
            self.view.addItem(text, value)
        self.edited = QCheckBox("Edited frames too, not accepted yet", self)
        self.edited.setToolTip(
            "Accepted frames always leave. A mask that only the machine drew never does, nor a rejected frame."
        )
        self.name = QLineEdit(self)
        self.name.setMaxLength(40)
        self.name.setToolTip("It leaves with the data: no patient's name, no date. Letters, digits, - _ and dots.")
        self.folder = QLineEdit(self)
        self.folder.setToolTip("A new folder of this release's name and format is made in here.")
        self.choose_button = QPushButton("Choose…", self)
        self.choose_button.clicked.connect(self._ask_folder)
        self.place = wrapped("", self)
        self.place.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._lay_out()
        self._restore()
        self.format.currentIndexChanged.connect(self._on_format)
        self.edited.toggled.connect(self._update)
        for field in (self.name, self.folder):
            field.textChanged.connect(self._update)
        self._on_format()

    def _lay_out(self) -> None:
        place = QHBoxLayout()
        place.setSpacing(4)
        place.addWidget(self.folder, stretch=1)
        place.addWidget(self.choose_button)
        self._form = form = form_layout(self)
        form.addRow("Format", self.format)
        form.addRow(self.sentence)
        form.addRow("Size", self.size)
        form.addRow("View unknown", self.view)
        form.addRow(self.edited)
        form.addRow("Name", self.name)
        form.addRow("Folder", place)
        form.addRow(self.place)

    def _restore(self) -> None:
        kept = settings()
        place = self.format.findData(str(kept.value("export/format", "png")))
        self.format.setCurrentIndex(max(0, place))
        self.name.setText(str(kept.value("export/name", "lv")))
        self.folder.setText(str(kept.value("export/folder", "") or Path.home()))

    def remember(self) -> None:
        """Keep what was chosen for the next time."""
        kept = settings()
        kept.setValue("export/format", self.format.currentData())
        kept.setValue("export/name", self.name.text().strip())
        kept.setValue("export/folder", self.folder.text().strip())

    @property
    def choice(self) -> ExportChoice:
        """What is chosen."""
        size = self.size.currentData()
        wants_view = self.format.currentData() in _ASKS_VIEW
        return ExportChoice(
            format=self.format.currentData(),
            name=self.name.text().strip(),
            folder=self._out(),
            edited=self.edited.isChecked(),
            size=size or None,
            native=size == 0,
            view=self.view.currentData() if wants_view else None,
        )

    @property
    def problem(self) -> str:
        """Why this cannot be exported, with the next step; empty if it can."""
        out = self._out()
        if self.format.currentData() == "dicom-seg" and not has_extra("dicom-seg"):
            return without_extra("dicom-seg", "choose another format")
        if not self.folder.text().strip():
            return "Choose a folder for the export first."
        if not self.name.text().strip():
            return "Give the release a name first, such as lv-spring."
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            return f"{out.name} is in that folder already: give another name, or choose another folder."
        return ""

    def _out(self) -> Path:
        folder = Path(self.folder.text().strip()).expanduser()
        return folder / f"{self.name.text().strip()}-{self.format.currentData()}"

    def _ask_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Where the export goes", self.folder.text())
        if name:
            self.folder.setText(name)

    def _on_format(self, _: int = 0) -> None:
        chosen = FORMATS[self.format.currentData()]
        self.sentence.setText(_FORMATS.get(chosen.name, ("", chosen.title))[1])
        self.size.clear()
        usual = chosen.size
        self.size.addItem("as it is, native pixels" if usual is None else f"{usual} x {usual}, as the format is", None)
        if chosen.sized:
            if usual is not None:
                self.size.addItem("as it is, native pixels", 0)
            for side in _SIZES:
                if side != usual:
                    words = ", as the paper trains" if side == 112 else ""
                    self.size.addItem(f"{side} x {side}{words}", side)
        self._form.setRowVisible(self.size, chosen.sized)
        self._form.setRowVisible(self.view, chosen.name in _ASKS_VIEW)
        self._update()

    def refresh(self) -> None:
        """Look at the folder again: something was written."""
        self._update()

    def _update(self, _: object = None) -> None:
        self.place.setText(self.problem or f"A new folder is made there: {self._out().name}")
        self.changed.emit()
