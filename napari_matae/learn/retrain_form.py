"""What a person chooses before a retraining, in plain words; what few need is folded away."""

from __future__ import annotations

from qtpy.QtCore import QRegularExpression, Signal
from qtpy.QtGui import QRegularExpressionValidator
from qtpy.QtWidgets import QCheckBox, QRadioButton, QVBoxLayout, QWidget

from matae.errors import MataeError
from matae.files import is_folder
from matae.learn.options import KINDS, RetrainOptions
from matae.models import list_models
from matae.option import option_fields
from napari_matae.widgets.collapsible import Section
from napari_matae.widgets.duration_box import DurationBox
from napari_matae.widgets.folder_field import FolderField
from napari_matae.widgets.layout import combo_box, wrapped
from napari_matae.widgets.option_form import OptionForm

__all__ = ["RetrainForm", "bases"]

_TITLES = {"quick": "Quick adapter", "full": "Full fine-tune"}
_FOLDER = "folder"
_OFTEN = ("base", "seconds", "replay")
_SELDOM = ("name", "self_training", "pseudo_labels", "device", "steps", "seed", "statuses")


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


class RetrainForm(QWidget):  # type: ignore[misc]
    """Kind, base, time and replay; name, device, steps, seed and which frames folded away.

    Made from `matae.learn.RetrainOptions`. By hand are the two kinds, each with its explanation under it; the bases,
    which are those on this computer; the time, in minutes and hours; and the folder to mix in, which is only there
    where one is asked for.

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
        self.seconds.valueChanged.connect(self.changed)
        self.replay.currentIndexChanged.connect(self._on_replay)
        self.folder.changed.connect(self.changed)
        self.accepted_only.toggled.connect(self.changed)
        self._seldom.changed.connect(self.changed)

    def _build(self) -> None:
        fields = option_fields(RetrainOptions)
        self.kinds: dict[str, QRadioButton] = {}
        for kind in KINDS:
            button = QRadioButton(_TITLES.get(kind, kind), self)
            button.setToolTip(KINDS[kind])
            button.setChecked(kind == self._usual.kind)
            self.kinds[kind] = button
        self.base = combo_box(self)
        limits = fields["seconds"].option
        self.seconds = DurationBox(limits.least or 0, limits.most or 0, self._usual.seconds, self)
        self.replay = combo_box(self)
        for value, text in (*fields["replay"].option.choices.items(), (_FOLDER, "labelled frames of a folder…")):
            self.replay.addItem(text, value)
        self.replay.setCurrentIndex(self.replay.findData(self._usual.replay))
        self.folder = FolderField(
            "Labelled frames to mix in", self, placeholder="an export of ours, EchoNet-Dynamic, CAMUS…"
        )
        self.accepted_only = QCheckBox(self)
        own = {"base": self.base, "seconds": self.seconds, "replay": self.replay}
        self._often = OptionForm(RetrainOptions, _OFTEN, own=own, parent=self)
        self._often.add_row(self.folder, "Folder")
        self._seldom = OptionForm(RetrainOptions, _SELDOM, own={"statuses": self.accepted_only}, parent=self)
        self.name, self.device, self.steps, self.seed = (
            self._seldom.rows[name] for name in ("name", "device", "steps", "seed")
        )
        self.name.setValidator(QRegularExpressionValidator(QRegularExpression("[A-Za-z0-9][A-Za-z0-9._-]{0,63}"), self))

    def _lay_out(self) -> None:
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(4)
        for kind, button in self.kinds.items():
            words = wrapped(KINDS[kind], self)
            words.setIndent(18)
            whole.addWidget(button)
            whole.addWidget(words)
        whole.addWidget(self._often)
        self.advanced = Section("retrain-advanced", "Advanced", self._seldom, opened=False, parent=self)
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
        replay = self.replay.currentData()
        return RetrainOptions(
            base=self.base.currentText(),
            kind=next(kind for kind, button in self.kinds.items() if button.isChecked()),
            seconds=self.seconds.value(),
            replay=str(self.folder.path.absolute()) if replay == _FOLDER else replay,
            statuses=("accepted",) if self.accepted_only.isChecked() else self._usual.statuses,
            **{name: self._seldom.value(name) for name in _SELDOM if name != "statuses"},
        )

    @property
    def problem(self) -> str:
        """What is missing, with the next step; empty if nothing is."""
        if not self.base.currentText():
            return "There is no model to start from; import one in the Models section."
        if self.replay.currentData() == _FOLDER and not (self.folder.text() and is_folder(self.folder.path)):
            return "Choose a folder of labelled frames to mix in, or mix in nothing."
        return ""

    def _on_replay(self, _: int = 0) -> None:
        self._often.set_row_visible(self.folder, self.replay.currentData() == _FOLDER)
        self.changed.emit()
