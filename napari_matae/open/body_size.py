"""Height and weight by hand, where the file states none: volumes are then given by body surface area too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QDoubleSpinBox, QWidget

from matae.measure.person import HEIGHT_CM, WEIGHT_KG, Person, person_of
from matae.store.types import OverrideName
from napari_matae.widgets.layout import form_layout, let_type_over, wrapped

if TYPE_CHECKING:
    from napari_matae.session.session import Session

__all__ = ["BodySize"]

_NEEDED = "Height and weight give volumes and masses by body surface area too."


class BodySize(QWidget):  # type: ignore[misc]
    """Two fields, in centimetres and kilograms; what is entered is kept with the clip, in the study where one is open.

    A field that was left as it is says nothing: what the file states counts. The lowest value of a field, shown as
    words, takes away what was entered.

    Parameters
    ----------
    session
        Whose clip.
    parent
        Qt parent.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.height_box = self._box("Height of the patient", HEIGHT_CM, " cm", OverrideName.HEIGHT)
        self.weight_box = self._box("Weight of the patient", WEIGHT_KG, " kg", OverrideName.WEIGHT)
        self.words = wrapped("", self)
        form = form_layout(self)  # one a row: side by side, a narrow dock cuts the units off
        form.addRow("Height", self.height_box)
        form.addRow("Weight", self.weight_box)
        form.addRow(self.words)
        session.opened.connect(self.show_clip)
        self.show_clip()

    def _box(self, name: str, limits: tuple[float, float], unit: str, which: OverrideName) -> QDoubleSpinBox:
        low, high = limits
        box = QDoubleSpinBox(self)
        box.setAccessibleName(name)
        box.setDecimals(1)
        box.setRange(low - 1, high)  # one below what a person can have stands for nothing entered
        box.setSuffix(unit)
        box.setKeyboardTracking(False)  # a height that is being typed is none yet
        box.setToolTip(
            f"{name} at this examination, from {low:g} to {high:g}{unit}; kept with the clip. What you enter counts in "
            "place of what the file states; step below the lowest value to take it away."
        )
        let_type_over(box)
        box.valueChanged.connect(lambda value: self._enter(which, value if value >= low else None))
        return box

    def show_clip(self, _: object = None) -> None:
        """Show what counts for the open clip, and where it comes from."""
        current = self._session.current
        self.setEnabled(current is not None)
        stated = Person() if current is None else person_of(current.stated.info)
        person = Person() if current is None else person_of(current.cine.info)
        given = {} if current is None else current.overrides
        for box, name, file_says in (
            (self.height_box, OverrideName.HEIGHT, stated.height_cm),
            (self.weight_box, OverrideName.WEIGHT, stated.weight_kg),
        ):
            entered = given.get(name)
            box.blockSignals(True)
            box.setSpecialValueText("not stated" if file_says is None else f"{file_says:g}{box.suffix()} (file)")
            box.setValue(box.minimum() if entered is None else entered)
            box.blockSignals(False)
        surface = person.body_surface_m2
        self.words.setText(_NEEDED if surface is None else f"Body surface area {surface:.2f} m² (Du Bois).")

    def _enter(self, name: OverrideName, value: float | None) -> None:
        self._session.overrides.apply(name, value)
