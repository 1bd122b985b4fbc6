"""The columns of the worklist: what each shows of a clip, what it is sorted by, and what it says in full."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from matae.measure.reliability import NOT_RELIABLE, PROVISIONAL
from matae.store.types import ClipStatus, FrameStatus
from napari_matae.widgets.words import plural

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from matae.store import WorklistRow
    from napari_matae.widgets.colours import Colours

__all__ = ["CLIP", "COLUMNS", "READERS", "STATUS", "Column", "status_dots", "when"]

_ORDER = list(ClipStatus)
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Column:
    """A column of the table.

    Parameters
    ----------
    title
        Its head.
    tip
        What it holds, for the head's tooltip.
    text
        What is shown of a clip.
    key
        What it is sorted by; equal types within a column.
    full
        What the tooltip of a cell says; empty where the cell says it all.
    middle
        Whether its cells stand in the middle: short figures between two columns of words.
    """

    title: str
    tip: str
    text: Callable[[WorklistRow], str]
    key: Callable[[WorklistRow], Any]
    full: Callable[[WorklistRow], str] = lambda _: ""
    middle: bool = False


def status_dots(colours: Colours) -> dict[ClipStatus, str]:
    """Return the colour of the dot before each status; the word stands beside it."""
    return {
        ClipStatus.FAILED: colours.flag,
        ClipStatus.WAITING: colours.empty,
        ClipStatus.NOT_SEGMENTED: colours.empty,
        ClipStatus.SEGMENTED: colours.status[FrameStatus.MACHINE],
        ClipStatus.IN_REVIEW: colours.status[FrameStatus.EDITED],
        ClipStatus.ACCEPTED: colours.status[FrameStatus.ACCEPTED],
        ClipStatus.REJECTED: colours.status[FrameStatus.REJECTED],
    }


def when(time: datetime | None) -> str:
    """Return a time as people at this desk read it: their own clock, to the minute."""
    return "" if time is None else time.astimezone().strftime("%Y-%m-%d %H:%M")


def _frames(row: WorklistRow) -> str:
    if row.n_frames is None:
        return ""
    return f"{row.n_reviewed} / {row.n_frames}" if row.n_labelled else str(row.n_frames)


def _frames_full(row: WorklistRow) -> str:
    if not row.n_labelled:
        return ""
    counts = ", ".join(f"{n} {status.value}" for status, n in row.counts.items())
    return f"{plural(row.n_labelled, 'frame')} with a mask: {counts}."


def _status_full(row: WorklistRow) -> str:
    return row.note or _STATUS_WORDS[row.status]


_STATUS_WORDS = {
    ClipStatus.FAILED: "It could not be segmented.",
    ClipStatus.WAITING: "It waits to be segmented in the background.",
    ClipStatus.NOT_SEGMENTED: "No frame has a mask.",
    ClipStatus.SEGMENTED: "Every mask is as predicted; nobody has looked yet.",
    ClipStatus.IN_REVIEW: "Some frames are corrected or judged, some are still to be judged.",
    ClipStatus.ACCEPTED: "Every mask is judged.",
    ClipStatus.REJECTED: "Every frame with a mask is rejected.",
}


def _ef(row: WorklistRow) -> str:
    measured = row.measurement
    if measured is None:
        return ""
    if measured.ef is None:
        return "–"
    text = NOT_RELIABLE if measured.doubts else f"{measured.ef:.0f} %"
    return f"{text} (old)" if measured.stale else text


def _ef_full(row: WorklistRow) -> str:
    measured = row.measurement
    if measured is None:
        return "Not measured yet: open the clip and go to Measure."
    parts = []
    if measured.ef is None:
        parts.append("No ejection fraction could be measured.")
    elif measured.doubts:
        parts.append(f"Not to be relied on: {', '.join(measured.doubts)}.")
    elif measured.ef_low is not None and measured.ef_high is not None:
        parts.append(f"90 % interval {measured.ef_low:.0f} to {measured.ef_high:.0f} %.")
    if measured.provisional:
        parts.append(PROVISIONAL)
    if measured.stale:
        parts.append("Masks or settings have changed since: open the clip and go to Measure.")
    by = f" by {measured.rater}" if measured.rater else " in the background"
    model = f", masks by {measured.model} at width {measured.width}" if measured.model else ""
    parts.append(f"Measured {when(measured.at)}{by}{model}.")
    return " ".join(parts)


def _ef_key(row: WorklistRow) -> tuple[int, float]:
    measured = row.measurement
    if measured is None or measured.ef is None:
        return 0, 0.0
    return (1 if measured.doubts else 2), measured.ef


def _readers(row: WorklistRow) -> str:
    return f"▲ {row.readers}" if row.disagree else row.readers


def _open(row: WorklistRow) -> str:
    return ", ".join(f"{claim.rater or 'somebody'} since {claim.since.astimezone():%H:%M}" for claim in row.claims)


def _open_full(row: WorklistRow) -> str:
    return "; ".join(f"Open by {claim.rater or 'somebody'} since {when(claim.since)}" for claim in row.claims)


CLIP, STATUS, READERS = 0, 4, 7
COLUMNS = (
    Column("Clip", "The name of its file", lambda r: r.stem, lambda r: r.stem.casefold(), lambda r: r.stem),
    Column("Subject", "Pseudonym of the person it shows", lambda r: r.subject or "", lambda r: r.subject or ""),
    Column("View", "Standard view, as the file or a person says", lambda r: r.view or "", lambda r: r.view or ""),
    Column(
        "Frames", "Frames that are judged, of all", _frames, lambda r: (r.n_reviewed, r.n_frames or 0), _frames_full,
        middle=True,
    ),
    Column("Status", "How far it is", lambda r: r.status.value, lambda r: _ORDER.index(r.status), _status_full),
    Column(
        "Flags", "Frames that are worth a look and nobody has judged", lambda r: str(r.n_flags or ""),
        lambda r: r.n_flags, middle=True,
    ),
    Column("EF", "Ejection fraction as last measured", _ef, _ef_key, _ef_full, middle=True),
    Column("Readers", "How the readings of several raters compare; those that disagree come first by a click",
           _readers, lambda r: (bool(r.readers), r.disagree, r.readers), lambda r: r.readers),
    Column("By", "Who corrected or judged a frame last", lambda r: r.by, lambda r: r.by.casefold()),
    Column("Touched", "When that was, or when it was segmented or added", lambda r: when(r.touched),
           lambda r: r.touched or _LONG_AGO),
    Column("Open", "Who else has it open now", _open, lambda r: (-len(r.claims), _open(r)), _open_full),
)  # fmt: skip
"""In the order shown."""
