"""A cine that is not decoded yet, and a list of them with what lies beside them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import Any

    from matae.cine import Cine

__all__ = ["CineList", "CineRef"]


@dataclass(frozen=True)
class CineRef:
    """A cine that has not been decoded yet.

    Parameters
    ----------
    path
        File, or folder of frames.
    label
        Short text for a list: the path below the folder that was listed.
    kind
        "camus", "echonet", "dicom", "video", "volume", "image", "array", "image-folder", or "zip" for a file within
        an archive, whose path goes on after that of the archive.
    info
        What is known without decoding: "patient", "view", "phase", "split", "reference_ef", "frames", "still", ...
    """

    path: Path
    label: str
    kind: str
    info: dict[str, Any] = field(default_factory=dict)

    def open(self, *, third_axis_is_time: bool = False) -> Cine:
        """Decode it.

        Parameters
        ----------
        third_axis_is_time
            For NIfTI, MetaImage and NRRD: take the third axis for time even where it looks like depth.

        Raises
        ------
        ReadError
            If it cannot be read.
        """
        from matae.read._decode import decode_cine

        return decode_cine(self.path, self.kind, self.info, third_axis_is_time=third_axis_is_time)


class CineList(list[CineRef]):
    """Cines found in a place, and what lies there too and is none.

    Parameters
    ----------
    found
        The cines: clips first, then stills.
    left_out
        Label and kind of what is no echo picture: reports, presentation states, other modalities, missing files.
    """

    def __init__(self, found: Iterable[CineRef] = (), left_out: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__(sorted(found, key=lambda ref: bool(ref.info.get("still"))))
        self.left_out = tuple(left_out)

    @property
    def note(self) -> str:
        """One sentence on what was left out, or ""."""
        kinds: dict[str, list[str]] = {}
        for label, kind in self.left_out:
            kinds.setdefault(kind, []).append(label)
        parts = [
            f"{kind} ({', '.join(labels[:3])}{f' and {len(labels) - 3} more' if len(labels) > 3 else ''})"
            for kind, labels in kinds.items()
        ]
        return f"Left out: {'; '.join(parts)}." if parts else ""

    def only(self) -> CineRef | None:
        """Return the one cine there is, or the one clip beside stills; None where a person must choose."""
        clips = [ref for ref in self if not ref.info.get("still")] or self
        return clips[0] if len(clips) == 1 else None
