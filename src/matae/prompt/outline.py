"""A frame outlined from prompts: the network looks at it once, each click after that costs the small head alone."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, cast

import numpy as np

from matae.anatomy import CAVITY, WALL, class_name
from matae.edit.region import bounds, framed
from matae.edit.structure import outlines, put
from matae.errors import ModelError
from matae.nn.widths import format_width, parse_width
from matae.prompt.prompts import CLICK, PromptError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from matae.cine import Cine
    from matae.nn.card import ModelCard
    from matae.nn.matae import Matae, PlainMatae
    from matae.placement import Placement
    from matae.prompt.encode import PromptTensors
    from matae.prompt.head import PromptHead
    from matae.prompt.prompts import Point, Prompts
    from matae.segment.sector import Sector

__all__ = ["FALLBACK", "KEPT", "Outlined", "Prompter", "prompter_for"]

FALLBACK = "matae-apical"
"""The model whose head reads the prompts where the model in use has none."""
_BESIDE = 1.5  # pixels of the grid, a little more than the diagonal of one
_OBEYED = 1.5  # log odds at a click: enough to stay on its side when brought back to native pixels
KEPT = 32
"""Frames whose maps are kept: at width 1 they take 70 MB."""


@dataclass(frozen=True, eq=False)
class Outlined:
    """A frame with one structure outlined from prompts.

    Parameters
    ----------
    mask
        Class of every pixel, (Y, X) uint8: what it was before, with the structure in it.
    confidence
        The Dice that the head guesses of the structure, 0 to 1; see `Prompter.is_calibrated`.
    """

    mask: NDArray[np.uint8]
    confidence: float


@dataclass(frozen=True, eq=False)
class _Seen:
    features: Tensor
    logits: Tensor


class Prompter:
    """A model and its prompt head, ready to outline frames.

    Parameters
    ----------
    network, card
        The model.
    head
        Its prompt head.
    width
        One of the model's widths, as ``1/2``; ``auto`` is the widest.

    Raises
    ------
    ModelError
        If the model has no such width.
    """

    def __init__(self, network: Matae, card: ModelCard, head: PromptHead, width: str = "auto") -> None:
        self.card, self._head, self.regions = card, head, network.regions
        self.width = max(network.widths) if width == "auto" else parse_width(width)
        self._plain: PlainMatae = network.extract(self.width)
        self._seen: OrderedDict[tuple[object, ...], _Seen] = OrderedDict()
        self._placed: tuple[Cine, Sector, Placement] | None = None
        self._lock = Lock()

    @property
    def is_calibrated(self) -> bool:
        """Whether its confidence was fitted on patients that nothing was trained on."""
        return self._head.is_calibrated

    @classmethod
    def named(cls, model: str, width: str = "auto") -> Prompter:
        """Return the prompter of a model of the registry.

        Raises
        ------
        ModelError
            If there is no such model or width, or the model has no prompt head of its own.
        """
        from matae.models import find_model, load_model
        from matae.nn.matae import Matae
        from matae.prompt.weights import HEAD, load_head

        network, card = load_model(model)
        if not isinstance(network, Matae):
            raise ModelError(f"{model} is no nested network, so it has no prompt head; choose {FALLBACK}.")
        return cls(network, card, load_head(find_model(model).folder / HEAD, card), width)

    def structures(self) -> list[int]:
        """Return the classes that can be outlined."""
        return [value for value in self.regions.values if self.regions.logit_of(value) is not None]

    @property
    def regions_by_number(self) -> dict[str, str]:
        """Name of each class by its number in a mask."""
        return self.regions.by_number

    def look(self, cine: Cine, sector: Sector, frame: int) -> None:
        """Let the network see a frame, so that a click in it costs the head alone.

        Raises
        ------
        SegmentError
            If the sector lies outside the picture.
        PromptError
            If the frame is not in the cine.
        """
        self._look(cine, sector, frame)

    def outline(  # noqa: PLR0917 - a frame is named by the first three
        self,
        cine: Cine,
        sector: Sector,
        frame: int,
        prompts: Prompts,
        label: int = CAVITY,
        mask: NDArray[np.uint8] | None = None,
    ) -> Outlined:
        """Outline one structure of a frame.

        Parameters
        ----------
        cine, sector, frame
            The frame, and the part of its picture the network sees.
        prompts
            What was pointed at, in native pixels.
        label
            The structure's class, see `matae.anatomy`.
        mask
            The mask that the frame has, (Y, X). Clicks mend its structure; its other classes stay as far as anatomy
            lets them, see `matae.edit.structure`. Background if None.

        Raises
        ------
        PromptError
            If there is no prompt or it is not in the picture, a click inside lies where the network sees nothing, the
            model does not know the structure, the mask is of another size, or a wall is asked for where there is no
            cavity.
        SegmentError
            If the sector lies outside the picture.
        """
        import torch

        prompts.check(cine.shape)
        region = self.regions.logit_of(label)
        if region is None:
            known = ", ".join(class_name(value) for value in self.structures())
            raise PromptError(f"{self.card.name} does not outline the {class_name(label)}; choose {known}.")
        before = np.zeros(cine.shape, np.uint8) if mask is None else mask
        if before.shape != cine.shape:
            raise PromptError(f"The mask of {before.shape} does not fit a frame of {cine.shape}; take one of it.")
        if label == WALL and not (before == CAVITY).any():
            raise PromptError("The wall lies around the cavity, and this frame has none yet; outline the cavity first.")
        placement, seen = self._look(cine, sector, frame)
        for y, x in prompts.positive:
            box = placement.box
            if not (box.y0 - 0.5 <= y <= box.y1 and box.x0 - 0.5 <= x <= box.x1):
                raise PromptError(
                    f"The network sees nothing of the picture at ({y:.0f}, {x:.0f}), so nothing can be outlined there; "
                    "adjust the sector, or draw with the brush."
                )
        previous = None
        # A click says what is wrong with the mask; three points or a box alone say where the structure is.
        if (prompts.positive or prompts.negative) and (before == label).any():
            inside = outlines(before, label)[0]
            on_grid = placement.mask(inside.astype(np.uint8))
            previous = torch.from_numpy(on_grid).float()[None] * 2 - 1
        given = prompts.on_grid(placement)
        with torch.inference_mode():
            found, expected = self._head(
                seen.features, seen.logits, torch.tensor([region]), given, previous, self.width
            )
        native = _restored(_obeying(found.numpy(), given), placement, cine.shape)
        return Outlined(put(before, _kept(native, prompts, label), label), float(expected[0]))

    def _look(self, cine: Cine, sector: Sector, frame: int) -> tuple[Placement, _Seen]:
        import torch

        from matae.placement import Placement, network_input
        from matae.threads import set_network_threads

        if not 0 <= frame < cine.n_frames:
            raise PromptError(f"Frame {frame + 1} is not in the cine; choose from 1 to {cine.n_frames}.")
        with self._lock:
            placed = self._placed
        if placed is None or placed[0] is not cine or placed[1] is not sector:
            placed = (cine, sector, Placement.of(cine, sector, self.card.grid))
        placement = placed[2]
        # A clip has one pixel content, but its sector and the scale of its pixels may be corrected.
        key = (cine.content_id, frame, sector.polygon.tobytes(), sector.apex_down, placement.aspect)
        with self._lock:
            self._placed = placed
            if key in self._seen:
                self._seen.move_to_end(key)
                return placement, self._seen[key]
        set_network_threads()
        with torch.inference_mode():
            x = network_input(placement.pictures(np.asarray(cine.frames[frame : frame + 1])))
            features = self._plain.features(x.contiguous(memory_format=torch.channels_last))
            seen = _Seen(features.contiguous(), self._plain.logits(features).contiguous())
        with self._lock:
            self._seen[key] = seen
            while len(self._seen) > KEPT:
                self._seen.popitem(last=False)
        return placement, seen


def prompter_for(model: str, width: str = "auto") -> tuple[Prompter, str]:
    """Return what reads the prompts for a model, and a sentence where that is not the model's own head.

    A head reads the maps of the weights it was trained with. A model that was retrained, or came without a head, has
    none: its masks are mended with the head and the network of `FALLBACK`.

    Parameters
    ----------
    model
        Name in the registry.
    width
        As for `Prompter`.

    Raises
    ------
    ModelError
        If the model does not exist, or the head of `FALLBACK` is damaged.
    """
    from matae.models import find_model
    from matae.prompt.weights import HEAD

    entry = find_model(model)
    if model == FALLBACK or (entry.folder / HEAD).is_file():
        return Prompter.named(model, _own_width(entry.card.widths, width)), ""
    fallback = Prompter.named(FALLBACK, _own_width(find_model(FALLBACK).card.widths, width))
    return fallback, f"{model} has no prompt head of its own: clicks are read with {FALLBACK}."


def _own_width(widths: tuple[float, ...], width: str) -> str:
    """Return the width itself where a model has it, and its widest else."""
    if width != "auto" and any(abs(known - parse_width(width)) < 1e-6 for known in widths):
        return format_width(parse_width(width))
    return "auto"


def _obeying(logits: NDArray[np.float32], given: PromptTensors) -> NDArray[np.float32]:
    """Return logits (1, grid, grid) that say at each click what the click says, changed around it where they did not.

    The head weighs a click against what else it knows; a person who clicks has seen the picture. A click changes
    nothing that is nearer to a click of the other kind: the two on both sides of a border are both obeyed.
    """
    out, side = logits.copy(), logits.shape[-1]
    rows, columns = np.arange(side)[:, None], np.arange(side)[None, :]

    def distances(clicks: NDArray[np.float32]) -> list[NDArray[np.float64]]:
        return [np.hypot(rows - y, columns - x) for y, x in clicks if np.isfinite(y)]

    inside, outside = distances(given.positive[0].numpy()), distances(given.negative[0].numpy())
    for sign, clicks, others in ((1.0, inside, outside), (-1.0, outside, inside)):
        nearest = np.min(others, 0) if others else np.inf
        change = np.zeros(logits.shape[1:])
        for distance in clicks:
            # A native pixel lies between four of the grid: all of them say it.
            away = np.maximum(distance - _BESIDE, 0)
            lacks = _OBEYED - float((sign * logits[0][away == 0]).min(initial=np.inf))
            if np.isfinite(lacks):  # none of the grid is near to a click outside it
                reach = lacks * np.exp(-0.5 * (away / (CLICK * side)) ** 2)
                change = np.maximum(change, np.where(distance <= nearest, reach, 0))
        out[0] += (sign * change).astype(np.float32)
    return out


def _restored(logits: NDArray[np.float32], placement: Placement, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return where logits (1, grid, grid) are above 0, at native size."""
    out = np.zeros(shape, bool)
    window = placement.native_window(logits[0] > 0)
    if window is None:
        return out
    at = tuple(
        slice(start + part.start, start + part.stop)
        for start, part in zip((placement.box.y0, placement.box.x0), window, strict=True)
    )
    out[at] = placement.native_logits(logits, window)[0] > 0
    return out


def _kept(region: NDArray[np.bool_], prompts: Prompts, label: int) -> NDArray[np.bool_]:
    """Return the largest part of a region, and those that a click is in; holes of the cavity are filled."""
    from scipy import ndimage

    box = bounds(region)
    if box is None:
        return region
    # It all happens around the structure: pictures are large, hearts are not.
    whole, at = region.shape, np.s_[box.y0 : box.y1, box.x0 : box.x1]

    def pixels(points: tuple[Point, ...]) -> list[tuple[int, int]]:
        found = [(round(y) - box.y0, round(x) - box.x0) for y, x in points]
        return [(y, x) for y, x in found if 0 <= y < box.height and 0 <= x < box.width]

    region = region[at]
    parts, count = ndimage.label(region)
    if count > 1:
        wanted = {1 + int(np.bincount(parts.ravel())[1:].argmax())}
        wanted |= {int(parts[place]) for place in pixels(prompts.positive)}
        region = np.isin(parts, [part for part in wanted if part])
    if label != WALL:
        filled = cast("NDArray[np.bool_]", ndimage.binary_fill_holes(region))
        # A hole that was asked for stays.
        if not any(filled[place] and not region[place] for place in pixels(prompts.negative)):
            region = filled
    return framed(region, box, whole)
