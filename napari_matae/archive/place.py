"""Which archive: its name or address, remembered, who asks, and whether it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QGridLayout, QLabel, QLineEdit, QPushButton, QWidget

from matae.errors import MataeError
from napari_matae.background.job import Job
from napari_matae.widgets.layout import let_clear, let_shrink
from napari_matae.widgets.settings import settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from matae.pacs import Address

__all__ = ["ArchivePlace"]

_MOST_REMEMBERED = 8
_HOW = "https://HOST/dicom-web or dimse://AETITLE@HOST:PORT"


class ArchivePlace(QWidget):  # type: ignore[misc]
    """Asks for an archive, as the command line takes it: a name of ``pacs.toml``, or an address.

    Addresses are remembered once they answered; a password is kept nowhere.

    Parameters
    ----------
    parent
        Qt parent.
    """

    said = Signal(str)
    """A sentence for the user: whether the archive answers, or why it cannot be asked."""
    changed = Signal()
    """Another archive."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.testing = Job(self)
        self.name = QComboBox(self)
        self.name.setEditable(True)
        self.name.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        let_shrink(self.name, letters=24)
        self.name.setAccessibleName("Archive")
        self.name.setToolTip(f"Name of an archive in pacs.toml, or its address: {_HOW}.")
        self.user, self.password = QLineEdit(self), QLineEdit(self)
        self.user.setAccessibleName("User")
        self.user.setPlaceholderText("user, if it asks for one")
        self.user.setToolTip("Of an address by DICOMweb; of a name in pacs.toml it stands there.")
        self.password.setAccessibleName("Password")
        self.password.setPlaceholderText("password")
        self.password.setEchoMode(QLineEdit.EchoMode.Password)
        self.password.setToolTip("Kept nowhere: it is forgotten when the viewer is closed.")
        self.test_button = QPushButton("Test", self)
        self.test_button.setAccessibleName("Test the archive")
        self.test_button.setToolTip("Ask the archive for a sign of life.")
        self.test_button.setAutoDefault(False)
        self.test_button.clicked.connect(lambda _=False: self.test())
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.addWidget(QLabel("Archive", self), 0, 0)
        grid.addWidget(self.name, 0, 1)
        grid.addWidget(self.user, 0, 2)
        grid.addWidget(self.password, 0, 3)
        grid.addWidget(self.test_button, 0, 4)
        grid.setColumnStretch(1, 3)
        grid.setColumnStretch(2, 1)
        grid.setColumnStretch(3, 1)
        self._fill()
        line = self.name.lineEdit()
        line.setPlaceholderText(_HOW)
        let_clear(line)
        self.name.editTextChanged.connect(lambda _: self.changed.emit())
        self.testing.finished.connect(self._on_answer)
        self.testing.failed.connect(self.said)
        for signal in (self.testing.began, self.testing.ended):
            signal.connect(self._update)

    def _fill(self) -> None:
        from matae.pacs import archive_names

        kept = settings()
        try:
            names = archive_names()
        except MataeError:
            names = []  # said where the name is asked for
        remembered = [str(one) for one in kept.value("pacs/addresses", []) or [] if str(one)]
        for name in dict.fromkeys([*remembered, *names]):
            self.name.addItem(name)
        self.name.setCurrentText(str(kept.value("pacs/last", "")))
        self.user.setText(str(kept.value("pacs/user", "")))

    @property
    def text(self) -> str:
        """What was entered."""
        return str(self.name.currentText()).strip()

    def address(self) -> Address:
        """Return the archive.

        Raises
        ------
        PacsError
            If none was named, or it makes no sense.
        """
        from matae.errors import PacsError
        from matae.pacs import find_archive

        if not self.text:
            raise PacsError(f"Name an archive first: one of pacs.toml, or its address, {_HOW}.")
        return find_archive(self.text, user=self.user.text().strip(), password=self.password.text())

    def remember(self) -> None:
        """Keep the address, which answered, for the next time."""
        kept, text = settings(), self.text
        found = [str(one) for one in kept.value("pacs/addresses", []) or [] if str(one)]
        kept.setValue("pacs/addresses", list(dict.fromkeys([text, *found]))[:_MOST_REMEMBERED])
        kept.setValue("pacs/last", text)
        kept.setValue("pacs/user", self.user.text().strip())
        if self.name.findText(text) < 0:
            self.name.insertItem(0, text)

    def test(self) -> None:
        """Ask whether the archive answers, off the GUI thread."""
        try:
            address = self.address()
        except MataeError as error:
            self.said.emit(str(error))
            return

        def work(_tick: Callable[..., None], _stop: Callable[[], bool]) -> str:
            from matae.pacs import connect

            with connect(address) as connection:
                connection.check()
            return f"{address.name} answers ({'DICOMweb' if address.kind == 'dicomweb' else 'DIMSE'})."

        self.said.emit(f"Asking {address.name}…")
        self.testing.start(work)

    def _on_answer(self, sentence: str) -> None:
        self.remember()
        self.said.emit(sentence)

    def _update(self) -> None:
        self.test_button.setEnabled(not self.testing.is_running)
