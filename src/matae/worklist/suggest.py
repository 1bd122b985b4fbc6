"""Which frame of which clip a person should correct next, so that a retraining learns most from it.

The order is made of four things, each of which can be said in a few words:

- patients take turns: whoever has the fewest corrected frames comes first, so that no clip uses up an afternoon;
- end-diastole and end-systole come before the other frames of their clip, since the volumes rest on them;
- looks: a frame counts for as much as it represents of what is not represented yet, by the kernel of the distances
  between latents (greedy coverage, "MaxHerding": W. Bae, J. Noh, D. Sutherland, "Generalized coverage for more robust
  low-budget active learning", ECCV 2024). With few labels that is the safe choice: the furthest frames (k-centre) and
  the most uncertain ones are mostly odd (G. Hacohen, A. Dekel, D. Weinshall, "Active learning on a budget: opposite
  strategies suit high and low budgets", ICML 2022);
- doubt: how low the expected Dice is, how far two widths of the network are apart, how high the frame is flagged.

The result depends on what the candidates are and not on the order in which they are given.
"""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from matae.store import Study
    from matae.store.types import CorrectedFrame, FrameToCorrect

__all__ = ["DOUBT_WEIGHT", "Suggestion", "next_to_correct", "suggest", "suggestions_as_json"]

DOUBT_WEIGHT = 1 / 3
"""Share of doubt in a frame's score; the rest is what the frame represents."""
_REFERENCES = 512
"""Frames that stand for all looks: enough to tell them apart, few enough for a study of ten thousand clips."""
_UNSURE = 0.93
"""Expected Dice below which it is said: about what a model has on patients like those it was trained on."""
_APART = 0.045
"""Disagreement of two widths from which it is said, see `matae.measure.run.DISAGREE`."""
_NEW_LOOK = 0.5
"""Kernel to the nearest represented look below which a frame is called unlike them."""


@dataclass(frozen=True, eq=False)
class Suggestion:
    """A frame to correct, and why.

    Parameters
    ----------
    frame
        Which, and what is known of it.
    score
        In 0-1; comparable among suggestions made at the same time, for patients with equally many corrected frames.
    reasons
        In a few words each, the weightiest first.
    """

    frame: FrameToCorrect
    score: float
    reasons: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """The reasons as one sentence."""
        text = ", ".join(self.reasons)
        return f"{text[0].upper()}{text[1:]}."


def suggest(
    candidates: Collection[FrameToCorrect],
    corrected: Collection[CorrectedFrame],
    n: int = 1,
    *,
    can_be_read: Callable[[FrameToCorrect], bool] | None = None,
) -> list[Suggestion]:
    """Return the frames to correct next, the best first.

    Parameters
    ----------
    candidates
        Frames that could be corrected, as `matae.store.Study.frames_to_correct` returns them: none of a held-out
        patient, none that a person has judged.
    corrected
        Frames that people have corrected or accepted.
    n
        Frames wanted at most.
    can_be_read
        Says whether the clip of a frame can be opened; asked once a clip, only of those whose turn it is. Clips that
        cannot be opened are passed over.

    Returns
    -------
    list of Suggestion
        Fewer than `n` where there are no more; empty for no candidate.
    """
    done = {(one.content_id, one.frame) for one in corrected}
    by_key = {one.key: one for one in candidates if one.key not in done}
    frames = [by_key[key] for key in sorted(by_key)]
    if n < 1 or not frames:
        return []
    doubts = _doubts(frames)
    coverage = _Coverage(frames, sorted(corrected, key=lambda one: (one.content_id, one.frame)))
    turns = Counter(one.subject for one in corrected)
    waits = _Phases(frames)
    readable: dict[str, bool] = {}
    left: set[int] = set(range(len(frames)))
    found: list[Suggestion] = []
    # The gain of a frame only falls as others are chosen, so the scores of before are bounds, and few are made anew.
    gains = coverage.gains()
    top = float(gains.max(initial=0.0)) or 1.0
    scores = (1 - DOUBT_WEIGHT) * gains / top + DOUBT_WEIGHT * doubts
    levels: dict[int, list[tuple[int, float, int]]] = {}

    def offer(i: int) -> None:
        heapq.heappush(levels.setdefault(turns[frames[i].subject], []), (waits.rank(i), -float(scores[i]), i))

    for i in range(len(frames)):
        offer(i)
    while left and len(found) < n and levels:
        level = min(levels)
        heap = levels[level]
        if not heap:
            del levels[level]
            continue
        rank, _, i = heapq.heappop(heap)
        one = frames[i]
        if i not in left:
            continue
        if turns[one.subject] != level or waits.rank(i) != rank:
            offer(i)  # its patient has had a turn since, or its clip has its end-diastole and end-systole by now
            continue
        score = (1 - DOUBT_WEIGHT) * coverage.gain(i) / top + DOUBT_WEIGHT * float(doubts[i])
        if heap and (rank, -score, i) > heap[0]:
            scores[i] = score
            heapq.heappush(heap, (rank, -score, i))
            continue
        left.discard(i)
        if one.content_id not in readable:
            readable[one.content_id] = can_be_read is None or can_be_read(one)
        if not readable[one.content_id]:
            continue
        found.append(Suggestion(one, round(min(1.0, max(0.0, score)), 4), _reasons(one, level, coverage.nearest(i))))
        turns[one.subject] += 1
        coverage.take(i)
        waits.take(i)
    return found


def next_to_correct(study: Study, n: int = 1, *, without: Iterable[tuple[str, int]] = ()) -> list[Suggestion]:
    """Return the frames of a study to correct next, the best first.

    No clip is read: what there is to know of the frames was kept when they were segmented. Clips of held-out or unknown
    patients, clips that somebody else has open and clips whose file is gone are left out.

    Parameters
    ----------
    study
        The study.
    n
        Frames wanted at most.
    without
        Content id and frame of those to leave out, such as the one on screen.

    Raises
    ------
    StoreError
        If the study cannot be read.
    """
    from matae.read import is_there
    from matae.store.cine_rows import path_of_text

    def can_be_read(frame: FrameToCorrect) -> bool:
        path = path_of_text(frame.place)
        return bool(path.name) and is_there(path)

    left_out = set(without)
    frames = [one for one in study.frames_to_correct() if one.key not in left_out]
    return suggest(frames, study.corrected_frames(), n, can_be_read=can_be_read)


def suggestions_as_json(suggestions: Iterable[Suggestion]) -> list[dict[str, Any]]:
    """Return a record a suggestion, JSON values; frames count from 1 in ``frame`` and from 0 in ``index``. No path."""
    return [
        {
            "clip": one.frame.stem,
            "content_id": one.frame.content_id,
            "subject": one.frame.subject,
            "frame": one.frame.frame + 1,
            "index": one.frame.frame,
            "phase": one.frame.phase or None,
            "score": one.score,
            "expected_dice": _rounded(one.frame.expected_dice),
            "disagreement": _rounded(one.frame.disagreement),
            "reasons": list(one.reasons),
        }
        for one in suggestions
    ]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


class _Phases:
    """End-diastole and end-systole of a clip before its other frames: rank 0 and 1."""

    def __init__(self, frames: Sequence[FrameToCorrect]) -> None:
        self._frames = frames
        self._open = Counter(one.content_id for one in frames if one.phase)

    def rank(self, i: int) -> int:
        one = self._frames[i]
        return int(not one.phase and self._open[one.content_id] > 0)

    def take(self, i: int) -> None:
        if self._frames[i].phase:
            self._open[self._frames[i].content_id] -= 1


class _Coverage:
    """How much of all looks is represented: for each reference, the kernel to the nearest chosen or corrected frame.

    Only looks of one model can be compared: those of the model that most frames have are, the others count as unknown.
    A frame without a look represents nothing and is represented by nothing.
    """

    def __init__(self, frames: Sequence[FrameToCorrect], corrected: Sequence[CorrectedFrame]) -> None:
        counts = Counter(one.look.model for one in frames if one.look is not None and one.look.vector is not None)
        model = min(counts, key=lambda name: (-counts[name], name)) if counts else None
        self._vectors, self._known = _vectors(frames, model)
        known = np.flatnonzero(self._known)
        some = known[np.unique(np.linspace(0, len(known) - 1, min(_REFERENCES, len(known))).round().astype(int))]
        self._references = self._vectors[some]
        self._precision = 0.0
        if len(some) > 1:
            apart = _squared(self._references, self._references)
            typical = float(np.median(apart[np.triu_indices(len(some), 1)]))
            self._precision = 1 / typical if typical > 0 else 0.0
        self._covered = np.zeros(len(some))
        seen, is_known = _vectors(corrected, model)
        self._chosen = np.zeros((0, self._vectors.shape[1]))
        if is_known.any() and seen.shape[1] == self._vectors.shape[1]:
            self._chosen = seen[is_known]
            for start in range(0, len(self._chosen), _REFERENCES):
                near = self._kernel(self._chosen[start : start + _REFERENCES]).max(0, initial=0.0)
                self._covered = np.maximum(self._covered, near)

    def _kernel(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.exp(-_squared(vectors, self._references) * self._precision)

    def gains(self) -> NDArray[np.float64]:
        """Return what each frame would add, (N,)."""
        found = np.zeros(len(self._vectors))
        for start in range(0, len(found), 4 * _REFERENCES):
            part = slice(start, start + 4 * _REFERENCES)
            found[part] = np.maximum(self._kernel(self._vectors[part]) - self._covered, 0).sum(1)
        return found * self._known

    def gain(self, i: int) -> float:
        """Return what a frame would add now."""
        if not self._known[i]:
            return 0.0
        return float(np.maximum(self._kernel(self._vectors[i : i + 1])[0] - self._covered, 0).sum())

    def nearest(self, i: int) -> float | None:
        """Return the kernel to the nearest corrected or chosen look; None where there is nothing to compare with."""
        if not self._known[i] or not len(self._chosen) or not self._precision:
            return None
        apart = _squared(self._vectors[i : i + 1], self._chosen).min()
        return float(np.exp(-apart * self._precision))

    def take(self, i: int) -> None:
        if self._known[i]:
            self._covered = np.maximum(self._covered, self._kernel(self._vectors[i : i + 1])[0])
            self._chosen = np.concatenate([self._chosen, self._vectors[i : i + 1]])


def _vectors(
    frames: Sequence[FrameToCorrect] | Sequence[CorrectedFrame], model: str | None
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return looks (N, features), zero where there is none, and which there are."""
    looks = [None if one.look is None or one.look.model != model else one.look.vector for one in frames]
    size = next((len(look) for look in looks if look is not None), 0)
    known = np.array([look is not None and len(look) == size for look in looks], bool)
    vectors = np.zeros((len(looks), size))
    for i in np.flatnonzero(known):
        vectors[i] = looks[i]
    good = np.isfinite(vectors).all(1)
    vectors[~good] = 0.0
    return vectors, known & good


def _squared(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the squared distances of every vector to every other."""
    lengths = (first**2).sum(1)[:, None] + (second**2).sum(1)[None]
    apart: NDArray[np.float64] = np.maximum(lengths - 2 * first @ second.T, 0.0)
    return apart


def _doubts(frames: Sequence[FrameToCorrect]) -> NDArray[np.float64]:
    """Return how doubtful each frame is among the others, (N,) in 0-1: the mean place of what is known of it."""
    columns: list[list[float | None]] = [
        [None if one.expected_dice is None else 1 - one.expected_dice for one in frames],
        [one.disagreement for one in frames],
        [one.flag.score for one in frames],
    ]
    places = np.full((len(columns), len(frames)), np.nan)
    for row, column in zip(places, columns, strict=True):
        values = np.array([np.nan if value is None else value for value in column], np.float64)
        known = np.isfinite(values)
        if known.sum() > 1 and np.ptp(values[known]) > 0:
            order = np.sort(values[known])
            below = np.searchsorted(order, values[known], "left") + np.searchsorted(order, values[known], "right")
            row[known] = below / (2 * len(order))  # equal values share a place
    seen = np.isfinite(places)
    count = seen.sum(0)
    found: NDArray[np.float64] = np.where(count > 0, np.where(seen, places, 0).sum(0) / np.maximum(count, 1), 0.5)
    return found


def _reasons(one: FrameToCorrect, turns: int, nearest: float | None) -> tuple[str, ...]:
    found = []
    if one.disagreement is not None and one.disagreement >= _APART:
        found.append(f"the widths differ by {100 * one.disagreement:.0f} %")
    if one.expected_dice is not None and one.expected_dice < _UNSURE:
        found.append(f"expected Dice {one.expected_dice:.2f}")
    if not one.phase and one.flag.reason.startswith("flagged: ") and "widths" not in one.flag.reason:
        found.append(one.flag.reason.removeprefix("flagged: "))
    count = {0: "no frame of this patient yet", 1: "one frame of this patient so far"}
    found.append(count.get(turns, f"{turns} frames of this patient so far"))
    if nearest is not None and nearest < _NEW_LOOK:
        found.append("a look like none of those corrected")
    if one.phase:
        found.append({"ED": "end-diastole", "ES": "end-systole"}[one.phase])
    return tuple(found)
