"""One training step: sandwich rule, in-place distillation, autoencoder heads.

Each step trains the widest and the narrowest network and one width between them (sandwich rule, Yu & Huang
2019). The widest learns from the masks; the others from the masks and from the widest's own prediction.
"""

from __future__ import annotations

import math
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from matae.nn.losses import bce, bce_dice, spectral_correlation
from matae.nn.matae import Matae
from matae.train.progress import StoppedError, never
from matae.train.pseudo_labels import against_pseudo_labels
from matae.train.self_training import against_teacher, ramp, teach
from matae.train.sharing import sum_gradients
from matae.train.structure import against_structure
from matae.train.teacher import against_probabilities, probabilities

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lightning_fabric import Fabric
    from torch.nn import Parameter

    from matae.nn.network import Network
    from matae.train.batches import Weighted
    from matae.train.config import TrainConfig
    from matae.train.state import Run

__all__ = ["NotFiniteError", "sandwich", "take_step"]

_LARGEST_GRADIENT = 5.0


class NotFiniteError(ArithmeticError):
    """The loss or its gradient was not finite; the weights have not been touched."""


def take_step(
    fabric: Fabric,
    run: Run,
    batch: tuple[Tensor, Tensor],
    unlabelled: Tensor | None = None,
    should_stop: Callable[[], bool] = never,
    *,
    pair: tuple[Tensor, Tensor] | None = None,
    pseudo: Weighted | None = None,
) -> float:
    """Change the weights once and return the widest network's loss.

    Parameters
    ----------
    fabric
        Decides precision, and says whether other processes hold other parts of the batch.
    run
        Network, optimiser, schedule and random numbers; and how many frames go through the network at a time.
    batch
        Images (N, 1, H, W) and soft masks (N, classes, H, W).
    unlabelled
        More images that only the autoencoder heads learn from, or None.
    should_stop
        Asked between the passes.
    pair
        Unlabelled images changed weakly and strongly, for self-training; or None.
    pseudo
        Pseudo-labelled images, which count among the labelled ones, each pixel by its weight; or None.

    Raises
    ------
    NotFiniteError, StoppedError
        Before any weight is changed.
    """
    model, config = run.model.train(), run.settings
    shared = fabric.world_size > 1
    n_labelled = len(batch[0]) + (0 if pseudo is None else len(pseudo.images))
    whole = config.n_labelled if shared else n_labelled
    passes = list(_passes(model, config, run.generator))
    prefix = _prefix(model, 1.0, run.generator) if unlabelled is not None and isinstance(model, Matae) else None
    chunk = run.chunk or n_labelled + (0 if pair is None else len(pair[0]))
    total = torch.zeros(1, device=batch[0].device)
    n_more = 0 if pair is None else (config.n_unlabelled if shared else len(pair[0]))
    try:
        taught = teach(fabric, run.speaker, pair[0], chunk) if pair else None
        for some in _chunks(batch, pseudo, pair, taught, chunk):
            part = len(some.masks) / whole
            x = some.images.to(memory_format=torch.channels_last)
            said = _said(fabric, run.teacher, x[: len(some.masks)])
            teacher: Tensor | None = None
            widest: list[Tensor] = []
            for each in passes:
                _refuse_if(should_stop())
                logits, latents, loss = _forward(fabric, run, x, some, each)
                known = logits[: len(some.masks)]
                loss = loss + _against_others(known, teacher, said, config)
                if teacher is None:
                    teacher = known.detach().float().sigmoid()
                    total += part * loss.detach()
                    widest = [latent.detach() for latent in latents] if config.structure else []
                if widest and each.width < 1:
                    loss = loss + config.structure * against_structure(latents, widest)
                loss = part * loss
                if len(some.taught):
                    share = len(some.taught) / n_more
                    weight = config.self_training * ramp(run.step, config.steps)
                    loss = loss + share * weight * against_teacher(logits[len(some.masks) :], some.taught)
                fabric.backward(loss)
        if unlabelled is not None and isinstance(model, Matae) and prefix is not None:
            for images in torch.split(unlabelled, chunk):
                with fabric.autocast():
                    stages = model.encode(images.to(memory_format=torch.channels_last), 1.0)
                    loss = config.rebuild * model.rebuild(_for_heads(stages, config), prefix).mean()
                fabric.backward(len(images) / whole * loss)
    except BaseException:
        run.optimiser.zero_grad(set_to_none=True)
        raise
    if shared:
        total = sum_gradients(model.parameters(), total)
    gradient = sum(_clip(part) for part in _apart(model, config))
    if not math.isfinite(float(total)) or not math.isfinite(gradient):
        run.optimiser.zero_grad(set_to_none=True)
        raise NotFiniteError
    run.optimiser.step()
    run.optimiser.zero_grad(set_to_none=True)
    run.schedule.step()
    return float(total)


def _apart(model: Network, config: TrainConfig) -> Iterator[list[Parameter]]:
    """Yield the parameters whose gradients are clipped together: heads that only follow slow nothing else down."""
    heads = model.autoencoder if isinstance(model, Matae) and not config.shape_encoder else None
    following = set() if heads is None else set(heads.parameters())
    learning = [p for p in model.parameters() if p.requires_grad]
    yield [p for p in learning if p not in following]
    yield [p for p in learning if p in following]


def _clip(parameters: list[Parameter]) -> float:
    return float(torch.nn.utils.clip_grad_norm_(parameters, _LARGEST_GRADIENT))


def _refuse_if(stop: bool) -> None:
    if stop:
        raise StoppedError


class _Chunk(NamedTuple):
    """Images that go through the network together: labelled, then pseudo-labelled, then those the teacher spoke of.

    Masks are those of labelled and pseudo-labelled images, weights those of the latter alone.
    """

    images: Tensor
    masks: Tensor
    weights: Tensor
    taught: Tensor


def _chunks(
    batch: tuple[Tensor, Tensor],
    pseudo: Weighted | None,
    pair: tuple[Tensor, Tensor] | None,
    taught: Tensor | None,
    chunk: int,
) -> Iterator[_Chunk]:
    images, masks = batch
    own, weights = len(masks), masks[:0, :1]
    # One pass for all, so that batch norm sees them together as it will meet them.
    if pseudo is not None:
        images, masks, weights = torch.cat([images, pseudo.images]), torch.cat([masks, pseudo.masks]), pseudo.weights
    if pair is not None:
        images = torch.cat([images, pair[1]])
    n, taught = len(masks), masks[:0] if taught is None else taught
    for start in range(0, len(images), chunk):
        end = start + chunk
        yield _Chunk(
            images[start:end],
            masks[start:end],
            weights[max(0, start - own) : max(0, end - own)],
            taught[max(0, start - n) : max(0, end - n)],
        )


class _Pass(NamedTuple):
    """One width's turn in a step: the prefix its heads rebuild from, and the masks' share of its loss."""

    width: float
    prefix: float
    share: float


def _passes(model: Network, config: TrainConfig, generator: torch.Generator) -> Iterator[_Pass]:
    """Draw the passes of a step, the widest first: it teaches the others."""
    heads = config.rebuild and isinstance(model, Matae) and model.autoencoder is not None
    for number, width in enumerate(chain((1.0,), sandwich(model.widths, generator))):
        prefix = _prefix(model, width, generator) if heads else 0.0
        yield _Pass(width, prefix, 1 - config.distil if number else 1.0)


def _forward(
    fabric: Fabric, run: Run, images: Tensor, some: _Chunk, each: _Pass
) -> tuple[Tensor, list[Tensor], Tensor]:
    """Return the logits at a width, the latents if asked for, and the loss of masks (times its share) and heads."""
    model, config, masks = run.model, run.settings, some.masks
    with fabric.autocast():
        latents: list[Tensor] = []
        rebuilt: Tensor | None = None
        if (each.prefix or config.structure) and isinstance(model, Matae):
            stages = model.encode(images, each.width)
            logits, latents = model.decode(stages, each.width), stages[1:]
            if each.prefix:
                rebuilt = config.rebuild * model.rebuild(_for_heads(stages, config), each.prefix).mean()
        else:
            logits = model(images, each.width)
    known = logits[: len(masks)]
    loss = each.share * _against_labels(known, some, config) if len(known) else logits.new_zeros(())
    return logits, latents, loss if rebuilt is None else loss + rebuilt


def _said(fabric: Fabric, teacher: Network | None, images: Tensor) -> Tensor | None:
    return None if teacher is None or not len(images) else probabilities(fabric, teacher, images)


def _against_others(logits: Tensor, widest: Tensor | None, said: Tensor | None, config: TrainConfig) -> Tensor:
    """Return the loss against what the widest network and the run's teacher say, where they say something."""
    logits = logits.float()
    loss = logits.new_zeros(())
    if widest is not None and config.distil and len(logits):
        loss = loss + config.distil * F.binary_cross_entropy_with_logits(logits, widest)
    if said is not None:
        loss = loss + config.teaching * against_probabilities(logits, said)
    return loss


def _for_heads(stages: list[Tensor], config: TrainConfig) -> list[Tensor]:
    return stages if config.shape_encoder else [stage.detach() for stage in stages]


def _against_labels(logits: Tensor, some: _Chunk, config: TrainConfig) -> Tensor:
    """Return the mean loss of labelled and pseudo-labelled images, an image as much as another before its weights."""
    pseudo = len(some.weights)
    if not pseudo:
        return _against_masks(logits, some.masks, config)
    own = len(logits) - pseudo
    loss = pseudo * against_pseudo_labels(logits[own:], some.masks[own:], some.weights, with_dice=config.loss != "bce")
    if own:
        loss = loss + own * _against_masks(logits[:own], some.masks[:own], config)
    return loss / len(logits)


def _against_masks(logits: Tensor, masks: Tensor, config: TrainConfig) -> Tensor:
    loss = bce(logits, masks) if config.loss == "bce" else bce_dice(logits, masks)
    return loss + config.scc * spectral_correlation(logits, masks) if config.scc else loss


def sandwich(widths: tuple[float, ...], generator: torch.Generator) -> Iterator[float]:
    """Yield the widths a step trains beside the widest: the narrowest, and one between them that is drawn."""
    if len(widths) > 1:
        yield widths[0]
    if len(widths) > 2:
        yield widths[1 + _pick(len(widths) - 2, generator)]


def _prefix(model: Network, width: float, generator: torch.Generator) -> float:
    # Nested dropout (Rippel et al. 2014): a random prefix must do, so the first channels learn the most.
    choices = [w for w in model.widths if w <= width]
    return choices[_pick(len(choices), generator)]


def _pick(n: int, generator: torch.Generator) -> int:
    return int(torch.randint(n, (1,), generator=generator, device=generator.device))
