"""Colours tell statuses apart, in a grey print too; every status has its word."""

from __future__ import annotations

from itertools import combinations

from matae.store.types import FrameStatus
from napari_matae.widgets.colours import NO_MASK_COLOUR, STATUS_COLOURS, STATUS_WORDS


def lightness(colour: str) -> float:
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_every_status_has_a_colour_and_a_word() -> None:
    assert set(STATUS_COLOURS) == set(STATUS_WORDS) == set(FrameStatus)
    assert STATUS_WORDS[FrameStatus.MACHINE] == "predicted"
    assert len({*STATUS_COLOURS.values(), NO_MASK_COLOUR}) == len(FrameStatus) + 1


def test_no_two_statuses_print_alike() -> None:
    seen = [lightness(colour) for colour in (*STATUS_COLOURS.values(), NO_MASK_COLOUR)]
    assert min(abs(a - b) for a, b in combinations(seen, 2)) > 0.01
