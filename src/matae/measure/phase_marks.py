"""Frames that a person or a file marks, put in the place of what was found in the curve."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from matae.measure.beat import Beat, PhaseMarks, Source
from matae.measure.curve import is_flat

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Curve = NDArray[np.float64]

__all__ = ["NEAR", "with_marks"]

NEAR = 0.35
"""Of a beat: a mark replaces what was found within this."""


def with_marks(beats: list[Beat], marks: PhaseMarks, curve: Curve, *, beat: float, source: Source) -> list[Beat]:
    """Put marks in the place of what was found.

    Parameters
    ----------
    beats
        Found so far.
    marks
        Checked marks.
    curve
        The smoothed area, (T,).
    beat
        Length of a beat in frames.
    source
        Who marked.

    Returns
    -------
    list of Beat
        Every mark is in one of them, unless its mate can nowhere be found, or there are two of a kind for one beat.
    """
    if not marks:
        return beats
    changed = list(beats)
    pairs, loose_ed, loose_es = _pairs(marks, beat)
    for ed, es in pairs:
        changed = _with_pair(changed, ed, es, source)
    alone_ed: list[int] = []
    alone_es: list[int] = []
    # A frame that this person marked is not replaced by another mark of the same person.
    for frame in loose_ed:
        index = _nearest(frame, [b.ed if b.ed_source != source else None for b in changed], NEAR * beat)
        if index is None:
            alone_ed.append(frame)
        else:
            old = changed[index].ed
            changed[index] = replace(changed[index], ed=frame, ed_source=source)
            changed = [replace(b, next_ed=frame) if b.next_ed == old else b for b in changed]
    for frame in loose_es:
        index = _nearest(frame, [b.es if b.es_source != source else None for b in changed], NEAR * beat)
        if index is None:
            alone_es.append(frame)
        else:
            changed[index] = replace(changed[index], es=frame, es_source=source)
    changed += _new_beats(alone_ed, alone_es, curve, beat, source)
    both_marked = {"user", "file"}
    changed = [replace(b, whole=True) if {b.ed_source, b.es_source} <= both_marked else b for b in changed]
    # Of several end-diastoles before one end-systole, the last is the one.
    last = {es: max(b.ed for b in changed if b.es == es) for es in {b.es for b in changed}}
    changed = [b for b in changed if b.ed == last[b.es]]
    # A guess that only had to do gives way to a beat that somebody marked.
    sure = [b for b in changed if b.whole]
    return [b for b in (sure or changed) if b.ed != b.es]


def _pairs(marks: PhaseMarks, beat: float) -> tuple[list[tuple[int, int]], list[int], list[int]]:
    """Return each end-diastole with the end-systole marked after it and before the next one; and what is left."""
    pairs, left = [], list(marks.es)
    for number, ed in enumerate(marks.ed):
        limit = marks.ed[number + 1] if number + 1 < len(marks.ed) else ed + beat
        if (es := next((es for es in left if ed < es < min(limit, ed + beat)), None)) is not None:
            pairs.append((ed, es))
            left.remove(es)
    taken = {ed for ed, _ in pairs}
    return pairs, [ed for ed in marks.ed if ed not in taken], left


def _with_pair(beats: list[Beat], ed: int, es: int, source: Source) -> list[Beat]:
    """Put a marked beat in the place of those whose systole it overlaps."""
    over = [
        b for b in beats if min(b.ed, b.es) < es and max(b.ed, b.es) > ed and {b.ed_source, b.es_source} != {source}
    ]
    after = [b.next_ed for b in over if b.next_ed is not None and b.next_ed > es]
    following = [b.ed for b in beats if b not in over and b.ed > es]
    marked = Beat(ed, es, min([*after, *following], default=None), source, source)
    replaced = {b.ed for b in over}
    rest = [b for b in beats if b not in over]
    return [replace(b, next_ed=ed) if b.next_ed in replaced and b.ed < ed else b for b in rest] + [marked]


def _nearest(frame: int, candidates: Iterable[int | None], reach: float) -> int | None:
    distances = [np.inf if other is None else abs(frame - other) for other in candidates]
    if not distances or min(distances) > reach:
        return None
    return distances.index(min(distances))


def _new_beats(loose_ed: list[int], loose_es: list[int], curve: Curve, beat: float, source: Source) -> list[Beat]:
    """Make beats of marks near which nothing was found: in pairs, or with the extreme of the curve beside them."""
    beats: list[Beat] = []
    free = list(loose_es)
    flat = is_flat(curve)
    for number, frame in enumerate(loose_ed):
        limit = loose_ed[number + 1] if number + 1 < len(loose_ed) else curve.size
        after = [es for es in free if frame < es < limit] or free
        if after:
            mate = min(after, key=lambda es, ed=frame: (es < ed, abs(es - ed)))  # type: ignore[misc]
            free.remove(mate)
            beats.append(Beat(frame, mate, None, source, source))
        elif not flat:
            end = min(curve.size, frame + int(beat) + 1)
            beats.append(Beat(frame, frame + int(curve[frame:end].argmin()), None, source, "curve"))
    if not flat:
        for frame in free:
            start = max(0, frame - int(beat))
            beats.append(Beat(start + int(curve[start : frame + 1].argmax()), frame, None, "curve", source))
    return beats
