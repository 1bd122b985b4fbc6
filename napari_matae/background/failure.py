"""Long work off the GUI thread.

napari's generator workers take a RuntimeError for a deleted Qt object and fall silent, and running out of GPU
memory is a RuntimeError. So nothing is ever raised here: a failure is the last event that is yielded.
"""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matae.errors import MataeError, VolumeError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Any

    from matae.cine import Cine
    from matae.read import CineRef
    from matae.segment import FrameMask, Sector, SegmentOptions

__all__ = [
    "Done",
    "Failed",
    "Found",
    "Listed",
    "Notice",
    "Opened",
    "Started",
    "again_events",
    "explain",
    "leave_a_core",
    "look_events",
    "make_ready",
    "open_events",
    "path_events",
    "probe",
    "reading_events",
    "sector_events",
    "segment_events",
]


@dataclass(frozen=True)
class Started:
    """The model is loaded; what runs where."""

    run: dict[str, Any]


@dataclass(frozen=True)
class Notice:
    """Something the user should know, while the work goes on."""

    text: str


@dataclass(frozen=True)
class Failed:
    """The work stopped; a sentence for the user."""

    text: str


@dataclass(frozen=True)
class LooksLikeVolume(Failed):
    """A file was not opened because its third axis looks like depth; a person may know better."""


@dataclass(frozen=True)
class Done:
    """All frames asked for are done."""

    seconds: float
    run: dict[str, Any]


@dataclass(frozen=True)
class Listed:
    """What a file or folder holds, not decoded yet, and a sentence on what was left out."""

    path: Path
    found: tuple[CineRef, ...]
    note: str = ""


@dataclass(frozen=True, eq=False)
class Opened:
    """A cine was read, its pixels hashed, and its sector found."""

    cine: Cine
    sector: Sector


@dataclass(frozen=True, eq=False)
class Found:
    """A sector was found in a picture."""

    sector: Sector


def explain(error: BaseException) -> str:
    """Return one sentence for any exception, with the next step."""
    if isinstance(error, MataeError):
        return str(error)
    name = type(error).__name__
    if name in {"OutOfMemoryError", "MemoryError"}:
        return "Memory ran out; close other programs, or choose a smaller width or the CPU, and try again."
    first = (str(error).strip().splitlines() or ["no message"])[0]
    return f"Something went wrong that we did not foresee ({name}: {first}); please report it with the file's format."


def segment_events(
    cine: Cine, sector: Sector, frames: list[int], options: SegmentOptions, go: threading.Event | None = None
) -> Iterator[Started | FrameMask | Notice | Done | Failed]:
    """Segment frames one by one, as events for the GUI thread.

    Parameters
    ----------
    cine, sector, frames, options
        As for `matae.segment.Segmenter.stream`.
    go
        Waited for after `Started`: the GUI makes its layer before the network competes with it for the processor.
    """
    from matae.segment.kept import kept_segmenter

    try:
        leave_a_core()
        with kept_segmenter(options, cine.frame_rate) as segmenter:
            yield Started(segmenter.describe())
            if go is not None:
                go.wait()
            for text in segmenter.lasting_notices:
                yield Notice(text)
            said, start = len(segmenter.notices), time.perf_counter()
            for result in segmenter.stream(cine, sector, frames):
                yield result
                for text in segmenter.notices[said:]:
                    yield Notice(text)
                said = len(segmenter.notices)
            for text in segmenter.notices[said:]:
                yield Notice(text)
            seconds, run = time.perf_counter() - start, segmenter.describe()
        # Outside: whoever hears of the end may leave this generator where it is, and the model is free for the next.
        yield Done(seconds, run)
    except Exception as error:  # noqa: BLE001 - see the module's docstring
        yield Failed(explain(error))


def leave_a_core() -> None:
    """Keep one core for the viewer: torch's threads wait for each other, so one that is held up holds up all."""
    from matae.threads import reserve, set_network_threads

    reserve(1)
    if "torch" in sys.modules:  # else a network may run without it
        set_network_threads()


def again_events(cine: Cine, sector: Sector, frame: int, options: SegmentOptions) -> Iterator[FrameMask | Failed]:
    """Segment one frame once more, as events for the GUI thread.

    Parameters
    ----------
    cine, sector, frame, options
        As for `matae.segment.Segmenter.stream`; the model is the one that is kept from the run before.
    """
    from matae.segment.kept import kept_segmenter

    try:
        leave_a_core()
        with kept_segmenter(options, cine.frame_rate) as segmenter:
            yield from segmenter.stream(cine, sector, [frame])
    except Exception as error:  # noqa: BLE001 - see the module's docstring
        yield Failed(explain(error))


def open_events(opener: Callable[[], Cine]) -> Iterator[Opened | Failed]:
    """Read a cine, as events for the GUI thread."""
    try:
        yield _looked_at(opener())
    except VolumeError as error:
        yield LooksLikeVolume(explain(error))
    except Exception as error:  # noqa: BLE001 - see the module's docstring
        yield Failed(explain(error))


def path_events(path: Path) -> Iterator[Listed | Opened | Failed]:
    """List the cines of a file or folder, and read the only one, as events for the GUI thread."""
    from napari_matae.open.early import taken_early

    early = taken_early(path)
    yield from reading_events(path) if early is None else early


def reading_events(path: Path) -> Iterator[Listed | Opened | Failed]:
    """As `path_events`, of a path that nobody read before."""
    from matae.read import list_cines

    try:
        found = list_cines(path)
        yield Listed(path, tuple(found), found.note)
        if len(found) == 1:
            yield _looked_at(found[0].open())
    except VolumeError as error:
        yield LooksLikeVolume(explain(error))
    except Exception as error:  # noqa: BLE001 - see the module's docstring
        yield Failed(explain(error))


def look_events(cine: Cine) -> Iterator[Opened | Failed]:
    """Find out of a cine that was read elsewhere what the GUI thread should not wait for."""
    yield from open_events(lambda: cine)


def sector_events(cine: Cine) -> Iterator[Found | Failed]:
    """Find the sector of a picture, as events for the GUI thread."""
    from matae.segment import find_sector

    try:
        yield Found(find_sector(cine))
    except Exception as error:  # noqa: BLE001 - see the module's docstring
        yield Failed(explain(error))


def _looked_at(cine: Cine) -> Opened:
    from matae.segment import find_sector

    _ = cine.content_id  # kept with the cine: whoever asks for it in the GUI thread does not hash the pixels
    return Opened(cine, find_sector(cine))


def probe() -> bool:
    """Return whether there is a GPU; torch is loaded for the answer where there is a driver of one.

    Where nothing is measured, torch is what runs the first mask: then it is loaded in any case.
    """
    from matae.segment.auto import is_measuring
    from matae.segment.backends.hardware import may_have_gpu
    from matae.segment.device import has_gpu

    return has_gpu() if may_have_gpu() or not is_measuring() else False


def make_ready() -> None:
    """Load the model in use, and measure how quick this computer is with it where nobody has."""
    from matae.segment import SegmentOptions
    from matae.segment.kept import kept_segmenter

    leave_a_core()
    with suppress(MataeError), kept_segmenter(SegmentOptions()):
        pass  # a model that cannot be loaded is said when it is run
