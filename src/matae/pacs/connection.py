"""What can be done with an archive, whichever protocol it speaks."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from matae.pacs.address import Address

__all__ = ["Connection", "Level", "connect"]

Level = Literal["STUDY", "SERIES", "IMAGE"]


class Connection(Protocol):
    """An open way to an archive. Every method raises `matae.errors.PacsError` with a sentence."""

    def check(self) -> None:
        """Ask the archive for a sign of life."""

    def find(self, level: Level, keys: Mapping[str, str]) -> list[Any]:
        """Return what matches, a `pydicom.Dataset` each.

        Parameters
        ----------
        level
            What is looked for. For series its study, for images study and series must be among the keys.
        keys
            Keyword of an element to what it must match; an empty text asks for the element alone.
        """

    def fetch(self, study_uid: str, series_uid: str, instance_uid: str) -> bytes:
        """Return an instance as the bytes of a DICOM file, in the transfer syntax in which it is stored."""

    def store(self, path: Path) -> None:
        """Send an instance."""


@contextmanager
def connect(address: Address) -> Iterator[Connection]:
    """Open a way to an archive, and close it at the end of the block.

    Parameters
    ----------
    address
        As `matae.pacs.find_archive` gives it.

    Raises
    ------
    PacsError
        If the client library is not installed, or the archive cannot be reached or refuses.
    """
    if address.kind == "dicomweb":
        from matae.pacs.dicomweb import WebConnection

        with WebConnection(address) as web:
            yield web
    else:
        from matae.pacs.dimse import DimseConnection

        yield DimseConnection(address)
