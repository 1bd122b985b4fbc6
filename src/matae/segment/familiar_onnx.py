"""How well a network knows pictures, without PyTorch: what it takes is kept on disk as an ONNX file.

A command that outlines one clip asks for some frames. Loading PyTorch for them alone takes longer than outlining it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from matae.nn.card import ModelCard
    from matae.nn.matae import Matae

__all__ = ["Look", "onnx_look"]

_ERRORS, _POOLED = "errors", "pooled"


class Look(Protocol):
    """What looks at pictures."""

    def __call__(
        self, pictures: NDArray[np.uint8], *, is_last: bool = False
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the share of the latents' variance that is not rebuilt, (N,), and what is seen, (N, features).

        Parameters
        ----------
        pictures
            On the grid, (N, grid, grid).
        is_last
            Whether no more will come for a while, so that memory is let go of.
        """
        ...


def onnx_look(
    card: ModelCard, deepest: int, load: Callable[[], Matae], notify: Callable[[str], None] = lambda _: None
) -> Look:
    """Return what looks at pictures on the grid, (N, grid, grid) uint8, by ONNX Runtime.

    It returns the share of the latents' variance that is not rebuilt, (N,), and what the deepest stages see,
    (N, features): as PyTorch does, but for the last digits.

    Parameters
    ----------
    card
        Of the model.
    deepest
        Stages of the encoder that are pooled.
    load
        Returns the network with its heads; called where it is not on disk yet.
    notify
        Called with a sentence where it was on disk and could not be used.
    """
    from matae.segment.backends.base import as_input
    from matae.segment.backends.compiled import cached, version_of
    from matae.segment.backends.onnx_backend import letting_go, session_of
    from matae.segment.backends.onnx_file import INPUT

    of = {
        "kind": "familiar", "weights": card.sha256, "width": f"{card.familiar['width']:g}", "grid": str(card.grid),
        "deepest": str(deepest),
    }  # fmt: skip
    by = {"torch": version_of("torch"), "napari-matae": version_of("napari-matae")}
    session = session_of(cached(of, by, lambda: _made(load(), card, deepest), notify))
    let_go = letting_go()

    def look(pictures: NDArray[np.uint8], *, is_last: bool = False) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        # Not after each: to take it again is half as much work as looking.
        errors, seen = session.run([_ERRORS, _POOLED], {INPUT: as_input(pictures)}, let_go if is_last else None)
        return errors.astype(float), seen.astype(float)

    return look


def _made(network: Matae, card: ModelCard, deepest: int) -> bytes:
    import torch

    from matae.nn.pooled import pooled
    from matae.segment.backends.onnx_file import exported

    class Look(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            stages = self.network.encode(images, card.familiar["width"])
            return self.network.rebuild(stages), pooled(stages, deepest)

    return exported(Look().eval(), card.grid, {_ERRORS: {0: "n"}, _POOLED: {0: "n"}}, {0: "n"})
