"""Segment one clip into a study: masks as a model proposes them, what a person should look at, and the measurement.

The job is one of `matae.jobs`: small, picklable, done by the pools of `matae.cluster`. What it makes goes into the
study and not into a folder; a person's frames are left as they are, and what people set of the clip is used.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from matae.segment import SegmentOptions
from matae.segment.kept import one_network
from matae.store.types import FrameStatus, StoredMeasurement
from matae.worklist.looks import looks_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from matae.cine import Cine
    from matae.measure import Measurement
    from matae.read import CineRef
    from matae.segment import Segmenter
    from matae.store import Study

__all__ = ["StudyJob", "StudyOutcome", "StudySettings", "segment_into", "stored_measurement"]


@dataclass(frozen=True)
class StudySettings:
    """How clips are segmented into a study; as `matae.jobs.Settings`.

    Parameters
    ----------
    target
        The study, path or URL.
    out
        Its folder, or that of the temporary files for a server's study; nothing is written there.
    options
        Model, width, device and backend.
    again
        Segment also what has masks already.
    """

    target: str
    out: Path
    options: SegmentOptions = field(default_factory=SegmentOptions)
    again: bool = False

    @property
    def model(self) -> str:
        """Name of the model."""
        return self.options.model

    def key(self) -> str:
        """Return a digest of what results depend on but the file."""
        from matae.models import find_model
        from matae.output import settings_key

        said = {"what": "study", "model": self.options.model, "width": self.options.width}
        return settings_key(said, find_model(self.options.model).card.sha256)


@dataclass(frozen=True)
class StudyJob:
    """One clip to segment into a study; small and picklable.

    Parameters
    ----------
    ref
        The clip, not yet decoded.
    settings
        How and where to.
    """

    ref: CineRef
    settings: StudySettings

    def prepare(self) -> None:
        """Load the model, to find out that it cannot be had before any file is read."""
        _segmenter(self.settings.options)

    def run(self, progress: Callable[[int, int], None] | None = None) -> StudyOutcome:
        """Do it, see `segment_into`."""
        from matae.store import Study

        with Study.open(self.settings.target) as study:
            cine = self.ref.open()
            return segment_into(study, cine, self.settings.options, again=self.settings.again, progress=progress)


@dataclass(frozen=True)
class StudyOutcome:
    """What became of a job, see `matae.jobs.Outcome`.

    Parameters
    ----------
    source
        The file.
    content_id
        Under which the clip is in the study.
    n_frames
        Frames that were segmented.
    ef
        Ejection fraction in percent, or None.
    skipped
        It had masks already, and they were left as they are.
    notices
        Sentences the user should see.
    """

    source: Path
    content_id: str
    n_frames: int
    ef: float | None
    skipped: bool = False
    notices: tuple[str, ...] = ()

    @property
    def files(self) -> dict[str, Path]:
        """No file is written."""
        return {}

    @property
    def row(self) -> dict[str, Any]:
        """Figures for a table of all results."""
        return {"content_id": self.content_id, "n_frames": self.n_frames, "ef_percent": self.ef}


def segment_into(
    study: Study,
    cine: Cine,
    options: SegmentOptions,
    *,
    again: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> StudyOutcome:
    """Add a clip to a study, segment it, flag what a person should look at, and measure it.

    Of the flagged frames it also keeps what the next frame to correct is chosen by, see `matae.worklist.looks`.

    What people set of the clip (sector, orientation, pixel size, view, frame rate, end-diastole and end-systole) counts
    here too. Frames that a person drew or judged keep their masks; then nothing is measured, since the masks are not
    those of the model alone: whoever opens the clip measures it.

    Parameters
    ----------
    study
        Where to.
    cine
        The clip, just read.
    options
        Model, width, device, backend.
    again
        Segment also where there are masks already.
    progress
        Called with (frames segmented, frames in all).

    Raises
    ------
    MataeError
        If the clip cannot be segmented, or the study cannot be written to.
    """
    from matae.measure import MeasureOptions
    from matae.measure.run import segment_and_measure
    from matae.review import find_phases, flags_of
    from matae.store.applied import cine_with, sector_with

    content_id = study.add_as_stated(cine).content_id
    known = study.frames(content_id)
    if known and not again:
        return StudyOutcome(cine.source, content_id, 0, None, skipped=True)
    overrides = study.overrides(content_id)
    cine = cine_with(cine, overrides)
    sector = sector_with(cine, overrides)
    if len(cine.b_modes) > 1:
        cine = cine_with(sector.scaled(cine), overrides)
    with one_network:
        measured, result = segment_and_measure(
            cine, options, MeasureOptions(view=overrides.view), sector=sector, marks=_marks(study, content_id, cine),
            progress=progress, make=_segmenter,
        )  # fmt: skip
    run = result.run
    study.put_proposals(
        content_id, dict(enumerate(result.masks)), model=run["model"], width=run["width"],
        model_sha256=run.get("model_sha256", ""),
        implied=None if measured.inputs.implied is None else dict(enumerate(measured.inputs.implied.tolist())),
    )  # fmt: skip
    infos = study.frames(content_id)
    if all(info.status is FrameStatus.MACHINE for info in infos.values()):
        areas = result.area_px.astype(float)
        flags = flags_of(areas, find_phases(areas, measured.ed_frame, measured.es_frame))
        study.set_flags(content_id, flags)
        with one_network:
            looks = looks_of(cine, sector, list(flags), result, options, make=_segmenter)
        study.put_looks(content_id, looks)
        study.put_measurement(
            content_id, stored_measurement(measured), revisions={t: info.revision for t, info in infos.items()},
            by_machine=True,
        )  # fmt: skip
    ef = None if measured.ef is None else float(measured.ef.value)
    return StudyOutcome(cine.source, content_id, len(result.masks), ef, notices=tuple(result.notices))


def stored_measurement(measured: Measurement) -> StoredMeasurement:
    """Return what a study keeps of a measurement."""
    from matae.measure.values import structure_values, table

    numbers = {row.key: row.value for row in table(measured)}
    ef = measured.ef
    return StoredMeasurement(
        ef=None if ef is None else float(ef.value),
        ef_low=None if ef is None else float(ef.low),
        ef_high=None if ef is None else float(ef.high),
        doubts=tuple(dict.fromkeys(flag.code for flag in measured.doubts)),
        provisional=measured.inputs.widths_pending,
        edv_ml=numbers.get("edv_ml"),
        esv_ml=numbers.get("esv_ml"),
        la_ml=next((row.value for row in structure_values(measured) if row.key == "la_volume_ml"), None),
        ed_frame=measured.ed_frame,
        es_frame=measured.es_frame,
        view=measured.view,
        method=measured.method,
        model=measured.model,
        width=measured.width,
    )


def _marks(study: Study, content_id: str, cine: Cine) -> Any:
    from matae.measure import PhaseMarks

    marks = study.marks(content_id)
    return PhaseMarks(
        () if marks.ed in (None, cine.ed_frame) else (marks.ed,),
        () if marks.es in (None, cine.es_frame) else (marks.es,),
    )


def _segmenter(options: SegmentOptions) -> Segmenter:
    from matae.models import find_model

    return _loaded(options, find_model(options.model).card.sha256)


@lru_cache(maxsize=8)  # a measurement asks every width of the model
def _loaded(options: SegmentOptions, _sha256: str) -> Segmenter:
    from matae.segment import Segmenter

    return Segmenter(options)
