"""The dock says when the model does not know the picture, and which view it shows, as the command line does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from skimage import data

from matae.cine import Cine
from matae.demo import demo_path
from matae.measure import MeasureOptions, PhaseMarks
from matae.models import DEFAULT_MODEL
from matae.phantom import make_phantom
from matae.read import open_cine
from matae.readers.network import NOT_ASKED
from matae.segment import find_sector
from matae.store.applied import network_of
from matae.store.types import Origin
from napari_matae.measure.tasks import Measured, Task, measure_events


def flags(cine: Cine, masks: np.ndarray, model: str) -> set[str]:
    origins = dict.fromkeys(range(cine.n_frames), Origin(model, "1")) if model else {}
    task = Task(
        cine,
        masks,
        frozenset(range(cine.n_frames)),
        MeasureOptions(),
        PhaseMarks(),
        find_sector(cine),
        origins=origins,
        network=network_of(origins, {}),
    )
    (event,) = measure_events(task)
    assert isinstance(event, Measured)
    return {flag.code for flag in event.measurement.flags}


@pytest.mark.parametrize(("model", "known"), [(DEFAULT_MODEL, False), ("gone", True), ("", True)])
def test_a_photograph_is_flagged_by_a_model_that_can_tell(model: str, known: bool) -> None:
    heart = make_phantom(1, n_frames=2)
    photograph = np.ascontiguousarray(np.stack([data.camera()[::2, ::2]] * 2))
    cine = Cine(photograph, None, None, Path("photograph.npy"))
    assert ("unknown-picture" not in flags(cine, heart.masks, model)) is known
    assert "unknown-picture" not in flags(heart.cine, heart.masks, model)


def test_a_model_of_that_name_with_other_weights_is_not_asked_and_that_is_said(monkeypatch) -> None:
    monkeypatch.setattr("matae.segment.out_of_distribution.familiarity", lambda *_: pytest.fail("it was asked"))
    heart = make_phantom(1, n_frames=2)
    origins = dict.fromkeys(range(2), Origin(DEFAULT_MODEL, "1", "ff" * 32))
    task = Task(
        heart.cine, heart.masks, frozenset(range(2)), MeasureOptions(), PhaseMarks(), find_sector(heart.cine),
        origins=origins, network=network_of(origins, {}),
    )  # fmt: skip
    (event,) = measure_events(task)
    assert [flag.level for flag in event.measurement.flags if flag.code == NOT_ASKED] == ["note"]
    assert event.measurement.inputs.errors is None


def test_a_view_that_nobody_states_is_told_by_a_model_that_knows_hearts() -> None:
    cine = open_cine(demo_path())
    cine = replace(cine, frames=np.ascontiguousarray(cine.frames[::5]), frame_times=None)
    masks = np.zeros(cine.frames.shape, np.uint8)
    masks[:, 80:140, 130:170] = 1
    assert "view-recognised" in flags(cine, masks, DEFAULT_MODEL)
    assert "view-recognised" not in flags(cine, masks, "")
    assert "view-recognised" not in flags(replace(cine, view="A4C"), masks, DEFAULT_MODEL)
