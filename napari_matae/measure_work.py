"""The longer parts of measuring, off the GUI thread, as events; see `napari_matae.workers` for why."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from matae.errors import MeasureError
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
    from matae.stack import new_stack

    masks = new_stack(task.masks.shape)  # a copy: the person goes on drawing
    for frame in task.frames:
        masks[frame] = task.masks[frame]
    return measure_cine(
        task.cine,
        masks,
        task.options,
        marks=task.marks,
        landmarks=_placed(task),
        sector=None if task.sector is None else task.sector.mask(task.cine.shape),
        model=task.model,
        width=task.width,
    )


def _placed(task: Task) -> Mapping[int, Landmarks]:
    """Return the landmarks that people stored for this cine."""
    from matae.measure import Landmarks
    from matae.store import Study

    if not task.study:
        return {}
    try:
        with Study.open(task.study) as study:
            stored = study.landmarks(task.cine.content_id)
    except Exception:  # noqa: BLE001 - the saved bar says what is wrong with a study; the numbers do without it
        return {}
    found = {}
    for frame, points in stored.items():
        if points.rater and {"apex", "left", "right"} <= set(points.points) and 0 <= frame < task.cine.n_frames:
            array = [tuple(points.points[name]) for name in ("apex", "left", "right")]
            try:
                found[frame] = Landmarks.from_array(array, by_hand=True)
            except MeasureError:
                continue
    return found


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
        subject = next((cine.subject for cine in cines if cine.content_id == content_id), None)
        if subject is None:
            return ViewsFound(())
        others = [c for c in cines if c.subject == subject and c.content_id != content_id and c.n_labelled]
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
        found = measure_cine(cine, masks, options, marks=marks, sector=sector.mask(cine.shape))
        return OtherView(replace(found, view=view))

    yield from _events(work)
