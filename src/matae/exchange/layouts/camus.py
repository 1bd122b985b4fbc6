"""CAMUS's layout: ``database_nifti/patientN/patientN_4CH_ED.nii.gz``, masks as ``_gt``, ``Info_4CH.cfg``.

S. Leclerc et al., IEEE TMI 38(9):2198-2210, 2019, doi 10.1109/TMI.2019.2900516. The layout has room for one recording
a patient and view: end-diastole, end-systole, and the frames between them. Frames are counted from 1 in the cfg.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from matae.cine import Geometry
from matae.errors import ExchangeError
from matae.exchange.clip import ImportClip
from matae.exchange.encodings.nifti import read_labels
from matae.output.nifti import write_nifti

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.exchange.clip import ExportClip
    from matae.exchange.layouts.manifest_hints import Hint

__all__ = ["CamusWriter", "camus_view", "is_camus_folder", "leaving", "read_camus_folder"]

_VIEWS = {"A2C": "2CH", "A4C": "4CH"}
_SUBGROUPS = {"train": "training", "val": "validation", "test": "testing"}


def camus_view(view: str | None) -> str | None:
    """Return ``2CH`` or ``4CH``, or None for a view that CAMUS does not have."""
    return _VIEWS.get(view or "")


def leaving(frames: list[int], ed: int | None, es: int | None) -> list[int]:
    """Return which labelled frames the layout has room for: ED, ES, and all between them if none is missing."""
    ends = [t for t in frames if t in (ed, es)]
    if ed is None or es is None or len(ends) < 2:
        return ends
    between = list(range(min(ed, es), max(ed, es) + 1))
    return between if set(between) <= set(frames) else ends


@dataclass
class _Info:
    """What the cfg of a patient and view says, gathered until all its clips are written."""

    quality: str = ""
    rate: float | None = None
    count: int | None = None
    ed: int | None = None
    es: int | None = None
    ed_disks: Any = None
    es_disks: Any = None


class CamusWriter:
    """Writes ``database_nifti/`` and ``database_split/``.

    Parameters
    ----------
    root
        Where to.

    Attributes
    ----------
    names
        Name in the folder (patient, view, and for a single still its phase) of each clip.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._infos: dict[tuple[str, str], _Info] = {}
        self._taken: dict[tuple[str, str], set[str]] = {}
        self._splits: dict[str, str] = {}
        self.names: dict[str, str] = {}

    def add(self, clip: ExportClip, tick: Callable[[], None]) -> None:
        """Write a clip; `tick` is called after each labelled frame."""
        from matae.measure.disks import disks

        view = camus_view(clip.view)
        if view is None:
            raise ExchangeError(f"{clip.name} is no apical two- or four-chamber view; CAMUS has no place for it.")
        phases = {clip.phase(t): t for t in clip.labels if clip.phase(t)}
        patient = self._free(clip.patient, view, set(phases))
        self._splits[patient] = clip.split
        # Two stills of one patient may share a folder: then each is known by its phase.
        alone = "" if len(phases) == 2 else f"_{next(iter(phases))}"
        self.names[clip.name] = f"{patient}_{view}{alone}"
        folder = self._root / "database_nifti" / patient
        folder.mkdir(parents=True, exist_ok=True)
        info = self._infos.setdefault((patient, view), _Info())
        info.quality = info.quality or clip.image_quality
        for phase, t in phases.items():
            stem = f"{patient}_{view}_{phase}"
            write_nifti(folder / f"{stem}.nii.gz", clip.frame(t), clip.spacing, None)
            write_nifti(folder / f"{stem}_gt.nii.gz", clip.labels[t].mask, clip.spacing, None)
            found = disks(clip.labels[t].mask == 1, clip.spacing)
            if phase == "ED":
                info.ed_disks = found
            else:
                info.es_disks = found
        if len(phases) == 2:
            self._sequence(clip, folder, f"{patient}_{view}", info)
        for _ in clip.labels:
            tick()

    def _free(self, patient: str, view: str, phases: set[str]) -> str:
        name, number = patient, 1
        while self._taken.get((name, view), set()) & phases:
            # A second recording of the same view: a folder of its own, on the same side of the split.
            number += 1
            name = f"{patient}{number:02d}"
        self._taken.setdefault((name, view), set()).update(phases)
        return name

    def _sequence(self, clip: ExportClip, folder: Path, stem: str, info: _Info) -> None:
        first, last = sorted((clip.ed or 0, clip.es or 0))
        frames = range(first, last + 1)
        rate = clip.frame_rate
        step = None if rate is None else 1.0 / rate
        pixels = np.stack([clip.frame(t) for t in frames])
        write_nifti(folder / f"{stem}_half_sequence.nii.gz", pixels, clip.spacing, step)
        if all(t in clip.labels for t in frames):
            masks = np.stack([clip.labels[t].mask for t in frames])
            write_nifti(folder / f"{stem}_half_sequence_gt.nii.gz", masks, clip.spacing, step)
        info.count, info.rate = len(frames), rate
        info.ed, info.es = (clip.ed or 0) - first + 1, (clip.es or 0) - first + 1

    def close(self) -> None:
        """Write the cfgs and the lists of the split."""
        from matae.measure.disks import pair

        for (patient, view), info in self._infos.items():
            both = info.ed_disks is not None and info.es_disks is not None
            volumes = pair(info.ed_disks, info.es_disks) if both else None
            facts = {
                "ED": info.ed, "ES": info.es, "NbFrame": info.count, "ImageQuality": info.quality,
                "EF": None if volumes is None else f"{volumes.ef_percent:.2f}",
                "FrameRate": None if info.rate is None else f"{info.rate:.4f}",
            }  # fmt: skip
            text = "".join(f"{key}: {value}\n" for key, value in facts.items() if value not in (None, ""))
            path = self._root / "database_nifti" / patient / f"Info_{view}.cfg"
            path.write_text(text, encoding="utf-8", newline="\n")
        folder = self._root / "database_split"
        folder.mkdir()
        for split, name in _SUBGROUPS.items():
            listed = "".join(f"{patient}\n" for patient in sorted(self._splits) if self._splits[patient] == split)
            (folder / f"subgroup_{name}.txt").write_text(listed, encoding="utf-8", newline="\n")

    def abandon(self) -> None:
        """No file is open between two clips."""


def is_camus_folder(folder: Path) -> bool:
    """Say whether there are CAMUS pictures with masks."""
    from matae.read.camus import camus_files, camus_labels

    return any(camus_labels(path) is not None for path in camus_files(folder))


def read_camus_folder(folder: Path, hints: Mapping[str, Hint]) -> Iterator[ImportClip]:
    """Yield the sequences that are labelled throughout, and the end-diastolic and -systolic pictures of the others.

    Raises
    ------
    ExchangeError
        If a list of the split puts a patient on two sides.
    """
    from matae.read._formats import file_stem
    from matae.read.camus import camus_files, camus_info, camus_labels

    splits = _splits(folder)
    groups: dict[tuple[Path, str], dict[str, Path]] = {}
    for path in camus_files(folder):
        facts = camus_info(path)
        stem = file_stem(path)
        name = stem.rpartition(f"_{facts['phase']}")[0] if facts["phase"] != "sequence" else _without_sequence(stem)
        groups.setdefault((path.parent, name), {})[facts["phase"]] = path
    for (_, name), files in groups.items():
        patient = name.rpartition("_")[0]
        hint = hints.get(name)
        split = splits.get(patient, "")
        sequence = files.pop("sequence", None)
        if (
            sequence is not None
            and (clip := _sequence_clip(sequence, name, split=split, ends=files, hint=hint)) is not None
        ):
            yield clip
            continue
        for phase, path in files.items():
            labels = camus_labels(path)
            if labels is not None:
                own = hint or hints.get(f"{name}_{phase}")
                yield _still(path, labels, name, phase, split=split, hint=own)


def _without_sequence(stem: str) -> str:
    return stem.removesuffix("_sequence").removesuffix("_half")


def _splits(folder: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for split, name in _SUBGROUPS.items():
        path = folder / "database_split" / f"subgroup_{name}.txt"
        if not path.is_file():
            continue
        with path.open(encoding="utf-8", errors="replace") as file:
            for patient in file.read(1 << 24).split():
                if found.setdefault(patient, split) != split:
                    raise ExchangeError(f"database_split puts {patient[:40]} on two sides; correct the lists.")
    return found


def _sequence_clip(
    path: Path, name: str, *, split: str, ends: Mapping[str, Path], hint: Hint | None
) -> ImportClip | None:
    from matae.read.camus import camus_info, camus_labels

    labels = camus_labels(path)
    facts = camus_info(path)
    patient = name.rpartition("_")[0]
    ed, es = facts.get("ed_frame"), facts.get("es_frame")
    masks: Callable[[bool], Iterator[tuple[int, NDArray[np.uint8]]]]
    if labels is not None:
        count = _count(path)
        frames = tuple(range(count))
        masks = partial(_all_masks, path, labels, hint)
    elif hint is not None and ed is not None and es is not None and len(ends) == 2:
        # Only our own manifest says for sure that the two pictures are frames of this sequence.
        frames = tuple(sorted((ed, es)))
        masks = partial(_end_masks, dict(ends), {"ED": ed, "ES": es}, hint)
    else:
        return None
    first = _first(hint)
    return ImportClip(
        name=name,
        subject=patient if hint is None else hint.patient,
        open=partial(_open, path),
        masks=masks,
        frames=frames,
        native_frames=() if first is None else tuple(first + t for t in frames),
        split=split,
        status={} if hint is None or first is None else {t: hint.frames.get(first + t, "accepted") for t in frames},
        key="" if hint is None else hint.key,
        ed=ed,
        es=es,
    )


def _first(hint: Hint | None) -> int | None:
    if hint is None or hint.ed is None or hint.es is None:
        return None
    return min(hint.ed, hint.es)


def _count(path: Path) -> int:
    import SimpleITK

    from matae.maskfile import MaskFileError, check_header

    reader = SimpleITK.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        check_header(path)
        reader.ReadImageInformation()
    except (RuntimeError, MaskFileError) as error:
        raise ExchangeError(f"{path.name} is damaged; copy it again.") from error
    size = reader.GetSize()
    count = int(size[2]) if len(size) > 2 else 1
    if count > 100_000:
        raise ExchangeError(f"{path.name} claims {count:,} frames; copy it again.")
    return count


def _all_masks(path: Path, labels: Path, hint: Hint | None, native: bool) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    masks = read_labels(labels, *_header(path))
    first = _first(hint) if native else 0
    for t, mask in enumerate(masks):
        yield (first or 0) + t, mask


def _end_masks(
    ends: Mapping[str, Path], place: Mapping[str, int], hint: Hint, native: bool
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    from matae.read.camus import camus_labels

    first = _first(hint) if native else 0
    for phase, path in ends.items():
        labels = camus_labels(path)
        if labels is not None:
            yield (first or 0) + place[phase], _still_mask(path, labels)


def _still(path: Path, labels: Path, name: str, phase: str, *, split: str, hint: Hint | None) -> ImportClip:
    def masks(native: bool) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        frame = None if hint is None else hint.ed if phase == "ED" else hint.es
        yield (frame if native and frame is not None else 0), _still_mask(path, labels)

    frame = None if hint is None else hint.ed if phase == "ED" else hint.es
    return ImportClip(
        name=f"{name}_{phase}",
        subject=name.rpartition("_")[0] if hint is None else hint.patient,
        open=partial(_open, path),
        masks=masks,
        frames=(0,),
        native_frames=() if frame is None else (frame,),
        split=split,
        status={} if hint is None or frame is None else {0: hint.frames.get(frame, "accepted")},
        key="" if hint is None or frame is None else hint.key,
        ed=0 if phase == "ED" else None,
        es=0 if phase == "ES" else None,
    )


def _still_mask(path: Path, labels: Path) -> NDArray[np.uint8]:
    shape, geometry = _header(path)
    return read_labels(labels, shape[-2:], geometry)


def _header(path: Path) -> tuple[tuple[int, ...], Geometry]:
    """Return (T, Y, X) or (Y, X) of a picture, and where it lies, from its header."""
    import SimpleITK

    from matae.maskfile import MaskFileError, check_header

    reader = SimpleITK.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        check_header(path)
        reader.ReadImageInformation()
    except (RuntimeError, MaskFileError) as error:
        raise ExchangeError(f"{path.name} is damaged; copy it again.") from error
    size = tuple(int(extent) for extent in reader.GetSize())[::-1]
    geometry = Geometry(tuple(reader.GetOrigin()), tuple(reader.GetDirection()))
    return (size[1:] if len(size) == 3 and size[0] == 1 else size), geometry


def _open(path: Path) -> Cine:
    from matae.read.camus import read_camus

    cine = read_camus(path)
    # The cfg's figures are the data set's own; a study measures its own masks.
    return replace(cine, info={key: value for key, value in cine.info.items() if not key.startswith("reference_")})
