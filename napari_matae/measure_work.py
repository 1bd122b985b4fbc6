"""The longer parts of measuring, off the GUI thread, as events; see `napari_matae.workers` for why."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from matae.errors import MeasureError
from napari_matae.placed import from_stored
from napari_matae.scales import with_remembered_scale
from napari_matae.workers import Failed, explain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.measure import Landmarks, Marks, Measurement, MeasureOptions
    from matae.segment import Sector
    from matae.store.types import CineSummary

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
    model, width
        What made the masks.
    study
        Where a person's landmarks may be, path or URL; empty for nowhere.
    placed
        Landmarks of this screen by frame, which may be on their way to the study; None for those taken away.
    """

    cine: Cine
    masks: NDArray[np.uint8]
    frames: frozenset[int]
    options: MeasureOptions
    marks: Marks
    sector: Sector | None = None
    model: str = ""
    width: str = ""
    study: str = ""
    placed: Mapping[int, Landmarks | None] = field(default_factory=dict)


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
    """A file was written."""

    path: Path


@dataclass(frozen=True)
class ViewsFound:
    """Other cines of the same subject that have masks."""

    cines: tuple[CineSummary, ...]


@dataclass(frozen=True, eq=False)
class OtherView:
    """Another cine of the same subject, measured."""

    measurement: Measurement


def _events(work: Callable[[], Any]) -> Iterator[Any]:
    try:
        yield work()
    except Exception as error:  # noqa: BLE001 - see napari_matae.workers
        yield Failed(explain(error))


def measure_events(task: Task) -> Iterator[Measured | Failed]:
    """Measure a clip."""
    yield from _events(lambda: Measured(_measure(task)))


def _measure(task: Task) -> Measurement:
    from matae.measure import measure_cine
    from matae.measure.run import sector_pixels
    from matae.stack import new_stack

    errors, limit = _unfamiliar(task) or (None, None)
    masks = new_stack(task.masks.shape)  # a copy: the person goes on drawing
    for frame in task.frames:
        masks[frame] = task.masks[frame]
    return measure_cine(
        task.cine,
        masks,
        task.options,
        marks=task.marks,
        landmarks=_placed(task),
        sector=None if task.sector is None else sector_pixels(task.sector, task.cine.shape),
        errors=errors,
        error_limit=limit,
        model=task.model,
        width=task.width,
    )


def _unfamiliar(task: Task) -> tuple[NDArray[np.float64], float] | None:
    """Return how little the model that outlined the clip knows its pictures, and its limit."""
    from matae.errors import ModelError
    from matae.segment.familiar import rebuild_errors

    if not task.model or task.sector is None:
        return None
    try:
        return rebuild_errors(task.cine, task.sector, task.model)
    except ModelError:
        return None  # it was removed since; the numbers do without it


def _placed(task: Task) -> Mapping[int, Landmarks]:
    """Return the landmarks that people placed on this cine: those stored, and those on screen."""
    from matae.store import Study

    found: dict[int, Landmarks | None] = {}
    if task.study:
        with suppress(Exception):  # the saved bar says what is wrong with a study; the numbers do without it
            with Study.open(task.study) as study:
                stored = study.landmarks(task.cine.content_id)
            found = {t: from_stored(points) for t, points in stored.items() if 0 <= t < task.cine.n_frames}
    found |= task.placed
    return {t: points for t, points in found.items() if points is not None}


def widths_events(cine: Cine, sector: Sector, run: dict[str, Any], frames: list[int]) -> Iterator[WidthsDone | Failed]:
    """Ask every other width of the network that made the masks about a few frames."""
    from matae.measure.run import segment_widths
    from matae.segment import SegmentOptions

    def work() -> WidthsDone:
        options = SegmentOptions(model=str(run["model"]))
        return WidthsDone(segment_widths(cine, sector, options, frames, without=str(run.get("width", ""))))

    yield from _events(work)


def save_events(path: Path, measurement: Measurement) -> Iterator[Saved | Failed]:
    """Write a report (.pdf, .png), every number (.json), or a row a beat (.csv)."""
    from matae.measure.record import write_csv, write_json
    from matae.measure.report import write_report

    def work() -> Saved:
        writer = {".json": write_json, ".csv": write_csv}.get(path.suffix.lower(), write_report)
        writer(path, measurement)
        return Saved(path)

    yield from _events(work)


def views_events(target: str, content_id: str) -> Iterator[ViewsFound | Failed]:
    """Find the other cines of a cine's subject in a study."""
    from matae.store import Study

    def work() -> ViewsFound:
        with Study.open(target) as study:
            cines = study.cines()
        subject = next((cine.known_subject for cine in cines if cine.content_id == content_id), None)
        if subject is None:
            return ViewsFound(())
        others = [c for c in cines if c.known_subject == subject and c.content_id != content_id and c.n_labelled]
        return ViewsFound(tuple(others))

    yield from _events(work)


def other_view_events(target: str, content_id: str, view: str) -> Iterator[OtherView | Failed]:
    """Measure another cine of a study from its stored masks.

    Parameters
    ----------
    target
        The study, path or URL.
    content_id
        Of the cine; its file must still be where it was opened from, with the same pixels.
    view
        What it counts as.
    """
    from matae.measure import Marks, MeasureOptions, measure_cine
    from matae.measure.run import sector_pixels
    from matae.read import open_cine
    from matae.segment import find_sector
    from matae.stack import new_stack
    from matae.store import Study
    from matae.store.types import FrameStatus

    def work() -> OtherView:
        with Study.open(target) as study:
            path = study.path_of(content_id)
            cine = with_remembered_scale(open_cine(path))
            if cine.content_id != content_id:
                raise MeasureError(f"{path.name} holds other pixels than when it was outlined; open it and look at it.")
            masks = new_stack(cine.frames.shape)
            infos = study.load_masks(content_id, masks)
            stored = study.marks(content_id)
        for frame, info in infos.items():
            if info.status is FrameStatus.REJECTED:
                masks[frame] = 0
        marks = Marks(
            () if stored.ed in (None, cine.ed_frame) else (stored.ed,),
            () if stored.es in (None, cine.es_frame) else (stored.es,),
        )
        sector = find_sector(cine)
        options = MeasureOptions(view=view, apex_down=sector.apex_down)
        found = measure_cine(cine, masks, options, marks=marks, sector=sector_pixels(sector, cine.shape))
        return OtherView(replace(found, view=view))

    yield from _events(work)
