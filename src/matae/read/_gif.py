"""The delays of a GIF, which decoders replace by a default of their own where there are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from typing import IO

__all__ = ["gif_delays"]

_EXTENSION, _IMAGE, _GRAPHIC_CONTROL = 0x21, 0x2C, 0xF9


def gif_delays(path: Path) -> list[int]:
    """Return the delay after each picture of a GIF in hundredths of a second, 0 where it states none.

    Parameters
    ----------
    path
        The file; what follows damage is left out.

    References
    ----------
    GIF89a specification, sections 18 to 23.
    """
    delays: list[int] = []
    delay = 0
    with path.open("rb") as file:
        head = file.read(13)
        if not head.startswith(b"GIF8") or len(head) < 13:
            return []
        _skip_colours(file, head[10])
        while kind := file.read(1):
            if kind[0] == _EXTENSION:
                label = file.read(1)
                block = _blocks(file, keep=label == bytes([_GRAPHIC_CONTROL]))
                if block is None:
                    break
                if len(block) >= 4:
                    delay = int.from_bytes(block[1:3], "little")
            elif kind[0] == _IMAGE:
                place = file.read(9)
                if len(place) < 9:
                    break
                _skip_colours(file, place[8])
                file.read(1)  # code size
                if _blocks(file, keep=False) is None:
                    break
                delays.append(delay)
                delay = 0
            else:
                break
    return delays


def _skip_colours(file: IO[bytes], flags: int) -> None:
    if flags & 0x80:
        file.read(3 << ((flags & 7) + 1))


def _blocks(file: IO[bytes], *, keep: bool) -> bytes | None:
    """Read sub-blocks to their end; return the first if asked to, None where the file ends before."""
    first = b""
    while length := file.read(1):
        if length == b"\0":
            return first
        block = file.read(length[0])
        if keep and not first:
            first = block
    return None
