"""Outlines from prompts: what cannot be outlined is said; the network looks once; other structures keep their place."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from matae.errors import ModelError, SegmentError
from matae.prompt import Prompter, PromptError, Prompts, prompter_for
from matae.prompt.outline import FALLBACK, KEPT
from matae.segment.sector import sector_from_polygon

from .prompt_makers import MARKS, SHAPE, cine, head_of, tiny, whole

THREE = Prompts(MARKS)


@pytest.fixture(scope="module")
def prompter() -> Prompter:
    network, card = tiny()
    return Prompter(network, card, head_of(network), "1/2")


def test_what_cannot_be_outlined_is_said(prompter: Prompter) -> None:
    clip = cine()
    with pytest.raises(PromptError, match="Nothing was pointed at"):
        prompter.outline(clip, whole(), 0, Prompts())
    with pytest.raises(PromptError, match="Frame 5 is not in the cine; choose from 1 to 4"):
        prompter.outline(clip, whole(), 4, THREE)
    with pytest.raises(PromptError, match="tiny does not outline the class 9"):
        prompter.outline(clip, whole(), 0, THREE, 9)
    with pytest.raises(PromptError, match="does not fit"):
        prompter.outline(clip, whole(), 0, THREE, 1, np.zeros((3, 3), np.uint8))
    with pytest.raises(PromptError, match="outline the cavity first"):
        prompter.outline(clip, whole(), 0, THREE, 2)
    outside = sector_from_polygon(np.array([[200.0, 200], [200, 220], [220, 220]]))
    with pytest.raises(SegmentError):
        prompter.outline(clip, outside, 0, THREE)


def test_a_width_that_is_not_there_is_refused() -> None:
    network, card = tiny()
    with pytest.raises(ModelError):
        Prompter(network, card, head_of(network), "1/3")


def test_an_outline_has_a_confidence_and_leaves_other_structures(prompter: Prompter) -> None:
    before = np.zeros(SHAPE, np.uint8)
    before[55:59, 5:20] = 3
    before[:2, :2] = 7
    found = prompter.outline(cine(), whole(), 1, THREE, 1, before)
    assert 0 <= found.confidence <= 1
    assert found.mask.shape == SHAPE
    assert set(np.unique(found.mask)) <= {0, 1, 3, 7}
    assert before.max() == 7  # the mask given is not written in
    wall = prompter.outline(cine(), whole(), 1, THREE, 2, np.where(before == 3, 0, before) + _disc())
    assert (wall.mask[_disc() > 0] == 1).all()


def _disc() -> np.ndarray:
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return (np.hypot(rows - 28, columns - 40) < 6).astype(np.uint8)


def test_a_click_is_obeyed_whatever_the_head_thinks(prompter: Prompter) -> None:
    clip = cine()
    first = prompter.outline(clip, whole(), 0, THREE).mask
    assert first[28, 40] == 1
    assert first[50, 70] == 0
    prompts = THREE.clicked((28.0, 40.0), inside=False).clicked((50.0, 70.0), inside=True)
    found = prompter.outline(clip, whole(), 0, prompts, 1, first).mask
    assert found[28, 40] == 0
    assert found[50, 70] == 1
    assert (found != first).mean() < 0.1  # around the clicks alone


@pytest.mark.parametrize("gap", [3, 6, 10])
def test_clicks_on_both_sides_of_a_border_are_both_obeyed(prompter: Prompter, gap: int) -> None:
    clip = cine()
    first = prompter.outline(clip, whole(), 0, THREE).mask
    row = 30
    right = int(np.flatnonzero(first[row] == 1)[-1])
    # Both say the opposite of what is there.
    prompts = THREE.clicked((row, right), inside=False).clicked((row, right + gap), inside=True)
    found = prompter.outline(clip, whole(), 0, prompts, 1, first).mask
    assert found[row, right] == 0
    assert found[row, right + gap] == 1


def test_the_head_is_given_the_mask_that_a_click_is_about(prompter: Prompter, monkeypatch: pytest.MonkeyPatch) -> None:
    given = []
    head = prompter._head

    def spy(*parts: torch.Tensor) -> object:
        given.append(parts[4])
        return head(*parts)

    monkeypatch.setattr(prompter, "_head", spy)
    click = Prompts(positive=((20.0, 40.0),))
    prompter.outline(cine(), whole(), 0, click, 1, _disc())
    prompter.outline(cine(), whole(), 0, click, 3, _disc())
    prompter.outline(cine(), whole(), 0, THREE, 1, _disc())
    mask, of_another, without_clicks = given
    assert set(mask.unique().tolist()) == {-1.0, 1.0}
    assert (mask > 0).float().mean().item() == pytest.approx(_disc().mean() * SHAPE[0] / SHAPE[1], rel=0.4)
    assert of_another is None
    assert without_clicks is None


def test_a_click_where_the_network_sees_nothing_is_refused_in_words(prompter: Prompter) -> None:
    half = sector_from_polygon(np.array([[0.0, 20], [0, 60], [50, 60], [50, 20]]))
    with pytest.raises(PromptError, match=r"sees nothing of the picture at \(30, 75\)"):
        prompter.outline(cine(), half, 0, THREE.clicked((30.0, 75.0), inside=True))
    found = prompter.outline(cine(), half, 0, THREE.clicked((30.0, 75.0), inside=False))
    assert found.mask[30, 75] == 0


def test_the_network_looks_at_a_frame_once(prompter: Prompter, monkeypatch: pytest.MonkeyPatch) -> None:
    clip, looks = cine(2), []
    plain = prompter._plain.features
    monkeypatch.setattr(prompter._plain, "features", lambda x: looks.append(len(x)) or plain(x))
    prompter.look(clip, whole(), 0)
    prompter.outline(clip, whole(), 0, THREE)
    prompter.outline(clip, whole(), 0, THREE.clicked((20.0, 40.0), inside=True))
    assert looks == [1]
    prompter.outline(clip, whole(), 1, THREE)
    assert looks == [1, 1]
    upside_down = sector_from_polygon(whole().polygon, apex_down=True)
    prompter.outline(clip, upside_down, 1, THREE)
    assert looks == [1, 1, 1]


def test_no_more_frames_are_kept_than_fit(prompter: Prompter) -> None:
    clip = cine(KEPT + 3)
    for frame in range(clip.n_frames):
        prompter.look(clip, whole(), frame)
    assert len(prompter._seen) == KEPT


def test_a_model_without_a_head_is_read_with_the_packaged_one() -> None:
    prompter, notice = prompter_for("matae-phantom", "1/8")
    assert prompter.card.name == FALLBACK
    assert notice == f"matae-phantom has no prompt head of its own: clicks are read with {FALLBACK}."
    own, nothing = prompter_for(FALLBACK, "1/8")
    assert nothing == ""
    assert own.structures() == [1, 2, 3]
    assert own.width == 1 / 8
    with pytest.raises(ModelError, match="no model 'gone'"):
        prompter_for("gone")
    with pytest.raises(ModelError, match="no prompt head"):
        Prompter.named("matae-phantom")
