"""The cines of a data set judged one by one: here, in several processes, or on the workers of a dask scheduler.

Nothing large goes between processes: each reads the cines it is given and loads the model itself. The answers come as
they are ready, and with the number of their cine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from matae.evaluate.classes import EvaluateError
from matae.evaluate.job import EvaluateJob, JudgedCine, answer
from matae.jobs import Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from matae.cluster.pool import Pool
    from matae.evaluate.job import Answer, EvaluateSettings
    from matae.labelled import LabelledRef
    from matae.segment import Segmenter

__all__ = ["judge_all"]


def judge_all(
    refs: Sequence[tuple[int, LabelledRef]],
    settings: EvaluateSettings,
    segmenters: Sequence[Segmenter],
    *,
    jobs: int = 1,
    scheduler: str | None = None,
    notify: Callable[[str], None] = lambda _: None,
) -> Iterator[tuple[int, Answer]]:
    """Judge cines at every width.

    Parameters
    ----------
    refs
        The cines, each with its number.
    settings
        How.
    segmenters
        The model at each width, for this process; not looked at where others judge.
    jobs
        How many processes; 1 is this one.
    scheduler
        Address of a dask scheduler; its workers judge then.
    notify
        Told of workers that were lost or refused.

    Yields
    ------
    int, Answer
        The number of a cine and what became of it, as each is ready.

    Raises
    ------
    EvaluateError
        If a cine could not be judged elsewhere, after all others are.
    MataeError
        If there is no scheduler, worker or process to judge, or a still cannot be read.
    """
    if scheduler is None and min(jobs, len(refs)) <= 1:
        for number, ref in refs:
            yield number, answer(ref, settings, tuple(segmenters))
        return
    from matae.cluster.pool import run_pool

    failures: list[Failure] = []
    work = (EvaluateJob(number, ref, settings) for number, ref in refs)
    for outcome in run_pool(work, _pool(settings, min(jobs, len(refs)), scheduler, notify), notify):
        if isinstance(outcome, Failure):
            failures.append(outcome)
        elif isinstance(outcome, JudgedCine):
            yield outcome.number, outcome.answer
    if failures:
        for failure in failures:
            if failure.trace:
                notify(failure.trace.rstrip())
        others = f" {len(failures)} could not be judged." if len(failures) > 1 else ""
        raise EvaluateError(failures[0].message + others)


def _pool(settings: EvaluateSettings, processes: int, scheduler: str | None, notify: Callable[[str], None]) -> Pool:
    if scheduler is None:
        from matae.cluster.local import LocalPool

        return LocalPool(processes)
    from matae.cluster.scheduler import DaskPool

    return DaskPool(scheduler, settings.model, None, notify)
