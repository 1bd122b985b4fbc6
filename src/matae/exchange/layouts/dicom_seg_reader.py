"""Reading DICOM Segmentation objects: the images they refer to, with a mask for each frame."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from matae.anatomy import plain_name
from matae.errors import ExchangeError, MataeError
from matae.exchange.clip import ImportClip, only_said
from matae.exchange.naming import NO_CHOICE, Drawn, Named
from matae.read._patient import dicom_patient

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.exchange.layouts.manifest_hints import Hint
    from matae.exchange.naming import Naming

__all__ = ["dicom_seg_files", "read_dicom_seg_folder"]

_SEG = "1.2.840.10008.5.1.4.1.1.66.4"
_MOST_PIXELS = 1 << 31
_MOST_FILES = 200_000


@dataclass(frozen=True)
class _Mask:
    """Where a segment of a SEG belongs."""

    path: Path
    plane: int
    value: int
    name: str


def dicom_seg_files(folder: Path) -> list[Path]:
    """Return the DICOM files of a folder and its subfolders if one is a SEG; empty otherwise."""
    files = []
    for count, path in enumerate(sorted(folder.rglob("*"))):
        if count > _MOST_FILES:
            raise ExchangeError(f"{folder.name} holds more than {_MOST_FILES:,} files; import the data in parts.")
        if path.is_file() and _is_dicom(path):
            files.append(path)
    return files if any(_sop_class(path) == _SEG for path in files) else []


def _is_dicom(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def _sop_class(path: Path) -> str:
    from pydicom import dcmread

    try:
        return str(dcmread(path, specific_tags=["SOPClassUID"], stop_before_pixels=True).get("SOPClassUID", ""))
    except Exception:  # noqa: BLE001 - whatever pydicom meets in it, this is no segmentation that can be read
        return ""


def read_dicom_seg_folder(files: list[Path], hints: Mapping[str, Hint], naming: Naming) -> Iterator[ImportClip]:
    """Yield the images that segmentations refer to, with their masks.

    A segment is what its Segmented Property Type says it is; where that says no more than "heart" or "tissue", what
    its label says. Its number means nothing.

    Raises
    ------
    ExchangeError
        If a file is damaged, a segmentation is of another kind or size than its image, or a segment is not known.
    """
    from matae.read._formats import quiet

    images: dict[str, Path] = {}
    masks: dict[str, dict[int, list[_Mask]]] = {}
    with quiet():
        for path in files:
            with _sound(path):
                if _sop_class(path) == _SEG:
                    _collect(path, masks, naming)
                else:
                    images[_instance(path)] = path
    naming.check()
    alone = {part.path.name for uid in set(masks) - set(images) for parts in masks[uid].values() for part in parts}
    yield only_said([f"{name} needs the image it was drawn on; put it into the folder." for name in sorted(alone)])
    for uid, path in images.items():
        if uid in masks:
            with _sound(path):
                clip = _clip(path, masks[uid], hints.get(path.stem), naming)
            yield clip


@contextmanager
def _sound(path: Path) -> Iterator[None]:
    """Say in a sentence that a file is damaged, whatever of it cannot be read; pydicom reads an element when asked."""
    try:
        yield
    except MataeError:
        raise
    except Exception as error:
        raise ExchangeError(f"{path.name} is a damaged DICOM file; copy it again.") from error


def _header(path: Path) -> Any:
    from pydicom import dcmread

    try:
        return dcmread(path, stop_before_pixels=True)
    except Exception as error:
        raise ExchangeError(f"{path.name} is a damaged DICOM file; copy it again.") from error


def _instance(path: Path) -> str:
    return str(_header(path).get("SOPInstanceUID", ""))


def _collect(path: Path, masks: dict[str, dict[int, list[_Mask]]], naming: Naming) -> None:
    header = _header(path)
    if str(header.get("SegmentationType", "")) != "BINARY":
        raise ExchangeError(f"{path.name} is no binary segmentation; export it as one.")
    named = {int(segment.SegmentNumber): _named(segment) for segment in header.get("SegmentSequence", ())}
    groups = header.get("PerFrameFunctionalGroupsSequence", ())
    shared = header.get("SharedFunctionalGroupsSequence", ())
    pixels = len(groups) * int(header.Rows) * int(header.Columns)
    if pixels > _MOST_PIXELS or pixels > path.stat().st_size * 8 * 1100:
        raise ExchangeError(f"{path.name} claims more pixels than it can hold; copy it again.")
    used = {_segment(group, shared) for group in groups}
    classes = naming.settle(named, path.name, used)
    for plane, group in enumerate(groups):
        reference = _reference(group) or next((found for item in shared if (found := _reference(item))), None)
        number = _segment(group, shared)
        if reference is None or number not in named:
            raise ExchangeError(f"{path.name} does not say which frame it belongs to; export it again.")
        uid, frame = reference
        if classes[number]:
            part = _Mask(path, plane, classes[number], named[number].name)
            masks.setdefault(uid, {}).setdefault(frame, []).append(part)


def _segment(group: Any, shared: Any) -> int:
    """Return the number of the segment that a plane shows."""
    identity = group.get("SegmentIdentificationSequence") or (
        shared[0].get("SegmentIdentificationSequence") if shared else None
    )
    return int(identity[0].ReferencedSegmentNumber) if identity else 0


def _named(segment: Any) -> Named:
    """Return how a segment is called and coded, its modifiers (left, right) in front of what it is."""
    kind = next(iter(segment.get("SegmentedPropertyTypeCodeSequence") or ()), None)
    if kind is None:
        return Named(str(segment.get("SegmentLabel", "")))
    modifiers = kind.get("SegmentedPropertyTypeModifierCodeSequence") or ()
    region = next(iter(segment.get("AnatomicRegionSequence") or ()), None)
    words = [str(item.get("CodeMeaning", "")) for item in (*modifiers, kind)]
    found = Named(str(segment.get("SegmentLabel", "")), "", _code(kind), _scheme(kind), " ".join(words).strip())
    if region is not None and plain_name(found.meaning) in NO_CHOICE:
        # "Heart" in the region "left ventricle": the region is the more exact of the two.
        found = replace(found, code=_code(region), scheme=_scheme(region), meaning=str(region.get("CodeMeaning", "")))
    return found


def _code(item: Any) -> str:
    return str(item.get("CodeValue") or item.get("LongCodeValue") or item.get("URNCodeValue") or "")


def _scheme(item: Any) -> str:
    return str(item.get("CodingSchemeDesignator", ""))


def _reference(group: Any) -> tuple[str, int] | None:
    for derivation in group.get("DerivationImageSequence", ()):
        for source in derivation.get("SourceImageSequence", ()):
            frame = source.get("ReferencedFrameNumber", 1)
            first = frame[0] if hasattr(frame, "__len__") and not isinstance(frame, str) else frame
            return str(source.ReferencedSOPInstanceUID), int(first) - 1
    return None


def _clip(path: Path, found: dict[int, list[_Mask]], hint: Hint | None, naming: Naming) -> ImportClip:
    header = _header(path)
    count, shape = int(header.get("NumberOfFrames", 1) or 1), (int(header.Rows), int(header.Columns))
    frames = tuple(sorted(t for t in found if 0 <= t < count))
    problems = tuple(f"{path.name} has no frame {t + 1}." for t in sorted(found) if not 0 <= t < count)
    numbers = sorted(hint.frames) if hint is not None else []
    ours = hint is not None and len(numbers) == count

    def masks(native: bool) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        planes = _Planes(shape)
        for t in frames:
            yield numbers[t] if native and ours else t, _mask(found[t], planes, naming)

    phases = {} if not ours or hint is None else {numbers[t]: t for t in frames}
    return ImportClip(
        name=path.stem,
        subject="",
        patient=dicom_patient(header)[0],
        open=partial(_open, path),
        masks=masks,
        frames=frames,
        native_frames=tuple(numbers[t] for t in frames) if ours else (),
        split=hint.split if hint is not None else "",
        status={t: hint.frames[numbers[t]] for t in frames} if ours and hint is not None else {},
        key=hint.key if hint is not None and ours else "",
        ed=phases.get(hint.ed) if hint is not None and hint.ed is not None else None,
        es=phases.get(hint.es) if hint is not None and hint.es is not None else None,
        problems=problems,
    )


def _open(path: Path) -> Cine:
    from matae.read.dicom import read_dicom

    return replace(read_dicom(path), info={})


class _Planes:
    """The planes of one segmentation at a time: many frames lie in one file, which is unpacked once.

    Parameters
    ----------
    shape
        Rows and columns of the image.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape = shape
        self._path: Path | None = None
        self._values: NDArray[Any] = np.empty((0, 0, 0))

    def get(self, part: _Mask) -> NDArray[np.bool_]:
        """Return the inside of a segment in a frame, (Y, X).

        Raises
        ------
        ExchangeError
            If its file is damaged or of another size.
        """
        from pydicom import dcmread

        if part.path != self._path:
            try:
                planes = dcmread(part.path).pixel_array
            except Exception as error:
                raise ExchangeError(f"{part.path.name} is a damaged DICOM file; copy it again.") from error
            self._path, self._values = part.path, planes.reshape(-1, *planes.shape[-2:])
        rows, columns = self._values.shape[1:]
        if (rows, columns) != self.shape or part.plane >= len(self._values):
            raise ExchangeError(
                f"{part.path.name} is {columns} x {rows} pixels, its image {self.shape[1]} x {self.shape[0]}; "
                "a mask must have the size of its picture."
            )
        inside: NDArray[np.bool_] = self._values[part.plane] > 0
        return inside


def _mask(parts: list[_Mask], planes: _Planes, naming: Naming) -> NDArray[np.uint8]:
    drawn = [Drawn(part.value, part.name, planes.get(part)) for part in parts]
    # A segment that is empty in this frame says nothing of it.
    return naming.combine([part for part in drawn if part.inside.any()], planes.shape, parts[0].path.name)
