"""The pixels that were labelled, opened again from where their file is now, as people set them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from matae.errors import ExchangeError

if TYPE_CHECKING:
    from matae.cine import Cine
    from matae.segment import Sector
    from matae.store import CineEntry, Overrides, Study

__all__ = ["StoredSource", "open_stored"]


@dataclass(frozen=True, eq=False)
class StoredSource:
    """A cine of a study, opened again.

    Parameters
    ----------
    cine
        With the pixel size, view, frame rate and body size that people set.
    overrides
        What people set.
    is_dicom
        Its file is DICOM.
    """

    cine: Cine
    overrides: Overrides
    is_dicom: bool

    @cached_property
    def sector(self) -> Sector:
        """The sector as people set it, else as it is found in the picture."""
        from matae.store.applied import sector_with

        return sector_with(self.cine, self.overrides)


def open_stored(study: Study, entry: CineEntry) -> StoredSource:
    """Open the pixels of a cine again, with all that people set of it.

    Raises
    ------
    MataeError
        If the file is gone, unreadable, or holds other pixels than were labelled.
    """
    from matae.read import is_there, open_cine
    from matae.read._formats import sniff
    from matae.store.applied import cine_with

    path = study.path_of(entry.content_id)
    if not is_there(path):
        raise ExchangeError("its file is not where it was; open it again from where it is now.")
    cine = open_cine(path, third_axis_is_time=True)  # it was opened as a cine before
    if cine.content_id != entry.content_id:
        raise ExchangeError("its file holds other pixels than were labelled; bring the old file back.")
    overrides = study.overrides(entry.content_id)
    found = StoredSource(cine_with(cine, overrides), overrides, path.is_file() and sniff(path) == "dicom")
    # Of a frame that is put together from several pictures, the scale is that of the one the heart lies in.
    return found if len(cine.b_modes) < 2 else replace(found, cine=found.sector.scaled(found.cine))
