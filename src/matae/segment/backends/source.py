"""A model whose network is loaded only where a runtime needs it: one that was compiled before does without PyTorch."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from matae.nn.card import ModelCard
    from matae.nn.network import Network

__all__ = ["ModelSource"]

_WEIGHTS = "model.safetensors"  # equal to matae.nn.checkpoint.WEIGHTS, without importing torch for it


class ModelSource:
    """A model's card, and the way to its network.

    Parameters
    ----------
    card
        What the model is; ``sha256`` of its weights is what compiled forms are kept under.
    load
        Returns the network in inference mode.
    """

    def __init__(self, card: ModelCard, load: Callable[[], Network]) -> None:
        self.card, self._load = card, load

    @classmethod
    def named(cls, name: str) -> ModelSource:
        """Return a model of the registry, its weights checked against its card.

        Raises
        ------
        ModelError
            If there is none, or it is damaged.
        """
        from matae.files import file_sha256
        from matae.models import find_model, load_model

        entry = find_model(name)
        card, weights = entry.card, entry.folder / _WEIGHTS
        try:
            is_sound = file_sha256(weights) == card.sha256
        except OSError:
            is_sound = False
        if not is_sound:
            load_model(name)  # says what is wrong with it
        return cls(card, lambda: load_model(name)[0])

    @classmethod
    def of(cls, network: Network, grid: int) -> ModelSource:
        """Return a network in memory as a source; its digest is that of its values.

        Parameters
        ----------
        network
            In inference mode.
        grid
            Side of its input.
        """
        import hashlib

        from matae.nn.card import ModelCard

        digest = hashlib.sha256()
        for key, value in sorted(network.state_dict().items()):
            digest.update(key.encode())
            digest.update(value.detach().cpu().contiguous().numpy().tobytes())
        card = ModelCard(
            name="in memory", family="", architecture={"widths": list(network.widths)}, grid=grid,
            classes=network.regions.classes, regions=network.regions.names, data="", licence="",
            sha256=digest.hexdigest(),
        )  # fmt: skip
        return cls(card, lambda: network)

    def plain(self, width: float) -> Network:
        """Return the network at `width` alone, batch norm folded, in inference mode.

        Raises
        ------
        ModelError
            If the model is damaged, or has no such width.
        """
        return self._load().plain(width).eval()
