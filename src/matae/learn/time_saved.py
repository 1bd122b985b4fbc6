"""Correction time saved, from how long people took for proposals that were off by so much."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from matae.learn.verdict import MinutesSaved
from matae.train.progress import StoppedError, never

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet

    from matae.learn.verdict import Side
    from matae.store import Study

__all__ = ["minutes_saved"]

_FEWEST_TIMED = 8
_LONGEST = 900.0  # seconds on one frame: beyond it somebody left the desk


def minutes_saved(
    study: Study, held_out: Side, clips: AbstractSet[str], should_stop: Callable[[], bool] = never
) -> MinutesSaved:
    """Estimate the correction time saved from how long people took for proposals that were off by so much.

    Seconds a frame are fitted as a straight line over 1 - Dice of the proposal against the mask they ended with; its
    slope times the error that held-out frames lost is the time saved. Only the frames of `clips` (content ids), those
    of the run, are timed: no figure of a verdict may come from a patient whom nobody would look for in the run.
    """
    from matae.metrics import dice

    errors, seconds = [], []
    for summary in study.cines():
        if should_stop():
            raise StoppedError
        if summary.content_id not in clips:
            continue
        for t, info in study.frames(summary.content_id).items():
            if info.seconds <= 0 or info.status.value not in {"accepted", "edited"}:
                continue
            proposal = study.proposal(summary.content_id, t, original=True)
            mask = study.mask(summary.content_id, t)
            if proposal is not None and mask is not None:
                errors.append(1 - float(dice(proposal == 1, mask == 1)))
                seconds.append(min(info.seconds, _LONGEST))
    n = len(errors)
    if n < _FEWEST_TIMED or np.ptp(errors) < 1e-6:
        return MinutesSaved(None, n, f"Too few timed corrections of proposals ({n}) to estimate the time saved.")
    slope = float(np.polyfit(errors, seconds, 1)[0])
    gained = held_out.figures["dice"].difference or 0.0
    if slope <= 0:
        return MinutesSaved(None, n, "Corrections did not take longer where proposals were worse; no time to estimate.")
    return MinutesSaved(
        slope * gained * 100 / 60,
        n,
        f"Estimated: in this study, a proposal worse by 0.01 Dice took {slope / 100:.1f} s longer ({n} frames).",
    )
