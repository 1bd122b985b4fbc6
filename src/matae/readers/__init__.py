"""Several raters of one clip, and several examinations of one person: how far they agree, and what has changed."""

from __future__ import annotations

from matae.readers.agreement import (
    ClipAgreement,
    PairAgreement,
    clip_agreement,
    pair_agreements,
    study_agreement,
    with_readers,
)
from matae.readers.history import Examination, History, history_of
from matae.readers.measuring import measure_reading

__all__ = [
    "ClipAgreement",
    "Examination",
    "History",
    "PairAgreement",
    "clip_agreement",
    "history_of",
    "measure_reading",
    "pair_agreements",
    "study_agreement",
    "with_readers",
]
