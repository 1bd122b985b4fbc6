"""An image archive of a clinic (PACS): clips are found and fetched there, and what was made of them goes back.

Two protocols behind one small interface (`Connection`): DICOMweb (QIDO-RS, WADO-RS, STOW-RS) and DIMSE (C-FIND, C-GET,
C-STORE). Nothing is sent unless somebody says so, and nothing but reports, segmentations and encapsulated PDFs.
Importing this package imports neither client.
"""

from __future__ import annotations

from matae.pacs.address import Address, archive_names, find_archive
from matae.pacs.clips import ClipQuery, fetch_clip, find_clips
from matae.pacs.connection import Connection, connect
from matae.pacs.sending import send

__all__ = [
    "Address",
    "ClipQuery",
    "Connection",
    "archive_names",
    "connect",
    "fetch_clip",
    "find_archive",
    "find_clips",
    "send",
]
