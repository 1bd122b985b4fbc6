"""One clip looked at for an export: opened, its frames chosen, blanked, placed; or left out with the reason.

Its pixels must still be those that were labelled, its sector is found, and text is looked for inside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from matae.cine import Box
from matae.errors import MataeError
from matae.exchange.export.findings import Finding, find_in_picture
from matae.exchange.export.metadata import known_quality, known_view
from matae.exchange.export.plan_record import PlannedClip, Preview
from matae.exchange.export.selection import labelled_phases, select_frames
from matae.exchange.export.source import open_stored
from matae.placement import Placement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.exchange.export.deidentify_pixels import Blanking
    from matae.exchange.export.selection import LabelledPhases
    from matae.exchange.export.source import StoredSource
    from matae.exchange.names import Pseudonyms
    from matae.exchange.registry import Format
    from matae.segment.sector import Sector
    from matae.store import CineEntry, CineSummary, Study

__all__ = ["UNKNOWN_PATIENT", "Candidate", "Request", "look_at"]

UNKNOWN_PATIENT = (
    "nobody has said which patient it shows; name the patient in the Open or Learn step, or with 'napari-matae study "
    "patient'."
)


class Request(NamedTuple):
    """What was asked for.

    Parameters
    ----------
    format
        The format.
    side
        Side of the square grid, or None for native pixels.
    statuses
        Which labels.
    view
        Of clips that state none.
    pseudonyms
        Names that leave.
    reading
        Whose reading; what counts if None.
    """

    format: Format
    side: int | None
    statuses: tuple[str, ...]
    view: str | None
    pseudonyms: Pseudonyms
    reading: str | None = None


@dataclass(frozen=True, eq=False)
class Candidate:
    """A clip that was looked at.

    Parameters
    ----------
    clip
        What of it would leave, or None if nothing does.
    findings
        What a person should know of it.
    preview
        A frame as it would leave, where one was asked for or must be looked at.
    classes
        Classes of its masks, in order.
    bytes_needed
        Rough size on disk.
    """

    clip: PlannedClip | None = None
    findings: tuple[Finding, ...] = ()
    preview: Preview | None = None
    classes: tuple[int, ...] = ()
    bytes_needed: float = 0.0


class _Labels(NamedTuple):
    """The labelled frames of a clip that leave, and a clause on those that do not."""

    masks: dict[int, NDArray[np.uint8]]
    revisions: tuple[int, ...]
    phases: LabelledPhases
    view: str | None
    why: str


def look_at(
    study: Study, summary: CineSummary, request: Request, sector: Sector | None = None, *, draw: bool = True
) -> Candidate:
    """Find out what of a clip would leave; nothing in the study changes.

    Parameters
    ----------
    study
        An open study.
    summary
        The clip.
    request
        What was asked for.
    sector
        As a person drew it; when absent the one that is stored, else the one that is found in the picture.
    draw
        Whether to draw a preview even where nothing must be looked at.
    """
    from matae.exchange.export.burned_in_text import find_text
    from matae.exchange.export.deidentify_pixels import blanking

    entry, label = study.cine(summary.content_id), summary.stem
    if entry.known_subject is None:
        return Candidate(findings=(_left_out(entry, f"{label} is left out: {UNKNOWN_PATIENT}"),))
    try:
        source = open_stored(study, entry)
    except MataeError as error:
        return Candidate(findings=(_left_out(entry, f"{label} is left out: {error}"),))
    cine = source.cine
    labels = _choose_labels(study, entry, request, source)
    findings = [_left_out(entry, f"{label}: {labels.why}")] if labels.why else []
    if not labels.masks:
        return Candidate(findings=tuple(findings))
    try:
        blanked = blanking(cine, source.sector if sector is None else sector)
    except MataeError as error:
        return Candidate(findings=(*findings, _left_out(entry, f"{label} is left out: {error}")))
    text = tuple(find_text(cine.frames, blanked.allowed))
    findings += find_in_picture(cine, blanked, text, label)
    if len(cine.b_modes) > 1 and source.overrides.spacing is None:
        # Which picture of the frame the heart lies in, its labels say: those of the cavity, as in a measurement.
        masks = np.stack(list(labels.masks.values()))
        cine = cine.scaled_for(np.any(masks == 1 if (masks == 1).any() else masks > 0, axis=0))
    fit = _fit(cine, blanked, list(labels.masks.values()), request.side)
    picture = _Picture(cine, blanked.sector, fit, source.is_dicom)
    clip = _planned(study, entry, request.pseudonyms, labels, picture)
    # Whatever must be looked at has a picture to look at.
    wanted = draw or any(finding.needs_look for finding in findings)
    return Candidate(
        clip=clip,
        findings=tuple(findings),
        preview=_preview(clip, cine, blanked, labels.masks, text) if wanted else None,
        classes=tuple(np.unique(np.concatenate([mask[mask > 0] for mask in labels.masks.values()])).tolist()),
        bytes_needed=_bytes(clip, request.format),
    )


def _left_out(entry: CineEntry, sentence: str) -> Finding:
    return Finding("left out", sentence, entry.content_id)


def _choose_labels(study: Study, entry: CineEntry, request: Request, source: StoredSource) -> _Labels:
    content_id = entry.content_id
    reading = request.reading
    known = study.frames(content_id) if reading is None else study.reading_frames(content_id, reading)
    infos = {t: i for t, i in known.items() if i.status.value in request.statuses}
    masks = {t: m for t, i in infos.items() if (m := study.mask(content_id, t, revision=i.revision)) is not None}
    areas = {t: int((mask == 1).sum()) for t, mask in masks.items()}
    marks = study.marks(content_id) if reading is None else study.reading_marks(content_id, reading)[0]
    phases = labelled_phases(areas, marks.ed, marks.es, entry.n_frames)
    # A person's word, then the file's, then what was asked for.
    view = known_view(source.cine.view) or known_view(entry.view) or request.view
    frames, why = select_frames(request.format.name, areas, phases, view, is_dicom=source.is_dicom)
    return _Labels({t: masks[t] for t in frames}, tuple(infos[t].revision for t in frames), phases, view, why)


class _Picture(NamedTuple):
    cine: Cine
    sector: Sector
    fit: Placement
    is_dicom: bool


def _planned(study: Study, entry: CineEntry, pseudonyms: Pseudonyms, labels: _Labels, picture: _Picture) -> PlannedClip:
    content_id, cine, subject = entry.content_id, picture.cine, entry.known_subject or ""
    return PlannedClip(
        content_id=content_id, subject=subject,
        name=pseudonyms.clip(subject, content_id), patient=pseudonyms.patient(subject),
        key=pseudonyms.key(content_id), split=study.side_for(subject), source=study.path_of(content_id),
        is_dicom=picture.is_dicom, frames=tuple(labels.masks), revisions=labels.revisions, sector=picture.sector,
        fit=picture.fit, ed=labels.phases.ed, es=labels.phases.es, marked=labels.phases.marked, view=labels.view,
        spacing=cine.spacing, frame_times=None if cine.frame_times is None else tuple(cine.frame_times.tolist()),
        quality=known_quality(entry.quality),
        shape=(entry.n_frames, entry.height, entry.width),
    )  # fmt: skip


def _fit(cine: Cine, blanked: Blanking, masks: Sequence[NDArray[np.uint8]], side: int | None) -> Placement:
    # The box the network is shown of the same clip: what is trained on looks like what is segmented.
    y0, x0, y1, x1 = blanked.sector.box(cine.shape)
    for mask in masks:
        # A mask that reaches beyond the sector must not be cut off.
        rows, columns = np.nonzero(mask)
        if len(rows):
            y0, x0 = min(y0, int(rows.min())), min(x0, int(columns.min()))
            y1, x1 = max(y1, int(rows.max()) + 1), max(x1, int(columns.max()) + 1)
    flip = blanked.sector.apex_down and side is not None
    return Placement(cine.shape, Box(y0, x0, y1, x1), cine.pixel_aspect, side, flip)


def _preview(
    clip: PlannedClip, cine: Cine, blanked: Blanking, masks: Mapping[int, NDArray[np.uint8]], text: Sequence[Box]
) -> Preview:
    frame = clip.ed if clip.ed is not None and clip.ed in masks else clip.frames[0]
    picture = clip.fit.image(blanked.frame(np.asarray(cine.frames[frame])))
    boxes = tuple(_placed(box, clip.fit) for box in text)
    return Preview(clip.name, clip.content_id, frame, picture, clip.fit.mask(masks[frame]), blanked.share, boxes)


def _placed(box: Box, fit: Placement) -> Box:
    corners = fit.points(np.array([[box.y0, box.x0], [box.y1, box.x1]], np.float64))
    low, high = corners.min(0), corners.max(0)
    return Box(int(low[0]), int(low[1]), int(np.ceil(high[0])), int(np.ceil(high[1])))


def _bytes(clip: PlannedClip, kind: Format) -> float:
    rows, columns = clip.fit.out_shape
    pictures = clip.shape[0] if kind.video else len(clip.frames)
    return pictures * rows * columns * kind.bytes_per_pixel + 3000 * len(clip.frames)
