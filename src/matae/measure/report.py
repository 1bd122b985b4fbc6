"""A measurement on one page, as PDF or PNG."""

from __future__ import annotations

import io
import textwrap
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from matae import RESEARCH_USE, __version__
from matae.errors import MeasureError
from matae.files import write_atomic, writing_to
from matae.measure.inputs import margins_of
from matae.measure.seen_view import view_in_words
from matae.measure.values import table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matae.measure.earlier import EarlierExaminations
    from matae.measure.measurement import Measurement
    from matae.measure.uncertainty import QualityFlag
    from matae.measure.values import Value
    from matae.segment.margins import Margins

__all__ = ["HEADLINE", "make_report", "render_report", "write_report"]

HEADLINE = "Research use only. Not for diagnosis."
_A4 = (8.27, 11.69)  # inches
_DPI = 150
_MOST_FLAG_LINES = 7
_MOST_LETTERS = 300
"""No line of a page has room for more."""


def write_report(
    path: Path, measurement: Measurement, *, keep_margins: bool = False, earlier: EarlierExaminations | None = None
) -> str:
    """Write a measurement on one page, whole or not at all; a file of that name is replaced.

    Parameters
    ----------
    path
        The file, ending in ``.pdf`` or ``.png``.
    measurement
        What to report.
    keep_margins
        Show what a scanner writes around the sector, where names and dates often stand; otherwise it is black there.
    earlier
        What was measured before, on a second page, or below in a picture; None for none.

    Returns
    -------
    str
        A sentence where the pictures show more than the sector, else empty.

    Raises
    ------
    MeasureError
        If the name ends otherwise.
    OutputError
        If the file cannot be written.
    """
    page, notice = render_report(measurement, kind_of_report(path), keep_margins=keep_margins, earlier=earlier)
    save_page(path, page)
    return notice


def kind_of_report(path: Path) -> str:
    """Return what a report of that name is: ``pdf`` or ``png``.

    Raises
    ------
    MeasureError
        If the name ends otherwise.
    """
    kind = path.suffix.lower().removeprefix(".")
    if kind not in ("pdf", "png"):
        raise MeasureError(f"{path.name} is no name for a report; end it in .pdf or .png.")
    return kind


def save_page(path: Path, page: bytes) -> None:
    """Write a page, whole or not at all; a file of that name is replaced."""
    with writing_to(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, page)


def render_report(
    measurement: Measurement,
    kind: str = "pdf",
    *,
    keep_margins: bool = False,
    earlier: EarlierExaminations | None = None,
) -> tuple[bytes, str]:
    """Return the page as the bytes of a file, and what `write_report` says of its pictures.

    Parameters
    ----------
    measurement
        What to report.
    kind
        ``pdf`` or ``png``.
    keep_margins, earlier
        As for `write_report`.
    """
    shown = _shown(measurement, keep_margins=keep_margins)
    pages = [_page(measurement, shown)]
    if earlier is not None and len(earlier.rows) > 1:
        pages.append(_earlier_page(measurement, earlier))
    return page_bytes(*pages, kind=kind), shown.notice


def page_bytes(*pages: Any, kind: str) -> bytes:
    """Return pages as the bytes of a file, in a picture one below the other.

    No date goes into it: the same measurement gives the same bytes.
    """
    buffer = io.BytesIO()
    if kind == "pdf":
        from matplotlib.backends.backend_pdf import PdfPages

        with PdfPages(buffer, metadata={"CreationDate": None, "Title": "Left ventricle"}) as file:
            for page in pages:
                file.savefig(page, dpi=_DPI)
        return buffer.getvalue()
    if len(pages) == 1:
        pages[0].savefig(buffer, format=kind, dpi=_DPI, metadata={"Title": "Left ventricle"})
        return buffer.getvalue()
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    pictures: list[Any] = []
    for page in pages:
        drawn = io.BytesIO()
        page.savefig(drawn, format="png", dpi=_DPI)
        pictures.append(Image.open(drawn).convert("RGB") if not pictures else _without_gap(Image.open(drawn)))
    whole = Image.new("RGB", (pictures[0].width, sum(picture.height for picture in pictures)), "white")
    top = 0
    for picture in pictures:
        whole.paste(picture, (0, top))
        top += picture.height
    info = PngInfo()
    info.add_text("Title", "Left ventricle")
    whole.save(buffer, format="png", dpi=(_DPI, _DPI), pnginfo=info)
    return buffer.getvalue()


def _without_gap(page: Any) -> Any:
    """Return the picture of a page without the longest empty stretch in it, but for a margin."""
    import numpy as np
    from PIL import Image

    pixels = np.asarray(page.convert("RGB"))
    written = np.flatnonzero((pixels < 255).any((1, 2)))
    gaps = np.diff(written)
    widest = int(gaps.argmax())
    margin = min(60, int(gaps[widest]) // 2)
    top, bottom = written[widest] + margin, written[widest + 1] - margin
    return Image.fromarray(np.concatenate([pixels[:top], pixels[bottom:]]))


def _earlier_page(measurement: Measurement, earlier: EarlierExaminations) -> Any:
    from matplotlib.text import Text

    from matae.measure.earlier import draw_earlier

    figure = new_page()
    header(figure, "Earlier examinations")
    draw_earlier(figure, earlier)
    footer(figure, measurement.content_id)
    literally(figure.findobj(Text))
    return figure


def new_page() -> Any:
    """Return an empty A4 page as a `matplotlib.figure.Figure`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(_A4, dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def make_report(measurement: Measurement, *, keep_margins: bool = False) -> Any:
    """Return a measurement as a `matplotlib.figure.Figure` of one A4 page.

    It belongs to no window and to no pyplot session, so it may be made in any thread. Around the sector the pictures
    are black unless `keep_margins`.
    """
    return _page(measurement, _shown(measurement, keep_margins=keep_margins))


def _shown(measurement: Measurement, *, keep_margins: bool) -> Margins:
    return margins_of(measurement.inputs, keep=keep_margins)


def _page(measurement: Measurement, shown: Margins) -> Any:
    from matplotlib.text import Text

    from matae.measure import _panels as panels

    figure = new_page()
    header(figure, "Left ventricle")
    _facts(figure, measurement)
    panels.draw_ef(figure.add_axes((0.06, 0.748, 0.88, 0.066)), measurement)
    for number, left in enumerate((0.06, 0.365, 0.67)):
        axes = figure.add_axes((left, 0.502, 0.27, 0.213))
        panels.draw_picture(axes, measurement, ("ed", "es", "both")[number], shown)
    panels.draw_curve(figure.add_axes((0.10, 0.353, 0.84, 0.112)), measurement)
    panels.draw_segments(figure, (0.06, 0.083, 0.32, 0.215), measurement)
    _numbers(figure, measurement)
    _flags(figure, measurement)
    footer(figure, measurement.content_id)
    literally(figure.findobj(Text))
    return figure


def literally(texts: list[Any]) -> None:
    """Let texts stand as they are: a file's name is no formula, and a letter the font lacks becomes a question mark."""
    from matplotlib.font_manager import findfont, get_font

    known = get_font(findfont("DejaVu Sans")).get_charmap()
    for text in texts:
        text.set_parse_math(False)
        said = text.get_text()
        if any(c != "\n" and ord(c) not in known for c in said):
            text.set_text("".join(c if c == "\n" or ord(c) in known else "?" for c in said))


def header(figure: Any, title: str) -> None:
    """Draw the band at the top of a page: what it is, and what it is for."""
    from matplotlib.patches import Rectangle

    figure.patches.append(
        Rectangle((0, 0.945), 1, 0.055, transform=figure.transFigure, facecolor="#22313f", edgecolor="none")
    )
    figure.text(0.06, 0.9725, title, color="white", fontsize=17, weight="bold", va="center")
    figure.text(0.94, 0.9725, HEADLINE, color="#ffd479", fontsize=11, weight="bold", va="center", ha="right")


def _facts(figure: Any, measurement: Measurement) -> None:
    """State source, view, method, beats, calibration, model: two columns of label and text."""
    m = measurement
    rate = "frame rate not known" if m.frame_rate is None else f"{m.frame_rate:.1f} frames/s"
    sources = {"user": "marked by hand", "file": "marked in the file", "ecg": "from the ECG", "curve": "from the curve"}
    whose = {sources[b.beat.ed_source] for b in m.beats} | {sources[b.beat.es_source] for b in m.beats}
    beats = f"{len(m.beats)} ({', '.join(sorted(whose))})" if m.beats else "none that could be measured"
    by = f"{m.model}, width {m.width}" if m.model and m.width else m.model or "masks from a file or a person"
    left = (("Source", m.name), ("View", view_in_words(m.view, m.view_source)), ("Method", m.method))
    right = (("Beats", beats), ("Outlined by", by), ("Clip", f"{m.n_frames} frames, {rate}"))
    for column, rows in ((0.06, left), (0.50, right)):
        for number, (label, text) in enumerate(rows):
            y = 0.925 - 0.0195 * number
            figure.text(column, y, label, fontsize=8, color="#66717c", va="center")
            said = figure.text(column + 0.095, y, " ".join(text.split()), fontsize=8.5, color="#1b242c", va="center")
            fit(figure, said, 0.33)
    y = 0.925 - 0.0195 * 3
    figure.text(0.06, y, "Calibration", fontsize=8, color="#66717c", va="center")
    lines = textwrap.wrap(m.calibration, 100)[:2]
    for number, line in enumerate(lines):
        figure.text(
            0.155, y - 0.0155 * number, line, fontsize=8.5, va="center",
            color="#1b242c" if m.calibrated else "#a33b00",
        )  # fmt: skip
    marks = {True: "one placed by hand or more", False: "found in the outline"}
    by_hand = any(v.volumes.ed.landmarks.by_hand or v.volumes.es.landmarks.by_hand for v in m.beats)
    y -= 0.0155 * (len(lines) - 1) + 0.0195
    figure.text(0.06, y, "Landmarks", fontsize=8, color="#66717c", va="center")
    figure.text(0.155, y, marks[by_hand] if m.beats else "–", fontsize=8.5, color="#1b242c", va="center")
    if said := m.person.words:
        figure.text(0.50, y, "Person", fontsize=8, color="#66717c", va="center")
        said = said.removesuffix(" (Du Bois)")  # the line has no room for it
        fit(figure, figure.text(0.595, y, said, fontsize=8.5, color="#1b242c", va="center"), 0.36)


def fit(figure: Any, text: Any, width: float) -> None:
    """Shorten a text in its middle until it is no wider than a part of the page: the end of a name often tells most."""
    literally([text])
    whole = text.get_text()
    for kept in range(min(len(whole) - 1, _MOST_LETTERS), 6, -2):
        if _extent(figure, text).width <= width * figure.bbox.width:
            return
        text.set_text(f"{whole[: (kept + 1) // 2]}…{whole[len(whole) - kept // 2 :]}")


def _numbers(figure: Any, measurement: Measurement) -> None:
    """List every number but the ejection fraction, which stands above, in two columns of groups."""
    rows = _beside_each_other([row for row in table(measurement) if row.key != "ef_percent"])
    right = [row for row in rows if row.group in ("Size and motion", "Wall at end-diastole")]
    if any(row.group in ("Left atrium", "Wall at end-diastole") for row in rows):
        # They stand where a second method of the same volumes, and areas, stand otherwise; the JSON has all.
        rows = [row for row in rows if not (row.group == "By area-length" or "area_" in row.key)]
        right = [row for row in right if "area_" not in row.key]
    draw_groups(figure, [row for row in rows if row not in right], 0.42, 0.235, 0.2965)
    draw_groups(figure, right, 0.685, 0.255, 0.2965)
    caution = (
        "Contour shortening and annular excursion come\nfrom the outline: no speckle-tracking strain,\n"
        "no M-mode measurement."
    )
    figure.text(0.06, 0.057, caution, fontsize=6.3, color="#66717c", va="top", linespacing=1.35)


def _beside_each_other(rows: list[Value]) -> list[Value]:
    """Return rows with a volume and the same by body surface area on one line: the column has no room for more."""
    indexed = {
        row.key.removesuffix("_index_ml_m2"): row for row in rows if row.key in ("edv_index_ml_m2", "esv_index_ml_m2")
    }
    found = []
    for row in rows:
        beside = indexed.get(row.key.removesuffix("_ml"))
        if row in indexed.values():
            continue
        shown = row.value is not None and beside is not None and beside.value is not None
        if not shown or beside is None:
            found.append(row)
            continue
        # The heading of the group says that these are volumes.
        found.append(replace(row, label=row.label.removesuffix(" volume"), text=f"{row.text}, {beside.text}"))
    return found


def draw_groups(figure: Any, rows: Sequence[Value], column: float, width: float, y: float) -> float:
    """Draw numbers under the headings of their groups, from `y` down; return where they end."""
    groups: dict[str, list[Value]] = {}
    for row in rows:
        groups.setdefault(row.group, []).append(row)
    for name, found in groups.items():
        heading = figure.text(column, y, name, fontsize=8.5, weight="bold", color="#22313f", va="center")
        # One reason stands for the group: what is in it mostly lacks the same thing.
        reasons = [row.note for row in found if row.value is None]
        why = max(reasons, key=reasons.count) if reasons else ""
        said = figure.text(column + width, y, why, fontsize=6.8, color="#a33b00", va="center", ha="right")
        figure.add_artist(line(figure, column, column + width, y - 0.0085))
        y -= 0.0185
        if _extent(figure, said).x0 < _extent(figure, heading).x1 + 0.01 * figure.bbox.width:
            said.set_y(y + 0.0025)  # there is no room beside the heading: below it, then
            fit(figure, said, width)
            y -= 0.0125
        for row in found:
            colour = "#8a949d" if row.value is None else "#1b242c"
            figure.text(column, y, row.label, fontsize=7.8, color=colour, va="center")
            figure.text(column + width, y, row.text, fontsize=7.8, color=colour, va="center", ha="right")
            y -= 0.0158
        y -= 0.008
    return y


def _extent(figure: Any, text: Any) -> Any:
    return text.get_window_extent(figure.canvas.get_renderer())


def line(figure: Any, x0: float, x1: float, y: float) -> Any:
    """Return a thin line across part of a page."""
    from matplotlib.lines import Line2D

    return Line2D([x0, x1], [y, y], color="#c9d1d8", linewidth=0.7, transform=figure.transFigure)


def _flags(figure: Any, measurement: Measurement) -> None:
    flags = measurement.flags
    y = 0.0925
    if not flags:
        figure.text(0.42, y, "No flags", fontsize=7.8, color="#66717c", va="center")
        return
    figure.text(0.42, y + 0.004, "To know before a number is believed", fontsize=8, weight="bold", color="#a33b00")
    for text in flag_lines(flags, 86, _MOST_FLAG_LINES):
        y -= 0.0105
        figure.text(0.42, y, text, fontsize=6.6, color="#1b242c", va="center")


def flag_lines(flags: Sequence[QualityFlag], width: int, most: int) -> list[str]:
    """Return flags as wrapped lines, no more than `most`."""
    lines: list[str] = []
    for flag in flags:
        text = flag.text if not flag.frames else f"{flag.text} (frame {_frames(flag.frames)})"
        lines += textwrap.wrap(text, width, initial_indent="• ", subsequent_indent="   ")
    return lines if len(lines) <= most else [*lines[: most - 1], "• … and more: see the JSON."]


def _frames(frames: tuple[int, ...]) -> str:
    shown = ", ".join(str(frame + 1) for frame in frames[:6])  # for people the first frame is 1, as in the viewer
    return shown if len(frames) <= 6 else f"{shown}, …"


def footer(figure: Any, *content_ids: str) -> None:
    """Write at the bottom of a page what made it, and of which pixels."""
    pixels = " and ".join(content_id[: 12 // len(content_ids)] for content_id in content_ids)
    figure.text(
        0.5, 0.0085, f"{RESEARCH_USE}   napari-matae {__version__}, pixels {pixels}",
        fontsize=6, color="#66717c", ha="center", va="center",
    )  # fmt: skip
