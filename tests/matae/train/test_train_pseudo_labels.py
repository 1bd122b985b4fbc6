"""Pseudo-labels: refused settings, what a pixel counts, who is left out, exact resumption; and that they teach."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from matae.edit import EditError
from matae.errors import TrainError
from matae.nn.losses import bce
from matae.nn.matae import Matae, MataeConfig
from matae.nn.regions import Regions
from matae.phantom import make_phantom
from matae.train import loop
from matae.train.batches import Batches
from matae.train.config import NetworkConfig, TrainConfig
from matae.train.loop import train
from matae.train.pseudo_labels import (
    FARTHEST,
    PseudoLabelled,
    against_pseudo_labels,
    frame_weight,
    label_between,
)

CONFIG = TrainConfig(
    steps=6, batch=4, grid=32, check_every=3, rebuild=0.0, pseudo_labels=0.5, network=NetworkConfig(channels=(8, 8, 16))
)


def a_network(**more: object) -> Matae:
    torch.manual_seed(0)
    return Matae(MataeConfig(channels=(8, 8, 16), **more))


@pytest.fixture
def pseudo(sides: tuple) -> PseudoLabelled:
    frames = sides[0].take(range(5))
    weights = np.full(frames.masks.shape, 128, np.uint8)
    weights[:, :4] = 0
    return PseudoLabelled(frames, weights)


def test_what_cannot_be_mixed_is_refused(sides: tuple, pseudo: PseudoLabelled, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for nothing in (None, PseudoLabelled(pseudo.frames.take([]), pseudo.weights[:0])):
        with pytest.raises(TrainError, match="There are no pseudo-labelled frames; set pseudo_labels to 0"):
            train(a_network(), *sides, out, CONFIG, pseudo=nothing)
    with pytest.raises(TrainError, match="other classes or another size"):
        train(a_network(), *sides, out, CONFIG, pseudo=replace(pseudo, weights=pseudo.weights[:, :8]))
    many = replace(pseudo, frames=replace(pseudo.frames, masks=pseudo.frames.masks * 2))
    with pytest.raises(TrainError, match="other classes or another size"):
        train(a_network(), *sides, out, CONFIG, pseudo=many)
    theirs = replace(pseudo, frames=replace(pseudo.frames, patients=(sides[1].patients[0],) * 5))
    with pytest.raises(TrainError, match="A validation patient is among the pseudo-labelled frames"):
        train(a_network(), *sides, out, CONFIG, pseudo=theirs)
    for change in ({"pseudo_labels": -0.1}, {"pseudo_labels": 1.0}, {"batch": 1}, {"batch": 2, "self_training": 1.0}):
        with pytest.raises(TrainError, match="pseudo_labels must be in 0-1"):
            replace(CONFIG, **change).check(a_network())
    with pytest.raises(TrainError, match="3 processes cannot share 2 frames"):
        replace(CONFIG, processes=3).check(a_network())
    assert not out.exists()


@pytest.mark.parametrize(
    ("batch", "share", "own", "theirs"), [(16, 0.5, 16, 8), (16, 0.25, 16, 4), (2, 0.01, 2, 1), (2, 0.99, 2, 1)]
)
def test_a_batch_has_some_of_each(batch: int, share: float, own: int, theirs: int) -> None:
    config = replace(CONFIG, batch=batch, pseudo_labels=share)
    assert (config.n_labelled, config.n_pseudo_labelled) == (own, theirs)
    assert replace(config, pseudo_labels=0.0).n_pseudo_labelled == 0
    assert replace(config, batch=16, self_training=1.0).n_pseudo_labelled == min(7, max(1, round(8 * share)))


def batches(config: TrainConfig, sides: tuple, pseudo: PseudoLabelled | None, **part: int) -> Batches:
    return Batches(sides[0], Regions.numbered(1), config, torch.Generator().manual_seed(0), pseudo=pseudo, **part)


def test_weights_move_with_their_pixels(sides: tuple, pseudo: PseudoLabelled) -> None:
    marked = replace(pseudo, weights=(pseudo.frames.masks > 0).astype(np.uint8) * 255)
    found = batches(CONFIG, sides, marked).draw_pseudo_labelled(0)
    assert found is not None
    assert found.images.shape == found.masks.shape == found.weights.shape == (2, 1, 32, 32)
    torch.testing.assert_close(found.masks, found.weights)
    assert batches(CONFIG, sides, pseudo).draw(0)[0].shape == (2, 1, 32, 32)
    for none in (batches(CONFIG, sides, None), batches(replace(CONFIG, pseudo_labels=0.0), sides, pseudo)):
        assert none.draw_pseudo_labelled(0) is None
        assert len(none.draw(0)[0]) == 4


def test_a_structure_that_was_not_filled_is_unknown(sides: tuple, pseudo: PseudoLabelled) -> None:
    frames = replace(pseudo.frames, annotated=((1,),) * 5)
    regions = Regions.numbered(2)
    found = Batches(
        sides[0], regions, CONFIG, torch.Generator().manual_seed(0), pseudo=replace(pseudo, frames=frames)
    ).draw_pseudo_labelled(0)
    assert found is not None
    assert (found.masks[:, 1] == -1).all()
    assert (found.masks[:, 0] >= 0).all()


def test_two_processes_draw_what_one_would(sides: tuple, pseudo: PseudoLabelled) -> None:
    config = replace(CONFIG, batch=8)
    whole = batches(config, sides, pseudo)
    parts = [batches(config, sides, pseudo, rank=rank, processes=2) for rank in (0, 1)]
    for step in (0, 1):
        together = whole.draw(step), whole.draw_pseudo_labelled(step)
        apart = [(part.draw(step), part.draw_pseudo_labelled(step)) for part in parts]
        for kind in (0, 1):
            for place in range(2 + kind):
                torch.testing.assert_close(torch.cat([each[kind][place] for each in apart]), together[kind][place])


def test_the_loss_of_whole_weights_is_the_usual_one() -> None:
    torch.manual_seed(0)
    logits, target = torch.randn(3, 2, 8, 8), (torch.rand(3, 2, 8, 8) > 0.5).float()
    whole = torch.ones(3, 1, 8, 8)
    torch.testing.assert_close(against_pseudo_labels(logits, target, whole, with_dice=False), bce(logits, target))
    target[1:, 1] = -1
    torch.testing.assert_close(against_pseudo_labels(logits, target, whole, with_dice=False), bce(logits, target))
    nothing = against_pseudo_labels(logits, torch.full_like(target, -1), whole)
    assert nothing.item() == 0


@given(st.integers(0, 255), st.booleans())
def test_a_pixel_teaches_by_its_weight(weight: int, with_dice: bool) -> None:
    logits = torch.zeros(2, 1, 8, 8, requires_grad=True)
    target = torch.ones(2, 1, 8, 8)
    weights = torch.full((2, 1, 8, 8), weight / 255)
    weights[:, :, 4:] = 0
    loss = against_pseudo_labels(logits, target, weights, with_dice=with_dice)
    loss.backward()
    assert torch.isfinite(logits.grad).all()
    assert (logits.grad[:, :, 4:] == 0).all()
    assert bool((logits.grad[:, :, :4] < 0).all()) == (weight > 0)
    # A frame of small weights teaches little, by its Dice part too.
    lighter = against_pseudo_labels(logits, target, weights * 0.5, with_dice=with_dice)
    assert lighter.item() <= loss.item() * 0.75 + 1e-6


def test_a_frame_counts_less_the_farther_it_is() -> None:
    weights = [frame_weight(distance) for distance in range(FARTHEST + 1)]
    assert weights == sorted(weights, reverse=True)
    assert (weights[0], weights[8], weights[16], weights[24]) == (1.0, 0.5, 0.25, 0.125)


IMAGES = make_phantom(3, n_frames=9, frame_rate=30, shape=(96, 112)).cine.frames
MASKS = make_phantom(3, n_frames=9, frame_rate=30, shape=(96, 112)).labels


def test_nothing_is_between_too_few_frames() -> None:
    assert list(label_between(IMAGES, {}, [])) == []
    assert list(label_between(IMAGES, {1: MASKS[1]}, [])) == []
    with pytest.raises(EditError, match="does not lie between two corrected frames"):
        list(label_between(IMAGES, {1: MASKS[1], 4: MASKS[4]}, [5]))


def test_frames_between_are_filled_and_weighted() -> None:
    keys = {1: MASKS[1], 6: MASKS[6]}
    found = list(label_between(IMAGES, keys, range(2, 6), labels=(1, 2, 3)))
    assert [one.frame for one in found] == [2, 3, 4, 5]
    for one in found:
        inside, truth = one.mask == 1, MASKS[one.frame] == 1
        assert 2 * (inside & truth).sum() / (inside.sum() + truth.sum()) > 0.85
        assert set(np.unique(one.mask)) == {0, 1, 2, 3}
        top = round(255 * frame_weight(min(one.frame - 1, 6 - one.frame)))
        assert one.weight.max() == top
        assert one.weight.min() in {round(0.01 * top), top}
        # Where it is wrong it is unsure more often than where it is right.
        wrong = inside != truth
        if wrong.any():
            assert (one.weight[wrong] < top).mean() > (one.weight[~wrong] < top).mean()


def test_across_a_cut_what_counts_is_right_still() -> None:
    """A clip may show two views one after the other: motion and shape disagree then wherever a fill is wrong."""
    other = make_phantom(4, n_frames=9, frame_rate=30, shape=(96, 112))
    images, truth = (
        np.concatenate([one[:5], two[:5]]) for one, two in ((IMAGES, other.cine.frames), (MASKS, other.labels))
    )
    keys = {1: truth[1], 8: truth[8]}
    for one in label_between(images, keys, range(2, 8), labels=(1, 2, 3)):
        wrong, sure = one.mask != truth[one.frame], one.weight == one.weight.max()
        assert wrong.mean() > 0.02
        assert wrong[sure].mean() < 0.005


def test_a_structure_that_is_gone_beside_a_frame_is_not_filled() -> None:
    without = np.where(MASKS[6] == 3, np.uint8(0), MASKS[6])
    assert list(label_between(IMAGES, {1: MASKS[1], 6: without}, [3], labels=(1, 3))) == []
    assert len(list(label_between(IMAGES, {1: MASKS[1], 6: without}, [3], labels=(1,)))) == 1


def test_a_stop_ends_the_filling() -> None:
    asked = iter([False] * 3)
    found = list(label_between(IMAGES, {1: MASKS[1], 6: MASKS[6]}, range(2, 6), should_stop=lambda: next(asked, True)))
    assert len(found) < 4


class KilledError(Exception):
    """Ends a run as a signal would."""


@pytest.mark.parametrize("self_training", [pytest.param(0.0, marks=pytest.mark.slow), 1.0])
def test_a_killed_run_goes_on_bit_for_bit(
    sides: tuple, pseudo: PseudoLabelled, tmp_path: Path, self_training: float
) -> None:
    config = replace(CONFIG, ema=0.5, steps=6, batch=8, self_training=self_training)
    more = sides[0].images[::-1].copy() if self_training else None

    def kill(report: loop.StepReport) -> None:
        if report.step == 3:
            raise KilledError

    given = {"unlabelled": more, "pseudo": pseudo}
    whole = train(a_network(), *sides, tmp_path / "whole", config, **given)
    with pytest.raises(KilledError):
        train(a_network(), *sides, tmp_path / "cut", config, report=kill, **given)
    # Other weights are another run, and so are other frames.
    lighter = replace(pseudo, weights=pseudo.weights // 2)
    others = [{"unlabelled": more, "pseudo": lighter}]
    if more is not None:
        others.append({"unlabelled": more[:4], "pseudo": pseudo})
    for other in others:
        with pytest.raises(TrainError, match="holds a run with other frames"):
            train(a_network(), *sides, tmp_path / "cut", config, **other)
    torch.rand(5)
    resumed = train(a_network(), *sides, tmp_path / "cut", config, **given)
    found = resumed.state_dict()
    for key, value in whole.state_dict().items():
        assert torch.equal(value, found[key]), key


def test_frames_at_a_time_do_not_change_the_gradients(sides: tuple, pseudo: PseudoLabelled) -> None:
    found = []
    for chunk in (0, 1, 3):  # 3: parts with frames of two kinds
        config = replace(CONFIG, precision="32", batch=8, self_training=1.0)
        network = a_network()
        fabric = loop.make_fabric(config)
        run = loop.new_run(network, config, fabric.device)
        run.chunk, run.step = chunk, 5
        network.eval()
        network.train = lambda _=True, n=network: n  # type: ignore[method-assign] - stays in inference mode
        drawn = Batches(
            sides[0], network.regions, config, torch.Generator().manual_seed(0), sides[0].images, pseudo=pseudo
        )
        loss = loop.take_step(fabric, run, drawn.draw(0), pair=drawn.draw_pair(0), pseudo=drawn.draw_pseudo_labelled(0))
        found.append((loss, [p.detach().clone() for p in network.parameters()]))
    for loss, weights in found[1:]:
        assert loss == pytest.approx(found[0][0], rel=1e-5)
        for one, two in zip(found[0][1], weights, strict=True):
            torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-5)


def test_sure_pseudo_labels_teach_and_unsure_ones_do_not(sides: tuple, tmp_path: Path) -> None:
    # The labelled frames are all of one dark patient; the held-out and the pseudo-labelled ones are pale.
    frames, held_out = sides
    one = frames.take([i for i, patient in enumerate(frames.patients) if patient == frames.patients[0]])
    pale = replace(held_out, images=(held_out.images // 2 + 120).astype(np.uint8))
    filled = replace(frames, images=(frames.images // 2 + 120).astype(np.uint8))
    config = replace(CONFIG, steps=40, batch=8, check_every=40, lr=1e-2, ema=0.9)
    found = []
    for weight in (0, 255):
        reports: list[loop.StepReport] = []
        sure = PseudoLabelled(filled, np.full(filled.masks.shape, weight, np.uint8))
        train(a_network(), one, pale, tmp_path / str(weight), config, pseudo=sure, report=reports.append)
        found.append(reports[-1].dice[1.0])
    assert found[1] > found[0]
    assert found[1] > 0.5


@pytest.mark.slow
def test_two_processes_learn_what_one_does(sides: tuple, pseudo: PseudoLabelled, tmp_path: Path) -> None:
    config = replace(CONFIG, steps=3, batch=8, precision="32", ema=0.0)
    one, two = (
        train(a_network(), *sides, tmp_path / str(n), replace(config, processes=n), pseudo=pseudo).state_dict()
        for n in (1, 2)
    )
    for key, value in one.items():
        torch.testing.assert_close(two[key], value, rtol=1e-3, atol=1e-3)
