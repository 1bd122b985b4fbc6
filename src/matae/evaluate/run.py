"""Judge a model on a data set, from the folder to the figures."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from matae.evaluate.classes import EvaluateError, common_classes
from matae.evaluate.pool import Data, judge_all
from matae.evaluate.tally import Tally
from matae.models import current_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path
    from typing import Any

    from matae.evaluate.pool import Answer
    from matae.labelled import LabelledSet

__all__ = ["evaluate"]


def evaluate(
    data: Path,
    *,
    model: str | None = None,
    width: str = "auto",
    split: str = "test",
    view: str = "A4C",
    device: str = "auto",
    backend: str = "auto",
    sector: str = "auto",
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
    notify: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Run a model on labelled frames and compare it with their reference masks.

    Parameters
    ----------
    data
        Folder as for `matae.labelled.open_labelled`.
    model
        Name in the registry; the model in use if None.
    width
        One of the model's widths, ``auto``, or ``all`` for each of them.
    split, view
        Which frames, as for `matae.labelled.open_labelled`.
    device, backend
        As for `matae.segment.SegmentOptions`.
    sector
        Part of the picture the network sees: ``auto``, ``whole``, or ``y0,x0,y1,x1``, as for ``segment``.
    jobs
        Processes at a time; the figures do not depend on it. On a GPU one is enough.
    progress
        Called with (labelled frames done, in all).
    notify
        Called with a sentence on what was left out and what happened on the way.

    Returns
    -------
    dict
        The figures as JSON values, see ``docs/evaluate.md``; with `width` ``all``,
        ``{"widths": {"1/8": figures, ...}}``.

    Raises
    ------
    LabelledError, ReadError
        If the data cannot be used as asked.
    EvaluateError
        If model and data have no class in common, or no frame could be read.
    ModelError, DeviceError, SegmentError
        As `matae.segment.Segmenter`.
    """
    from matae.models import find_model
    from matae.nn.widths import format_width
    from matae.segment import Segmenter, SegmentOptions

    model = model or current_model()
    card = find_model(model).card
    widths = [format_width(w) for w in card.widths] if width == "all" else [width]
    source = Data(data, split, view, len(card.classes) > 1, sector)
    labelled = source.open()
    classes = common_classes(card, labelled)
    for notice in labelled.notices:
        notify(notice)
    tallies = [
        Tally(Segmenter(SegmentOptions(model, each, device, backend)), classes, labelled.refs) for each in widths
    ]
    start = time.perf_counter()
    answers = judge_all(source, labelled, [tally.segmenter for tally in tallies], classes, jobs)
    left_out = _collect(labelled, tallies, answers, progress, notify)
    seconds = time.perf_counter() - start
    data_facts = {
        "name": data.resolve().name, "kind": labelled.kind, "split": split, "view": view,
        "left_out": [*labelled.notices, *left_out],
    }  # fmt: skip
    found = {tally.width: tally.report(sector) | {"data": data_facts} for tally in tallies}
    for figures in found.values():
        figures["run"]["seconds"] = round(seconds, 3)
    return {"widths": found} if width == "all" else next(iter(found.values()))


def _collect(
    labelled: LabelledSet,
    tallies: Sequence[Tally],
    answers: Iterable[Answer],
    progress: Callable[[int, int], None] | None,
    notify: Callable[[str], None],
) -> list[str]:
    """Sum up what was judged; return what was left out."""
    done, total, left_out = 0, labelled.n_frames, []
    notices = dict.fromkeys(notice for tally in tallies for notice in tally.segmenter.notices)
    for ref, answer in zip(labelled.refs, answers, strict=True):
        if answer.left_out:
            left_out.append(answer.left_out)
            notify(f"Left out: {answer.left_out}")
        for tally, judged in zip(tallies, answer.judged, strict=bool(answer.judged)):
            tally.add(ref, judged)
        notices |= dict.fromkeys(answer.notices)
        done += ref.n_frames
        if progress is not None:
            progress(done, total)
    if len(left_out) == len(labelled.refs):
        raise EvaluateError(f"No clip of {labelled.folder.resolve().name} could be read; the first: {left_out[0]}")
    for notice in notices:
        notify(notice)
    return left_out
