"""What is asked of the study about the readings of a clip, in the study's thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_matae.study_thread.own_connection import own_connection

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from matae.readers import ClipAgreement
    from matae.store import Adjudication, Reading, Study

__all__ = ["ClipReadings", "choose", "fetch_readings"]


@dataclass(frozen=True, eq=False)
class ClipReadings:
    """What is known of the readings of a clip, as far as this rater may know it.

    Parameters
    ----------
    content_id
        The clip.
    rater
        Who looks.
    blind
        The study is read blind.
    readings
        All of them.
    pairs
        Each two compared; empty where they may not be yet.
    masks
        By rater, (Y, X) each by frame; empty likewise.
    decided
        Which counts.
    """

    content_id: str
    rater: str
    blind: bool
    readings: tuple[Reading, ...]
    pairs: tuple[ClipAgreement, ...]
    masks: dict[str, dict[int, NDArray[np.uint8]]]
    decided: Adjudication | None

    @property
    def own(self) -> Reading | None:
        """The reading of whoever looks."""
        return next((reading for reading in self.readings if reading.rater == self.rater), None)

    @property
    def others(self) -> tuple[str, ...]:
        """Who else read it."""
        return tuple(reading.rater for reading in self.readings if reading.rater != self.rater)


def fetch_readings(study: Study, content_id: str) -> ClipReadings:
    """Return what this rater may know of the readings of a clip."""
    from matae.readers import clip_agreement

    readings = tuple(study.readings(content_id)) if study.has_cine(content_id) else ()
    pairs = tuple(clip_agreement(study, content_id)) if len(readings) > 1 else ()
    masks = {r.rater: study.reading_masks(content_id, r.rater) for r in readings} if pairs else {}
    decided = study.adjudication(content_id) if readings else None
    return ClipReadings(content_id, study.rater, study.is_blind, readings, pairs, masks, decided)


def choose(study: Study, content_id: str, rater: str) -> None:
    """Make a reading what counts, by a second connection: then the watcher brings it on screen as it does others' work.

    Raises
    ------
    StoreError
        As `matae.store.Study.adjudicate`.
    """
    with own_connection(study.target, study.rater, as_reader=True) as deciding:
        deciding.adjudicate(content_id, rater)
