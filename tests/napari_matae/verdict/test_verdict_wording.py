"""A verdict of several structures in words: the cavity's figures first, then each structure by its name."""

from __future__ import annotations

import numpy as np

from matae.learn.paired import compare
from matae.learn.verdict import HELD_OUT, Side
from napari_matae.verdict.wording import change, main_figures, narrower_figures, title


def side(*names: str) -> Side:
    figures = {
        name: compare(name, [0.8] * 6, [0.9] * 6, list("abcdef"), unit="mm" if "hd95" in name else "") for name in names
    }
    return Side(HELD_OUT, ("test",), 6, 6, figures, ())


def test_each_structure_is_a_row_of_its_own_after_the_cavitys() -> None:
    held = side("structure_dice left atrium", "structure_hd95 left atrium", "dice", "dice 1/2", "hd95")
    shown = [title(figure) for figure in main_figures(held)]
    assert shown == ["Dice", "HD95 (mm)", "Dice, left atrium", "HD95, left atrium (mm)"]
    assert [title(figure) for figure in narrower_figures(held)] == ["Dice, width 1/2"]
    assert [change(figure) for figure in main_figures(held)] == ["+0.100", "+0.10", "+0.100", "+0.10"]


def test_a_conflict_shows_every_structure_in_its_colour(qapp) -> None:
    from napari_matae.workspace.conflict_dialog import picture

    frame, mask = np.zeros((60, 60), np.uint8), np.zeros((60, 60), np.uint8)
    mask[5:25, 5:25], mask[30:50, 5:25], mask[30:50, 30:50] = 1, 2, 3
    image = picture(frame, mask, (1.0, 1.0)).toImage()
    seen = [image.pixelColor(5 * x + 2, 5 * y + 2).getRgb()[:3] for y, x in ((5, 15), (30, 15), (30, 40))]
    # Scaling to the size on screen moves a level by its rounding.
    np.testing.assert_allclose(seen, [(0xF0, 0xE4, 0x42), (0x00, 0x9E, 0x73), (0xCC, 0x79, 0xA7)], atol=3)
    assert picture(frame, None, (1.0, 1.0)).toImage().pixelColor(27, 77).name() == "#000000"
