"""The formats by name: what each can hold, how it is written, how a folder of it is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from matae.errors import ExchangeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from matae.exchange.clip import ExportClip, ImportClip
    from matae.exchange.layouts.manifest_hints import Hint
    from matae.exchange.naming import Naming

__all__ = ["FORMATS", "Format", "Writer", "find_format", "make_writer", "read_clips"]


class Writer(Protocol):
    """Writes clips into a folder."""

    def add(self, clip: ExportClip, tick: Callable[[], None]) -> None:
        """Write a clip; `tick` is called after each labelled frame."""

    def close(self) -> None:
        """Finish what belongs to all clips."""

    def abandon(self) -> None:
        """Let go of all files: the folder is about to be removed."""


@dataclass(frozen=True)
class Format:
    """What a format is and can hold.

    Parameters
    ----------
    name
        As on the command line.
    title
        For a list.
    about
        What it is good for, in a sentence.
    size
        Side of its square grid unless another is asked for; None for native pixels.
    sized
        Whether frames may be scaled to a grid.
    video
        Whether all frames of a clip leave, not only the labelled ones.
    bytes_per_pixel
        Rough size on disk of a frame with its mask.
    """

    name: str
    title: str
    about: str = ""
    size: int | None = None
    sized: bool = True
    video: bool = False
    bytes_per_pixel: float = 1.1


FORMATS: dict[str, Format] = {
    entry.name: entry
    for entry in (
        Format(
            "png",
            "Pictures and masks (PNG)",
            "One picture and one mask a frame, and a list of them: for retraining here, and for most other programs.",
        ),
        Format(
            "echonet",
            "EchoNet-Dynamic",
            "Small videos with 21 traced lines a frame, as EchoNet-Dynamic has them; apical four-chamber views only.",
            size=112,
            video=True,
            bytes_per_pixel=0.6,
        ),
        Format(
            "camus",
            "CAMUS (NIfTI)",
            "End-diastole, end-systole and what lies between, with the true pixel size, in the folders of CAMUS.",
            sized=False,
            video=True,
        ),
        Format("coco", "COCO", "Pictures, and the masks in one JSON file, for detection and labelling tools."),
        Format("npz", "NumPy", "One file a clip with frames, masks, times and pixel size, for your own Python."),
        Format(
            "dicom-seg",
            "DICOM segmentation",
            "Segmentations with the blanked images they refer to, for DICOM viewers; only clips from DICOM files.",
            sized=False,
            bytes_per_pixel=1.3,
        ),
    )
}


def find_format(name: str) -> Format:
    """Return a format.

    Raises
    ------
    ExchangeError
        If there is none of that name.
    """
    if name not in FORMATS:
        raise ExchangeError(f"There is no format '{name[:40]}'; choose one of {', '.join(FORMATS)}.")
    return FORMATS[name]


def make_writer(name: str, root: Path, *, classes: int, uid: Callable[[str, str], str]) -> Writer:
    """Return the writer of a format.

    Parameters
    ----------
    name
        The format.
    root
        Folder that is there and empty.
    classes
        Largest class that occurs.
    uid
        Makes a DICOM UID of a kind and a value.
    """
    # Imported one by one: PNG must not wait for highdicom.
    match name:
        case "echonet":
            from matae.exchange.layouts.echonet import EchonetWriter

            return EchonetWriter(root)
        case "camus":
            from matae.exchange.layouts.camus import CamusWriter

            return CamusWriter(root)
        case "coco":
            from matae.exchange.layouts.coco import CocoWriter

            return CocoWriter(root, classes=classes)
        case "npz":
            from matae.exchange.layouts.npz import NpzWriter

            return NpzWriter(root, classes=classes)
        case "dicom-seg":
            from matae.exchange.layouts.dicom_seg import DicomSegWriter

            return DicomSegWriter(root, uid)
        case _:
            from matae.exchange.layouts.png import PngWriter

            return PngWriter(root, classes=classes)


def read_clips(path: Path, hints: Mapping[str, Hint], naming: Naming | None = None) -> tuple[str, Iterator[ImportClip]]:
    """Return the format of a folder (or of a lone file) and its clips.

    Parameters
    ----------
    path
        Folder, LabelMe or COCO file, or ``.npz``.
    hints
        Of our manifest.
    naming
        Finds the class of every name; what it does not know is asked for before the first clip. A new one if left out.

    Raises
    ------
    ExchangeError
        If it is laid out like none of the formats.
    """
    from matae.exchange.layouts import camus, coco, dicom_seg_reader, echonet, labelme, npz, png
    from matae.exchange.layouts.detect import coco_files
    from matae.exchange.naming import Naming

    naming = naming or Naming()
    if not path.exists():
        raise ExchangeError(f"{path} does not exist; check the path.")
    if path.is_file():
        return _read_file(path, hints, naming)
    found: tuple[str, Iterator[ImportClip]] | None = None
    if echonet.is_echonet_folder(path):
        found = "echonet", echonet.read_echonet_folder(path, hints)
    elif png.is_png_folder(path):
        found = "png", png.read_png_folder(path, hints, naming)
    elif coco_files(path):
        found = "coco", coco.read_coco_folder(path, hints, naming)
    elif camus.is_camus_folder(path):
        found = "camus", camus.read_camus_folder(path, hints)
    elif files := npz.npz_files(path):
        found = "npz", npz.read_npz_folder(files, hints, naming)
    elif files := dicom_seg_reader.dicom_seg_files(path):
        found = "dicom-seg", dicom_seg_reader.read_dicom_seg_folder(files, hints, naming)
    elif files := labelme.labelme_files(path):
        found = "labelme", labelme.read_labelme_folder(path, files, naming)
    if found is None:
        raise ExchangeError(
            f"{path.name} is laid out like none of EchoNet-Dynamic, CAMUS, PNG with index.csv, COCO, NPZ, DICOM SEG or "
            "LabelMe; choose the folder that holds the lists."
        )
    return found


def _read_file(path: Path, hints: Mapping[str, Hint], naming: Naming) -> tuple[str, Iterator[ImportClip]]:
    from matae.exchange.layouts import coco, labelme, npz
    from matae.exchange.layouts.detect import coco_files

    if files := labelme.labelme_files(path):
        return "labelme", labelme.read_labelme_folder(path.parent, files, naming)
    if path.suffix.lower() == ".json" and coco_files(path):
        return "coco", coco.read_coco_folder(path, hints, naming)
    if path.suffix.lower() == ".npz":
        return "npz", npz.read_npz_folder([path], hints, naming)
    raise ExchangeError(f"{path.name} is no training data; choose a folder, a .zip, an .npz, a COCO or a LabelMe file.")
