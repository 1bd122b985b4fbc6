"""What a person chooses before a retraining, and the refusals' thresholds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from matae.errors import TrainError
from matae.records import load_record

if TYPE_CHECKING:
    from typing import Any

__all__ = ["KINDS", "MIN_FRAMES", "MIN_PATIENTS", "RetrainOptions"]

KINDS = {
    "quick": "Fit the model to this site with a small adapter: a few minutes at most, a few hundred kB, easily undone.",
    "full": "Train all weights: better with more corrected frames, and takes longer.",
}
"""The two ways to learn, in plain words."""

MIN_FRAMES = 8
MIN_PATIENTS = 2


@dataclass(frozen=True)
class RetrainOptions:
    """How to retrain.

    Parameters
    ----------
    base
        Model to start from: one that comes with the package or was imported; never the last retrained one.
    kind
        ``quick`` or ``full``, see `KINDS`.
    seconds
        Time for training; as many steps are planned as fit, up to what the recipe wants.
    steps
        Planned steps, instead of what fits into `seconds`: the same seed and steps give the same model.
    replay
        Frames mixed in so that nothing is forgotten: ``auto`` (the phantom's, if the base knows them), ``none``, or a
        folder of labelled frames.
    device
        As for `matae.train.config.TrainConfig`.
    seed
        Of every random number.
    name
        Of the model; made from the base's if empty.
    against
        Model the verdict compares with; the one in use if empty.
    statuses
        Which labels count.
    processes
        As for `matae.train.config.TrainConfig`.
    odd_labels
        Go on although most masks fill most of the picture, as inverted ones do; the model will not be offered.
    """

    base: str = "matae-lv"
    kind: str = "quick"
    seconds: float = 120.0
    steps: int = 0
    replay: str = "auto"
    device: str = "auto"
    seed: int = 1
    name: str = ""
    against: str = ""
    statuses: tuple[str, ...] = ("accepted", "edited")
    processes: int = 1
    odd_labels: bool = False

    def check(self) -> None:
        """Refuse choices that make no sense.

        Raises
        ------
        TrainError
            With what to choose instead.
        """
        if self.kind not in KINDS:
            raise TrainError(f"'{self.kind}' is no way to learn; choose {' or '.join(KINDS)}.")
        if not self.seconds > 0 or self.steps < 0:
            raise TrainError("The time must be above 0 seconds and the steps 0 or more; correct them.")
        if not self.statuses or not set(self.statuses) <= {"accepted", "edited"}:
            raise TrainError("Only accepted and edited frames can be learnt from; choose among them.")
        if self.kind == "quick" and self.processes > 1:
            raise TrainError("An adapter is trained in one process; choose full, or one process.")

    def to_json(self) -> dict[str, Any]:
        """Return the choices as JSON values."""
        return asdict(self) | {"statuses": list(self.statuses)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> RetrainOptions:
        """Rebuild the choices; what they leave out keeps its default.

        Raises
        ------
        RecordError
            If a value is of another type.
        """
        return load_record(cls, values)
