"""What reads clicks: the model that is there, loaded once, and a notice that is said until it was heard."""

from __future__ import annotations

import numpy as np

from matae.prompt import Prompter, Prompts
from napari_matae.background.events import Notice
from napari_matae.edit.prompt_reader import FrameToRead, MadeMask, PromptReader

from ..conftest import make_cine


def test_without_a_clip_or_its_sector_there_is_no_frame_to_read(session, qtbot):
    assert FrameToRead.of(session) is None
    current = session.open(make_cine(2))
    current.sector = None
    assert FrameToRead.of(session) is None


def test_the_reader_takes_the_packaged_head_for_a_model_that_is_gone(tiny_model):
    reader = PromptReader()
    prompter, notice = reader.prompter("was removed", "1/8")
    assert isinstance(prompter, Prompter)
    assert (prompter.card.name, notice) == ("matae-apical", "")
    again, silent = reader.prompter("was removed", "1/8")
    assert again is prompter
    assert silent == ""
    other, said = reader.prompter("tiny", "auto")
    assert other.card.name == "matae-apical"
    assert said == "tiny has no prompt head of its own: clicks are read with matae-apical."
    assert reader.notice == said


def test_a_notice_comes_again_where_nobody_heard_it(found, monkeypatch):
    monkeypatch.setattr(PromptReader, "prompter", lambda self, model, width: (found, "Another head reads the clicks."))
    reader, at = PromptReader(), FrameToRead(make_cine(2), None, 0, "own", "auto")
    unheard = reader.look(at)
    assert next(unheard) == Notice("Another head reads the clicks.")
    unheard.close()  # the worker was dropped: somebody clicked meanwhile
    prompts = Prompts(positive=((3.0, 3.0),))
    first, made = reader.outline(at, prompts, 1, np.zeros((60, 80), np.uint8))
    assert first == Notice("Another head reads the clicks.")
    assert isinstance(made, MadeMask)
    assert made.model == "stands in"
    assert [type(event) for event in reader.outline(at, prompts, 1, made.mask)] == [MadeMask]
