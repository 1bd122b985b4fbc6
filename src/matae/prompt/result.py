"""The two files of ``prompt``, masks and record: they appear together, or the next run replaces what is left.

The record is put into place first and names the masks, whose rename is the commit: a record of ours without its masks
is all that a program that was killed in between can leave, and is known as that.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from matae.errors import OutputError
from matae.files import file_sha256, staged, writing_to
from matae.output.volume import write_masks

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    from matae.cine import Cine

__all__ = ["free_names", "write_prompted"]


def free_names(out: Path, stem: str) -> tuple[Path, Path]:
    """Return where masks and record of a clip go.

    Parameters
    ----------
    out
        Folder of the results; it may be missing.
    stem
        Name of the clip without its suffix.

    Raises
    ------
    OutputError
        If either is there already. A record whose masks never came to be does not count: it is written over.
    """
    files = out / f"{stem}_prompted_mask.nii.gz", out / f"{stem}_prompted.json"
    for file in files:
        if file.exists() and not (file == files[1] and _is_left(*files)):
            raise OutputError(f"{file.name} is in {out} already; choose another --out.")
    return files


def write_prompted(files: tuple[Path, Path], masks: NDArray[np.uint8], cine: Cine, record: dict[str, Any]) -> None:
    """Write masks and record, both or neither.

    Parameters
    ----------
    files
        As `free_names` gave them.
    masks
        (T, Y, X) classes.
    cine
        The clip that was outlined.
    record
        JSON values; the name and the digest of the masks are added.

    Raises
    ------
    OutputError
        If the folder cannot be written; then neither is there.
    """
    out = files[0].parent
    with writing_to(out), staged(out) as stage:
        parts = stage / "mask.nii.gz", stage / "record.json"
        write_masks(parts[0], cine, masks)
        stated = record | {"files": {"mask": {"name": files[0].name, "sha256": file_sha256(parts[0])}}}
        parts[1].write_text(json.dumps(stated, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        parts[1].replace(files[1])
        try:
            parts[0].replace(files[0])
        except OSError:
            files[1].unlink(missing_ok=True)
            raise


def _is_left(mask: Path, record: Path) -> bool:
    """Return whether a record is one of ours that names masks which are not there."""
    try:
        values = json.loads(record.read_text(encoding="utf-8"))
        named = values["files"]["mask"]["name"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return named == mask.name and "prompts" in values and not mask.exists()
