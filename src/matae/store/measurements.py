"""What was last measured in a clip, and whether its masks are still those that were measured."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select

from matae.errors import StoreError
from matae.store.base import StudyBase, as_note, parse_time
from matae.store.fingerprints import fingerprint_of
from matae.store.schema import Label, Rater
from matae.store.schema_worklist import Measurement
from matae.store.types import StoredMeasurement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

__all__ = ["MEASURED", "MeasurementsPart", "measurement_of"]

MEASURED = (
    Measurement.ef, Measurement.ef_low, Measurement.ef_high, Measurement.doubts, Measurement.provisional,
    Measurement.edv_ml, Measurement.esv_ml, Measurement.ed_frame, Measurement.es_frame, Measurement.view,
    Measurement.method, Measurement.model, Measurement.width, Measurement.at, Measurement.masks, Measurement.settings,
)  # fmt: skip
"""The columns that `measurement_of` takes, in their order."""


def measurement_of(values: Sequence[Any], rater: str | None, fingerprint: tuple[int, int]) -> StoredMeasurement:
    """Return the measurement that the values of `MEASURED` say, in a clip that is now as `fingerprint` says."""
    ef, low, high, doubts, provisional, edv, esv, ed, es, view, method, model, width, at, masks, settings = values
    return StoredMeasurement(
        ef, low, high, tuple(doubts.split()), bool(provisional), edv, esv, ed, es, view, method, model, width,
        rater or "", parse_time(at), (masks, settings) != fingerprint,
    )  # fmt: skip


class MeasurementsPart(StudyBase):
    """What a study says about measurements."""

    def measurement(self, content_id: str) -> StoredMeasurement | None:
        """Return what was last measured in a clip, or None."""
        with self._reading() as connection:
            cine = self._cine(connection, content_id)
            row = connection.execute(
                select(*MEASURED, Rater.name)
                .outerjoin(Rater, Rater.id == Measurement.rater_id)
                .where(Measurement.cine_id == cine.id)
            ).one_or_none()
            return None if row is None else measurement_of(row[:-1], row.name, fingerprint_of(connection, cine.id))

    def put_measurement(
        self,
        content_id: str,
        measured: StoredMeasurement,
        *,
        revisions: Mapping[int, int] | None = None,
        by_machine: bool = False,
    ) -> bool:
        """Store what was measured, in place of what was measured before.

        Parameters
        ----------
        content_id
            The clip.
        measured
            `rater`, `at` and `stale` are the study's to say.
        revisions
            `FrameInfo.revision` of each frame that was measured. Where the study holds others by now, the measurement
            is of masks that are gone, and is not stored; not checked if left out.
        by_machine
            No person measured.

        Returns
        -------
        bool
            Whether it is stored.

        Raises
        ------
        StoreError
            If a number is none, or the clip is not in the study.
        """
        numbers = {
            name: getattr(measured, name) for name in ("ef", "ef_low", "ef_high", "edv_ml", "esv_ml")
        }  # fmt: skip
        values = {name: None if value is None else float(value) for name, value in numbers.items()}
        if not all(math.isfinite(value) for value in values.values() if value is not None):
            raise StoreError("A measurement holds what is no number; measure again.")
        with self._writing() as writing:
            connection = writing.connection
            cine = self._cine(connection, content_id)
            if revisions is not None:
                now = connection.execute(
                    select(Label.frame, Label.revision).where(Label.cine_id == cine.id, Label.mask_id.is_not(None))
                )
                if any(revisions.get(frame) != revision for frame, revision in now):
                    return False
            masks, settings = fingerprint_of(connection, cine.id)
            connection.execute(delete(Measurement).where(Measurement.cine_id == cine.id))
            connection.execute(
                insert(Measurement).values(
                    cine_id=cine.id,
                    **values,
                    doubts=" ".join(as_note(code, 80).replace(" ", "-") for code in measured.doubts),
                    provisional=bool(measured.provisional),
                    ed_frame=None if measured.ed_frame is None else int(measured.ed_frame),
                    es_frame=None if measured.es_frame is None else int(measured.es_frame),
                    view=None if measured.view is None else as_note(measured.view, 40),
                    method=as_note(measured.method, 80),
                    model=as_note(measured.model, 200),
                    width=as_note(measured.width, 16),
                    masks=masks,
                    settings=settings,
                    rater_id=None if by_machine else writing.rater_id,
                    at=writing.at,
                    sequence=writing.sequence,
                )
            )
        return True
