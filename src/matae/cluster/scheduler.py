"""The workers of a dask scheduler, which may be on any number of machines.

This side decides which worker has which clip: a worker that does not match is known before it has one, and it is known
what a lost one had. Dask carries the jobs and the answers, and tells who is there.
"""

from __future__ import annotations

import queue
import time
import uuid
from typing import TYPE_CHECKING, Any

from matae.cluster.worker import Identity, Refusal, look, work
from matae.errors import MataeError
from matae.extras import without_extra
from matae.jobs import Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from matae.jobs import Job, Outcome

__all__ = ["DaskPool"]

_CONNECT_SECONDS = 10.0
_LOOK_SECONDS = 1.0
_GATHER_SECONDS = 10.0
_AHEAD = 1  # jobs that wait at a worker, so that it is never idle for the length of a message


class DaskPool:
    """Workers of a scheduler that run the same version on the same weights and see the folder of the results.

    Parameters
    ----------
    address
        Of the scheduler, such as ``tcp://box:8786``.
    model
        Name of the model that is needed, or "".
    token
        A file in the folder of the results, by which a worker shows that it sees the folder; None where nothing is
        written by it.
    notify
        Told once of each worker that is refused, and why.

    Raises
    ------
    MataeError
        If dask.distributed is not installed, or no scheduler answers.
    """

    patience = 60.0

    def __init__(
        self, address: str, model: str, token: Path | None, notify: Callable[[str], None] = lambda _: None
    ) -> None:
        try:
            import distributed
        except ImportError:
            raise MataeError(without_extra("cluster", "leave out --scheduler")) from None
        self._address, self._token, self._notify = address, token, notify
        self._wanted = Identity.here(model)
        try:
            self._client = distributed.Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise MataeError(
                f"No dask scheduler answers at {address} ({reason}); start one with 'dask scheduler'."
            ) from error
        self._run = f"matae-{uuid.uuid4().hex}"
        self._answers: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._futures: dict[int, tuple[Any, Path]] = {}
        self._known: dict[str, bool] = {}
        self._rooms: dict[str, int] = {}
        self._looked_at = float("-inf")

    def workers(self) -> Mapping[str, int]:
        """Return the workers that match, those that have come since looked at first."""
        if time.monotonic() - self._looked_at < _LOOK_SECONDS:
            return self._rooms
        try:
            threads: dict[str, int] = dict(self._client.nthreads())
        except (OSError, TimeoutError, ValueError) as error:
            raise self._gone() from error
        except AttributeError as error:
            if self._client.scheduler is not None:
                raise
            raise self._gone() from error  # the client has given the scheduler up meanwhile, and holds None for it
        self._looked_at = time.monotonic()
        if new := [name for name in threads if name not in self._known]:
            self._look_at(new)
        self._known = {name: matches for name, matches in self._known.items() if name in threads}
        self._rooms = {name: threads[name] + _AHEAD for name, matches in self._known.items() if matches}
        return self._rooms

    def _look_at(self, names: list[str]) -> None:
        found = self._client.run(
            look, self._wanted.model, self._token, workers=names, on_error="return", wait=True, nanny=False
        )
        for name in names:
            answer = found.get(name)
            if isinstance(answer, Identity):
                other = self._wanted.unlike(answer)
            elif isinstance(answer, Refusal):
                other = answer.reason
            elif isinstance(answer, (ImportError, AttributeError)):
                # An older version has no such function; a bare machine nothing of ours.
                other = f"it lacks this version of napari-matae ({answer}); install the same there"
            elif isinstance(answer, OSError) or answer is None:
                continue  # it went as soon as it came
            else:
                other = f"it does not answer ({type(answer).__name__}: {answer}); look at its log"
            self._known[name] = not other
            if other:
                self._tell(name, other)

    def _tell(self, name: str, reason: str) -> None:
        self._notify(f"The worker {name} is refused: {reason}.")

    def submit(self, worker: str, number: int, job: Job) -> None:
        """Send a job, all of whose paths are absolute, to a worker, and to no other."""
        future = self._client.submit(
            work, job, self._wanted, key=f"{self._run}-{number}", workers=[worker],
            allow_other_workers=False, pure=False,
        )  # fmt: skip
        self._futures[number] = future, job.ref.path
        future.add_done_callback(lambda _, number=number: self._answers.put(number))

    def wait(self, seconds: float) -> Sequence[tuple[int, Outcome | Failure | Refusal]]:
        """Return what was answered."""
        numbers = []
        try:
            numbers.append(self._answers.get(timeout=seconds))
            while True:
                numbers.append(self._answers.get_nowait())
        except queue.Empty:
            pass
        return [(number, answer) for number in numbers if (answer := self._answer(number)) is not None]

    def _answer(self, number: int) -> Any:
        future, _ = self._futures.get(number, (None, None))
        if future is None or future.status in ("cancelled", "lost"):
            return None  # forgotten, or the scheduler is gone: `workers` finds out
        problem: BaseException | None
        try:
            problem = future.exception(timeout=_GATHER_SECONDS) if future.status == "error" else None
            answer = future.result(timeout=_GATHER_SECONDS) if problem is None else None
        except TimeoutError:
            return None  # the worker went with its answer
        except Exception as error:  # noqa: BLE001 - whatever dask could not carry
            problem, answer = error, None
        _, source = self._futures.pop(number)
        return answer if problem is None else Failure.of(source, problem)

    def forget(self, numbers: Iterable[int]) -> None:
        """Have the scheduler drop jobs."""
        if futures := [self._futures.pop(number)[0] for number in list(numbers) if number in self._futures]:
            self._client.cancel(futures, force=True)

    def refuse(self, worker: str, reason: str) -> None:
        """Give nothing to a worker any more."""
        if self._known.get(worker):
            self._known[worker] = False
            self._rooms.pop(worker, None)
            self._tell(worker, reason)

    def no_worker(self) -> str:
        """Return what to do where there is no worker that matches."""
        refused = sum(not matches for matches in self._known.values())
        if refused:
            which = "The only worker" if refused == 1 else f"All {refused} workers"
            return (
                f"{which} of {self._address} {'is' if refused == 1 else 'are'} refused; make it like this machine and "
                "run this again, what is done is kept."
            )
        return (
            f"There is no worker at {self._address}; start some with 'dask worker {self._address}' and run this again, "
            "what is done is kept."
        )

    def close(self) -> None:
        """Drop what is not done and leave the scheduler."""
        try:
            if self._client.status == "running":
                self.forget(list(self._futures))
        finally:
            self._client.close(timeout=_GATHER_SECONDS)

    def _gone(self) -> MataeError:
        return MataeError(
            f"The dask scheduler at {self._address} is gone; start it and run this again, what is done is kept."
        )
