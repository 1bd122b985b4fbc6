"""A model, a data set with reference masks, and every figure about them.

Every frame goes the way it goes for a user: the reader's cine, the sector found in it, the network, logits brought back
to native pixels, one connected part kept (`matae.segment`). What is compared is the native mask with the native
reference, whatever the network's grid.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from matae.anatomy import class_of_name
from matae.errors import MataeError, ReadError
from matae.labelled import LabelledError, open_labelled
from matae.measure.disks import disks, ejection_fraction
from matae.metrics import FrameScore, agreement, network_cost, score_frame, summary
from matae.metrics.score import rounded
from matae.models import current_model

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from typing import Any

    from matae.labelled import LabelledCine, LabelledRef, LabelledSet
    from matae.nn.card import ModelCard
    from matae.segment import FrameMask, Sector, Segmenter

__all__ = ["EvaluateError", "evaluate"]

_PHASES = ("ED", "ES")


class EvaluateError(MataeError):
    """A model cannot be evaluated on these data."""


def evaluate(
    data: Path,
    *,
    model: str | None = None,
    width: str = "auto",
    split: str = "test",
    view: str = "A4C",
    device: str = "auto",
    backend: str = "auto",
    sector: str = "auto",
    progress: Callable[[int, int], None] | None = None,
    notify: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Run a model on labelled frames and compare it with their reference masks.

    Parameters
    ----------
    data
        Folder as for `matae.labelled.open_labelled`.
    model
        Name in the registry; the model in use if None.
    width
        One of the model's widths, ``auto``, or ``all`` for each of them.
    split, view
        Which frames, as for `matae.labelled.open_labelled`.
    device, backend
        As for `matae.segment.SegmentOptions`.
    sector
        Part of the picture the network sees: ``auto``, ``whole``, or ``y0,x0,y1,x1``, as for ``segment``.
    progress
        Called with (labelled frames done, in all).
    notify
        Called with a sentence on what was left out and what happened on the way.

    Returns
    -------
    dict
        The figures as JSON values, see ``docs/evaluate.md``; with `width` ``all``,
        ``{"widths": {"1/8": figures, ...}}``.

    Raises
    ------
    LabelledError, ReadError
        If the data cannot be used as asked.
    EvaluateError
        If model and data have no class in common, or no frame could be read.
    ModelError, DeviceError, SegmentError
        As `matae.segment.Segmenter`.
    """
    from matae.models import find_model
    from matae.nn.widths import format_width
    from matae.segment import Segmenter, SegmentOptions

    model = model or current_model()
    card = find_model(model).card
    widths = [format_width(w) for w in card.widths] if width == "all" else [width]
    labelled = open_labelled(data, split, view, structures=len(card.classes) > 1)
    classes = _common_classes(card, labelled)
    for notice in labelled.notices:
        notify(notice)
    tallies = [
        _Tally(Segmenter(SegmentOptions(model, each, device, backend)), classes, _repeated(labelled.refs))
        for each in widths
    ]
    start = time.perf_counter()
    left_out = _run(labelled, tallies, sector, progress, notify)
    seconds = time.perf_counter() - start
    data_facts = {
        "name": data.resolve().name, "kind": labelled.kind, "split": split, "view": view,
        "left_out": [*labelled.notices, *left_out],
    }  # fmt: skip
    found = {tally.width: tally.report(sector) | {"data": data_facts} for tally in tallies}
    for figures in found.values():
        figures["run"]["seconds"] = round(seconds, 3)
    return {"widths": found} if width == "all" else next(iter(found.values()))


@dataclass(frozen=True)
class _Class:
    """A class that both the model and the data have, with its number in each."""

    name: str
    ours: int
    theirs: int


def _common_classes(card: ModelCard, labelled: LabelledSet) -> list[_Class]:
    """Pair the classes by name, and by number where one side gives no more than a number.

    Raises
    ------
    EvaluateError
        If there is none in common.
    """
    by_name = {name.casefold(): number for number, name in labelled.classes.items()}
    # Two lists may call one structure by two names (myocardium, left ventricular myocardium).
    by_kind = {class_of_name(name): number for number, name in labelled.classes.items()}
    pairs: list[_Class] = []
    for name, ours in zip(card.classes, card.outputs.values, strict=True):
        theirs = by_name.get(name.casefold())
        if theirs is None and (kind := class_of_name(name)):
            theirs = by_kind.get(kind)
        if theirs is None and ours in labelled.classes:
            nameless = any(text.casefold().startswith("class ") for text in (name, labelled.classes[ours]))
            theirs = ours if nameless else None
        if theirs is not None and theirs not in {pair.theirs for pair in pairs}:
            named = labelled.classes[theirs] if name.casefold().startswith("class ") else name
            pairs.append(_Class(named, ours, theirs))
    if not pairs:
        raise EvaluateError(
            f"The model {card.name} finds {', '.join(card.classes)}, but the masks of {labelled.folder.resolve().name} "
            f"hold {', '.join(labelled.classes.values())}; choose another model or other data."
        )
    return pairs


def _repeated(refs: Sequence[LabelledRef]) -> set[tuple[str, str, str]]:
    """Return the groups with several stills of one phase: which of them make an ejection fraction is not known."""
    counts = Counter((ref.group, ref.phase) for ref in refs if ref.phase in _PHASES)
    return {group for (group, _), count in counts.items() if count > 1}


def _run(
    labelled: LabelledSet,
    tallies: Sequence[_Tally],
    sector: str,
    progress: Callable[[int, int], None] | None,
    notify: Callable[[str], None],
) -> list[str]:
    """Score all frames at all widths; return what was left out."""
    done, total, left_out = 0, labelled.n_frames, []
    for ref in labelled.refs:
        try:
            case = ref.read()
        except (ReadError, LabelledError) as error:
            if not ref.is_clip:
                raise
            # One damaged video of ten thousand does not end the run; it is named.
            left_out.append(str(error))
            notify(f"Left out: {error}")
        else:
            place = case.sector(sector)
            for tally in tallies:
                tally.add(ref, case, place, is_placed=case.is_placed and sector == "auto")
        done += ref.n_frames
        if progress is not None:
            progress(done, total)
    if len(left_out) == len(labelled.refs):
        raise EvaluateError(f"No clip of {labelled.folder.resolve().name} could be read; the first: {left_out[0]}")
    for notice in dict.fromkeys(n for tally in tallies for n in tally.segmenter.notices):
        notify(notice)
    return left_out


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


class _Tally:
    """One width: its segmenter and what it was found to do."""

    def __init__(self, segmenter: Segmenter, classes: Sequence[_Class], repeated: set[tuple[str, str, str]]) -> None:
        from matae.nn.widths import format_width

        self.segmenter, self.classes, self.width = segmenter, classes, format_width(segmenter.width)
        self.scores: list[FrameScore] = []
        self.patients: list[dict[str, Any]] = []
        self.apex_down = 0
        self._cavity = next((c for c in classes if c.theirs == 1), None)
        self._repeated = repeated
        self._hearts: dict[tuple[str, str, str], _Heart] = {}

    def add(self, ref: LabelledRef, case: LabelledCine, place: Sector, *, is_placed: bool) -> None:
        """Segment the labelled frames of a cine and score them."""
        for found in self.segmenter.stream(case.cine, place, sorted(case.masks), is_placed=is_placed):
            reference, phase = case.masks[found.index], case.phases[found.index]
            spacing = case.cine.spacing
            scores, accuracy = score_frame(found.mask, reference, [(c.ours, c.theirs) for c in self.classes], spacing)
            self.scores.append(
                FrameScore(
                    id=f"{ref.id}:{found.index}" if ref.is_clip else ref.id,
                    patient=ref.patient,
                    phase=phase,
                    view=ref.view,
                    quality=ref.quality,
                    spacing=spacing,
                    sector=place.source,
                    classes=scores,
                    pixel_accuracy=accuracy,
                )
            )
            self.apex_down += place.apex_down
            self._add_phase(ref, case, place, found)

    def _add_phase(self, ref: LabelledRef, case: LabelledCine, place: Sector, found: FrameMask) -> None:
        reference, phase, spacing = case.masks[found.index], case.phases[found.index], case.cine.spacing
        if self._cavity is None or phase not in _PHASES or ref.group in self._repeated:
            return
        heart = self._hearts.setdefault(ref.group, _Heart())
        heart.calibrated.add(spacing is not None)
        for volumes, mask in (
            (heart.reference, reference == self._cavity.theirs),
            (heart.predicted, found.mask == self._cavity.ours),
        ):
            stack = disks(mask, spacing, apex_down=place.apex_down)
            volumes[phase] = None if stack is None else stack.volume
        if len(heart.reference) == len(_PHASES):
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
        run = self.segmenter.describe()
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
            "cost": self._cost(),
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

    def _cost(self) -> dict[str, Any]:
        from matae.models import find_model, load_model
        from matae.nn.checkpoint import WEIGHTS

        name, card = self.segmenter.options.model, self.segmenter.card
        network, _ = load_model(name)
        cost = network_cost(network.plain(self.segmenter.width), card.grid)
        return {
            "parameters": cost.parameters,
            "gflop": rounded(cost.gflop),
            "file_bytes": (find_model(name).folder / WEIGHTS).stat().st_size,
            "training_seconds": card.training.get("seconds"),
        }


def _parts(scores: Sequence[FrameScore]) -> dict[str, Any]:
    """Return the figures of some frames, and of those of each phase and stated image quality."""
    phases = [phase for phase in _PHASES if any(score.phase == phase for score in scores)]
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
