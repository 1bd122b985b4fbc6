"""What a person chooses before a retraining or a comparison, and the refusals' thresholds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Any

from matae.errors import TrainError
from matae.option import Option
from matae.records import load_record

__all__ = ["KINDS", "MIN_FRAMES", "MIN_PATIENTS", "ComparisonOptions", "RetrainOptions"]

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
        Frames mixed in so that nothing is forgotten: ``auto`` (the phantom's, if the base knows them), ``site`` (the
        phantom's in the style of the frames that are learnt from, whatever the base knows, see
        `matae.phantom.style`), ``none``, or a folder of labelled frames.
    self_training
        Whether frames nobody corrected teach too: ``auto`` (where it was measured to win), ``on`` or ``off``.
    pseudo_labels
        ``between`` fills the frames between corrected ones of a clip and learns from them, see
        `matae.train.pseudo_labels`; ``none`` does not.
    device
        As for `matae.train.config.TrainConfig`.
    seed
        Of every random number.
    name
        Of the model; made from the base's if empty.
    against
        Model the verdict compares with; the one in use if empty.
    check_every, checked
        With `steps`, steps between two checks on held-out frames, and frames of each check at most; those of the recipe
        if 0. Without, they are planned as the steps are, whatever they were. A run that is planned has them, so that it
        can be repeated exactly.
    statuses
        Which labels count.
    processes
        As for `matae.train.config.TrainConfig`.
    odd_labels
        Go on although most masks fill most of the picture, as inverted ones do; the model will not be offered.
    """

    base: Annotated[
        str,
        Option(
            "Model to start from; never a retrained one: all corrections so far are learnt anew, so that nothing adds "
            "up and a patient can be forgotten exactly.",
            label="Start from",
            metavar="NAME",
        ),
    ] = "matae-apical"
    kind: Annotated[
        str,
        Option(
            "quick: a small adapter for this site, minutes at most. full: all weights, better with more frames.",
            metavar="quick|full",
            choices=KINDS,
        ),
    ] = "quick"
    seconds: Annotated[
        float,
        Option(
            "Time for training at most; reading the clips and judging the model come on top.",
            label="Time",
            metavar="S",
            unit="s",
            least=1,
            most=7 * 24 * 3600,
        ),
    ] = 120.0
    steps: Annotated[
        int,
        Option(
            "Train so many steps, whatever the time: with the same seed the same model, exactly. 0: as many as fit "
            "into the time.",
            metavar="N",
            least=0,
            most=10**7,
            no_value="as many as fit into the time",
        ),
    ] = 0
    replay: Annotated[
        str,
        Option(
            "Frames mixed in so that nothing is forgotten. auto: the phantom's, if the base knows them and has seen "
            "real hearts too; site: phantoms with grey levels and speckle of the frames learnt from, whatever the base "
            "knows; none; or a folder of labelled frames.",
            label="Mix in",
            metavar="auto|site|none|DIR",
            choices={
                "auto": "phantom hearts, if known",
                "site": "phantom hearts that look like this site's",
                "none": "nothing",
            },
        ),
    ] = "auto"
    self_training: Annotated[
        str,
        Option(
            "Learn from frames nobody corrected too, those of training patients: an averaged teacher says what is in "
            "them. auto: where that was measured to win.",
            label="Uncorrected frames",
            metavar="auto|on|off",
            choices={"auto": "where measured to win", "on": "teach too", "off": "do not teach"},
        ),
    ] = "auto"
    pseudo_labels: Annotated[
        str,
        Option(
            "between: fill the frames between two corrected ones of a clip by motion from both sides, as Fill between "
            "does, and learn from them too, each pixel by how sure its fill is. none: do not.",
            label="Filled frames",
            metavar="none|between",
            choices={"none": "do not teach", "between": "those between corrected ones teach"},
        ),
    ] = "none"
    device: Annotated[
        str,
        Option(
            "Where to train; auto takes the GPU if there is one.",
            metavar="auto|cpu|cuda[:i]|mps",
            choices={name: name for name in ("auto", "cpu", "cuda")},
        ),
    ] = "auto"
    seed: Annotated[int, Option("Seed of every random number.", metavar="N", least=0, most=2**31 - 1)] = 1
    name: Annotated[
        str,
        Option(
            "Name of the new model: letters, digits, dots and dashes. Made from the base's if left out.",
            metavar="NAME",
            no_value="made from the base's",
        ),
    ] = ""
    against: str = ""
    check_every: int = 0
    checked: int = 0
    statuses: Annotated[
        tuple[str, ...],
        Option(
            "Learn from accepted frames only, not from edited ones.",
            label="Accepted frames only, not edited ones",
            flag="--accepted-only",
        ),
    ] = ("accepted", "edited")
    processes: Annotated[
        int, Option("Processes that share the work, one a GPU (full only).", metavar="N", least=1, most=1024)
    ] = 1
    odd_labels: Annotated[
        bool, Option("Go on although most masks fill most of the picture; the model will not be offered.")
    ] = False

    def check(self) -> None:
        """Refuse choices that make no sense.

        Raises
        ------
        TrainError
            With what to choose instead.
        """
        if self.kind not in KINDS:
            raise TrainError(f"'{self.kind}' is no way to learn; choose {' or '.join(KINDS)}.")
        if self.self_training not in {"auto", "on", "off"}:
            raise TrainError(f"self-training is '{self.self_training}'; choose auto, on or off.")
        if self.pseudo_labels not in {"none", "between"}:
            raise TrainError(f"pseudo-labels are '{self.pseudo_labels}'; choose none or between.")
        if not self.seconds > 0 or self.steps < 0:
            raise TrainError("The time must be above 0 seconds and the steps 0 or more; correct them.")
        if min(self.check_every, self.checked) < 0:
            raise TrainError("Steps between checks and frames of a check must be 0 or more; correct them.")
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


@dataclass(frozen=True)
class ComparisonOptions:
    """Which two models to compare, and on whom; see `matae.learn.compare_models`.

    Parameters
    ----------
    before, after
        Names of two models.
    split
        Side of the study; if empty, held-out and training patients, each apart, as for a new model.
    device
        As for `RetrainOptions`.
    """

    before: Annotated[str, Option("Model that is compared with.", metavar="BEFORE")]
    after: Annotated[str, Option("Model that is looked at.", metavar="AFTER")]
    split: Annotated[
        str,
        Option(
            "Patients to compare on; if left out, held-out and training patients, each apart. Only held-out ones "
            "(validation, test) tell how accurate a model is.",
            label="On",
            metavar="train|val|test",
            choices={
                "": "Held-out and training patients",
                "test": "Test patients",
                "val": "Validation patients",
                "train": "Training patients",
            },
        ),
    ] = ""
    device: Annotated[str, Option("Where to run.", metavar="auto|cpu|cuda[:i]|mps")] = "auto"
