"""A pixel size that a person sets is remembered on this computer until a study holds it, and used without a study."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject

from matae.store.types import OverrideName
from napari_matae.background.worker import EventWorker
from napari_matae.session.pixel_size import any_scale, forget_scale, remember_scale, remembered_scale

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matae.cine import Cine, Spacing
    from napari_matae.session.session import OpenCine, Session

__all__ = ["RememberedScale"]


class RememberedScale(QObject):  # type: ignore[misc]
    """Remembers pixel sizes, and gives them to uncalibrated cines that no study knows of.

    Where a study is open, what it holds comes first; a pixel size that only this computer remembers moves into it when
    the cine is opened (`napari_matae.study.restore`).

    Parameters
    ----------
    session
        Where cines are opened.
    parent
        Qt parent.
    """

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._of: OpenCine | None = None
        self._worker = EventWorker(self)
        self._worker.came.connect(self._on_found)
        self._wires = (
            (session.opened, self._look),
            (session.restored, self._look),
            (session.overridden, self._on_set),
        )
        for signal, slot in self._wires:
            signal.connect(slot)
        self._look(session.current)

    def close_down(self) -> None:
        """Stop listening."""
        for signal, slot in self._wires:
            signal.disconnect(slot)
        self._worker.drop()

    def _look(self, _: OpenCine | None = None) -> None:
        """Look whether one is remembered, off the GUI thread, which has no time to hash pixels."""
        self._worker.drop()
        self._of = current = self._session.current
        if current is None or not current.ready or current.stated.spacing is not None or not any_scale():
            return
        if OverrideName.SPACING not in current.overrides:
            self._worker.start(_find, current.stated)

    def _on_found(self, spacing: Spacing) -> None:
        current = self._session.current
        if current is not None and current is self._of and OverrideName.SPACING not in current.overrides:
            self._session.overrides.show({OverrideName.SPACING: spacing})

    def _on_set(self, name: OverrideName) -> None:
        current = self._session.current
        if current is None or name is not OverrideName.SPACING:
            return
        spacing = current.overrides.get(name)
        if spacing is None:
            forget_scale(current.stated)
        else:
            remember_scale(current.stated, spacing)  # the study forgets it here once it holds it


def _find(cine: Cine) -> Iterator[Spacing]:
    spacing = remembered_scale(cine)
    if spacing is not None:
        yield spacing
