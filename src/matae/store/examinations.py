"""When the clips of a subject were recorded. The day stays in the study: no export and no record holds it."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from matae.errors import StoreError
from matae.store.base import as_pseudonym, parse_time
from matae.store.fingerprints import fingerprint_of
from matae.store.measurements import MEASURED, measurement_of
from matae.store.reader_view import ReaderViewPart, is_revealed
from matae.store.readings import measured_in
from matae.store.schema import Cine as CineRow
from matae.store.schema import Rater, Subject
from matae.store.schema_worklist import Measurement
from matae.store.types import Examined, SubjectSource

__all__ = ["ExaminationsPart"]

if TYPE_CHECKING:
    from matae.store.types import StoredMeasurement


class ExaminationsPart(ReaderViewPart):
    """What a study says about the examinations of a subject."""

    def set_recorded(self, content_id: str, day: str | None) -> None:
        """Say on which day a clip was recorded.

        Parameters
        ----------
        content_id
            The clip.
        day
            ISO date (2026-03-01), or None where nobody knows.

        Raises
        ------
        StoreError
            If it is no date.
        """
        try:
            text = None if day is None else date.fromisoformat(day).isoformat()
        except ValueError as error:
            raise StoreError(f"'{str(day)[:20]}' is no date; give it as year-month-day, such as 2026-03-01.") from error
        with self._writing() as writing:
            cine = self._cine(writing.connection, content_id)
            writing.connection.execute(update(CineRow).where(CineRow.id == cine.id).values(recorded=text))
            writing.audit("day set", cine=cine.code, subject=cine.subject_code or "", details={})

    def examined(self, subject: str) -> list[Examined]:
        """Return the clips of a subject in order: by day, those without a day as they came into the study, last.

        Raises
        ------
        StoreError
            If there is no such subject.
        """
        pseudonym = as_pseudonym(subject)
        with self._reading() as connection:
            query = (
                select(
                    CineRow.id, CineRow.content_id, CineRow.stem, CineRow.view, CineRow.recorded, CineRow.added_at,
                    Rater.name, Measurement.cine_id, *MEASURED,
                )
                .join(Subject, Subject.id == CineRow.subject_id)
                .outerjoin(Measurement, Measurement.cine_id == CineRow.id)
                .outerjoin(Rater, Rater.id == Measurement.rater_id)
                .where(Subject.pseudonym == pseudonym, CineRow.subject_source != SubjectSource.GUESSED.value)
                .order_by(CineRow.recorded.is_(None), CineRow.recorded, CineRow.id)
            )  # fmt: skip
            found = []
            for row in connection.execute(query):
                cine_id, content_id, stem, view, day, added, rater, measured, *values = row
                kept: StoredMeasurement | None = None
                if measured is not None:
                    kept = measurement_of(values, rater, fingerprint_of(connection, cine_id))
                own = self._beside(connection, cine_id)
                hidden = own is not None and not is_revealed(connection, cine_id)
                if hidden and own is not None:
                    kept = measured_in(connection, cine_id, own)
                found.append(Examined(content_id, stem, view, day, parse_time(added), kept, hidden and kept is None))
        if not found:
            raise StoreError(f"There is no subject {pseudonym} in {self.name}; look at 'napari-matae study status'.")
        return found
