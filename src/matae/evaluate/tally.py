"""The figures of one width: summed up from those of its frames, in the order of the data."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from matae.evaluate.judge import PHASES
from matae.measure.disks import ejection_fraction
from matae.metrics import FrameScore, agreement, network_cost, summary
from matae.metrics.score import rounded

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from matae.evaluate.classes import PairedClass
    from matae.evaluate.judge import Judged
    from matae.labelled import LabelledRef

__all__ = ["Tally"]


@dataclass
class _Heart:
    """Cavity volumes of one beat by phase, of the reference and as found; mL, or cubic pixels."""

    reference: dict[str, float | None] = field(default_factory=dict)
    predicted: dict[str, float | None] = field(default_factory=dict)
    calibrated: set[bool] = field(default_factory=set)

    def to_json(self) -> dict[str, Any]:
        unit = "ml" if self.calibrated == {True} else "px3"
        found: dict[str, Any] = {}
        for kind, volumes in (("reference", self.reference), ("predicted", self.predicted)):
            edv, esv = volumes["ED"], volumes["ES"]
            # A volume in mL and one in cubic pixels make no fraction.
            alike = len(self.calibrated) == 1
            ef = ejection_fraction(edv, esv) if alike and edv is not None and esv is not None else None
            found |= {f"edv_{kind}": _known(edv), f"esv_{kind}": _known(esv), f"ef_{kind}": _known(ef)}
        return {"unit": unit, **found}


class Tally:
    """What one width of a model was found to do.

    Parameters
    ----------
    model
        Name in the registry.
    width
        Its name.
    classes
        What is compared.
    refs
        All that will be added.

    """

    def __init__(self, model: str, width: str, classes: Sequence[PairedClass], refs: Sequence[LabelledRef]) -> None:
        self._model, self.width, self.classes = model, width, classes
        self._runs: list[dict[str, Any]] = []
        self.scores: list[FrameScore] = []
        self.patients: list[dict[str, Any]] = []
        self.apex_down = 0
        self._cavity = next((c for c in classes if c.theirs == 1), None)
        self._repeated = _repeated(refs)
        self._hearts: dict[tuple[str, str, str], _Heart] = {}

    def add(self, ref: LabelledRef, judged: Sequence[Judged], run: dict[str, Any]) -> None:
        """Add the frames of a cine or still, and what ran; those of one patient and view come one after the other."""
        if run not in self._runs:
            self._runs.append(run)
        for one in judged:
            self.scores.append(one.score)
            self.apex_down += one.apex_down
            if one.volumes and ref.group not in self._repeated:
                self._add_phase(ref, one)

    def _add_phase(self, ref: LabelledRef, one: Judged) -> None:
        heart = self._hearts.setdefault(ref.group, _Heart())
        heart.calibrated.add(one.score.spacing is not None)
        heart.reference[one.score.phase], heart.predicted[one.score.phase] = one.volumes
        if len(heart.reference) == len(PHASES):
            del self._hearts[ref.group]
            self.patients.append(
                {"patient": ref.patient, "view": ref.view, "clip": ref.clip}
                | heart.to_json()
                | {"ef_stated": ref.reference_ef}
            )

    def report(self, sector: str) -> dict[str, Any]:
        """Return the figures as JSON values."""
        from matae import RESEARCH_USE, __version__

        scores = self.scores
        # Where others judge, or a GPU is left, not all of it need have run alike.
        run = self._runs[-1] | ({"also": self._runs[:-1]} if len(self._runs) > 1 else {})
        names = [c.name for c in self.classes]
        each = {name: [s.only(i) for s in scores] for i, name in enumerate(names)}
        return {
            "model": run["model"],
            "width": self.width,
            "grid": run["grid"],
            **_parts(self._main()),
            "classes": names,
            "by_class": {name: _parts(own) for name, own in each.items()},
            **({"all_classes": summary(scores)} if len(names) > 1 else {}),
            "ef": self._ef("ef_reference"),
            "ef_stated": self._ef("ef_stated"),
            "patients": self.patients,
            "placement": {
                "asked": sector, "found": dict(Counter(s.sector for s in scores)), "apex_down": self.apex_down
            },
            "cost": self._cost(run["grid"]),
            "run": run,
            "tool": "napari-matae",
            "tool_version": __version__,
            "research_use": RESEARCH_USE,
            "frames": [
                score.to_json() | main.figures() for score, main in zip(scores, self._main(), strict=True)
            ],
        }  # fmt: skip

    def _main(self) -> list[FrameScore]:
        """Return the scores that speak for the model: those of the cavity where it is among the classes."""
        if self._cavity is None:
            return self.scores
        return [score.only(self.classes.index(self._cavity)) for score in self.scores]

    def _ef(self, against: str) -> dict[str, Any]:
        pairs = [(p["ef_predicted"], p[against]) for p in self.patients]
        known = [(found, wanted) for found, wanted in pairs if found is not None and wanted is not None]
        result = agreement([found for found, _ in known], [wanted for _, wanted in known])
        return {
            "mae": rounded(result.mae),
            "bias": rounded(result.bias),
            "loa": None if math.isnan(result.loa[0]) else [rounded(end) for end in result.loa],
            "r": rounded(result.r),
            "n": result.n,
        }

    def _cost(self, grid: int) -> dict[str, Any]:
        from matae.models import find_model, load_model
        from matae.nn.checkpoint import WEIGHTS
        from matae.nn.widths import parse_width

        network, card = load_model(self._model)
        cost = network_cost(network.plain(parse_width(self.width)), grid)
        return {
            "parameters": cost.parameters,
            "gflop": rounded(cost.gflop),
            "file_bytes": (find_model(self._model).folder / WEIGHTS).stat().st_size,
            "training_seconds": card.training.get("seconds"),
        }


def _repeated(refs: Sequence[LabelledRef]) -> set[tuple[str, str, str]]:
    """Return the groups with several stills of one phase: which of them make an ejection fraction is not known."""
    counts = Counter((ref.group, ref.phase) for ref in refs if ref.phase in PHASES)
    return {group for (group, _), count in counts.items() if count > 1}


def _parts(scores: Sequence[FrameScore]) -> dict[str, Any]:
    """Return the figures of some frames, and of those of each phase and stated image quality."""
    phases = [phase for phase in PHASES if any(score.phase == phase for score in scores)]
    return {
        **summary(scores),
        "by_phase": {phase: summary([s for s in scores if s.phase == phase]) for phase in phases},
        "by_quality": {
            quality: summary([s for s in scores if s.quality == quality])
            for quality in sorted({s.quality for s in scores} - {""})
        },
    }


def _known(value: float | None) -> float | None:
    return None if value is None else rounded(value)
