"""What stands for a model and its prompt head, so that the tools around it are tested without them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel

from matae.prompt import Outlined
from napari_matae.edit.prompt_reader import PromptReader
from napari_matae.session.session import Session

from ..conftest import disc


class PromptStandIn:
    """Stands for a model: outlines the same disc, shifted by a pixel a click, as sure as it is told to be."""

    card = SimpleNamespace(name="stands in")

    def __init__(self) -> None:
        self.asked: list[tuple[int, object, int]] = []
        self.looked: list[int] = []
        self.sure: dict[int, float] = {}
        self.fails: Exception | None = None

    def look(self, cine, sector, frame) -> None:
        self.looked.append(frame)

    def outline(self, cine, sector, frame, prompts, label=1, mask=None) -> Outlined:  # noqa: PLR0917 - as the real one
        if self.fails is not None:
            raise self.fails
        self.asked.append((frame, prompts, label))
        mask = disc(cine.shape, (30, 40), 15 + len(prompts.positive) - len(prompts.negative))
        return Outlined(mask * np.uint8(label), self.sure.get(frame, 0.95))


@pytest.fixture
def found(monkeypatch) -> PromptStandIn:
    """Return what outlines in place of a model."""
    stands_in = PromptStandIn()
    monkeypatch.setattr(PromptReader, "prompter", lambda self, model, width: (stands_in, ""))
    return stands_in


@pytest.fixture
def session(qtbot):
    """Return a session on a viewer's model."""
    session = Session(ViewerModel())
    yield session
    session.close()
