"""One labelled cine, or still, to judge at every width; small and picklable, so that it can go to another machine.

It carries what the data set states of the cine and how to read it, so that whoever judges it need not list the data
set again. What comes back is figures, no picture.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from matae.errors import ReadError
from matae.evaluate.classes import EvaluateError
from matae.evaluate.judge import Judged, judge
from matae.labelled import LabelledError
from matae.models import find_model
from matae.read import CineRef
from matae.segment.kept import one_network
from matae.segment.notices import take_notices

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from matae.evaluate.classes import PairedClass
    from matae.labelled import LabelledRef
    from matae.segment import Segmenter, SegmentOptions

__all__ = ["Answer", "EvaluateJob", "EvaluateSettings", "JudgedCine", "answer"]


@dataclass(frozen=True)
class Answer:
    """What became of a cine or still; small, picklable and a record of JSON values.

    Parameters
    ----------
    judged
        Its frames for each width.
    left_out
        Why it could not be read, or empty.
    notices
        What happened to the networks so far.
    runs
        What ran for each width, as `matae.segment.Segmenter.describe` has it.
    """

    judged: tuple[list[Judged], ...] = ()
    left_out: str = ""
    notices: tuple[str, ...] = ()
    runs: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class EvaluateSettings:
    """How cines are judged.

    Parameters
    ----------
    folder
        Of the data, with its whole path: whoever judges must see it there.
    options
        Model and runtime of each width, nothing of it left to choose.
    classes
        What is compared.
    sector
        Part of the picture the network sees, as asked for.
    """

    folder: Path
    options: tuple[SegmentOptions, ...]
    classes: tuple[PairedClass, ...]
    sector: str

    @property
    def out(self) -> Path:
        """Folder of the data: nothing is written there, or by whoever judges."""
        return self.folder

    @property
    def again(self) -> bool:
        """Whether to judge what is judged: what is kept of earlier runs is not the workers' concern."""
        return False

    @property
    def model(self) -> str:
        """Name of the model."""
        return self.options[0].model

    def key(self) -> str:
        """Return a digest of what the figures of a cine depend on but the cine: not where they are computed."""
        from matae import __version__

        card = find_model(self.model).card
        said = {
            "what": "evaluate", "version": __version__, "model": card.sha256, "grids": card.grids,
            "runs": [[each.width, each.backend, each.grid] for each in self.options], "sector": self.sector,
            "classes": [[each.name, each.ours, each.theirs] for each in self.classes],
        }  # fmt: skip
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()


@dataclass(frozen=True)
class JudgedCine:
    """A job that was done, see `matae.jobs.Outcome`.

    Parameters
    ----------
    number
        Of the cine in the data.
    source
        Its folder and name.
    answer
        What became of it.
    """

    number: int
    source: Path
    answer: Answer
    files: dict[str, Path] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    skipped: bool = False
    row: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class EvaluateJob:
    """One cine or still to judge.

    Parameters
    ----------
    number
        Its place in the data.
    labelled
        What is stated of it, and how to read it.
    settings
        How.
    """

    number: int
    labelled: LabelledRef
    settings: EvaluateSettings

    @property
    def ref(self) -> CineRef:
        """Its name, for messages."""
        return CineRef(self.settings.folder / self.labelled.id, self.labelled.id, "labelled")

    def prepare(self) -> None:
        """Load the model, and see that the data are there.

        Raises
        ------
        EvaluateError
            If the folder is not seen.
        ModelError, DeviceError
            As `matae.segment.Segmenter`.
        """
        if not self.settings.folder.exists():
            raise EvaluateError(f"it does not see {self.settings.folder}; share the data under the same path")
        with one_network:
            self._segmenters()

    def run(self, progress: Callable[[int, int], None] | None = None) -> JudgedCine:
        """Read the cine and judge its labelled frames.

        Raises
        ------
        ReadError, LabelledError
            If a still cannot be read; a clip that cannot is left out.
        """
        del progress  # a cine has few labelled frames
        with one_network:
            found = answer(self.labelled, self.settings, self._segmenters())
        return JudgedCine(self.number, self.ref.path, found)

    def _segmenters(self) -> tuple[Segmenter, ...]:
        return _loaded(self.settings.options, find_model(self.settings.model).card.sha256)


@lru_cache(maxsize=1)
def _loaded(options: tuple[SegmentOptions, ...], _sha256: str) -> tuple[Segmenter, ...]:
    from matae.segment import Segmenter

    return tuple(Segmenter(each) for each in options)


def answer(ref: LabelledRef, settings: EvaluateSettings, segmenters: tuple[Segmenter, ...]) -> Answer:
    """Judge a cine or still at every width.

    Parameters
    ----------
    ref
        The cine.
    settings
        What is compared, and in which part of the picture.
    segmenters
        The model at each width.

    Raises
    ------
    ReadError, LabelledError
        If a still cannot be read; a clip that cannot is left out.
    """
    try:
        case = ref.read()
    except (ReadError, LabelledError) as error:
        if not ref.is_clip:
            raise
        # One damaged video of ten thousand does not end the run; it is named.
        return Answer(left_out=str(error))
    place, is_placed = case.sector(settings.sector), case.is_placed and settings.sector == "auto"
    judged = tuple(judge(each, settings.classes, ref, case, place, is_placed=is_placed) for each in segmenters)
    return Answer(
        judged,
        notices=(*(notice for each in segmenters for notice in each.notices), *take_notices()),
        runs=tuple(each.describe() for each in segmenters),
    )
