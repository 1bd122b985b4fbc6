"""The pixels that were labelled, opened again from where their file is now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matae.errors import ExchangeError

if TYPE_CHECKING:
    from matae.cine import Cine
    from matae.store import CineEntry, Study

__all__ = ["open_source"]


def open_source(study: Study, entry: CineEntry) -> tuple[Cine, bool]:
    """Open the pixels of a cine again; return it, and whether its file is DICOM.

    Raises
    ------
    MataeError
        If the file is gone, unreadable, or holds other pixels than were labelled.
    """
    from matae.read import is_there, open_cine
    from matae.read._formats import sniff

    path = study.path_of(entry.content_id)
    if not is_there(path):
        raise ExchangeError("its file is not where it was; open it again from where it is now.")
    cine = open_cine(path)
    if cine.content_id != entry.content_id:
        raise ExchangeError("its file holds other pixels than were labelled; bring the old file back.")
    return cine, path.is_file() and sniff(path) == "dicom"
