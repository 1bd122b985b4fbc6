"""Labelled frames in memory, at one size: what the training steps draw from.

What lies on disk, and how, is `matae.labelled`'s business. The split is read, never drawn here: a patient that
stands on both sides is refused, in one folder or over several.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from matae.anatomy import CLASS_NAMES, class_name, class_of_name
from matae.errors import TrainError
from matae.labelled import choose, open_labelled
from matae.labelled.packed import is_packed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from matae.labelled import LabelledRef, LabelledSet

__all__ = ["LabelledFrames", "load_folders", "load_frames", "picture_digest"]

_LARGEST = 256  # pixels a side: the networks' grids are smaller, and ten thousand frames must fit in memory


@dataclass(frozen=True, eq=False)
class LabelledFrames:
    """Square frames of one size with their masks and what the data say of them.

    Parameters
    ----------
    images
        Grey frames, (N, Y, X) uint8.
    masks
        Class of every pixel, (N, Y, X) uint8; 0 is background.
    frames, patients, phases
        Name, patient pseudonym and phase ("ED", "ES" or "") of each frame.
    spacing
        Size of a pixel in mm, square to a pixel of the frame, (N,); NaN where unknown.
    sources
        `picture_digest` of each frame as it came, before it was scaled; () where nobody kept it.
    annotated
        Numbers of the classes that were outlined in each frame where they are there: what lies outside these masks may
        be another structure that nobody outlined. () where all classes were in all frames.
    """

    images: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    frames: tuple[str, ...]
    patients: tuple[str, ...]
    phases: tuple[str, ...]
    spacing: NDArray[np.float64]
    sources: tuple[str, ...] = ()
    annotated: tuple[tuple[int, ...], ...] = ()

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.frames)

    @property
    def classes(self) -> int:
        """Number of foreground classes that occur."""
        return int(self.masks.max(initial=0))

    @property
    def empty(self) -> int:
        """Number of frames without any mask: allowed, and counted in the model card."""
        return int((~self.masks.any((1, 2))).sum())

    def take(self, which: Sequence[int]) -> LabelledFrames:
        """Return some of the frames, in the order given."""
        at = list(which)
        return LabelledFrames(
            images=self.images[at],
            masks=self.masks[at],
            frames=tuple(self.frames[i] for i in at),
            patients=tuple(self.patients[i] for i in at),
            phases=tuple(self.phases[i] for i in at),
            spacing=self.spacing[at],
            sources=tuple(self.sources[i] for i in at) if self.sources else (),
            annotated=tuple(self.annotated[i] for i in at) if self.annotated else (),
        )

    def is_annotated(self, classes: Sequence[int]) -> NDArray[np.bool_]:
        """Say of which frames all of these classes were outlined, (N,)."""
        if not self.annotated:
            return np.ones(len(self), bool)
        return np.array([set(classes) <= set(known) for known in self.annotated], bool)

    def digest(self) -> str:
        """Return the sha256 of names, pictures and masks: a run goes on only with the frames it began with."""
        found = hashlib.sha256(repr((self.frames, self.patients, self.images.shape)).encode())
        for stack in (self.images, self.masks):
            found.update(np.ascontiguousarray(stack).data)
        if len(set(self.annotated)) > 1:  # where all frames are alike, it is as before there was a difference
            found.update(repr(self.annotated).encode())
        return found.hexdigest()


def load_frames(folder: Path, split: str, size: int | None = None) -> LabelledFrames:
    """Load the frames of one side of the split of one folder; see `load_folders`.

    Parameters
    ----------
    folder
        A folder with ``index.csv``, a CAMUS folder or an EchoNet-Dynamic folder.
    split
        ``"train"``, ``"val"`` or ``"test"``.
    size
        As for `load_folders`.

    Raises
    ------
    LabelledError, ReadError
        If the folder cannot be read.
    """
    found = _of_views(_opened(folder), ("A4C",))
    return _loaded([[choose(found, split, "all")]], size)[0]


def load_folders(
    folders: Sequence[Path],
    size: int | None = None,
    *,
    views: Sequence[str] = ("A4C",),
    classes: Sequence[str] = (),
) -> tuple[LabelledFrames, LabelledFrames]:
    """Load the training and the validation frames of several folders, each side joined in the order given.

    Each frame is placed on the square as when it is segmented: at the size of a network's grid it is, to the grey
    level, what that network sees of it.

    Parameters
    ----------
    folders
        Folders as for `load_frames`; one may lack a side if another has it.
    size
        Side of the square, a network's grid; that of the largest frame, but no more than 256, if None.
    views
        Views to take; frames that state another are left out.
    classes
        Structures to take, by the names of `matae.anatomy`: their pixels keep their numbers, all others are
        background. A folder may lack some: of its frames nothing is learnt about those. All that ``masks/`` holds if
        none is named.

    Raises
    ------
    LabelledError, ReadError
        If a folder cannot be read, or a patient of it is on both sides.
    TrainError
        If no folder is given, one is given twice or has neither side, none has a side, or a patient of one folder
        is on the other side in another.
    """
    if not folders:
        raise TrainError("There is no folder to train on; name one with index.csv, or a CAMUS or EchoNet folder.")
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise TrainError("A folder is named twice; name each once.")
    wanted = _numbers(classes)
    sets = [_of_views(_opened(folder, structures=bool(classes)), views) for folder in folders]
    _check_classes(sets, wanted)
    _check_sides(sets)
    sides = []
    for split in ("train", "val"):
        parts = [choose(found, split, "all") for found in sets if any(ref.split == split for ref in found.refs)]
        if not parts:
            names = ", ".join(found.folder.resolve().name for found in sets)
            raise TrainError(f"{names}: there is no frame with split '{split}'; add some or another folder.")
        sides.append(parts)
    train, val = (_only(side, wanted) for side in _loaded(sides, size))
    return train, val


def picture_digest(picture: NDArray[np.uint8]) -> str:
    """Return the sha256 of a frame's pixels: the same picture under two names; empty for a blank one, all are alike."""
    return hashlib.sha256(np.ascontiguousarray(picture).data).hexdigest() if np.ptp(picture) else ""


def _numbers(classes: Sequence[str]) -> tuple[int, ...]:
    values = [class_of_name(name) for name in classes]
    unknown = [name for name, value in zip(classes, values, strict=True) if not value]
    if unknown:
        raise TrainError(f"'{unknown[0]}' is no structure that is known here; choose among {', '.join(CLASS_NAMES)}.")
    if len(set(values)) < len(values):
        raise TrainError(f"A structure is named twice among {', '.join(classes)}; name each once.")
    return tuple(value for value in values if value)


def _of_views(found: LabelledSet, views: Sequence[str]) -> LabelledSet:
    refs = tuple(ref for ref in found.refs if ref.view in {"", *views})
    if refs:
        return replace(found, refs=refs)
    have = ", ".join(sorted({ref.view for ref in found.refs}))
    raise TrainError(
        f"{found.folder.resolve().name} has no frame of the views {', '.join(views)}: it has {have}; name one of them "
        "as views in the settings, or another folder."
    )


def _check_classes(sets: Sequence[LabelledSet], wanted: Sequence[int]) -> None:
    absent = [value for value in wanted if not any(value in found.classes for found in sets)]
    idle = [found for found in sets if wanted and not set(wanted) & set(found.classes)]
    if absent or idle:
        names = ", ".join(found.folder.resolve().name for found in idle or sets)
        there = ", ".join(dict.fromkeys(name for found in idle or sets for name in found.classes.values()))
        raise TrainError(
            f"{names}: there is no mask of the {class_name((absent or wanted)[0])}, only of {there}; name other "
            "classes in the settings, or another folder."
        )


def _only(frames: LabelledFrames, wanted: Sequence[int]) -> LabelledFrames:
    if not wanted:
        return frames
    return replace(frames, masks=np.where(np.isin(frames.masks, wanted), frames.masks, 0).astype(np.uint8))


def _opened(folder: Path, *, structures: bool = False) -> LabelledSet:
    if not folder.is_dir() and not is_packed(folder):
        raise TrainError(f"{folder} is no folder; name one with index.csv, or a CAMUS or EchoNet-Dynamic folder.")
    return open_labelled(folder, view="all", structures=structures)


def _check_sides(sets: list[LabelledSet]) -> None:
    sides: dict[str, tuple[str, str]] = {}
    for found in sets:
        name = found.folder.resolve().name
        if not any(ref.split in {"train", "val"} for ref in found.refs):
            raise TrainError(f"{name} has no frame with split 'train' or 'val'; state the split of each patient.")
        for ref in found.refs:
            split, where = sides.setdefault(ref.patient, (ref.split, name))
            if split != ref.split:
                raise TrainError(
                    f"Patient {ref.patient} is in '{split}' of {where} and in '{ref.split}' of {name}; "
                    "give each patient one split, and other people other names."
                )


def _loaded(sides: Sequence[Sequence[LabelledSet]], size: int | None) -> list[LabelledFrames]:
    """Place every frame of all sides on squares of one size; without one, each is read twice."""
    if size is None:
        shapes = [ref.read().cine.shape for sets in sides for found in sets for ref in found.refs]
        size = min(_LARGEST, max(max(shape) for shape in shapes))
    return [
        _stacked([frame for found in sets for ref in found.refs for frame in _read(ref, size, tuple(found.classes))])
        for sets in sides
    ]


@dataclass(frozen=True, eq=False)
class _Frame:
    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    name: str
    patient: str
    phase: str
    spacing: float
    source: str
    annotated: tuple[int, ...]


def _read(ref: LabelledRef, size: int, annotated: tuple[int, ...]) -> Iterator[_Frame]:
    found = ref.read()
    cine, placement = found.cine, found.placement(size)
    pixel = placement.pixel_size(cine.spacing)
    for number, mask in found.masks.items():
        yield _Frame(
            image=placement.image(cine.frames[number]),
            mask=placement.mask(mask),
            name=f"{ref.id}_{number}" if ref.is_clip else ref.id,
            patient=ref.patient,
            phase=found.phases.get(number, ""),
            spacing=float("nan") if pixel is None else math.sqrt(pixel[0] * pixel[1]),
            source=picture_digest(cine.frames[number]),
            annotated=annotated,
        )


def _stacked(frames: Sequence[_Frame]) -> LabelledFrames:
    return LabelledFrames(
        images=np.stack([frame.image for frame in frames]),
        masks=np.stack([frame.mask for frame in frames]),
        frames=tuple(frame.name for frame in frames),
        patients=tuple(frame.patient for frame in frames),
        phases=tuple(frame.phase for frame in frames),
        spacing=np.array([frame.spacing for frame in frames]),
        sources=tuple(frame.source for frame in frames),
        annotated=tuple(frame.annotated for frame in frames),
    )
