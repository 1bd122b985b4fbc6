"""What an export would hold, found out before anything is written: counts, sides, findings, pictures, fields, space.

Nothing in the study changes here. Every clip is opened once: its pixels must still be those that were labelled, its
sector is found, and text is looked for inside it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from matae.cine import Box
from matae.errors import ExchangeError, MataeError
from matae.exchange.clip import Progress
from matae.exchange.formats import FORMATS, find_format
from matae.exchange.grid import Fit
from matae.exchange.names import Pseudonyms, check_release_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from matae.cine import Cine, Spacing
    from matae.exchange.blank import Blanking
    from matae.segment.sector import Sector
    from matae.store import CineEntry, CineSummary, FrameStatus, Study

__all__ = ["Counts", "ExportPlan", "Finding", "PlannedClip", "Preview", "plan_export"]

_PREVIEWS = 24
_SMALLEST, _LARGEST = 32, 2048
_STATUSES = ("accepted", "edited")
VIEWS = ("A4C", "A2C", "A3C", "A5C", "PLAX", "PSAX", "SC4C")
"""Views that leave by name; any other text of a source may hold anything, and counts as unknown."""


@dataclass(frozen=True)
class Counts:
    """How much there is on one side of the split."""

    patients: int = 0
    clips: int = 0
    frames: int = 0


@dataclass(frozen=True)
class Finding:
    """Something a person should know before the data leave.

    Parameters
    ----------
    kind
        ``text`` (text seems to be burned in), ``unblanked`` (no sector was found), ``left out``, or ``note``.
    sentence
        For the person. It names clips of the study, and does not leave.
    clip
        Content id, or empty.
    boxes
        Where text seems to be, in native pixels.
    """

    kind: str
    sentence: str
    clip: str = ""
    boxes: tuple[Box, ...] = ()

    @property
    def needs_look(self) -> bool:
        """Whether a person must have looked at the preview before the data may leave."""
        return self.kind in {"text", "unblanked"}


@dataclass(frozen=True, eq=False)
class Preview:
    """A frame as it would leave.

    Parameters
    ----------
    name
        Pseudonym of the clip.
    clip
        Content id.
    frame
        Frame number.
    picture, mask
        (Y, X) uint8, as they would be written.
    blanked
        Share of the native picture that is blanked.
    text
        Boxes of suspected text, in pixels of the picture.
    """

    name: str
    clip: str
    frame: int
    picture: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    blanked: float
    text: tuple[Box, ...] = ()


@dataclass(frozen=True, eq=False)
class PlannedClip:
    """One clip of a plan: pseudonyms, and what of it leaves."""

    content_id: str
    subject: str
    unnamed: bool
    name: str
    patient: str
    key: str
    split: str
    source: Path
    is_dicom: bool
    frames: tuple[int, ...]
    revisions: tuple[int, ...]
    sector: Sector
    fit: Fit
    ed: int | None
    es: int | None
    marked: bool
    view: str | None
    spacing: Spacing | None
    frame_times: tuple[float, ...] | None
    quality: str
    shape: tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class ExportPlan:
    """An export that can be looked at, and then run with `run_export`.

    Parameters
    ----------
    study, format, name, size, statuses
        As asked for.
    clips
        What leaves.
    splits
        Counts by side.
    findings
        What a person should know.
    previews
        Pictures as they would leave: of the first clips, and of every clip with suspected text.
    fields
        Every field that leaves, with an example of its value.
    bytes_needed
        Rough size on disk.
    classes
        Largest class that occurs.
    """

    study: Study
    format: str
    name: str
    size: int | None
    statuses: tuple[str, ...]
    clips: tuple[PlannedClip, ...]
    splits: dict[str, Counts]
    findings: tuple[Finding, ...]
    previews: tuple[Preview, ...]
    fields: tuple[tuple[str, str], ...]
    bytes_needed: int
    classes: int
    pseudonyms: Pseudonyms = field(repr=False)

    @property
    def n_frames(self) -> int:
        """Labelled frames that leave."""
        return sum(len(clip.frames) for clip in self.clips)

    @property
    def needs_look(self) -> bool:
        """Whether a finding asks that a person looks first."""
        return any(finding.needs_look for finding in self.findings)


class _Asked(NamedTuple):
    format: str
    side: int | None
    statuses: tuple[str, ...]
    view: str | None
    pseudonyms: Pseudonyms


@dataclass
class _Gathered:
    clips: list[PlannedClip] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    previews: list[Preview] = field(default_factory=list)
    classes: int = 0
    bytes_needed: float = 0.0
    frames_out: dict[str, int] = field(default_factory=dict)


def plan_export(
    study: Study,
    format: str,  # noqa: A002 - the word of the command line
    *,
    name: str = "release",
    statuses: Sequence[str] = ("accepted",),
    size: int | None = None,
    native: bool = False,
    view: str | None = None,
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
    cines
        Content ids; all if left out.
    sectors
        Sectors a person drew, by content id.
    progress, should_stop
        Told how far it is; asked whether to stop.

    Raises
    ------
    ExchangeError
        If nothing is left to export, an argument makes no sense, or `should_stop` said so.
    """
    chosen = find_format(format)
    check_release_name(name)
    if not statuses or not set(statuses) <= set(_STATUSES):
        raise ExchangeError("Only accepted and edited frames can be exported; what nobody looked at stays here.")
    if size is not None and not (chosen.sized and _SMALLEST <= size <= _LARGEST):
        what = f"a side of {_SMALLEST} to {_LARGEST} pixels" if chosen.sized else f"native pixels in {chosen.name}"
        raise ExchangeError(f"A size of {size} cannot be written; choose {what}.")
    if view is not None and view not in VIEWS:
        raise ExchangeError(f"There is no view '{view[:20]}'; choose one of {', '.join(VIEWS)}.")
    if format == "dicom-seg":
        from matae.exchange.dicom_seg import require_highdicom

        require_highdicom()
    side = None if native else size or chosen.size
    pseudonyms = Pseudonyms(study.secret)
    found, asked = _Gathered(), _Asked(format, side, tuple(statuses), view, pseudonyms)
    summaries = [s for s in study.cines() if any(s.counts.get(status, 0) for status in _known(statuses))]
    if cines is not None:
        wanted = set(cines)
        summaries = [summary for summary in summaries if summary.content_id in wanted]
    # In the order of the names that leave: the order in which clips were added is nobody else's business.
    started = time.monotonic()
    for done, summary in enumerate(summaries):
        if should_stop is not None and should_stop():
            raise ExchangeError("Stopped before anything was written; plan the export again when you are ready.")
        if progress is not None:
            progress(Progress(done, len(summaries), _left(started, done, len(summaries)), "Looking at clips"))
        sector = None if sectors is None else sectors.get(summary.content_id)
        _plan_clip(study, summary, found, asked, sector)
    if progress is not None:
        progress(Progress(len(summaries), len(summaries), 0.0, "Looking at clips"))
    _check(found, pseudonyms, summaries, statuses)
    found.clips.sort(key=lambda clip: clip.name)
    _overall_findings(found, chosen.name)
    return ExportPlan(
        study=study,
        format=format,
        name=name,
        size=side,
        statuses=tuple(statuses),
        clips=tuple(found.clips),
        splits=_counts(found.clips),
        findings=tuple(found.findings),
        previews=tuple(found.previews),
        fields=_fields(found.clips, format, name),
        bytes_needed=int(found.bytes_needed) + 2000 * len(found.clips) + (1 << 16),
        classes=found.classes,
        pseudonyms=pseudonyms,
    )


def _known(statuses: Sequence[str]) -> list[FrameStatus]:
    from matae.store import FrameStatus

    return [FrameStatus(status) for status in statuses]


def _left(started: float, done: int, total: int) -> float | None:
    return None if not done else (time.monotonic() - started) / done * (total - done)


def _plan_clip(study: Study, summary: CineSummary, found: _Gathered, asked: _Asked, sector: Sector | None) -> None:
    pseudonyms = asked.pseudonyms
    content_id, label = summary.content_id, summary.stem
    entry = study.cine(content_id)
    try:
        cine, is_dicom = open_source(study, entry)
    except MataeError as error:
        found.findings.append(Finding("left out", f"{label} is left out: {error}", content_id))
        return
    infos = {t: i for t, i in study.frames(content_id).items() if i.status.value in asked.statuses}
    masks = {t: mask for t in infos if (mask := study.mask(content_id, t)) is not None}
    marks = study.marks(content_id)
    areas = {t: int((mask == 1).sum()) for t, mask in masks.items()}
    ed, es, marked = _phases(areas, marks.ed, marks.es, entry.n_frames)
    chosen_view = (entry.view if entry.view in VIEWS else None) or asked.view
    frames, why = _select(asked.format, areas, ed, es, chosen_view, is_dicom=is_dicom)
    if why:
        found.findings.append(Finding("left out", f"{label}: {why}", content_id))
    if not frames:
        return
    from matae.exchange.blank import blanking
    from matae.exchange.burned import find_text

    try:
        blanked = blanking(cine, sector)
    except MataeError as error:
        found.findings.append(Finding("left out", f"{label} is left out: {error}", content_id))
        return
    text = tuple(find_text(cine.frames, blanked.allowed))
    fit = _fit(entry, blanked, [masks[t] for t in frames], asked.side)
    findings = _clip_findings(label, content_id, cine, blanked, text)
    found.findings += findings
    subject = entry.subject or f"unnamed-{content_id[:16]}"
    clip = PlannedClip(
        content_id=content_id, subject=subject, unnamed=entry.subject is None,
        name=pseudonyms.clip(subject, content_id), patient=pseudonyms.patient(subject),
        key=pseudonyms.key(content_id), split=study.side_for(subject), source=study.path_of(content_id),
        is_dicom=is_dicom, frames=tuple(frames), revisions=tuple(infos[t].revision for t in frames),
        sector=blanked.sector, fit=fit, ed=ed, es=es, marked=marked, view=chosen_view, spacing=entry.spacing,
        frame_times=entry.frame_times, quality=_quality(entry.quality),
        shape=(entry.n_frames, entry.height, entry.width),
    )  # fmt: skip
    found.clips.append(clip)
    found.classes = max(found.classes, *(int(masks[t].max(initial=0)) for t in frames))
    rows, columns = fit.out_shape
    kind = FORMATS[asked.format]
    count = entry.n_frames if kind.video else len(frames)
    found.bytes_needed += count * rows * columns * kind.bytes_per_pixel + 3000 * len(frames)
    # Whatever must be looked at has a picture to look at.
    if len(found.previews) < _PREVIEWS or any(finding.needs_look for finding in findings):
        t = clip.ed if clip.ed in frames and clip.ed is not None else frames[0]
        found.previews.append(
            Preview(
                clip.name, content_id, t, fit.image(blanked.frame(np.asarray(cine.frames[t]))), fit.mask(masks[t]),
                blanked.share, tuple(_placed(box, fit) for box in text),
            )
        )  # fmt: skip


def open_source(study: Study, entry: CineEntry) -> tuple[Cine, bool]:
    """Open the pixels of a cine again; return it, and whether its file is DICOM.

    Raises
    ------
    MataeError
        If the file is gone, unreadable, or holds other pixels than were labelled.
    """
    from matae.read import open_cine
    from matae.read._formats import sniff

    path = study.path_of(entry.content_id)
    if not path.exists():
        raise ExchangeError("its file is not where it was; open it again from where it is now.")
    cine = open_cine(path)
    if cine.content_id != entry.content_id:
        raise ExchangeError("its file holds other pixels than were labelled; bring the old file back.")
    return cine, path.is_file() and sniff(path) == "dicom"


def _phases(
    areas: Mapping[int, int], ed: int | None, es: int | None, n_frames: int
) -> tuple[int | None, int | None, bool]:
    """Return ED and ES among the labelled frames, and whether a person or the file named them."""
    labelled = [t for t, area in areas.items() if area]
    known_ed, known_es = (t if t in areas else None for t in (ed, es))
    if known_ed is not None and known_es is not None and known_ed != known_es:
        return known_ed, known_es, True
    if n_frames == 1:
        return known_ed, known_es, True
    if len(labelled) >= 2:
        if known_ed is None and known_es is None and ed is None and es is None:
            largest, smallest = max(labelled, key=lambda t: areas[t]), min(labelled, key=lambda t: areas[t])
            return (largest, smallest, False) if areas[largest] > areas[smallest] else (None, None, False)
        others = [t for t in labelled if t not in (known_ed, known_es)]
        if known_ed is None and ed is None and others:
            return max(others, key=lambda t: areas[t]), known_es, False
        if known_es is None and es is None and others:
            return known_ed, min(others, key=lambda t: areas[t]), False
    return known_ed, known_es, True


def _select(
    format_name: str, areas: Mapping[int, int], ed: int | None, es: int | None, view: str | None, *, is_dicom: bool
) -> tuple[list[int], str]:
    """Return the frames a format has room for, and a clause on those it has not."""
    from matae.exchange.camus import camus_view, leaving

    frames = sorted(areas)
    if format_name == "dicom-seg" and not is_dicom:
        return [], "it is left out, since it does not come from a DICOM file."
    if format_name == "echonet":
        if view not in (None, "A4C"):
            return [], f"it is left out, since it shows {view} and EchoNet-Dynamic holds apical four-chamber views."
        traced = [t for t in frames if areas[t] > 20]
        left = len(frames) - len(traced)
        return traced, f"{_frames(left)} without a cavity to trace {_are(left)} left out." if left else ""
    if format_name == "camus":
        if camus_view(view) is None:
            shown = f"it shows {view}" if view else "its view is not known"
            return [], f"it is left out, since {shown}; CAMUS holds A2C and A4C. Say which with --view, if it is one."
        room = leaving(frames, ed, es)
        left = len(frames) - len(room)
        return (
            room,
            f"{_frames(left)} that {_are(left)} neither ED nor ES {_are(left)} left out: CAMUS has no place."
            if left
            else "",
        )
    return frames, ""


def _frames(count: int) -> str:
    return f"{count} frame{'' if count == 1 else 's'}"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _fit(entry: CineEntry, blanked: Blanking, masks: Sequence[NDArray[np.uint8]], side: int | None) -> Fit:
    shape = (entry.height, entry.width)
    aspect = (1.0, 1.0) if entry.spacing is None else (entry.spacing.y, entry.spacing.x)
    rows, columns = np.nonzero(blanked.allowed)
    y0, x0, y1, x1 = int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1
    for mask in masks:
        # A mask that reaches beyond the sector must not be cut off.
        rows, columns = np.nonzero(mask)
        if len(rows):
            y0, x0 = min(y0, int(rows.min())), min(x0, int(columns.min()))
            y1, x1 = max(y1, int(rows.max()) + 1), max(x1, int(columns.max()) + 1)
    flip = blanked.sector.apex_down and side is not None
    return Fit(shape, Box(y0, x0, y1, x1), aspect, side, flip)


def _placed(box: Box, fit: Fit) -> Box:
    corners = fit.points(np.array([[box.y0, box.x0], [box.y1, box.x1]], np.float64))
    low, high = corners.min(0), corners.max(0)
    return Box(int(low[0]), int(low[1]), int(np.ceil(high[0])), int(np.ceil(high[1])))


def _quality(text: str | None) -> str:
    # A free text may hold anything; CAMUS has these three words.
    return text.capitalize() if text and text.lower() in {"good", "medium", "poor"} else ""


def _clip_findings(label: str, content_id: str, cine: Cine, blanked: Blanking, text: tuple[Box, ...]) -> list[Finding]:
    findings = []
    if text:
        places = "a place" if len(text) == 1 else f"{len(text)} places"
        findings.append(
            Finding(
                "text", f"{label}: text seems to be burned into the picture in {places}; look at it.", content_id, text
            )
        )
    if blanked.sector.source == "whole" and blanked.share < 0.01 and _has_dark_corners(cine):
        findings.append(
            Finding(
                "unblanked", f"{label}: no sector was found, so its whole picture would leave; look at it.", content_id
            )
        )
    return findings


def _has_dark_corners(cine: Cine) -> bool:
    """Say whether there is a border around the image in which a scanner may have written."""
    rows, columns = cine.shape
    high, wide = max(1, rows // 12), max(1, columns // 12)
    frame = np.asarray(cine.frames[0])
    corners = [frame[y, x] for y in (slice(0, high), slice(-high, None)) for x in (slice(0, wide), slice(-wide, None))]
    return any(float(np.median(corner)) < 12 for corner in corners)


def _check(found: _Gathered, pseudonyms: Pseudonyms, summaries: Sequence[CineSummary], statuses: Sequence[str]) -> None:
    if not summaries:
        raise ExchangeError(f"There is no {' or '.join(statuses)} frame to export; review some frames first.")
    if not found.clips:
        raise ExchangeError(f"Nothing can be exported: {found.findings[0].sentence}")
    names: dict[str, str] = {}
    for clip in found.clips:
        if names.setdefault(pseudonyms.patient(clip.subject), clip.subject) != clip.subject:
            raise ExchangeError("Two patients got the same pseudonym; export them separately.")


def _overall_findings(found: _Gathered, format_name: str) -> None:
    clips, findings = found.clips, found.findings

    def note(count: int, sentence: str) -> None:
        if count:
            findings.append(Finding("note", f"{count} clip{'' if count == 1 else 's'} {sentence}"))

    note(
        sum(clip.unnamed for clip in clips),
        "of no stated patient: each counts as a patient of its own. If some are of one person, say so first.",
    )
    if format_name == "echonet":
        note(sum(len(clip.frames) < 2 for clip in clips), "with one traced frame: EchoNet's own code leaves those out.")
        note(
            sum(clip.frame_times is None for clip in clips),
            "of unknown frame rate: FPS is left empty, and the video plays at 25 Hz, which is no measurement.",
        )
    if format_name in {"echonet", "camus"}:
        note(
            sum(clip.ed is not None and not clip.marked for clip in clips),
            "without marked ED and ES: the labelled frames with the largest and the smallest cavity are taken.",
        )
    sizes = {clip.fit.out_shape for clip in clips}
    if format_name == "png" and len(sizes) > 1:
        sentence = f"The frames have {len(sizes)} sizes and 'train' takes one; export with a size of 112 or so for it."
        findings.append(Finding("note", sentence))
    sides = {clip.split for clip in clips}
    for missing in ("train", "val"):
        if missing not in sides:
            findings.append(Finding("note", f"No patient is on the {missing} side yet; 'train' needs some there."))


def _counts(clips: Sequence[PlannedClip]) -> dict[str, Counts]:
    counts = {}
    for side in ("train", "val", "test", *sorted({clip.split for clip in clips} - {"train", "val", "test"})):
        chosen = [clip for clip in clips if clip.split == side]
        counts[side] = Counts(
            len({clip.patient for clip in chosen}), len(chosen), sum(len(clip.frames) for clip in chosen)
        )
    return counts


def _fields(clips: Sequence[PlannedClip], format_name: str, name: str) -> tuple[tuple[str, str], ...]:
    clip = clips[0]
    spacing = "unknown" if clip.spacing is None else f"{clip.spacing.y:.4g} x {clip.spacing.x:.4g} mm"
    times = "unknown" if clip.frame_times is None else f"0 to {clip.frame_times[-1]:.3f} s"
    fields = [
        ("release name", name),
        ("patient (pseudonym)", clip.patient),
        ("clip (pseudonym)", clip.name),
        ("side of the split", clip.split),
        ("view", clip.view or "unknown"),
        ("pixel size", spacing),
        ("frame times", times),
        ("frame numbers with a label", ", ".join(map(str, clip.frames[:8])) + ("..." if len(clip.frames) > 8 else "")),
        ("ED and ES frame", f"{clip.ed} and {clip.es}"),
        ("status of each label", "accepted or edited"),
        ("rater (pseudonym)", "rater-0123abcd"),
        ("model and width that proposed it", "name of a bundled model, or a pseudonym"),
        (
            "place of the sector",
            f"rows {clip.fit.box.y0}-{clip.fit.box.y1}, columns {clip.fit.box.x0}-{clip.fit.box.x1}",
        ),
    ]
    if format_name == "camus":
        fields.append(("image quality", clip.quality or "unknown"))
    if format_name in {"camus", "echonet"}:
        fields.append(("volumes and ejection fraction", "computed from the masks"))
    return tuple(fields)
