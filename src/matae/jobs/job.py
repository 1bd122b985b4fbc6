"""What a job is: one file to work on, how, and what became of it."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from matae.errors import MataeError, OutputError, ScratchError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from matae.read import CineRef

__all__ = ["Failure", "Job", "Outcome", "Settings"]


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
