"""The files of a run: the cines that paths stand for, and a job for each with a name of its own."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from matae.errors import MataeError
from matae.jobs.job import Failure
from matae.jobs.segmenting import FileJob

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from matae.jobs.segmenting import JobSettings
    from matae.read import CineRef

__all__ = ["find_inputs", "plan", "shared_stems"]


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
