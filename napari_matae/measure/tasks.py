"""The longer parts of measuring, off the GUI thread, as events."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from matae.store.applied import Network
from napari_matae.session.pixel_size import remembered_scale
from napari_matae.study.landmarks import unreadable_flag
from napari_matae.study_thread.own_connection import own_connection

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.measure import Landmarks, Measurement, MeasureOptions, PhaseMarks
    from matae.measure.earlier import EarlierExaminations
    from matae.segment import Sector
    from matae.store.types import CineSummary, Origin

__all__ = [
    "Measured",
    "OtherView",
    "Saved",
    "Task",
    "ViewsFound",
    "WidthsDone",
    "measure_events",
    "other_view_events",
    "save_events",
    "views_events",
    "widths_events",
]


@dataclass(frozen=True, eq=False)
class Task:
    """What is to be measured, as it stood when it was asked for.

    Parameters
    ----------
    cine
        The clip.
    masks
        The masks on screen, (T, Y, X); they may change while they are read, which is noticed afterwards.
    frames
        Frames whose masks count; the others are measured as empty.
    options, marks
        As for `matae.measure.measure_cine`.
    sector
        The sector, or None.
    origins
        Which network made the mask of each frame.
    network
        The one that stands for all of them.
    placed
        Landmarks that people placed, by frame.
    unreadable
        Frames whose stored landmarks are none.
    reviewed
        Frames whose mask a person drew or accepted.
    expected
        Dice to be expected of each predicted mask, (T,), NaN where it is not known; None if of none.
    implied
        Dice that the probabilities of each predicted mask imply, likewise.
    """

    cine: Cine
    masks: NDArray[np.uint8]
    frames: frozenset[int]
    options: MeasureOptions
    marks: PhaseMarks
    sector: Sector | None = None
    origins: Mapping[int, Origin] = field(default_factory=dict)
    network: Network = field(default_factory=lambda: Network(None, ""))
    placed: Mapping[int, Landmarks] = field(default_factory=dict)
    unreadable: frozenset[int] = frozenset()
    reviewed: frozenset[int] = frozenset()
    expected: NDArray[np.float64] | None = None
    implied: NDArray[np.float64] | None = None


@dataclass(frozen=True, eq=False)
class Measured:
    """The clip is measured."""

    measurement: Measurement


@dataclass(frozen=True, eq=False)
class WidthsDone:
    """Every width of the network has outlined end-diastole and end-systole."""

    masks: dict[str, dict[int, NDArray[np.uint8]]]


@dataclass(frozen=True)
class Saved:
    """A file was written; a sentence where a person should look at it before it is passed on."""

    path: Path
    notice: str = ""


@dataclass(frozen=True)
class ViewsFound:
    """Other cines of the same subject that have masks."""

    cines: tuple[CineSummary, ...]


@dataclass(frozen=True, eq=False)
class OtherView:
    """Another cine of the same subject, measured."""

    measurement: Measurement


def measure_events(task: Task) -> Iterator[Measured]:
    """Measure a clip."""
    yield Measured(_measure(task))


def _measure(task: Task) -> Measurement:
    from matae.measure import measure_cine
    from matae.measure.seen_view import Seen, with_view
    from matae.readers.network import familiar_to, not_asked_flag
    from matae.stack import new_stack

    known = None if task.sector is None else familiar_to(task.cine, task.sector, task.network.origin)
    unasked = not_asked_flag(task.origins)
    seen = Seen(task.cine, (), None)
    if known is not None and task.sector is not None:
        seen = with_view(task.cine, task.sector, known, chosen=task.options.view)
    masks = new_stack(task.masks.shape)  # a copy: the person goes on drawing
    for frame in task.frames:
        masks[frame] = task.masks[frame]
    return measure_cine(
        seen.cine,
        masks,
        task.options,
        marks=task.marks,
        landmarks=task.placed,
        remarks=[
            *seen.flags,
            *([] if unasked is None else [unasked]),
            *([unreadable_flag(task.unreadable)] if task.unreadable else []),
        ],
        sector=task.sector,
        errors=None if known is None else known.errors,
        error_limit=None if known is None else known.limit,
        seen=seen.view,
        expected=task.expected,
        implied=task.implied,
        model=task.network.model,
        width=task.network.widths,
        reviewed=task.reviewed,
    )


def widths_events(cine: Cine, sector: Sector, origins: dict[int, Origin]) -> Iterator[WidthsDone]:
    """Ask the other widths of the network that made the mask of each of a few frames; none of another of its name."""
    from matae.readers.network import other_widths

    def work() -> WidthsDone:
        return WidthsDone(other_widths(cine, sector, origins))

    yield work()


def save_events(path: Path, measurement: Measurement, target: str = "", rater: str = "") -> Iterator[Saved]:
    """Write a report (.pdf, .png), every number (.json), a row a beat (.csv), or a structured report (.dcm).

    Parameters
    ----------
    path
        The file; its ending says what is written.
    measurement
        What is written.
    target
        The study whose earlier examinations of the person stand in a page and in the JSON; empty for none.
    rater
        Who looks, where the study is blind.
    """
    from matae.clinic import write_report_beside
    from matae.measure.record import write_csv, write_json
    from matae.measure.report import write_report

    def work() -> Saved:
        if path.suffix.lower() == ".dcm":
            write_report_beside(path, measurement)
            return Saved(path, "It names the patient and the study of the clip.")
        if path.suffix.lower() == ".csv":
            write_csv(path, measurement)
            return Saved(path)
        earlier = _earlier(measurement, target, rater)
        if path.suffix.lower() == ".json":
            write_json(path, measurement, earlier=earlier)
            return Saved(path)
        return Saved(path, write_report(path, measurement, earlier=earlier))

    yield work()


def _earlier(measurement: Measurement, target: str, rater: str) -> EarlierExaminations | None:
    """Return what the study holds of examinations before the one that is measured."""
    from matae.readers.history import earlier_for_report, history_with
    from matae.worklist import stored_measurement

    if not target:
        return None
    with own_connection(target, rater, as_reader=True) as study:
        history = history_with(study, measurement.content_id, stored_measurement(measurement))
    return None if history is None else earlier_for_report(history, measurement.content_id)


def views_events(target: str, content_id: str) -> Iterator[ViewsFound]:
    """Find the other cines of a cine's subject in a study."""

    def work() -> ViewsFound:
        with own_connection(target) as study:
            cines = study.cines()
        subject = next((cine.known_subject for cine in cines if cine.content_id == content_id), None)
        if subject is None:
            return ViewsFound(())
        others = [c for c in cines if c.known_subject == subject and c.content_id != content_id and c.n_labelled]
        return ViewsFound(tuple(others))

    yield work()


def other_view_events(target: str, rater: str, content_id: str, view: str) -> Iterator[OtherView]:
    """Measure another cine of a study from its stored masks, with all that people set of it and placed on it.

    Parameters
    ----------
    target
        The study, path or URL.
    rater
        Who measures: where the study is blind, their own reading counts.
    content_id
        Of the cine; its file must still be where it was opened from, with the same pixels.
    view
        What it counts as where neither a person nor its file says what it shows.
    """
    yield OtherView(_measure_stored(target, rater, content_id, view))


def _measure_stored(target: str, rater: str, content_id: str, view: str) -> Measurement:
    from matae.readers import measure_stored

    with own_connection(target, rater, as_reader=True) as study:
        # The pixel size that only this computer remembers counts where the clip was not opened since.
        return measure_stored(study, content_id, view, scale=remembered_scale)
