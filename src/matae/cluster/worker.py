"""What runs in a worker: another process of this machine, or of another one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from matae import __version__
from matae.errors import MataeError
from matae.jobs import Failure
from matae.models import find_model

if TYPE_CHECKING:
    from pathlib import Path

    from matae.jobs import Job, Outcome

__all__ = ["Identity", "Refusal", "work"]


_prepared: set[str] = set()


@dataclass(frozen=True)
class Identity:
    """What makes two machines give the same results: the version of this program and the weights.

    Parameters
    ----------
    version
        Of napari-matae.
    model, model_sha256
        Name and digest of the weights; "" where none are needed.
    """

    version: str
    model: str
    model_sha256: str

    @classmethod
    def here(cls, model: str) -> Identity:
        """Return what this process would work with.

        Raises
        ------
        ModelError
            If there is no such model.
        """
        return cls(__version__, model, find_model(model).card.sha256 if model else "")

    def unlike(self, other: Identity) -> str:
        """Return in words what is different elsewhere, "" if nothing is."""
        if other.version != self.version:
            return f"it runs napari-matae {other.version}, and this is {self.version}; install the same there"
        if other.model_sha256 != self.model_sha256:
            return f"its model {self.model} has other weights; copy the model of this machine there"
        return ""


@dataclass(frozen=True)
class Refusal:
    """A worker that may not work on this, and why."""

    reason: str


def look(model: str, token: Path | None) -> Identity | Refusal:
    """Return what this worker would work with, or why it cannot.

    Parameters
    ----------
    model
        Name of the model that is needed, or "".
    token
        A file that lies in the folder of the results; None where a worker writes nothing.
    """
    try:
        found = Identity.here(model)
    except MataeError as error:
        return Refusal(str(error).rstrip("."))
    if token is not None and not token.is_file():
        return Refusal(f"it does not see {token.parent}; share the folder under the same path")
    return found


def work(job: Job, wanted: Identity | None = None) -> Outcome | Failure | Refusal:
    """Do a job; whatever goes wrong comes back as a value, since an exception may not survive the way.

    Parameters
    ----------
    job
        What to do.
    wanted
        What it must be done with: weights may be replaced while a worker runs.
    """
    try:
        if wanted is not None and (other := wanted.unlike(Identity.here(wanted.model))):
            return Refusal(other)
        _prepare(job)
    except MataeError as error:  # the model, the device, the data: what other workers may have
        return Refusal(str(error).rstrip("."))
    except Exception as error:  # noqa: BLE001 - as below
        return Failure.of(job.ref.path, error)
    try:
        return job.run()
    except Exception as error:  # noqa: BLE001 - a codec may raise anything, and the other files are sound
        return Failure.of(job.ref.path, error)


def _prepare(job: Job) -> None:
    """Load the model once: what cannot be had here is no fault of the clip."""
    said = repr(job.settings)
    if said not in _prepared:
        job.prepare()
        _prepared.add(said)
