"""COCO's run-length encoding: runs of 0 and 1 down the columns, starting with 0.

The compressed text is that of the COCO API (maskApi.c): each run as the difference to the one two before it, in
groups of five bits, as printable characters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from matae.errors import ExchangeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["decode", "encode"]

_LONGEST = 4_000_000


def encode(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """Return a mask (Y, X) as ``{"size": [Y, X], "counts": text}``."""
    flat = np.asarray(mask, bool).ravel(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
    if flat.size and flat[0]:
        counts.insert(0, 0)
    text = []
    for index, count in enumerate(counts):
        value = count - counts[index - 2] if index > 2 else count
        more = True
        while more:
            piece = value & 0x1F
            value >>= 5
            more = value != (-1 if piece & 0x10 else 0)
            text.append(chr((piece | (0x20 if more else 0)) + 48))
    return {"size": [int(mask.shape[0]), int(mask.shape[1])], "counts": "".join(text)}


def decode(values: Any, shape: tuple[int, int], where: str) -> NDArray[np.bool_]:
    """Return the mask (Y, X) of an encoding, compressed or plain.

    Parameters
    ----------
    values
        ``{"size": ..., "counts": text or list}``.
    shape
        Rows and columns of the picture it belongs to.
    where
        For the message.

    Raises
    ------
    ExchangeError
        If it is damaged or of another size.
    """
    wrong = ExchangeError(f"{where}: the run lengths are damaged or of another picture; export the data again.")
    if not isinstance(values, dict) or list(values.get("size") or ()) != list(shape):
        raise wrong
    counts = values.get("counts")
    if isinstance(counts, str):
        counts = _unpacked(counts, wrong)
    if not isinstance(counts, list) or len(counts) > shape[0] * shape[1] + 2:
        raise wrong
    try:
        runs = np.array(counts, np.int64)
    except (TypeError, ValueError, OverflowError):
        raise wrong from None
    total = shape[0] * shape[1]
    if runs.ndim != 1 or runs.size == 0 or runs.min() < 0 or runs.max() > total or int(runs.sum()) != total:
        raise wrong
    flat = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return flat.reshape(shape, order="F")


def _unpacked(text: str, wrong: ExchangeError) -> list[int]:
    if len(text) > _LONGEST:
        raise wrong
    counts: list[int] = []
    value = shift = 0
    for char in text:
        code = ord(char) - 48
        if not 0 <= code < 64 or shift > 40:
            raise wrong
        value |= (code & 0x1F) << shift
        shift += 5
        if not code & 0x20:
            if code & 0x10:
                value |= -1 << shift
            if len(counts) > 2:
                value += counts[-2]
            if abs(value) > 1 << 40:
                raise wrong
            counts.append(value)
            value = shift = 0
    if shift:
        raise wrong
    return counts
