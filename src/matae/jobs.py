"""Segment files into a folder: the one function behind the command line, the demo and `matae.cluster`."""

from __future__ import annotations

import threading
import traceback
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from matae.errors import MataeError, OutputError, ScratchError
from matae.models import find_model
from matae.segment import SegmentOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path
    from typing import Any

    from matae.cine import Cine
    from matae.read import CineRef
    from matae.segment import Segmenter

__all__ = [
    "Failure",
    "FileJob",
    "FileResult",
    "Job",
    "JobSettings",
    "Outcome",
    "Settings",
    "check_folder",
    "find_inputs",
    "one_network",
    "plan",
    "run_here",
    "segment_file",
    "shared_stems",
]


class Settings(Protocol):
    """How files are worked on, and where the results go."""

    @property
    def out(self) -> Path:
        """Folder of the results."""
        ...

    @property
    def again(self) -> bool:
        """Whether to do also what has a result already."""
        ...

    @property
    def model(self) -> str:
        """Name of the model that is needed, "" for none."""
        ...

    def key(self) -> str:
        """Return a digest of all that the results depend on but the file."""
        ...


class Job(Protocol):
    """One file to work on; small and picklable, so that it can go to another process or machine."""

    @property
    def ref(self) -> CineRef:
        """The cine, not yet decoded."""
        ...

    @property
    def settings(self) -> Settings:
        """How, and where to."""
        ...

    def prepare(self) -> None:
        """Load what all jobs of the kind need."""
        ...

    def run(self, progress: Callable[[int, int], None] | None = None) -> Outcome:
        """Do it, and write the result; or leave it where it is there already."""
        ...


class Outcome(Protocol):
    """What became of a job."""

    @property
    def source(self) -> Path:
        """The file."""
        ...

    @property
    def files(self) -> dict[str, Path]:
        """Path of each result; ``record`` is among them."""
        ...

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences the user should see."""
        ...

    @property
    def skipped(self) -> bool:
        """Whether the result was there already, and was left as it is."""
        ...

    @property
    def row(self) -> dict[str, Any]:
        """Figures for a table of all results, JSON values."""
        ...


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

        said = {
            "what": "segment", "model": self.options.model, "width": self.options.width, "sector": self.sector,
            "flip": self.flip, "frame_rate": self.frame_rate, "overlay": self.overlay,
            "third_axis_is_time": self.third_axis_is_time, "region": self.region, "keep_margins": self.keep_margins,
            "rate": self.options.rate,
        }  # fmt: skip
        return settings_key(said, find_model(self.options.model).card.sha256)


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
        _segmenter(self.settings.options)

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
    skipped
        Whether the result was there already, and was left as it is.
    """

    source: Path
    files: dict[str, Path]
    run: dict[str, Any]
    empty_frames: int
    notices: tuple[str, ...] = field(default=())
    skipped: bool = False

    @property
    def row(self) -> dict[str, Any]:
        """The figures of a table of all results."""
        return self.run | {"empty_frames": self.empty_frames}


@dataclass(frozen=True)
class Failure:
    """A job that could not be done.

    Parameters
    ----------
    source
        The file.
    message
        The sentence why.
    trace
        Where in the code, if nobody had foreseen it; else empty.
    stops_all
        Whether it would stop every other file as well: the folder of the results cannot be written.
    """

    source: Path
    message: str
    trace: str = ""
    stops_all: bool = False

    @classmethod
    def of(cls, source: Path, problem: BaseException) -> Failure:
        """Put what went wrong into a sentence; what nobody foresaw (a codec, a defect, a lost worker) too."""
        if isinstance(problem, MataeError):
            # A temporary folder that is full stops one file; the folder of the results is the same for all.
            full = isinstance(problem, OutputError) and not isinstance(problem, ScratchError)
            return cls(source, str(problem), stops_all=full)
        what = ": ".join(filter(None, [type(problem).__name__, str(problem).strip().rstrip(".")]))
        text = f"{source.name} failed in a way nobody foresaw ({what}); report what --debug says of it."
        if isinstance(problem, MemoryError):
            text = f"{source.name} does not fit into memory; close other programs, or cut the clip."
        return cls(source, text, "".join(traceback.format_exception(problem)))


# One model a process, used by one thread at a time: two at once would share its cores and its notices.
one_network = threading.Lock()


def _segmenter(options: SegmentOptions, frame_rate: float | None = None) -> Segmenter:
    # Asked for by its digest too: a worker that runs for weeks must notice a model that was replaced.
    if options.width == "auto" and options.rate is None and frame_rate is not None:
        # Clips of nearly the same rate share a model.
        options = replace(options, rate=float(round(frame_rate)) or frame_rate)
    return _loaded(options, find_model(options.model).card.sha256)


@lru_cache(maxsize=1)
def _loaded(options: SegmentOptions, _sha256: str) -> Segmenter:
    from matae.segment import Segmenter

    return Segmenter(options)


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
    from matae.output import result_key, write_results, written_before
    from matae.segment import segment
    from matae.segment.choice import choose_sector

    settings, key = job.settings, job.settings.key()
    cine = job.ref.open(third_axis_is_time=settings.third_axis_is_time)
    if settings.frame_rate is not None:
        cine = cine.with_frame_rate(settings.frame_rate)
    if settings.region is not None:
        cine = cine.with_region(settings.region)
    key = result_key(cine, key)
    if not settings.again:
        files = written_before(settings.out, cine, key, distinguish=job.distinguish)
        if files is not None:
            return _kept(job.ref.path, files)
    sector = choose_sector(cine, settings.sector, settings.flip)
    cine = sector.scaled(cine)
    with one_network:
        segmenter = _segmenter(settings.options, cine.frame_rate)
        said = len(segmenter.notices)
        try:
            result = segment(cine, sector=sector, segmenter=segmenter, progress=progress)
        finally:
            if len(segmenter.notices) > said:
                # It had to make do with less memory: the next file starts afresh, or says so itself.
                _loaded.cache_clear()
    written = write_results(
        cine, result, settings.out, overlay=settings.overlay, distinguish=job.distinguish,
        keep_margins=settings.keep_margins, key=key,
    )  # fmt: skip
    return FileResult(
        source=job.ref.path,
        files=written.files,
        run=result.run,
        empty_frames=int((result.area_px == 0).sum()),
        notices=(*cine.warnings, *result.notices, *written.notices, *_rate_notice(cine)),
    )


def _kept(source: Path, files: dict[str, Path]) -> FileResult:
    from matae.output.record import read_record

    record = read_record(files["record"]) or {}
    return FileResult(source, files, record.get("run", {}), len(record.get("empty_frames", ())), skipped=True)


def _rate_notice(cine: Cine) -> tuple[str, ...]:
    """Return what the file does state of its frame rate where that could not be trusted, to choose from."""
    stated: dict[str, float] = cine.info.get("frame_rate_candidates", {})
    if cine.frame_rate is not None or not stated:
        return ()
    listed = ", ".join(f"{rate:.4g} Hz ({name})" for name, rate in stated.items())
    return (f"The file states {listed}, which cannot be trusted; choose with --frame-rate.",)


def find_inputs(paths: Iterable[Path], say: Callable[[str], None] | None = None) -> tuple[list[CineRef], list[Failure]]:
    """Return the cines that files and folders stand for, each once, and what is none.

    Videos and pictures that an earlier run wrote are left out of a folder's cines.

    Parameters
    ----------
    paths
        Files are taken as they are; folders are searched.
    say
        Called with a sentence on what lies in a folder too and is no echo picture.
    """
    from matae.output import is_own_result
    from matae.read import list_cines

    found: dict[Path, CineRef] = {}
    failures: list[Failure] = []
    for path in paths:
        try:
            refs = list_cines(path)
        except MataeError as error:
            failures.append(Failure(path, str(error)))
            continue
        if say is not None and refs.note:
            say(f"{path.name}: {refs.note}")
        for ref in refs:
            if not (path.is_dir() and is_own_result(ref.path)):
                found.setdefault(ref.path.resolve(), ref)
    return list(found.values()), failures


def plan(refs: Sequence[CineRef], settings: JobSettings) -> list[FileJob]:
    """Return a job for each cine, with names that no two of them share.

    Parameters
    ----------
    refs
        Cines, in the order to be done.
    settings
        How, and where to.
    """
    return [FileJob(ref, settings, shared) for ref, shared in zip(refs, shared_stems(refs), strict=True)]


def shared_stems(refs: Sequence[CineRef]) -> list[bool]:
    """Say of each cine whether another one's results would have the same name."""
    from matae.read import file_stem

    # Folded: on Windows and macOS, Clip.avi and clip.dcm would write the same files.
    names = [file_stem(ref.path).casefold() for ref in refs]
    counts = Counter(names)
    return [counts[name] > 1 for name in names]


def check_folder(out: Path) -> None:
    """Make the folder of the results and try it, before minutes are spent on what cannot be kept.

    Raises
    ------
    OutputError
        If it cannot be made or written.
    """
    from matae.files import staged, writing_to

    with writing_to(out), staged(out) as stage:
        (stage / "try").write_bytes(b"")


def run_here(
    jobs: Sequence[Job],
    *,
    start: Callable[[Any], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[Outcome | Failure]:
    """Do jobs one after another in this process; a bad file does not stop the others.

    Parameters
    ----------
    jobs
        What to do.
    start
        Called before each job.
    progress
        Called with (frames done, frames in all) of the job.

    Yields
    ------
    Outcome or Failure
        As each job ends.

    Raises
    ------
    MataeError
        If the model or the device is not there, or the folder cannot be written: that would stop every job.
    """
    for job in jobs[:1]:
        check_folder(job.settings.out)
        job.prepare()
    for job in jobs:
        if start is not None:
            start(job)
        outcome: Outcome | Failure
        try:
            outcome = job.run(progress)
        except Exception as error:  # a codec may raise anything, and the other files are sound
            outcome = Failure.of(job.ref.path, error)
            if outcome.stops_all:
                raise
        yield outcome
