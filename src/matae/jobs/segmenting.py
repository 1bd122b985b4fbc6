"""Segment one file into a folder: the function behind the command line, the demo and `matae.cluster`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from matae.models import find_model
from matae.segment import SegmentOptions
from matae.segment.kept import kept_segmenter, one_network

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path
    from typing import Any

    from matae.cine import Cine
    from matae.read import CineRef
    from matae.segment import Segmenter

__all__ = ["FileJob", "FileResult", "JobSettings", "segment_file"]


@dataclass(frozen=True)
class JobSettings:
    """How to segment files, and where to; the defaults of the command line.

    Parameters
    ----------
    out
        Folder of the results.
    options
        Model, width, device and backend.
    sector
        ``auto``, ``whole``, or ``y0,x0,y1,x1`` in pixels (half open).
    flip
        ``auto``, ``none``, or ``vertical`` where the apex is at the bottom of the picture.
    frame_rate
        Hz, where the file does not state it or states it wrongly; None keeps what the file says.
    view
        Standard view, where the file does not state it: pictures of a stated view are outlined whatever they look like.
    overlay
        Write the overlay video.
    third_axis_is_time
        Take the third axis of a volume file for time even where it looks like depth.
    region
        Which B-mode picture to take of a frame that shows several, from 1.
    keep_margins
        Show in video and still what is written around the sector.
    again
        Segment also what has a result already that was computed from the same.
    """

    out: Path
    options: SegmentOptions = field(default_factory=SegmentOptions)
    sector: str = "auto"
    flip: str = "auto"
    frame_rate: float | None = None
    view: str | None = None
    overlay: bool = True
    third_axis_is_time: bool = False
    region: int | None = None
    keep_margins: bool = False
    again: bool = False

    @property
    def model(self) -> str:
        """Name of the model."""
        return self.options.model

    def key(self) -> str:
        """Return a digest of what results depend on but the file: not where they go or are made."""
        from matae.output import settings_key

        card = find_model(self.options.model).card
        said = {
            "what": "segment", "model": self.options.model, "width": self.options.width, "sector": self.sector,
            "flip": self.flip, "frame_rate": self.frame_rate, "overlay": self.overlay,
            "third_axis_is_time": self.third_axis_is_time, "region": self.region, "keep_margins": self.keep_margins,
            "rate": self.options.rate, "grid": self.options.grid,
            # A model that is checked at another grid keeps its weights.
            "grids": card.grids if self.options.grid == "auto" else {},
        }  # fmt: skip
        return settings_key(said, card.sha256)


@dataclass(frozen=True)
class FileJob:
    """One file to segment; small and picklable, so that it can go to another process or machine.

    Parameters
    ----------
    ref
        The cine, not yet decoded.
    settings
        How and where to.
    distinguish
        Another job of the same run has the same stem: put the content id into the names.
    """

    ref: CineRef
    settings: JobSettings
    distinguish: bool = False

    def prepare(self) -> None:
        """Load the model, to find out that it cannot be had before any file is read."""
        with kept_segmenter(self.settings.options, job=_job_of(self.settings)):
            pass

    def run(self, progress: Callable[[int, int], None] | None = None) -> FileResult:
        """Do it, see `segment_file`."""
        return segment_file(self, progress)


@dataclass(frozen=True)
class FileResult:
    """What became of a job.

    Parameters
    ----------
    source
        The file.
    files
        Path of each result: ``record``, ``mask``, ``still``, ``overlay``.
    run
        Model, width, device, frames, seconds.
    empty_frames
        Frames in which no ventricle was found.
    notices
        Sentences the user should see: the reader's warnings, then what happened on the way.
    lasting
        Those of them that concern every clip of the job, such as a GPU that is full.
    skipped
        Whether the result was there already, and was left as it is.
    """

    source: Path
    files: dict[str, Path]
    run: dict[str, Any]
    empty_frames: int
    notices: tuple[str, ...] = field(default=())
    skipped: bool = False
    lasting: tuple[str, ...] = field(default=())

    @property
    def row(self) -> dict[str, Any]:
        """The figures of a table of all results."""
        return self.run | {"empty_frames": self.empty_frames}


def segment_file(job: FileJob, progress: Callable[[int, int], None] | None = None) -> FileResult:
    """Read a file, segment it and write the results.

    Parameters
    ----------
    job
        What, how and where to.
    progress
        Called with (frames done, frames in all).

    Returns
    -------
    FileResult
        Where everything is.

    Raises
    ------
    MataeError
        If the file is no cine, the model or device is not there, or the folder cannot be written.
    """
    import numpy as np

    from matae.output import ResultWriter, result_key, written_before
    from matae.segment import segment
    from matae.segment.choice import choose_sector
    from matae.segment.grid import clip_grid
    from matae.view import why_not_outlined

    settings, key = job.settings, job.settings.key()
    cine = job.ref.open(third_axis_is_time=settings.third_axis_is_time)
    if settings.frame_rate is not None:
        cine = cine.with_frame_rate(settings.frame_rate)
    if settings.region is not None:
        cine = cine.with_region(settings.region)
    if settings.view is not None:
        cine = replace(cine, view=settings.view)
    key = result_key(cine, key)
    if not settings.again:
        files = written_before(settings.out, cine, key, distinguish=job.distinguish)
        if files is not None:
            return _kept(job.ref.path, files)
    sector = choose_sector(cine, settings.sector, settings.flip)
    cine = sector.scaled(cine)
    with ResultWriter(
        cine, sector, settings.out, overlay=settings.overlay, distinguish=job.distinguish,
        keep_margins=settings.keep_margins, key=key,
    ) as writer:  # fmt: skip
        grid = clip_grid(find_model(settings.model).card, cine, sector)
        with one_network, _segmenter(settings, cine.frame_rate, grid) as segmenter:
            why = why_not_outlined(cine, sector, segmenter.card.name)
            keep = np.uint8(why is None)
            result = segment(
                cine, sector=sector, segmenter=segmenter, progress=progress,
                each=lambda frame: writer.add(frame.mask * keep), keep_masks=False, keep_probability=False,
            )  # fmt: skip
        if why is not None:
            result.clear(why)
        written = writer.finish(result)
    return FileResult(
        source=job.ref.path,
        files=written.files,
        run=result.run,
        lasting=segmenter.lasting_notices,
        empty_frames=int((result.area_px == 0).sum()),
        notices=(*cine.warnings, *result.notices, *written.notices, *_rate_notice(cine)),
    )


def _segmenter(settings: JobSettings, rate: float | None, grid: int) -> AbstractContextManager[Segmenter]:
    return kept_segmenter(settings.options, rate, grid, job=_job_of(settings))


def _job_of(settings: JobSettings) -> str:
    """Return what the clips of a job have in common, and other jobs do not: where they are written."""
    return str(settings.out.absolute())


def _kept(source: Path, files: dict[str, Path]) -> FileResult:
    from matae.output.record import read_record

    record = read_record(files["record"]) or {}
    run, empty = record.get("run"), record.get("empty_frames")
    known = run if isinstance(run, dict) else {}
    return FileResult(source, files, known, len(empty) if isinstance(empty, list) else 0, skipped=True)


def _rate_notice(cine: Cine) -> tuple[str, ...]:
    """Return what the file does state of its frame rate where that could not be trusted, to choose from."""
    stated: dict[str, float] = cine.info.get("frame_rate_candidates", {})
    if cine.frame_rate is not None or not stated:
        return ()
    listed = ", ".join(f"{rate:.4g} Hz ({name})" for name, rate in stated.items())
    return (f"The file states {listed}, which cannot be trusted; choose with --frame-rate.",)
