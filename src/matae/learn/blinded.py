"""What whoever reads blind may see of a verdict: nothing that tells another reader's drawing of a frame."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from matae.learn.events import Validation
from matae.learn.verdict import MinutesSaved

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from matae.learn.channel import RunCallbacks
    from matae.learn.events import Event
    from matae.learn.gather import Corrections
    from matae.learn.paired import Paired
    from matae.learn.verdict import Side, Verdict
    from matae.store import Study

__all__ = [
    "LEAST_CLIPS",
    "WITHHELD",
    "WITHHELD_SCORES",
    "is_withheld",
    "seen_by",
    "without_hidden",
    "without_hidden_scores",
]

LEAST_CLIPS = 3
"""So many hidden clips at least are averaged in a mean that is shown: whoever knows the other frames one by one can
subtract them from it, and what is left is the mean of the hidden ones."""

WITHHELD = (
    "The figures wait until all readers of the clips have finished: they hold so few readings by others that these "
    "could be told from them."
)
"""Said in place of figures."""
WITHHELD_SCORES = (
    "The Dice of the validation patients is not shown while it trains: it averages so few clips that others still read "
    "that theirs could be told from it. The best step is kept all the same."
)
"""Said once in place of the validation's figures."""


def seen_by(verdict: Verdict, study: Study) -> Verdict:
    """Return a verdict as the rater of a study may see it, see `without_hidden`.

    Parameters
    ----------
    verdict
        As it was reached.
    study
        Open, under the name of whoever looks.
    """
    return without_hidden(verdict, study.hidden_from(study.rater))


def without_hidden(verdict: Verdict, hidden: AbstractSet[str]) -> Verdict:
    """Return a verdict without what it says of single clips that are hidden.

    The outcome stays, which is one word on all patients. Frames of hidden clips are left out. A figure stays where it
    is sure to average `LEAST_CLIPS` hidden clips: one of some frames only, as of a structure that few clips show, may
    hold fewer of them than the side does. Without the Dice a side has no figures, and neither the sentence nor the
    minutes that rest on them are said.

    Parameters
    ----------
    verdict
        As it was reached.
    hidden
        Content ids of the clips that others read and whoever looks must not see yet.
    """
    held_out, agreement = (_side(side, hidden) for side in (verdict.held_out, verdict.agreement))
    if held_out is verdict.held_out and agreement is verdict.agreement:
        return verdict
    seen = replace(verdict, held_out=held_out, agreement=agreement)
    if not is_withheld(held_out):
        return seen
    # Both rest on what held-out frames gained.
    return replace(seen, sentence=WITHHELD, minutes=MinutesSaved(None, verdict.minutes.n_timed, WITHHELD))


def without_hidden_scores(link: RunCallbacks, corrections: Corrections, hidden: AbstractSet[str]) -> RunCallbacks:
    """Return callbacks that are told no figure of the validation patients where it would tell one or two hidden clips.

    The rule is that of a verdict's figures: a mean over no hidden clip, or over `LEAST_CLIPS` and more, is said.

    Parameters
    ----------
    link
        The callbacks of the run.
    corrections
        What is learnt from and validated on.
    hidden
        Content ids of the clips that others read and whoever runs it must not see yet.
    """
    n = len({clip.content_id for clip in corrections.clips if clip.side == "val"} & hidden)
    if not 0 < n < LEAST_CLIPS:
        return link
    link.notify(WITHHELD_SCORES)

    def emit(event: Event) -> None:
        link.emit(replace(event, dice={}, iou={}) if isinstance(event, Validation) else event)

    return replace(link, emit=emit)


def is_withheld(side: Side) -> bool:
    """Return whether the figures of a side are withheld."""
    return side.n_hidden > 0 and not side.figures


def _side(side: Side, hidden: AbstractSet[str]) -> Side:
    frames = tuple(frame for frame in side.frames if frame.content_id not in hidden)
    if len(frames) == len(side.frames):
        return side
    figures = {
        name: figure for name, figure in side.figures.items() if _least_hidden(figure, side, hidden) >= LEAST_CLIPS
    }
    kept = figures if "dice" in figures else {}
    return replace(side, frames=frames, figures=kept, n_hidden=len(side.frames) - len(frames))


def _least_hidden(figure: Paired, side: Side, hidden: AbstractSet[str]) -> int:
    """Return how many hidden clips a figure averages at least, as if all that it leaves out were frames of theirs."""
    each = Counter(frame.content_id for frame in side.frames)
    if figure.name == "ef_error":  # a value a clip
        each = Counter(each.keys())
    left_out, sizes = each.total() - figure.n, sorted(n for clip, n in each.items() if clip in hidden)
    for gone, size in enumerate(sizes):
        left_out -= size
        if left_out < 0:
            return len(sizes) - gone
    return 0
