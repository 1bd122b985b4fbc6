"""Judge a model on a data set, from the folder to the figures."""

from __future__ import annotations

import time
from contextlib import closing, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from matae.evaluate.classes import EvaluateError, common_classes
from matae.evaluate.job import EvaluateSettings
from matae.evaluate.journal import Journal, key_of, stamp_of
from matae.evaluate.pool import judge_all
from matae.evaluate.tally import Tally
from matae.labelled import open_labelled
from matae.models import current_model
from matae.nn.widths import format_width
from matae.segment import SegmentOptions
from matae.segment.notices import take_notices

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path
    from typing import Any

    from matae.evaluate.job import Answer
    from matae.labelled import LabelledSet
    from matae.nn.card import ModelCard
    from matae.segment import Segmenter

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
    grid: str = "auto",
    sector: str = "auto",
    jobs: int = 1,
    scheduler: str | None = None,
    journal: Path | None = None,
    again: bool = False,
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
    device, backend, grid
        As for `matae.segment.SegmentOptions`.
    sector
        Part of the picture the network sees: ``auto``, ``whole``, or ``y0,x0,y1,x1``, as for ``segment``.
    jobs
        Processes at a time; the figures do not depend on it. On a GPU one is enough.
    scheduler
        Address of a dask scheduler, whose workers see the folder under the same path and judge instead of this process;
        the figures do not depend on it. They run on their CPUs unless `device` names a GPU or this computer has one.
    journal
        File that keeps what is judged; a run that was ended goes on from it. The caller removes it when the figures are
        written. Nothing is kept if None.
    again
        Judge all anew, also what the journal has.
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
        If model and data have no class in common, or no frame could be read or judged.
    ModelError, DeviceError, SegmentError
        As `matae.segment.Segmenter`.
    OutputError
        If the journal cannot be written.
    MataeError
        If the scheduler cannot be reached, or has no worker that matches this program and model.
    """
    from matae.models import find_model

    model = model or current_model()
    card = find_model(model).card
    widths = [format_width(w) for w in card.widths] if width == "all" else [width]
    labelled = open_labelled(data.absolute(), split, view, structures=len(card.classes) > 1)
    classes = tuple(common_classes(card, labelled))
    for notice in labelled.notices:
        notify(notice)
    asked = [SegmentOptions(model, each, device, backend, grid) for each in widths]
    segmenters, options = _decided(asked, card, elsewhere=scheduler is not None)
    settings = EvaluateSettings(data.absolute(), tuple(options), classes, sector)
    start = time.perf_counter()
    with _opened(journal, settings, labelled, again=again) as kept:
        judged = _kept(kept, labelled, notify)
        answers = judge_all(
            [(n, ref) for n, ref in enumerate(labelled.refs) if n not in judged], settings, segmenters,
            jobs=jobs, scheduler=scheduler, notify=notify,
        )  # fmt: skip
        total = labelled.n_frames
        done = sum(labelled.refs[number].n_frames for number in judged)
        for number, answer in answers:  # as they come, in whatever order
            judged[number] = answer
            if kept is not None:
                kept.add(number, answer)
            if answer.left_out:
                notify(f"Left out: {answer.left_out}")
            done += labelled.refs[number].n_frames
            if progress is not None:
                progress(done, total)
    seconds = time.perf_counter() - start
    tallies = [Tally(model, each.width, classes, labelled.refs) for each in options]
    said = [*(notice for each in segmenters for notice in each.notices), *take_notices()]
    left_out = _add_up(labelled, tallies, judged, said, notify)
    data_facts = {
        "name": data.resolve().name, "kind": labelled.kind, "split": split, "view": view,
        "left_out": [*labelled.notices, *left_out],
    }  # fmt: skip
    found = {tally.width: tally.report(sector) | {"data": data_facts} for tally in tallies}
    for figures in found.values():
        figures["run"]["seconds"] = round(seconds, 3)
    return {"widths": found} if width == "all" else next(iter(found.values()))


def _decided(
    asked: Sequence[SegmentOptions], card: ModelCard, *, elsewhere: bool
) -> tuple[list[Segmenter], list[SegmentOptions]]:
    """Return the segmenters of this process, and their options with what ``auto`` chose: nobody is to choose again.

    A GPU that is asked for need not be in this computer where others judge: there is no segmenter here then.
    """
    from matae.segment import Segmenter, choose_width
    from matae.segment.device import parse_device

    kind, _ = parse_device(asked[0].device)
    if elsewhere and kind not in {"auto", "cpu"}:
        widths = [format_width(choose_width(each.width, card, fast=True)) for each in asked]
        backends = ["torch" if each.backend == "auto" else each.backend for each in asked]
        return [], [replace(o, width=w, backend=b) for o, w, b in zip(asked, widths, backends, strict=True)]
    segmenters = [Segmenter(each) for each in asked]
    options = [replace(s.options, width=format_width(s.width), backend=s.choice.backend) for s in segmenters]
    if elsewhere and kind == "auto":
        # A worker with a GPU gives the figures of this computer, to the last digit, only on its CPU.
        where = ["cpu" if s.describe()["device"].startswith("CPU") else o.device
                 for s, o in zip(segmenters, options, strict=True)]  # fmt: skip
        options = [replace(each, device=device) for each, device in zip(options, where, strict=True)]
    return segmenters, options


def _opened(
    path: Path | None, settings: EvaluateSettings, labelled: LabelledSet, *, again: bool
) -> AbstractContextManager[Journal | None]:
    if path is None:
        return nullcontext()
    # Before any picture is read: what is judged of one that changes meanwhile is not kept for the next run.
    stamps = [stamp_of(ref) for ref in labelled.refs]
    return closing(Journal(path, key_of(settings, labelled), stamps, again=again))


def _kept(kept: Journal | None, labelled: LabelledSet, notify: Callable[[str], None]) -> dict[int, Answer]:
    """Return what an earlier run left, by the number of the cine."""
    if kept is None:
        return {}
    if kept.is_of_others:
        notify("What was judged before is of other data, settings or weights; all is judged anew.")
    if kept.changed:
        notify(f"The files of {len(kept.changed)} that were judged before have changed; they are judged anew.")
    if kept.known:
        notify(f"{len(kept.known)} of {len(labelled.refs)} were judged before and are kept; --again judges them anew.")
    return kept.known


def _add_up(
    labelled: LabelledSet,
    tallies: Sequence[Tally],
    judged: Mapping[int, Answer],
    notices: Sequence[str],
    notify: Callable[[str], None],
) -> list[str]:
    """Sum up what was judged, in the order of the data; return what was left out."""
    said = dict.fromkeys(notices)
    left_out = []
    for number, ref in enumerate(labelled.refs):
        answer = judged[number]
        said |= dict.fromkeys(answer.notices)
        if answer.left_out:
            left_out.append(answer.left_out)
            continue
        for tally, each, run in zip(tallies, answer.judged, answer.runs, strict=True):
            tally.add(ref, each, run)
    if len(left_out) == len(labelled.refs):
        raise EvaluateError(f"No clip of {labelled.folder.resolve().name} could be read; the first: {left_out[0]}")
    for notice in said:
        notify(notice)
    return left_out
