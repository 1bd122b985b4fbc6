"""What an export would hold, found out before anything is written; nothing in the study changes here.

`plan_export` refuses what makes no sense, looks at every clip once (`export.candidate`), and puts together
counts, sides, findings, pictures, fields and the space that is needed.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from matae.errors import ExchangeError
from matae.exchange.clip import Progress
from matae.exchange.export.candidate import Request, look_at
from matae.exchange.export.findings import find_over_clips
from matae.exchange.export.metadata import VIEWS, list_fields
from matae.exchange.export.plan_record import ExportPlan, count_sides
from matae.exchange.names import Pseudonyms, check_release_name
from matae.exchange.options import LARGEST, SMALLEST
from matae.exchange.registry import find_format

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from matae.exchange.export.findings import Finding
    from matae.exchange.export.plan_record import PlannedClip, Preview
    from matae.exchange.registry import Format
    from matae.segment.sector import Sector
    from matae.store import CineSummary, Study

__all__ = ["plan_export"]

_PREVIEWS = 24
_STATUSES = ("accepted", "edited")


def plan_export(
    study: Study,
    format: str,  # noqa: A002 - the word of the command line
    *,
    name: str = "release",
    statuses: Sequence[str] = ("accepted",),
    size: int | None = None,
    native: bool = False,
    view: str | None = None,
    reading: str | None = None,
    cines: Sequence[str] | None = None,
    sectors: Mapping[str, Sector] | None = None,
    progress: Callable[[Progress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> ExportPlan:
    """Find out what an export would hold.

    Parameters
    ----------
    study
        An open study.
    format
        ``png``, ``echonet``, ``camus``, ``coco``, ``npz`` or ``dicom-seg``.
    name
        Of the release; it leaves with the data.
    statuses
        Which labels: ``accepted``, and if wished ``edited``. What no person has looked at never leaves.
    size
        Side of a square grid to scale to; the format's own if left out (112 for EchoNet, else native pixels).
    native
        Keep native pixels where the format would scale.
    view
        View of clips that state none, where the format needs one.
    reading
        Whose reading leaves; what counts if left out, which is the one that was chosen where raters read a clip blind.
    cines
        Content ids; all if left out.
    sectors
        Sectors a person drew, by content id.
    progress, should_stop
        Told how far it is; asked whether to stop.

    Raises
    ------
    ExchangeError
        If nothing is left to export, an argument makes no sense, `should_stop` said so, or blind readings of a clip
        differ and nobody has chosen one.
    """
    chosen = find_format(format)
    check_release_name(name)
    _check_request(chosen, statuses, size, view)
    pseudonyms = Pseudonyms(study.secret)
    side = None if native else size or chosen.size
    request = Request(chosen, side, tuple(statuses), view, pseudonyms, reading)
    summaries = _labelled(study, statuses, cines, reading)
    if reading is None:
        _refuse_undecided(study, summaries)
    clips: list[PlannedClip] = []
    findings: list[Finding] = []
    previews: list[Preview] = []
    classes, bytes_needed = set[int](), 0.0
    for summary in _announced(summaries, progress, should_stop):
        sector = None if sectors is None else sectors.get(summary.content_id)
        looked = look_at(study, summary, request, sector, draw=len(previews) < _PREVIEWS)
        findings += looked.findings
        if looked.clip is not None:
            clips.append(looked.clip)
        if looked.preview is not None:
            previews.append(looked.preview)
        classes.update(looked.classes)
        bytes_needed += looked.bytes_needed
    if not summaries:
        raise ExchangeError(f"There is no {' or '.join(statuses)} frame to export; review some frames first.")
    if not clips:
        raise ExchangeError(f"Nothing can be exported: {findings[0].sentence}")
    _check_pseudonyms(clips)
    # In the order of the names that leave: the order in which clips were added is nobody else's business.
    clips.sort(key=lambda clip: clip.name)
    return ExportPlan(
        study=study,
        format=format,
        name=name,
        size=side,
        statuses=tuple(statuses),
        clips=tuple(clips),
        splits=count_sides(clips),
        findings=(*findings, *find_over_clips(clips, format, classes)),
        previews=tuple(previews),
        fields=list_fields(clips[0], format, name, classes),
        bytes_needed=int(bytes_needed) + 2000 * len(clips) + (1 << 16),
        classes=tuple(sorted(classes)),
        pseudonyms=pseudonyms,
        reading=reading,
    )


def _check_request(chosen: Format, statuses: Sequence[str], size: int | None, view: str | None) -> None:
    if not statuses or not set(statuses) <= set(_STATUSES):
        raise ExchangeError("Only accepted and edited frames can be exported; what nobody looked at stays here.")
    if size is not None and not (chosen.sized and SMALLEST <= size <= LARGEST):
        what = f"a side of {SMALLEST} to {LARGEST} pixels" if chosen.sized else f"native pixels in {chosen.name}"
        raise ExchangeError(f"A size of {size} cannot be written; choose {what}.")
    if view is not None and view not in VIEWS:
        raise ExchangeError(f"There is no view '{view[:20]}'; choose one of {', '.join(VIEWS)}.")
    if chosen.name == "dicom-seg":
        from matae.exchange.layouts.dicom_seg import require_highdicom

        require_highdicom()


def _labelled(
    study: Study, statuses: Sequence[str], cines: Sequence[str] | None, reading: str | None
) -> list[CineSummary]:
    """Return the clips with a label of these statuses, all or those asked for; of one rater's reading if named."""
    from matae.store import FrameStatus

    known = [FrameStatus(status) for status in statuses]
    wanted = None if cines is None else set(cines)

    def has_some(summary: CineSummary) -> bool:
        if reading is None:
            return any(summary.counts.get(status, 0) for status in known)
        return any(info.status in known for info in study.reading_frames(summary.content_id, reading).values())

    return [
        summary for summary in study.cines() if (wanted is None or summary.content_id in wanted) and has_some(summary)
    ]


def _refuse_undecided(study: Study, summaries: Sequence[CineSummary]) -> None:
    """Refuse clips that several raters read blind, who differ, while nobody has said whose reading counts."""
    several = {content_id for content_id, n in study.clips_read().items() if n > 1}
    differ = [(s.stem, who) for s in summaries if s.content_id in several and (who := study.undecided(s.content_id))]
    if differ:
        stem, who = differ[0]
        more = f" ({len(differ) - 1} more clips likewise)" if len(differ) > 1 else ""
        raise ExchangeError(
            f"{' and '.join(who)} read {stem} and differ, and nobody has chosen{more}; adjudicate it, or export the "
            "reading of one of them."
        )


def _announced(
    summaries: Sequence[CineSummary],
    progress: Callable[[Progress], None] | None,
    should_stop: Callable[[], bool] | None,
) -> Iterator[CineSummary]:
    """Yield the clips, telling before each how far it is, and stopping if asked to."""
    started, total = time.monotonic(), len(summaries)
    for done, summary in enumerate(summaries):
        if should_stop is not None and should_stop():
            raise ExchangeError("Stopped before anything was written; plan the export again when you are ready.")
        if progress is not None:
            left = (time.monotonic() - started) / done * (total - done) if done else None
            progress(Progress(done, total, left, "Looking at clips"))
        yield summary
    if progress is not None:
        progress(Progress(total, total, 0.0, "Looking at clips"))


def _check_pseudonyms(clips: Sequence[PlannedClip]) -> None:
    names: dict[str, str] = {}
    for clip in clips:
        if names.setdefault(clip.patient, clip.subject) != clip.subject:
            raise ExchangeError("Two patients got the same pseudonym; export them separately.")
