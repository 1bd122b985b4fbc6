from __future__ import annotations

import errno

import pytest
import torch

from matae.errors import ReadError
from matae.segment import FrameMask, Segmenter, SegmentOptions, find_sector
from napari_matae.background.events import Failed, Finished, Started
from napari_matae.background.failure import explain
from napari_matae.background.worker import guarded
from napari_matae.open.reading import Opened, open_events
from napari_matae.segment.events import segment_events


def run(cine, model, frames):
    return list(guarded(segment_events(cine, find_sector(cine), frames, SegmentOptions(model=model, width="1/8"))))


def test_no_frames_is_a_start_and_an_end(cine, tiny_model):
    assert [type(e) for e in run(cine, tiny_model, [])] == [Started, Finished]


def test_frames_come_in_the_order_asked_for(cine, tiny_model):
    events = run(cine, tiny_model, [3, 1, 2])
    assert [e.index for e in events if isinstance(e, FrameMask)] == [3, 1, 2]
    assert events[0].what["width"] == "1/8"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), "Memory ran out"),
        (RuntimeError("cuDNN error"), "cuDNN error"),
        (NotImplementedError(), "NotImplementedError"),
        (OSError(errno.ENAMETOOLONG, "File name too long", "x" * 300), "(300 characters) is too long for a path here;"),
    ],
)
def test_an_exception_in_the_stream_is_the_last_event(cine, tiny_model, monkeypatch, error, said):
    def broken(*_):
        raise error
        yield

    monkeypatch.setattr(Segmenter, "stream", broken)
    last = run(cine, tiny_model, [0])[-1]
    assert isinstance(last, Failed)
    assert said in last.text
    assert "\n" not in last.text


def test_an_unknown_model_is_one_sentence(cine, tiny_model):
    (failed,) = run(cine, "nobody", [0])
    assert failed.text.startswith("There is no model 'nobody'")


def test_reading_succeeds_or_says_why(cine):
    (opened,) = open_events(lambda: cine)
    assert isinstance(opened, Opened)

    def fails():
        raise ReadError("It is no cine; choose another file.")

    assert list(guarded(open_events(fails))) == [Failed("It is no cine; choose another file.")]


def test_our_own_errors_are_shown_as_they_are():
    assert explain(ReadError("One sentence.")) == "One sentence."
    assert "report" in explain(ZeroDivisionError("division by zero\nand more"))
