"""Frames with reference masks, at native size: the one place that knows how labelled data lie on disk.

A folder with ``index.csv``, a CAMUS folder, EchoNet-Dynamic, or a packed file. What it holds is listed at once, so
that a mistake shows before any work; cines are opened one at a time, in bounded memory. The split is read, never drawn
here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from matae.labelled._types import LabelledCine, LabelledError, LabelledRef, LabelledSet, choose
from matae.labelled.packed import is_packed, list_packed

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["LabelledCine", "LabelledError", "LabelledRef", "LabelledSet", "choose", "open_labelled"]


def open_labelled(folder: Path, split: str = "all", view: str = "A4C", *, structures: bool = False) -> LabelledSet:
    """List the labelled frames of a folder.

    Parameters
    ----------
    folder
        A folder with ``index.csv``, ``images/`` and ``masks/``; a CAMUS folder (NIfTI or MetaImage); or an
        EchoNet-Dynamic folder with ``VolumeTracings.csv``; or a packed file (`matae.labelled.packed`).
    split
        ``train``, ``val``, ``test``, or ``all``, as the data state it.
    view
        ``A4C``, ``A2C``, ... or ``all``; frames of a stated other view are left out and counted.
    structures
        Whether the masks of a folder with ``index.csv`` are those of ``structures/``, where it has them, and those of a
        packed file all it holds: several structures instead of the cavity alone.

    Returns
    -------
    LabelledSet
        What is there, frames of one patient and view together.

    Raises
    ------
    LabelledError
        If the folder is in none of these layouts, is empty or has no masks, sizes or values make no sense, the split
        or view is not there, or a patient is on two sides of the split.
    ReadError
        If a list of the data set cannot be read.
    """
    from matae.read.camus import camus_files
    from matae.read.echonet import is_echonet

    if is_packed(folder):
        return choose(list_packed(folder, structures=structures), split, view)
    if not folder.is_dir():
        raise LabelledError(f"{folder} is no folder; name one with index.csv, or a CAMUS or EchoNet-Dynamic folder.")
    if (folder / "index.csv").is_file():
        from matae.labelled._index import list_index, with_found_classes

        return with_found_classes(choose(list_index(folder, structures=structures), split, view))
    if is_echonet(folder):
        from matae.labelled._echonet import list_echonet

        found = list_echonet(folder)
    elif camus_files(folder):
        from matae.labelled._camus import list_camus

        found = list_camus(folder)
    else:
        raise LabelledError(
            f"{folder} has no index.csv and is neither a CAMUS nor an EchoNet-Dynamic folder; name one that is."
        )
    return choose(found, split, view)
