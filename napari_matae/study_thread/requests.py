"""What is asked of a study. While none is open, nothing is: `Requests` by itself drops what is asked of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from matae.cine import Cine
    from matae.store import Study

__all__ = ["Request", "Requests"]


@dataclass(eq=False)
class Request:
    """Something to do with the study.

    Parameters
    ----------
    work
        Called in the study's thread.
    done, failed
        Called in the GUI thread with the answer, or with the error.
    writes
        It writes something a person made.
    patient
        It is tried again after an error that passes.
    about
        The cine it concerns.
    keep
        Makes the change in a rescue study.
    kept
        The rescue study has it.
    tried
        When it was last tried out of turn, by `time.monotonic`.
    """

    work: Callable[[Study], Any]
    done: Callable[[Any], None] | None
    failed: Callable[[BaseException], None] | None
    writes: bool = False
    patient: bool = False
    about: Cine | None = None
    keep: Callable[[Study], Any] | None = None
    kept: bool = False
    tried: float = 0.0


class Requests(QObject):  # type: ignore[misc]
    """Takes requests where no study is open: none of them is done, and nobody is answered.

    `napari_matae.study_thread.request_queue.RequestQueue` is the one that does them.
    """

    def ask(
        self,
        work: Callable[[Study], Any],
        done: Callable[[Any], None] | None = None,
        failed: Callable[[BaseException], None] | None = None,
        *,
        about: Cine | None = None,
    ) -> None:
        """Do something with the study that writes nothing a person made, after all that was asked before.

        Parameters
        ----------
        work
            Called in the study's thread.
        done, failed
            Called in the GUI thread with the answer, or with the error.
        about
            The cine it is needed for, where nothing can go on without it: it is tried again after an error that passes,
            and need not wait for writes of other cines that are tried again.
        """
        self._put(Request(work, done, failed, patient=about is not None, about=about))

    def write(
        self,
        work: Callable[[Study], Any],
        done: Callable[[Any], None] | None = None,
        failed: Callable[[BaseException], None] | None = None,
        *,
        about: Cine | None = None,
        keep: Callable[[Study], Any] | None = None,
    ) -> None:
        """Write something a person made, sooner or later.

        Parameters
        ----------
        work
            Called in the study's thread.
        done
            Called in the GUI thread with what `work` returned: it is durable.
        failed
            Called in the GUI thread with an error that trying again cannot cure. Unless it is a conflict, the change
            is kept in the rescue study, and the error says where.
        about
            The cine that is changed; without it a change that is refused is kept nowhere.
        keep
            Makes the change in a rescue study that knows the cine and nothing else of it; `work` if left out.
        """
        self._put(Request(work, done, failed, writes=True, patient=True, about=about, keep=keep or work))

    @property
    def waiting(self) -> int:
        """How many writes have not been acknowledged yet."""
        return 0

    def flush(self, seconds: float = 10.0) -> bool:
        """Wait until everything asked so far is done; return whether it is. The window is drawn meanwhile."""
        del seconds
        return True

    def keep_waiting(self, seconds: float = 5.0) -> Path | None:
        """Put a copy of every change that waits into the rescue study; they stay in line.

        Returns
        -------
        pathlib.Path or None
            The rescue study; None where nothing is in it.
        """
        del seconds
        return None

    def _put(self, request: Request) -> None:
        """Drop it."""
