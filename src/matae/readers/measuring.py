"""Measure a rater's reading from its stored masks, as the viewer would."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matae.errors import MeasureError

if TYPE_CHECKING:
    from matae.store import Study
    from matae.store.types import StoredMeasurement

__all__ = ["measure_reading"]

_POINTS = ("apex", "left", "right")


def measure_reading(study: Study, content_id: str, rater: str) -> StoredMeasurement:
    """Measure one rater's reading, with all that people set of the clip and this rater marked, and keep the figures.

    Frames that the rater did not change or judge have no mask: a reading is not filled up with what a model proposed.

    Parameters
    ----------
    study
        An open study.
    content_id
        The clip; its file must still be where it was opened from, with the same pixels.
    rater
        Whose reading.

    Raises
    ------
    MataeError
        If the clip's file is gone or another, or the reading cannot be measured.
    """
    from matae.exchange.export.source import open_stored
    from matae.measure import Landmarks, MeasureOptions, PhaseMarks, measure_cine
    from matae.stack import new_stack
    from matae.worklist import stored_measurement

    source = open_stored(study, study.cine(content_id))
    cine, sector = source.cine, source.sector
    masks = new_stack(cine.frames.shape)
    used = study.reading_masks(content_id, rater)
    for frame, mask in used.items():
        masks[frame] = mask
    marks, stored = study.reading_marks(content_id, rater)
    placed = {}
    for frame, found in stored.items():
        if not found.rater or frame not in used:
            continue  # only what a person placed, and on a frame that counts
        if not set(_POINTS) <= set(found.points):
            raise MeasureError(f"The landmarks of frame {frame + 1} lack a point; place them again.")
        placed[frame] = Landmarks.from_array([tuple(found.points[name]) for name in _POINTS], by_hand=True)
    measured = stored_measurement(
        measure_cine(
            cine, masks, MeasureOptions(apex_down=sector.apex_down),
            marks=PhaseMarks(
                () if marks.ed in (None, cine.ed_frame) else (marks.ed,),
                () if marks.es in (None, cine.es_frame) else (marks.es,),
            ),
            landmarks=placed, sector=sector,
        )
    )  # fmt: skip
    study.put_reading_measurement(content_id, rater, measured)
    return measured
