"""What people set of a cine (sector, flip, pixel size, view, frame rate, body size), in step with the study."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from matae.errors import ConflictError
from matae.store.types import OverrideName
from napari_matae.background.failure import explain
from napari_matae.session.pixel_size import forget_scale

if TYPE_CHECKING:
    from typing import Any

    from matae.cine import Cine
    from matae.store import Study
    from matae.store.types import Overrides
    from napari_matae.session.session import Session
    from napari_matae.study.connection import StudyConnection
    from napari_matae.study.sync_state import SyncState

__all__ = ["WORDS", "StudyOverrides", "load_overrides", "write_lacking"]

WORDS = {
    OverrideName.SECTOR: "the sector",
    OverrideName.APEX_DOWN: "the way up",
    OverrideName.SPACING: "the pixel size",
    OverrideName.VIEW: "the view",
    OverrideName.FRAME_RATE: "the frame rate",
    OverrideName.HEIGHT: "the height",
    OverrideName.WEIGHT: "the weight",
}
"""What each is called in a sentence."""


class StudyOverrides(QObject):  # type: ignore[misc]
    """Stores what a person sets of the session's cine, as soon as it is set.

    Parameters
    ----------
    session
        Whose cine it is.
    study
        Where it is kept.
    sync_state
        What the study has already.
    parent
        Qt parent.
    """

    said = Signal(str)
    """A sentence for the user."""

    def __init__(
        self, session: Session, study: StudyConnection, sync_state: SyncState, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._study, self._sync_state = session, study, sync_state
        session.overridden.connect(self.save)

    def save(self, name: OverrideName) -> None:
        """Store what was set; until the study knows the cine it waits in line behind the question for it."""
        current, sync_state = self._session.current, self._sync_state
        if current is None or not self._study.is_open or sync_state.of is not current:
            return  # it goes in when a study is asked for the cine
        value, sent, revisions = current.overrides.get(name), sync_state.sent, sync_state.overrides
        sent[name] = sent.get(name, 0) + 1

        def answered() -> bool:
            sent[name] -= 1
            return sent[name] == 0

        def done(_: Overrides) -> None:
            if answered():
                current.unstored.discard(name)
            if name is OverrideName.SPACING:
                forget_scale(current.stated)  # this computer needs to remember it no longer
            self._study.changed.emit()

        def failed(error: BaseException) -> None:
            last = answered()
            if current is not self._session.current:
                self.said.emit(explain(error))
            elif not isinstance(error, ConflictError):
                self._study.fail(error)
            elif last:
                current.unstored.discard(name)
                for stored in error.theirs:
                    load_overrides(self._session, sync_state, stored)
                self.said.emit(explain(error))

        stated = current.stated
        self._study.requests.write(
            partial(_put, stated, name, value, revisions), done, failed, about=stated,
            keep=partial(_put, stated, name, value, {}),
        )  # fmt: skip


def _put(cine: Cine, name: OverrideName, value: Any, revisions: dict[OverrideName, int], study: Study) -> Overrides:
    # What the study holds is not known before it has answered: then what is set here, later, counts.
    stored = study.set_override(cine.content_id, name, value, expected=revisions.get(name))
    # The next write in line is based on this one, whatever the GUI has heard of it by then.
    revisions[name] = stored.revisions.get(name, 0)
    return stored


def load_overrides(session: Session, sync_state: SyncState, stored: Overrides) -> set[OverrideName]:
    """Show what the study holds, but for what was set here and is not in the study yet.

    Returns
    -------
    set of OverrideName
        What is shown and was another before.
    """
    current = session.current
    if current is None:
        return set()
    values = {}
    for name in OverrideName:
        revision = stored.revisions.get(name, 0)
        if not sync_state.sent.get(name):
            sync_state.overrides[name] = revision
        if revision and name not in current.unstored:
            values[name] = getattr(stored, name.value)
    changed = {name for name, value in values.items() if current.overrides.get(name) != value}
    session.overrides.show(values)
    return changed


def write_lacking(session: Session, sync_state: SyncState, stored: Overrides) -> None:
    """Have everything written that was set and the study lacks: while none was open, or in another one."""
    current = session.current
    if current is None:
        return
    for name, value in current.overrides.items():
        lacks = value is not None and name not in stored.revisions
        if (lacks or name in current.unstored) and not sync_state.sent.get(name):
            current.unstored.add(name)
            session.overridden.emit(name)
