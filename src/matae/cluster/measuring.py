"""Measure files into a folder: a JSON each, and one table of all of them."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from itertools import chain, count
from typing import TYPE_CHECKING, Any

from matae.cine import Spacing
from matae.errors import MeasureError
from matae.measure.person import Person
from matae.measure.record import RECORD_VERSION
from matae.models import find_model
from matae.segment import SegmentOptions
from matae.segment.kept import one_network

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from matae.cine import Cine
    from matae.jobs import Outcome
    from matae.measure import Measurement, PhaseMarks
    from matae.read import CineRef
    from matae.segment import Segmenter

__all__ = ["MeasureJob", "MeasureSettings", "MeasuredFile", "measure_file", "plan_measures", "write_table"]

_SUFFIX = "_measure.json"
_MASK = "_mask.nii.gz"


@dataclass(frozen=True)
class MeasureSettings:
    """How to measure files, and where to; the defaults of the command line.

    Parameters
    ----------
    out
        Folder of the results.
    options
        Model, width, device and backend, where the clip is segmented first.
    view
        Standard view, where the file does not state it.
    spacing
        Size of a pixel in mm, where the file has no sound calibration.
    masks
        Masks of the clip; or a folder of them, named as ``segment`` names them. None to segment first.
    sector, flip, frame_rate, third_axis_is_time, region, again
        As for `matae.jobs.JobSettings`.
    person
        Sex, height and weight, where somebody says them.
    """

    out: Path
    options: SegmentOptions = field(default_factory=SegmentOptions)
    view: str | None = None
    spacing: tuple[float, float] | None = None
    masks: Path | None = None
    sector: str = "auto"
    flip: str = "auto"
    frame_rate: float | None = None
    third_axis_is_time: bool = False
    region: int | None = None
    again: bool = False
    person: Person | None = None

    @property
    def model(self) -> str:
        """Name of the model, "" where the masks are there already."""
        return self.options.model if self.masks is None else ""

    def key(self) -> str:
        """Return a digest of what results depend on but the file: not where they go or are made."""
        from matae.output import settings_key

        said = {
            "what": "measure", "model": self.model, "width": self.options.width, "view": self.view,
            "spacing": self.spacing, "sector": self.sector, "flip": self.flip, "frame_rate": self.frame_rate,
            "third_axis_is_time": self.third_axis_is_time, "region": self.region,
        } | ({"person": asdict(self.person)} if self.person not in (None, Person()) else {})  # fmt: skip
        return settings_key(said, find_model(self.model).card.sha256 if self.model else "")


@dataclass(frozen=True)
class MeasuredFile:
    """A measured clip, see `matae.jobs.Outcome`."""

    source: Path
    files: dict[str, Path]
    row: dict[str, Any]
    notices: tuple[str, ...] = ()
    skipped: bool = False


@dataclass(frozen=True)
class MeasureJob:
    """One file to measure; small and picklable, so that it can go to another process or machine.

    Parameters
    ----------
    ref
        The cine, not yet decoded.
    settings
        How and where to.
    distinguish
        Another job of the same run has the same stem: put the content id into the name.
    """

    ref: CineRef
    settings: MeasureSettings
    distinguish: bool = False

    def prepare(self) -> None:
        """Load the model, to find out that it cannot be had before any file is read."""
        if self.settings.model:
            _segmenter(self.settings.options)

    def run(self, progress: Callable[[int, int], None] | None = None) -> MeasuredFile:
        """Read the file, measure it and write the result, or leave it where it is there already.

        Raises
        ------
        MataeError
            If the file is no cine, its masks are missing or of another clip, or the folder cannot be written.
        """
        from matae.measure.record import to_json, write_json
        from matae.output import result_key

        settings = self.settings
        cine = self.ref.open(third_axis_is_time=settings.third_axis_is_time)
        masks = None if settings.masks is None else find_masks(settings.masks, cine, distinguish=self.distinguish)
        said = settings.key() if masks is None else f"{settings.key()} {_digest(masks)}"
        key = result_key(cine, said)
        if not settings.again and (found := self._before(cine, key)) is not None:
            return found
        measurement, notices = measure_file(cine, settings, masks=masks, progress=progress)
        path = self._free_path(cine)
        write_json(path, measurement, key=key)
        row = _row(to_json(measurement), path)
        return MeasuredFile(self.ref.path, {"record": path}, row, (*cine.warnings, *notices))

    def _paths(self, cine: Cine) -> Iterator[Path]:
        marked = _marked(cine)
        stems = chain([marked] if self.distinguish else [_stem(cine), marked], (f"{marked}-{n}" for n in count(2)))
        return (self.settings.out / f"{stem}{_SUFFIX}" for stem in stems)

    def _free_path(self, cine: Cine) -> Path:
        """Return the first name that is free or holds the figures of the same clip."""
        for path in self._paths(cine):
            found = _read(path)
            if not path.exists() or (
                found is not None and (found["source"], found["content_id"]) == (cine.source.name, cine.content_id)
            ):
                return path
        raise AssertionError  # pragma: no cover - the names do not end

    def _before(self, cine: Cine, key: str) -> MeasuredFile | None:
        for path in self._paths(cine):
            found = _read(path)
            if found is not None and found.get("key") == key:
                row = _row_before(found, path)
                return None if row is None else MeasuredFile(self.ref.path, {"record": path}, row, skipped=True)
            if not path.exists() and path.name.startswith(_marked(cine)):
                return None
        return None  # pragma: no cover - the names do not end


def find_masks(masks: Path, cine: Cine, *, distinguish: bool = False) -> Path:
    """Return the file with the masks of a clip: the one given, or the one of a folder that ``segment`` wrote there.

    Parameters
    ----------
    masks
        A file, or a folder of them.
    cine
        The clip.
    distinguish
        Several clips bear its name: what is named by its pixels comes first.

    Raises
    ------
    MeasureError
        If the folder has none.
    """
    if not masks.is_dir():
        return masks
    names = [f"{stem}{_MASK}" for stem in (_stem(cine), _marked(cine))]
    for name in names[:: -1 if distinguish else 1]:
        if (masks / name).is_file():
            return masks / name
    raise MeasureError(f"{masks} has no {names[0]}; segment {cine.source.name} into it first.")


def plan_measures(refs: Sequence[CineRef], settings: MeasureSettings) -> list[MeasureJob]:
    """Return a job for each cine, with names that no two of them share; see `matae.jobs.plan`."""
    from matae.jobs import shared_stems

    return [MeasureJob(ref, settings, shared) for ref, shared in zip(refs, shared_stems(refs), strict=True)]


def measure_file(
    cine: Cine,
    settings: MeasureSettings,
    *,
    masks: Path | None = None,
    marks: PhaseMarks | None = None,
    assumed: str | None = None,
    progress: Callable[[int, int], None] | None = None,
    warn: Callable[[str], None] = lambda _: None,
) -> tuple[Measurement, tuple[str, ...]]:
    """Measure a clip, from its masks or segmented first.

    Parameters
    ----------
    cine
        As its reader gives it.
    settings
        How.
    masks
        File with its masks; it is segmented if None.
    marks
        End-diastolic and end-systolic frames that a person marked.
    assumed
        As of `matae.measure.MeasureOptions`.
    progress
        Called with (frames segmented, frames in all).
    warn
        Called with what the reader warns of, once the region is chosen and before the work.

    Returns
    -------
    Measurement, tuple of str
        And what happened on the way.

    Raises
    ------
    MataeError
        If the clip cannot be measured as asked.
    """
    from matae.measure import MeasureOptions, measure_cine
    from matae.measure.mask_file import read_masks
    from matae.measure.run import segment_and_measure
    from matae.segment.choice import choose_sector

    if settings.frame_rate is not None:
        cine = cine.with_frame_rate(settings.frame_rate)
    if settings.spacing is not None:
        cine = replace(cine, spacing=Spacing(*settings.spacing), spacing_note="Pixel size given by the user.")
    found = None if masks is None else read_masks(masks, cine)
    if settings.region is not None:
        cine = cine.with_region(settings.region)
    elif found is not None:
        cine = cine.scaled_for((found == 1).any(axis=0))  # where the heart lies is known
    fan = choose_sector(cine, settings.sector, settings.flip)
    options = MeasureOptions(view=settings.view, apex_down=fan.apex_down, person=settings.person, assumed=assumed)
    if found is not None:
        for text in cine.warnings:
            warn(text)
        return measure_cine(cine, found, options, marks=marks, sector=fan), ()
    cine = fan.scaled(cine)
    for text in cine.warnings:
        warn(text)
    with one_network:
        measured, result = segment_and_measure(
            cine, settings.options, options, sector=fan, marks=marks, progress=progress, make=_segmenter,
            keep_probability=False,
        )  # fmt: skip
    return measured, tuple(result.notices)


def _segmenter(options: SegmentOptions) -> Segmenter:
    return _loaded(options, find_model(options.model).card.sha256)


@lru_cache(maxsize=8)  # a measurement asks every width of the model
def _loaded(options: SegmentOptions, _sha256: str) -> Segmenter:
    from matae.segment import Segmenter

    return Segmenter(options)


def _stem(cine: Cine) -> str:
    from matae.read import file_stem

    return file_stem(cine.source)


def _marked(cine: Cine) -> str:
    return f"{_stem(cine)}-{cine.content_id[:8]}"


def _digest(path: Path) -> str:
    from matae.files import file_sha256

    return file_sha256(path) if path.is_file() else ""


def _read(path: Path) -> dict[str, Any] | None:
    """Return a measurement of ours, or None for anything else and for one of a later version."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if (
        not isinstance(found, dict)
        or found.get("record") != "measurement"
        or not {"source", "content_id"} <= set(found)
    ):
        return None
    version = found.get("record_version", 0)
    return found if isinstance(version, int) and version <= RECORD_VERSION else None


def _row_before(found: dict[str, Any], path: Path) -> dict[str, Any] | None:
    """Return the numbers of a measurement that was read; None where somebody changed it: it is measured again."""
    try:
        return _row(found, path)
    except (KeyError, TypeError, AttributeError):
        return None


def _row(found: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return the numbers of a measurement, without curves and beats, and the file that holds those."""
    interval = found["ef_interval"] or {}
    plain = {key: value for key, value in found.items() if not isinstance(value, (dict, list))}
    for key in ("tool", "record", "record_version", "research_use", "shortening_note", "key"):
        plain.pop(key, None)
    flags, doubts = (" ".join(flag["code"] for flag in found.get(key, [])) for key in ("flags", "ef_doubts"))
    more = {"ef_low": interval.get("low"), "ef_high": interval.get("high"), "n_beats": len(found["beats"])}
    return plain | more | {"ef_doubts": doubts, "flags": flags, "file": path.name}


def write_table(path: Path, found: Sequence[Outcome]) -> None:
    """Write one row a clip as CSV, whole or not at all.

    Parameters
    ----------
    path
        The file.
    found
        What was measured, in this run or before, in the order wanted.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    from matae.files import write_atomic, writing_to
    from matae.measure.record import safe_cell

    columns = list(dict.fromkeys(key for outcome in found for key in outcome.row))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, lineterminator="\n", restval="")
    writer.writeheader()
    for outcome in found:
        writer.writerow({key: safe_cell(value) for key, value in outcome.row.items()})
    with writing_to(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, buffer.getvalue().encode("utf-8", "surrogatepass"))
