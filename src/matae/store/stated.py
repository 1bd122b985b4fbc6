"""Patients as files and data sets state them: pseudonyms, and the cines that one stated number ties together.

Cines whose files state the same patient show one person, whatever code a person gives to one of them. Where people said
that such cines show several persons, the number is no patient's (some exports write the same one for everybody), and it
says nothing of cines to come.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from sqlalchemy import select

from matae.errors import StoreError
from matae.store.base import as_pseudonym
from matae.store.schema import Cine as CineRow
from matae.store.schema import Subject
from matae.store.types import SubjectSource

if TYPE_CHECKING:
    from typing import Any

    from sqlalchemy import Connection

    from matae.cine import Patient

__all__ = ["is_said", "patient_pseudonym", "stated_by", "stating", "subjects_stated", "tied"]

_DIGITS = 20
"""Hexadecimal digits of a pseudonym made of a patient's number: 80 bits, so that no two persons share one."""
_CORRECTED = SubjectSource.CORRECTED.value


def patient_pseudonym(patient: Patient, secret: bytes) -> str:
    """Return the subject that stands for a patient in a study.

    A number in a header becomes a keyed hash (HMAC-SHA256) of the number and its issuer. What a data set calls its
    patients is a pseudonym already and is kept, so that people find them again.

    Parameters
    ----------
    patient
        As the file or the data set states it.
    secret
        The study's key.

    Raises
    ------
    StoreError
        If what the data set calls the patient cannot be stored.
    """
    if patient.origin == "data set":
        return as_pseudonym(patient.identifier)
    said = "\0".join(("dicom patient", patient.issuer, patient.identifier))
    return f"P-{hmac.new(secret, said.encode('utf-8', 'surrogatepass'), hashlib.sha256).hexdigest()[:_DIGITS]}"


def stated_by(patient: Patient | None, secret: bytes) -> str | None:
    """Return the pseudonym of a patient as stated; None for nobody, and for what cannot be stored."""
    if patient is None:
        return None
    try:
        return patient_pseudonym(patient, secret)
    except StoreError:
        return None


def subjects_stated(connection: Connection, stated: str) -> list[str]:
    """Return the known subjects of the cines whose files state a patient, each once; several where it is not one."""
    rows = stating(connection, stated)
    return list(dict.fromkeys(row.pseudonym for row in rows if is_said(row)))


def stating(connection: Connection, stated: str) -> list[Any]:
    """Return the rows of the cines whose files state a patient, in the order they were added."""
    return list(
        connection.execute(
            select(CineRow, Subject.pseudonym)
            .outerjoin(Subject, Subject.id == CineRow.subject_id)
            .where(CineRow.stated_subject == stated)
            .order_by(CineRow.id)
        ).all()
    )


def tied(connection: Connection, row: Any) -> list[Any]:
    """Return the rows of the cines that show the person a cine shows because their files say so, its own left out.

    Parameters
    ----------
    connection
        To the study.
    row
        As `matae.store.cine_rows.entry_row` returns it.
    """
    if row.stated_subject is None or row.subject_source == _CORRECTED:
        return []
    rows = [other for other in stating(connection, row.stated_subject) if other.subject_source != _CORRECTED]
    is_one = len({other.subject_id for other in rows if is_said(other)}) < 2
    return [
        other
        for other in rows
        if other.id != row.id
        and (is_one if None in {other.subject_id, row.subject_id} else other.subject_id == row.subject_id)
    ]


def is_said(row: Any) -> bool:
    """Return whether somebody, and no guess, says whom a cine shows."""
    return row.subject_id is not None and row.subject_source != SubjectSource.GUESSED.value
