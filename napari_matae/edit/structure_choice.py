"""Which structure the tools act on: the cavity, its wall, the atrium. With a cavity alone nothing is to be chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from matae.anatomy import CAVITY, CLASS_NAMES, WALL, class_name, covered_by, is_named
from napari_matae.background.connections import connections_of

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_matae.session.session import Session

__all__ = ["RULE", "StructureChoice"]

RULE = (
    "What is drawn keeps to the anatomy: the cavity takes the place of wall and atrium, the atrium that of the wall, "
    "the wall only what is free. Wall and atrium follow a cavity that is pushed back; the eraser takes away the chosen "
    "structure alone"
)
"""How overlap is solved, for tooltips."""


class StructureChoice(QObject):  # type: ignore[misc]
    """The structure that is worked on, in step with the labels layer's own selected label.

    Parameters
    ----------
    session
        In whose masks.
    parent
        Qt parent.
    """

    changed = Signal()
    """Another structure is chosen, or there are others to choose from."""
    said = Signal(str)
    """A sentence for the user."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._value = CAVITY
        self._labels: Labels | None = None
        self._shown: list[int] = [CAVITY]
        self._refused = 0
        self._labels_connections = connections_of(self)
        connections = connections_of(self)
        for signal in (session.opened, session.labels_changed, session.status_changed, session.area_changed):
            connections.connect(signal, self._update)
        connections.connect(session.put_back, self._on_put_back)
        connections.when_closed(lambda: self._follow(None))
        self._update()

    @property
    def value(self) -> int:
        """Number of the chosen structure in the masks."""
        return self._value

    @property
    def name(self) -> str:
        """What it is called."""
        return class_name(self._value)

    @property
    def offered(self) -> list[int]:
        """The structures to choose from: those of the open cine's masks, the cavity always."""
        return list(self._shown)

    @property
    def known(self) -> list[int]:
        """Those, and the ones with a name that these masks lack: what can be drawn at all."""
        return sorted({*self._shown, *range(1, len(CLASS_NAMES) + 1)})

    @property
    def several(self) -> bool:
        """Whether there is anything to choose."""
        return len(self._shown) > 1

    @property
    def takes_all(self) -> bool:
        """Whether its brush may run over every other structure, so that the layer itself need not protect them."""
        return bool(covered_by(self._value))

    def named(self, text: str) -> str:
        """Return what a deed is called, with the structure where there are several: "brush (left atrium)"."""
        return f"{text} ({self.name})" if self.several else text

    def choose(self, value: int) -> None:
        """Work on another structure."""
        if value != self._value and (value in self._shown or is_named(value)):
            self._value = value
            self._show_offered()
            self._select()
            self.changed.emit()

    def next(self) -> None:
        """Work on the structure that comes after the chosen one."""
        if not self.several:
            self.said.emit("The masks of this cine have one structure.")
            return
        self._walk(1)

    # -- keeping in step ----------------------------------------------------------------------------------

    def _update(self, _: object = None) -> None:
        current = self._session.current
        labels = None if current is None else current.labels
        if labels is not self._labels:
            self._follow(labels)
            self._value, self._refused = CAVITY, 0
            self._select()
        if self._show_offered():
            self.changed.emit()

    def _show_offered(self) -> bool:
        """Bring the structures to choose from up to date; return whether they are others now."""
        current = self._session.current
        there = set() if current is None else current.classes
        before, self._shown = self._shown, sorted({CAVITY, self._value, *there})
        return before != self._shown

    def _follow(self, labels: Labels | None) -> None:
        self._labels_connections.close()
        self._labels = labels
        if labels is not None:
            self._labels_connections.connect(labels.events.selected_label, self._on_selected)

    def _select(self) -> None:
        if self._labels is not None and self._labels.selected_label != self._value:
            self._labels.selected_label = self._value

    def _on_selected(self) -> None:
        """Follow a label chosen in napari's own controls; background is napari's way to rub the chosen one out."""
        value = 0 if self._labels is None else int(self._labels.selected_label)
        if value in (0, self._value):
            return
        if value in self._shown:
            self._refused = 0
            self.choose(value)
        elif self.several and abs(value - self._value) == 1:  # napari's + and - keys and buttons
            self._walk(value - self._value)
        elif is_named(value) and value == self._refused:
            self._refused = 0
            self.choose(value)
            self.said.emit(f"The tools act on the {self.name} now, which these masks did not have.")
        else:
            self._refused = value
            self.said.emit(self._absent(value) if is_named(value) else _unknown([value]))
            self._select()

    def _absent(self, value: int) -> str:
        return (
            f"These masks have no {class_name(value)}: the tools still act on the {self.name}. Choose class {value} "
            "once more to draw one."
        )

    def _walk(self, steps: int) -> None:
        """Work on the structure that many places on, and bring the layer's label with it."""
        self._refused = 0
        before = self._value
        self.choose(self._shown[(self._shown.index(self._value) + steps) % len(self._shown)])
        self._select()
        if self._value != before:
            self.said.emit(f"The tools act on the {self.name}.")

    def _on_put_back(self, values: list[int]) -> None:
        """Say why not all of a stroke stayed."""
        unknown = [value for value in values if not is_named(value) and value not in self._shown]
        if unknown:
            self.said.emit(_unknown(unknown))
        elif values == [WALL]:
            self.said.emit("Cavity and atrium keep their place: the wall is drawn where nothing else is.")
        else:
            self.said.emit(f"The cavity keeps its place: the {class_name(values[0])} is drawn beside it.")


def _unknown(values: list[int]) -> str:
    classes = ", ".join(map(str, values))
    return (
        f"Nothing is drawn with class {classes}, which has no name here; choose "
        f"{', '.join(f'{number} ({name})' for number, name in enumerate(CLASS_NAMES, start=1))}."
    )
