"""What a person chooses before a retraining, in plain words; what few need is folded away."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QRegularExpression, Signal
from qtpy.QtGui import QRegularExpressionValidator
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QRadioButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from matae.errors import MataeError
from matae.learn.options import KINDS, RetrainOptions
from matae.models import list_models
from napari_matae.widgets.collapsible import Section
from napari_matae.widgets.layout import combo_box, form_layout, wrapped

__all__ = ["RetrainChoices", "bases"]

_TITLES = {"quick": "Quick adapter", "full": "Full fine-tune"}
_FOLDER = "folder"
_REPLAY = (
    ("phantom hearts, if known", "auto"),
    ("nothing", "none"),
    ("labelled frames of a folder…", _FOLDER),
)
_MOST_MINUTES = 24 * 60


def bases() -> list[str]:
    """Return the models a retraining may start from: those that came with the package or were imported."""
    found = []
    for entry in list_models():
        try:
            retrained = isinstance(entry.card.training.get("retrain"), dict)
        except MataeError:
            continue  # a broken one cannot be started from
        if not retrained:
            found.append(entry.name)
    return found


class RetrainChoices(QWidget):  # type: ignore[misc]
    """Kind, base, time and replay; name, device, steps, seed and which frames folded away.

    Parameters
    ----------
    parent
        Qt parent.
    """

    changed = Signal()
    """Another choice."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._usual = RetrainOptions()
        self._build()
        self._lay_out()
        self.refresh()
        self._on_replay()
        for button in self.kinds.values():
            button.toggled.connect(self.changed)
        self.base.currentIndexChanged.connect(self.changed)
        self.minutes.valueChanged.connect(self.changed)
        self.replay.currentIndexChanged.connect(self._on_replay)
        self.folder.textChanged.connect(self.changed)
        for box in (self.seed, self.steps):
            box.valueChanged.connect(self.changed)
        self.device.currentIndexChanged.connect(self.changed)
        self.name.textChanged.connect(self.changed)
        self.accepted_only.toggled.connect(self.changed)

    def _build(self) -> None:
        usual = self._usual
        self.kinds: dict[str, QRadioButton] = {}
        for kind in KINDS:
            button = QRadioButton(_TITLES.get(kind, kind), self)
            button.setChecked(kind == usual.kind)
            self.kinds[kind] = button
        self.base = combo_box(self)
        self.base.setToolTip(
            "Always a model that was not retrained here: all corrections so far are learnt anew, so that nothing adds "
            "up and a patient can be forgotten exactly."
        )
        self.minutes = QDoubleSpinBox(self)
        self.minutes.setRange(0.1, _MOST_MINUTES)
        self.minutes.setDecimals(1)
        self.minutes.setValue(usual.seconds / 60)
        self.minutes.setSuffix(" min")
        self.minutes.setToolTip("Time for training at most; reading the clips and judging the model come on top.")
        self.replay = combo_box(self)
        for text, value in _REPLAY:
            self.replay.addItem(text, value)
        self.replay.setCurrentIndex(self.replay.findData(usual.replay))
        self.replay.setToolTip(
            "A quarter of what is learnt from, so that nothing is forgotten: drawn hearts, where the base segments "
            "them well; or labelled frames of yours."
        )
        self.folder = QLineEdit(self)
        self.folder.setPlaceholderText("an export of ours, EchoNet-Dynamic, CAMUS…")
        self.folder_button = QPushButton("Choose…", self)
        self.folder_button.clicked.connect(self._ask_folder)
        self.seed = QSpinBox(self)
        self.seed.setRange(0, 2**31 - 1)
        self.seed.setValue(usual.seed)
        self.seed.setToolTip("Of every random number.")
        self.steps = QSpinBox(self)
        self.steps.setRange(0, 10**7)
        self.steps.setSpecialValueText("as many as fit into the time")
        self.steps.setToolTip("So many steps, whatever the time: with the same seed the same model, exactly.")
        self.device = combo_box(self)
        for name in ("auto", "cpu", "cuda"):
            self.device.addItem(name, name)
        self.device.setCurrentIndex(self.device.findData(usual.device))
        self.device.setToolTip("auto takes the GPU if there is one.")
        self.name = QLineEdit(self)
        self.name.setPlaceholderText("made from the base's")
        self.name.setValidator(QRegularExpressionValidator(QRegularExpression("[A-Za-z0-9][A-Za-z0-9._-]{0,63}"), self))
        self.name.setToolTip("Letters, digits, dots and dashes.")
        self.accepted_only = QCheckBox("Accepted frames only, not edited ones", self)

    def _lay_out(self) -> None:
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(4)
        for kind, button in self.kinds.items():
            words = wrapped(KINDS[kind], self)
            words.setIndent(18)
            whole.addWidget(button)
            whole.addWidget(words)
        place = QHBoxLayout()
        place.setContentsMargins(0, 0, 0, 0)
        place.setSpacing(4)
        place.addWidget(self.folder, stretch=1)
        place.addWidget(self.folder_button)
        self._form = form_layout()
        self._form.addRow("Start from", self.base)
        self._form.addRow("Time", self.minutes)
        self._form.addRow("Mix in", self.replay)
        self._folder_row = place
        self._form.addRow("Folder", place)
        whole.addLayout(self._form)
        few = QWidget(self)
        form = form_layout()
        few.setLayout(form)
        form.addRow("Name", self.name)
        form.addRow("Device", self.device)
        form.addRow("Steps", self.steps)
        form.addRow("Seed", self.seed)
        form.addRow(self.accepted_only)
        self.advanced = Section("retrain-advanced", "Advanced", few, opened=False, parent=self)
        whole.addWidget(self.advanced)

    def refresh(self) -> None:
        """List the models anew; what was chosen stays chosen where it is still there."""
        before = self.base.currentText() or self._usual.base
        names = bases()
        if names == [self.base.itemText(place) for place in range(self.base.count())]:
            return
        blocked = self.base.blockSignals(True)
        self.base.clear()
        self.base.addItems(names)
        for name in (self._usual.base, before):
            place = self.base.findText(name)
            if place >= 0:
                self.base.setCurrentIndex(place)
        self.base.blockSignals(blocked)
        if self.base.currentText() != before:
            self.changed.emit()

    @property
    def options(self) -> RetrainOptions:
        """What is chosen."""
        usual = self._usual
        replay = self.replay.currentData()
        # A number that nobody touched is the default itself, not what a box makes of it.
        minutes = self.minutes.value()
        return RetrainOptions(
            base=self.base.currentText(),
            kind=next(kind for kind, button in self.kinds.items() if button.isChecked()),
            seconds=usual.seconds if abs(minutes - usual.seconds / 60) < 0.05 else minutes * 60,
            replay=str(Path(self.folder.text().strip()).expanduser().absolute()) if replay == _FOLDER else replay,
            device=self.device.currentData(),
            steps=self.steps.value(),
            seed=self.seed.value(),
            name=self.name.text(),
            statuses=("accepted",) if self.accepted_only.isChecked() else usual.statuses,
        )

    @property
    def problem(self) -> str:
        """What is missing, with the next step; empty if nothing is."""
        if not self.base.currentText():
            return "There is no model to start from; import one in the Models section."
        if self.replay.currentData() == _FOLDER:
            folder = Path(self.folder.text().strip()).expanduser()
            if not self.folder.text().strip() or not folder.is_dir():
                return "Choose a folder of labelled frames to mix in, or mix in nothing."
        return ""

    def _on_replay(self, _: int = 0) -> None:
        self._form.setRowVisible(self._folder_row, self.replay.currentData() == _FOLDER)
        self.changed.emit()

    def _ask_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Labelled frames to mix in", self.folder.text())
        if name:
            self.folder.setText(name)
