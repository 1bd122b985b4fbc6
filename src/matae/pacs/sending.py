"""What was made of a clip, sent back to the archive it came from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matae.clinic.describe import describe
from matae.errors import PacsError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from matae.clinic.describe import Described
    from matae.pacs.connection import Connection

__all__ = ["send"]


def send(
    connection: Connection,
    files: Sequence[Path],
    *,
    sent: Callable[[Described], None] = lambda _: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> list[Described]:
    """Send reports, segmentations and encapsulated PDFs to an archive that holds their study.

    All of them are checked before the first is sent.

    Parameters
    ----------
    connection
        As `matae.pacs.connect` gives it.
    files
        What `matae.clinic.write_dicom` wrote.
    sent
        Called after each.
    should_stop
        Asked before each; what has left has left.

    Raises
    ------
    ExchangeError
        If a file is something else: a clip never leaves.
    PacsError
        If the archive does not hold the study, has it for another patient, or does not take an object, or if it was
        stopped. The sentence names what had left by then.
    """
    found = [describe(path) for path in files]
    studies = {one.study_uid: one for one in found}
    for uid, one in studies.items():
        known = connection.find("STUDY", {"StudyInstanceUID": uid, "PatientID": ""})
        if not any(str(study.get("StudyInstanceUID", "")) == uid for study in known):
            raise PacsError(
                f"The archive holds no study {uid}, of which {one.file} speaks; send it to the archive that its clip "
                "came from. Nothing was sent."
            )
        theirs = {str(study.get("PatientID", "") or "").strip() for study in known}
        if one.patient_id not in theirs:
            raise PacsError(
                f"The archive has the study of {one.file} for another patient ID, so the clip was changed since it "
                "left; fetch it again and measure that. Nothing was sent."
            )
    for place, (path, one) in enumerate(zip(files, found, strict=True)):
        left = f"Sent before that: {', '.join(other.file for other in found[:place])}." if place else ""
        if should_stop():
            raise PacsError(f"Stopped; send it again to go on. {left or 'Nothing was sent.'}")
        try:
            connection.store(path)
        except PacsError as error:
            raise PacsError(f"{error} {left}".rstrip()) from error
        sent(one)
    return found
