"""What was last measured in a clip, and whether its masks are still those that were measured."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select

from matae.errors import StoreError
from matae.store.base import as_note, parse_time
from matae.store.fingerprints import fingerprint_of
from matae.store.reader_view import ReaderViewPart, own_frames
from matae.store.schema import Label, Rater
from matae.store.schema_worklist import Measurement
from matae.store.types import StoredMeasurement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from matae.store.base import Writing

__all__ = ["MEASURED", "MeasurementsPart", "as_values", "measurement_of", "put_values"]

MEASURED = (
    Measurement.ef, Measurement.ef_low, Measurement.ef_high, Measurement.doubts, Measurement.provisional,
    Measurement.edv_ml, Measurement.esv_ml, Measurement.ed_frame, Measurement.es_frame, Measurement.view,
    Measurement.method, Measurement.model, Measurement.width, Measurement.la_ml, Measurement.at, Measurement.masks,
    Measurement.settings,
)  # fmt: skip
"""The columns that `measurement_of` takes, in their order."""
_WIDTHS = 16
"""Letters of its column of widths."""


def measurement_of(values: Sequence[Any], rater: str | None, fingerprint: tuple[int, int]) -> StoredMeasurement:
    """Return the measurement that the values of `MEASURED` say, in a clip that is now as `fingerprint` says."""
    ef, low, high, doubts, provisional, edv, esv, ed, es, view, method, model, width, la, at, masks, settings = values
    return StoredMeasurement(
        ef, low, high, tuple(doubts.split()), bool(provisional), edv, esv, ed, es, view, method, model, width,
        rater or "", parse_time(at), (masks, settings) != fingerprint, la,
    )  # fmt: skip


class MeasurementsPart(ReaderViewPart):
    """What a study says about measurements."""

    def measurement(self, content_id: str) -> StoredMeasurement | None:
        """Return what was last measured in a clip, or None."""
        from matae.store.readings import measured_in

        with self._reading() as connection:
            cine = self._cine(connection, content_id)
            own = self._beside(connection, cine.id)
            if own is not None:
                return measured_in(connection, cine.id, own)
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
        from matae.store.readings import keep_measured

        values = as_values(measured)
        with self._writing() as writing:
            connection = writing.connection
            cine = self._cine(connection, content_id)
            own = None if by_machine else self._beside(connection, cine.id)
            if revisions is not None:
                if own is None:
                    heads = select(Label.frame, Label.revision).where(
                        Label.cine_id == cine.id, Label.mask_id.is_not(None)
                    )
                    now = {row.frame: row.revision for row in connection.execute(heads)}
                else:
                    seen = own_frames(connection, cine.id, own)
                    now = {frame: found.revision for frame, found in seen.items() if found.mask_id is not None}
                if any(revisions.get(frame) != revision for frame, revision in now.items()):
                    return False
            if writing.rater_id is not None and not by_machine:
                keep_measured(writing, cine.id, writing.rater_id, measured)
            if own is None:
                rater_id = None if by_machine else writing.rater_id
                put_values(writing, cine.id, values, rater_id, fingerprint_of(connection, cine.id))
        return True


def as_values(measured: StoredMeasurement) -> dict[str, Any]:
    """Return a measurement as columns and JSON hold it.

    Raises
    ------
    StoreError
        If a number is none.
    """
    names = ("ef", "ef_low", "ef_high", "edv_ml", "esv_ml", "la_ml")
    numbers = {name: getattr(measured, name) for name in names}
    values: dict[str, Any] = {name: None if value is None else float(value) for name, value in numbers.items()}
    if not all(math.isfinite(value) for value in values.values() if value is not None):
        raise StoreError("A measurement holds what is no number; measure again.")
    return values | {
        "doubts": " ".join(as_note(code, 80).replace(" ", "-") for code in measured.doubts),
        "provisional": bool(measured.provisional),
        "ed_frame": None if measured.ed_frame is None else int(measured.ed_frame),
        "es_frame": None if measured.es_frame is None else int(measured.es_frame),
        "view": None if measured.view is None else as_note(measured.view, 40),
        "method": as_note(measured.method, 80),
        "model": as_note(measured.model, 200),
        "width": _fitting(as_note(measured.width, 200)),
    }


def _fitting(widths: str) -> str:
    """Return the first of some widths, those of most masks: as many as the column holds, for half of one is another."""
    while len(widths) > _WIDTHS and ", " in widths:
        widths = widths.rpartition(", ")[0]
    return widths[:_WIDTHS]


def put_values(
    writing: Writing, cine_id: int, values: Mapping[str, Any], rater_id: int | None, fingerprint: tuple[int, int]
) -> None:
    """Make the measurement of a clip what `as_values` says, of masks and settings as `fingerprint` says."""
    writing.connection.execute(delete(Measurement).where(Measurement.cine_id == cine_id))
    writing.connection.execute(
        insert(Measurement).values(
            cine_id=cine_id, **values, masks=fingerprint[0], settings=fingerprint[1], rater_id=rater_id, at=writing.at,
            sequence=writing.sequence,
        )
    )  # fmt: skip
