"""The preview as one picture: frames as they would leave, outlines drawn in, suspected text in a box."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL import Image

    from matae.exchange.export.plan_record import Preview

__all__ = ["draw_sheet"]

_SIDE, _GAP, _LINE, _ACROSS, _MOST = 260, 16, 18, 4, 24
_PAPER, _INK, _FAINT, _ALARM = (18, 20, 24), (232, 234, 237), (150, 155, 163), (213, 94, 0)


def draw_sheet(previews: Sequence[Preview]) -> Image.Image:
    """Return a contact sheet of previews; those with suspected text come first.

    Parameters
    ----------
    previews
        Of a plan; at most 24 are shown.
    """
    from PIL import Image, ImageDraw

    from matae.output.draw import CAPTION, draw_outlines, font

    chosen = sorted(previews, key=lambda preview: not preview.text)[:_MOST]
    across = max(1, min(_ACROSS, len(chosen)))
    down = max(1, -(-len(chosen) // across))
    cell = _SIDE + 2 * _LINE + _GAP
    page = Image.new("RGB", (_GAP + across * (_SIDE + _GAP), _GAP + down * cell + _LINE), _PAPER)
    draw = ImageDraw.Draw(page)
    for number, preview in enumerate(chosen):
        x, y = _GAP + number % across * (_SIDE + _GAP), _GAP + number // across * cell
        rows, columns = preview.picture.shape
        scale = _SIDE / max(rows, columns)
        size = max(1, round(columns * scale)), max(1, round(rows * scale))
        grey = Image.fromarray(np.ascontiguousarray(preview.picture)).resize(size, Image.Resampling.BICUBIC)
        picture = grey.convert("RGB")
        draw_outlines(picture, preview.mask, thickness=2.0)
        marks = ImageDraw.Draw(picture)
        for box in preview.text:
            corners = [v * scale for v in (box.x0 - 3, box.y0 - 3, box.x1 + 3, box.y1 + 3)]
            marks.rectangle(corners, outline=_ALARM, width=2)
        page.paste(picture, (x + (_SIDE - size[0]) // 2, y + (_SIDE - size[1]) // 2))
        draw.text((x, y + _SIDE + 2), preview.name, fill=_INK, font=font(11))
        note = "TEXT? look here" if preview.text else f"{preview.blanked:.0%} of the picture blanked"
        colour = _ALARM if preview.text else _FAINT
        draw.text((x, y + _SIDE + _LINE), f"frame {preview.frame + 1}, {note}", fill=colour, font=font(11))
    shown = f"{CAPTION}. {len(chosen)} of {len(previews)} pictures." if len(previews) > len(chosen) else f"{CAPTION}."
    draw.text((_GAP, page.height - _LINE), shown, fill=_FAINT, font=font(11))
    return page
