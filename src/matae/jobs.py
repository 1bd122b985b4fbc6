"""Segment files into a folder: the one function behind the command line, the demo and a cluster's workers."""

from __future__ import annotations

import threading
import traceback
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING

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
    "JobSettings",
    "check_folder",
    "find_inputs",
    "plan",
    "run_here",
    "run_on_cluster",
    "segment_file",
]

_CONNECT_SECONDS = 10.0


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


@dataclass(frozen=True)
class FileJob:
    """One file to segment; small and picklable, so that it can go to another machine.

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
    """

    source: Path
    files: dict[str, Path]
    run: dict[str, Any]
    empty_frames: int
    notices: tuple[str, ...] = field(default=())


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
    """

    source: Path
    message: str
    trace: str = ""

    @classmethod
    def of(cls, source: Path, problem: BaseException) -> Failure:
        """Put what went wrong into a sentence; what nobody foresaw (a codec, a defect, a lost worker) too."""
        if isinstance(problem, MataeError):
            return cls(source, str(problem))
        what = ": ".join(filter(None, [type(problem).__name__, str(problem).strip().rstrip(".")]))
        text = f"{source.name} failed in a way nobody foresaw ({what}); report what --debug says of it."
        if isinstance(problem, MemoryError):
            text = f"{source.name} does not fit into memory; close other programs, or cut the clip."
        return cls(source, text, "".join(traceback.format_exception(problem)))


# One model a process, used by one thread at a time: two at once would share its cores and its notices.
_busy = threading.Lock()


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
    from matae.output import write_results
    from matae.segment import segment
    from matae.segment.choice import choose_sector

    settings = job.settings
    cine = job.ref.open(third_axis_is_time=settings.third_axis_is_time)
    if settings.frame_rate is not None:
        cine = cine.with_frame_rate(settings.frame_rate)
    if settings.region is not None:
        cine = cine.with_region(settings.region)
    sector = choose_sector(cine, settings.sector, settings.flip)
    cine = sector.scaled(cine)
    with _busy:
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
        keep_margins=settings.keep_margins,
    )  # fmt: skip
    return FileResult(
        source=job.ref.path,
        files=written.files,
        run=result.run,
        empty_frames=int((result.area_px == 0).sum()),
        notices=(*cine.warnings, *result.notices, *written.notices, *_rate_notice(cine)),
    )


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
    from matae.read import file_stem

    # Folded: on Windows and macOS, Clip.avi and clip.dcm would write the same files.
    names = Counter(file_stem(ref.path).casefold() for ref in refs)
    return [FileJob(ref, settings, names[file_stem(ref.path).casefold()] > 1) for ref in refs]


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
    jobs: Sequence[FileJob],
    *,
    start: Callable[[FileJob], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[FileResult | Failure]:
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
    FileResult or Failure
        As each job ends.

    Raises
    ------
    MataeError
        If the model or the device is not there, or the folder cannot be written: that would stop every job.
    """
    for job in jobs[:1]:
        check_folder(job.settings.out)
        _segmenter(job.settings.options)
    for job in jobs:
        if start is not None:
            start(job)
        outcome: FileResult | Failure
        try:
            outcome = segment_file(job, progress)
        except Exception as error:  # a codec may raise anything, and the other files are sound
            if isinstance(error, OutputError) and not isinstance(error, ScratchError):
                raise  # the folder of the results is the same for all
            outcome = Failure.of(job.ref.path, error)
        yield outcome


def run_on_cluster(jobs: Sequence[FileJob], address: str) -> Iterator[FileResult | Failure]:
    """Do jobs on the workers of a dask scheduler, as they become free.

    The workers need napari-matae, the same models, and the input and output folders under the same paths.

    Parameters
    ----------
    jobs
        What to do.
    address
        Of the scheduler, such as ``tcp://box:8786``.

    Yields
    ------
    FileResult or Failure
        As each job ends, in any order.

    Raises
    ------
    MataeError
        If dask.distributed is not installed, or no scheduler answers.
    """
    from matae.extras import without_extra

    try:
        import distributed
    except ImportError:
        raise MataeError(without_extra("cluster", "leave out --scheduler")) from None
    try:
        client = distributed.Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise MataeError(
            f"No dask scheduler answers at {address} ({reason}); start one with 'dask scheduler'."
        ) from error
    with client:
        futures = {client.submit(segment_file, _absolute(job), pure=False): job.ref.path for job in jobs}
        try:
            for future in distributed.as_completed(futures, loop=client.loop):
                problem = future.exception()
                yield (
                    future.result()
                    if problem is None
                    else Failure.of(futures[future], problem.with_traceback(future.traceback()))
                )
        finally:
            client.cancel(list(futures))


def _absolute(job: FileJob) -> FileJob:
    # Workers have another working folder. Links are kept: a shared folder may be mounted behind one.
    ref = replace(job.ref, path=job.ref.path.absolute())
    return replace(job, ref=ref, settings=replace(job.settings, out=job.settings.out.absolute()))
