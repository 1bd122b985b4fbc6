"""Put the clips of files and folders into the queue of a study."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from matae.store.cine_rows import path_as_text, path_of_text
from matae.store.types import QueuedClip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from matae.jobs import Failure
    from matae.store import Study

__all__ = ["Added", "add_paths"]


@dataclass(frozen=True)
class Added:
    """What came of adding files and folders.

    Parameters
    ----------
    added
        Clips that are new in the queue.
    known
        Clips that were left out: they are in the study or in the queue already.
    failures
        Paths that hold no clip, and why.
    """

    added: int
    known: int
    failures: tuple[Failure, ...] = ()

    @property
    def sentence(self) -> str:
        """What was done, for the user."""
        clips = "1 clip" if self.added == 1 else f"{self.added} clips"
        parts = [f"{clips} added to the queue"]
        if self.known:
            parts.append(f"{self.known} in the study already")
        if self.failures:
            parts.append(f"{len(self.failures)} could not be read")
        return f"{', '.join(parts)}."


def add_paths(study: Study, paths: Iterable[Path], say: Callable[[str], None] | None = None) -> Added:
    """Add the clips that files and folders stand for to the queue of what is to be segmented.

    No clip is decoded. What is in the study or waits already is left out; what could not be done before waits again.

    Parameters
    ----------
    study
        Whose queue.
    paths
        Files are taken as they are; folders are searched.
    say
        Called with a sentence on what lies in a folder too and is no echo picture.

    Raises
    ------
    StoreError
        If the study cannot be written to.
    """
    from matae.jobs import find_inputs

    refs, failures = find_inputs(paths, say)
    known = study.known_paths()
    new = [ref for ref in refs if path_of_text(path_as_text(ref.path)) not in known]
    added = study.enqueue(QueuedClip(ref.path, ref.label, ref.kind, ref.info) for ref in new)
    return Added(added, len(refs) - len(new), tuple(failures))
