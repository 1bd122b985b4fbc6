"""Settings of a run, and the checks that need neither data nor memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from matae.errors import TrainError
from matae.nn.matae import Matae, MataeConfig
from matae.train.augment import AugmentConfig

if TYPE_CHECKING:
    from matae.nn.network import Network

__all__ = ["NetworkConfig", "TrainConfig"]

_CHOICES = {
    "loss": ("bce+dice", "bce"),
    "optimiser": ("adamw", "adam"),
    "schedule": ("one-cycle", "cosine", "constant"),
    "precision": ("auto", "32", "bf16"),
}


@dataclass(frozen=True)
class NetworkConfig:
    """Shape of a new network; a continued one keeps its own.

    Parameters
    ----------
    family
        ``matae``; or ``unet-published``, ``matae-published`` or ``imagenet`` (a U-Net on an encoder that ImageNet
        taught, see `matae.nn.imagenet`), which have one shape each.
    channels, fold, widths
        As in `matae.nn.matae.MataeConfig`.
    """

    family: str = "matae"
    channels: tuple[int, ...] = MataeConfig.channels
    fold: int = MataeConfig.fold
    widths: tuple[float, ...] = MataeConfig.widths


@dataclass(frozen=True)
class TrainConfig:
    """Settings of a run; the defaults made the shipped model.

    Parameters
    ----------
    steps
        Optimiser steps.
    batch
        Frames a step.
    grid
        Side of the network's input.
    lr, weight_decay
        Peak learning rate and weight decay.
    optimiser, schedule
        ``adamw`` or ``adam``; ``one-cycle``, ``cosine`` or ``constant``.
    loss
        ``bce+dice`` or ``bce``.
    scc
        Weight of the spectral correlation loss (our interpretation, see `matae.nn.losses`); 0 leaves it out.
    rebuild
        Weight of the autoencoder heads' loss; 0 builds a new network without them.
    shape_encoder
        Whether that loss moves the encoder too. Otherwise the heads only follow it, and the masks are what they would
        be without heads: moving it cost half a point of Dice (``docs/models-compared.md``).
    distil
        Share of the loss of narrower widths that comes from the widest's prediction.
    structure
        Weight of structural distillation into the narrower widths, see `matae.train.structure`; 0 leaves it out.
    pretraining
        Steps of masked pre-training before the first labelled one, on all training frames and the unlabelled ones, see
        `matae.train.pretraining`; 0 leaves it out. They take half of `seconds` at most.
    ema
        Decay of the running average of the weights that is saved; 0 saves the weights themselves.
    check_every
        Steps between validations (and saved states).
    seed
        Seed of every random number.
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:i``.
    precision
        ``auto`` (bf16 where the processor has it), ``32`` or ``bf16``.
    replay
        Share of each batch that is drawn from the replay frames, where there are any.
    self_training
        Weight of what unlabelled frames teach, see `matae.train.self_training`; 0 leaves it out. They are then
        `self_share` of each batch.
    self_share
        Share of a batch that is unlabelled where there is self-training; at least one frame is, and one is labelled.
    pseudo_labels
        Share of the labelled frames of a batch that are pseudo-labelled ones, see `matae.train.pseudo_labels`; 0 leaves
        them out. At least one frame is, and one is not.
    seconds
        Time the run may take, over all resumptions; 0 for as long as it needs. The same seed then gives the same
        result only where the time does not run out.
    keep_best
        Return the weights of the best validation (mean Dice of all widths), those it started from included, instead of
        the last ones.
    patience
        Validations without a better one after which the run ends; 0 never. Needs `keep_best`.
    processes
        Processes that share each batch, one a GPU, or several on the CPU; the result is that of one process.
    teacher
        A trained network that teaches beside the masks, see `matae.train.teacher`: the folder of a finished training,
        or the name of a model. It speaks of the unlabelled frames too, where there is self-training. Empty: none.
    teaching
        Weight of what the teacher says, at every width.
    views
        Views that are trained on, as the data state them; frames of another are left out, frames that state none are
        not.
    classes
        Names of the structures that are learnt, as in `matae.anatomy`. None named: those of the masks that are there,
        from ``masks/``; named ones are read from ``structures/`` where a folder has it.
    network
        Shape of a new network.
    augment
        Ranges of the augmentation.
    """

    steps: int = 5000
    batch: int = 16
    grid: int = 224
    lr: float = 2e-3
    weight_decay: float = 1e-2
    optimiser: str = "adamw"
    schedule: str = "one-cycle"
    loss: str = "bce+dice"
    scc: float = 0.0
    rebuild: float = 0.1
    shape_encoder: bool = False
    distil: float = 0.5
    structure: float = 0.0
    pretraining: int = 0
    ema: float = 0.998
    check_every: int = 250
    seed: int = 1
    device: str = "cpu"
    precision: str = "auto"
    replay: float = 0.0
    self_training: float = 0.0
    self_share: float = 0.5
    pseudo_labels: float = 0.0
    seconds: float = 0.0
    keep_best: bool = False
    patience: int = 0
    processes: int = 1
    teacher: str = ""
    teaching: float = 1.0
    views: tuple[str, ...] = ("A4C",)
    classes: tuple[str, ...] = ()
    network: NetworkConfig = field(default_factory=NetworkConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)

    @property
    def n_unlabelled(self) -> int:
        """Unlabelled frames of each batch that teach the whole network."""
        if not self.self_training:
            return 0
        return min(max(1, round(self.batch * self.self_share)), self.batch - 1)

    @property
    def n_labelled(self) -> int:
        """Labelled frames of each batch, replay and pseudo-labelled ones among them."""
        return self.batch - self.n_unlabelled

    @property
    def n_pseudo_labelled(self) -> int:
        """Pseudo-labelled frames of each batch."""
        if not self.pseudo_labels:
            return 0
        return min(max(1, round(self.n_labelled * self.pseudo_labels)), self.n_labelled - 1)

    def check(self, model: Network) -> None:
        """Refuse settings that no run of `model` can have.

        Raises
        ------
        TrainError
            If a number or a choice makes no sense, or the grid does not fit the network.
        """
        if min(self.steps, self.batch, self.check_every) < 1 or self.lr <= 0:
            raise TrainError("Steps, batch, check_every and learning rate must be above 0; correct the settings.")
        if self.grid < 1 or self.grid % model.divisor:
            raise TrainError(f"A grid of {self.grid} does not fit this network; choose a multiple of {model.divisor}.")
        if not 0 <= self.ema < 1 or not 0 <= self.distil <= 1 or min(self.scc, self.rebuild, self.weight_decay) < 0:
            raise TrainError(
                "ema must be in 0-1 (below 1), distil in 0-1, and scc, rebuild and weight_decay 0 or more; "
                "correct the settings."
            )
        if min(self.structure, self.pretraining, self.teaching) < 0:
            raise TrainError("structure, pretraining and teaching must be 0 or more; correct the settings.")
        if (self.structure or self.pretraining) and not isinstance(model, Matae):
            raise TrainError("structure and pretraining need a nested network; set them to 0, or take family matae.")
        if self.pretraining and self.processes > 1:
            raise TrainError("Pre-training runs in one process; set processes to 1 or pretraining to 0.")
        if not 0 <= self.replay < 1 or min(self.seconds, self.patience) < 0 or (self.patience and not self.keep_best):
            raise TrainError(
                "replay must be in 0-1 (below 1), seconds and patience 0 or more, and patience needs keep_best; "
                "correct the settings."
            )
        if self.self_training < 0 or not 0 < self.self_share < 1 or (self.self_training and self.batch < 2):
            raise TrainError(
                "self_training must be 0 or more, self_share in 0-1 (neither end), and mixing both takes two frames "
                "a batch at least; correct the settings."
            )
        if not 0 <= self.pseudo_labels < 1 or (self.pseudo_labels and self.n_labelled < 2):
            raise TrainError(
                "pseudo_labels must be in 0-1 (below 1), and mixing them in takes two labelled frames a batch at "
                "least; correct the settings."
            )
        parts = (self.n_labelled - self.n_pseudo_labelled, self.n_pseudo_labelled, self.n_unlabelled)
        shared = min(part for part in parts if part)
        if not 1 <= self.processes <= shared:
            raise TrainError(f"{self.processes} processes cannot share {shared} frames; choose 1 to {shared}.")
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise TrainError(f"{name} is '{getattr(self, name)}'; choose {' or '.join(choices)}.")
