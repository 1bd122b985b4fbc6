"""Errors a user can cause: one clear sentence each, ending with what to do next.

The command line prints the message alone and exits with 1; the dock shows it as a notification.
Anything else that escapes is a defect of ours and keeps its traceback.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

__all__ = [
    "ConflictError",
    "DeviceError",
    "ExchangeError",
    "MataeError",
    "MeasureError",
    "MisplacedError",
    "ModelError",
    "NotOfferedError",
    "OutputError",
    "PacsError",
    "ReadError",
    "ScratchError",
    "SegmentError",
    "StoreError",
    "TrainError",
    "VolumeError",
    "too_long",
]

_SHOWN = 40
_LONG = (errno.ENAMETOOLONG, 206)  # the second is what Windows says of a whole path


class MataeError(Exception):
    """Base of every error whose message is meant for the person at the screen."""


class ReadError(MataeError):
    """A file or folder cannot be opened as a cine."""


class VolumeError(ReadError):
    """A file looks like a 3-D volume; a person may know that its third axis is time."""


class ModelError(MataeError):
    """A model is unknown, damaged, or does not fit its card."""


class NotOfferedError(ModelError):
    """No verdict offers the model for use; whoever insists may take it all the same."""


class DeviceError(MataeError):
    """The device or backend that was asked for is not there."""


class SegmentError(MataeError):
    """A cine cannot be segmented as asked."""


class OutputError(MataeError):
    """Results cannot be written where they were asked for."""


class ScratchError(OutputError):
    """The temporary folder has no room for one clip; another may fit."""


class TrainError(MataeError):
    """A training run cannot start or go on."""


class MeasureError(MataeError):
    """A mask or a cine cannot be measured as asked."""


class StoreError(MataeError):
    """A study cannot be opened, read or written as asked.

    Parameters
    ----------
    message
        The sentence.
    transient
        Waiting can cure it: another program writes, the disk is full, the connection is lost. Whoever has something to
        store tries again; every other error is answered at once.
    """

    def __init__(self, message: str, *, transient: bool = False) -> None:
        super().__init__(message)
        self.transient = transient


class MisplacedError(StoreError):
    """The open files of a study are no longer those on disk: what is stored from now on would be lost."""


class FixedSubjectError(StoreError):
    """A clip stays with its subject, since a model or a release knows it as theirs."""


class ConflictError(StoreError):
    """Somebody else changed the same label meanwhile; both versions are kept.

    Parameters
    ----------
    message
        The sentence.
    theirs
        What is there now: `matae.store.FrameInfo` of each frame in question.
    mine
        Frame and revision under which what was refused is kept in the history.
    """

    def __init__(self, message: str, *, theirs: Sequence[Any] = (), mine: Mapping[int, int] | None = None) -> None:
        super().__init__(message)
        self.theirs = list(theirs)
        self.mine = dict(mine or {})


class ExchangeError(MataeError):
    """Training data cannot be exported or imported as asked."""


class PacsError(MataeError):
    """An image archive cannot be reached, refuses, or has not what was asked for."""


def too_long(error: BaseException) -> str | None:
    """Return the sentence for a path that no file can have since it is too long; None for any other error."""
    if not isinstance(error, OSError) or not {error.errno, getattr(error, "winerror", None)} & set(_LONG):
        return None
    path = str(error.filename or "")
    shown = f"{path[:_SHOWN]}…" if len(path) > _SHOWN else path or "A path"
    return f"{shown} ({len(path)} characters) is too long for a path here; choose a shorter one."
