"""The cines of a data set judged one by one, here or in several processes; the answers come in the order of the data.

A process opens the data set itself and loads the model itself: nothing large goes between processes. Each runs its
network with its share of the processors.
"""

from __future__ import annotations

import os
import signal
from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matae.errors import ReadError
from matae.evaluate.classes import EvaluateError, common_classes
from matae.evaluate.judge import judge
from matae.labelled import LabelledError, open_labelled

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from matae.evaluate.classes import PairedClass
    from matae.evaluate.judge import Judged
    from matae.labelled import LabelledRef, LabelledSet
    from matae.segment import Segmenter, SegmentOptions

__all__ = ["Answer", "Data", "judge_all"]

_AHEAD = 4  # cines a process may be ahead of the first one that is not done


@dataclass(frozen=True)
class Data:
    """What is judged; small and picklable.

    Parameters
    ----------
    folder, split, view
        As for `matae.labelled.open_labelled`.
    structures
        Whether the data's structures are read, not the cavity alone.
    sector
        Part of the picture the network sees, as asked for.
    """

    folder: Path
    split: str
    view: str
    structures: bool
    sector: str

    def open(self) -> LabelledSet:
        """Open the data set; nothing is read yet."""
        return open_labelled(self.folder, self.split, self.view, structures=self.structures)


@dataclass(frozen=True)
class Answer:
    """What became of a cine or still; small and picklable.

    Parameters
    ----------
    judged
        Its frames for each width.
    left_out
        Why it could not be read, or empty.
    notices
        What happened to the networks so far.
    """

    judged: tuple[list[Judged], ...] = ()
    left_out: str = ""
    notices: tuple[str, ...] = ()


def judge_all(
    data: Data, labelled: LabelledSet, segmenters: list[Segmenter], classes: list[PairedClass], jobs: int
) -> Iterator[Answer]:
    """Judge every cine of a data set at every width.

    Parameters
    ----------
    data, labelled
        The data set, as it is opened and opened.
    segmenters
        The model at each width.
    classes
        What is compared.
    jobs
        How many processes; 1 is this one.

    Yields
    ------
    Answer
        In the order of the data.

    Raises
    ------
    EvaluateError
        If a process ends as none should.
    MataeError
        As `matae.evaluate.evaluate`.
    """
    if jobs <= 1:
        for ref in labelled.refs:
            yield _answer(ref, data.sector, segmenters, classes)
        return
    options = [_decided(segmenter) for segmenter in segmenters]
    yield from _in_processes(data, len(labelled.refs), options, min(jobs, len(labelled.refs)))


def _answer(ref: LabelledRef, sector: str, segmenters: list[Segmenter], classes: list[PairedClass]) -> Answer:
    try:
        case = ref.read()
    except (ReadError, LabelledError) as error:
        if not ref.is_clip:
            raise
        # One damaged video of ten thousand does not end the run; it is named.
        return Answer(left_out=str(error))
    place, is_placed = case.sector(sector), case.is_placed and sector == "auto"
    judged = tuple(judge(each, classes, ref, case, place, is_placed=is_placed) for each in segmenters)
    return Answer(judged, notices=tuple(notice for each in segmenters for notice in each.notices))


def _decided(segmenter: Segmenter) -> SegmentOptions:
    """Return the options of a segmenter with what ``auto`` chose: other processes are not to choose again."""
    from dataclasses import replace

    from matae.nn.widths import format_width

    return replace(segmenter.options, width=format_width(segmenter.width), backend=segmenter.choice.backend)


def _in_processes(data: Data, count: int, options: list[SegmentOptions], jobs: int) -> Iterator[Answer]:
    import multiprocessing

    from matae.threads import processors

    # Not forked: torch's threads would not survive it.
    pool = ProcessPoolExecutor(
        jobs, multiprocessing.get_context("spawn"), initializer=_begin,
        initargs=(data, options, max(1, processors() // jobs)),
    )  # fmt: skip
    under_way: deque[Future[Answer]] = deque()
    numbers = iter(range(count))
    try:
        for number in numbers:
            under_way.append(pool.submit(_judge_in_process, number))
            if len(under_way) >= jobs * _AHEAD:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    except BrokenProcessPool as error:
        raise EvaluateError("A process that judged frames has ended (out of memory?); use --jobs 1.") from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class _Here:
    """What a process of the pool has opened and loaded."""

    data: Data
    labelled: LabelledSet
    segmenters: list[Segmenter]
    classes: list[PairedClass]


def _begin(data: Data, options: list[SegmentOptions], threads: int) -> None:
    from matae.segment import Segmenter

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this one
    os.environ.setdefault("MATAE_THREADS", str(threads))
    _Here.data, _Here.labelled = data, data.open()
    _Here.segmenters = [Segmenter(each) for each in options]
    _Here.classes = common_classes(_Here.segmenters[0].card, _Here.labelled)


def _judge_in_process(number: int) -> Answer:
    return _answer(_Here.labelled.refs[number], _Here.data.sector, _Here.segmenters, _Here.classes)
