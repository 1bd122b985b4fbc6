"""The report: what stands on its pages, whatever is written there, and what of the picture it shows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from measure_makers import beating
from typer.testing import CliRunner

from matae.cine import Box, Cine
from matae.cli import app
from matae.errors import MeasureError, OutputError
from matae.measure import MeasureOptions, measure_cine, measure_two_views
from matae.measure.person import Person
from matae.measure.report import HEADLINE, fit, make_report, new_page, write_report
from matae.measure.two_views_report import make_two_views_report
from matae.measure.uncertainty import QualityFlag
from matae.output import write_mask


def test_a_report_of_another_kind_is_refused(measured, tmp_path) -> None:
    with pytest.raises(MeasureError, match=r"\.pdf or \.png"):
        write_report(tmp_path / "report.docx", measured)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        write_report(tmp_path / "file" / "report.pdf", measured)


def said(measurement) -> str:
    return said_by(make_report(measurement))


def said_by(figure) -> str:
    own = [text.get_text() for text in figure.texts]
    return "\n".join([*own, *(text.get_text() for axes in figure.axes for text in (*axes.texts, axes.title))])


def test_the_report_states_what_it_must(measured) -> None:
    text = said(measured)
    for part in (
        HEADLINE, "single-plane disks", "A4C", "matae-lv, width 1/2", "mm a pixel", "90 % interval", "20 frames",
        f"{measured.ef.value:.0f} %", f"frame {measured.ed_frame + 1}", f"frame {measured.es_frame + 1}",
        "speckle-tracking", "anterolateral",
    ):  # fmt: skip
        assert part in text, part


def test_a_report_of_nothing_says_so(nothing) -> None:
    text = said(nothing)
    assert "No ejection fraction" in text
    assert "uncalibrated" in text
    assert "No frame has a cavity" in text


@pytest.mark.parametrize("name", [r"a$\bad{$b.dcm", "心臓.dcm", "two\nlines.dcm", f"{'W' * 300}.dcm"])
def test_any_name_can_stand_in_a_report(measured, name) -> None:
    make_report(replace(measured, name=name, model=name, view=name)).draw_without_rendering()
    figure = make_report(replace(measured, name=name, model=name))
    text = said_by(figure)
    assert "?" in text if "心" in name else "$" in text if "$" in name else True
    assert "\nlines" not in text
    renderer = figure.canvas.get_renderer()
    right = [t for t in figure.texts if t.get_position()[0] > 0.5]
    assert max(t.get_window_extent(renderer).x1 for t in right) < 0.97 * figure.bbox.width
    (beats,) = (t for t in figure.texts if t.get_text() == "Beats")
    beside = [t for t in figure.texts if t.get_position()[0] < 0.2 and t.get_position()[1] == beats.get_position()[1]]
    assert max(t.get_window_extent(renderer).x1 for t in beside) < beats.get_window_extent(renderer).x0


def overlapping(figure) -> list[tuple[str, str]]:
    """Return the texts of a page that lie on one another."""
    renderer = figure.canvas.get_renderer()
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in figure.texts if text.get_text()]
    return [
        (one, other)
        for n, (one, a) in enumerate(boxes)
        for other, b in boxes[:n]
        if min(a.x1, b.x1) - max(a.x0, b.x0) > 1 and min(a.y1, b.y1) - max(a.y0, b.y0) > 2
    ]


@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("person", [None, Person("female", 165, 60)])
def test_no_text_of_a_page_lies_on_another_however_long(phantom, person, *, scaled: bool) -> None:
    name = Path(f"{'a-name-that-somebody-gave-it_' * 6}the-end.dcm")
    cine = replace(phantom.cine, source=name)
    if not scaled:
        cine = replace(cine, spacing=None, spacing_note="The file states two sizes of a pixel that differ. " * 6)
    labels = np.where(phantom.labels <= 3, phantom.labels, 0).astype(np.uint8)
    flags = [QualityFlag("x", f"{n}: whoever reads this has to look at all frames. " * 5, (1, 2, 3)) for n in range(5)]
    views = [
        measure_cine(
            cine, labels, MeasureOptions(view=view, person=person), remarks=flags, model="retrained-" * 9, width="1/2"
        )
        for view in ("A4C", "A2C")
    ]  # fmt: skip
    page = make_report(views[0])
    assert overlapping(page) == []
    text = said_by(page)
    assert ("Wall at end-diastole" in text, "Left atrium" in text) == (True, True)
    assert "the-end.dcm" in text  # the end of a name often tells most
    assert (("needs height and weight" in text), ("needs calibration" in text)) == (scaled and not person, not scaled)
    if scaled:
        both = replace(measure_two_views(*views), flags=tuple(flags))
        page = make_two_views_report(both)
        assert overlapping(page) == []
        assert said_by(page).count("and more: see the JSON") == 3


@pytest.mark.parametrize("view", ["A4C", "A2C", "A3C", None])
def test_the_names_of_walls_have_room(phantom, view) -> None:
    cine = replace(phantom.cine, view=view)
    page = make_report(measure_cine(cine, phantom.masks, MeasureOptions(view=view), sector=phantom.sector))
    renderer = page.canvas.get_renderer()
    (plot,) = (axes for axes in page.axes if axes.name == "polar")
    names = [text for text in plot.texts if text.get_text()[0].isalpha()]
    assert len(names) == 2
    (bar,) = (axes for axes in page.axes if axes.get_position().height < 0.01)
    beside = next(text for text in page.texts if text.get_text() == "Volumes").get_window_extent(renderer)
    above = [t for t in page.texts if t.get_text().startswith(("Wall motion", "inward"))]
    others = [bar.get_tightbbox(renderer), *(t.get_window_extent(renderer) for t in (*above, *plot.texts))]
    for name in names:
        box = name.get_window_extent(renderer)
        assert 0.055 * page.bbox.width < box.x0
        assert box.x1 < beside.x0 - 2 * name.get_fontsize()  # not squeezed between the plot and the next column
        touched = [
            o for o in others if min(o.x1, box.x1) - max(o.x0, box.x0) > 0 < min(o.y1, box.y1) - max(o.y0, box.y0)
        ]
        assert len(touched) == 1  # itself


def test_a_text_without_end_is_shortened_in_few_steps() -> None:
    figure = new_page()
    text = figure.text(0.1, 0.5, "a name " * 400 + "the end")
    asked = []
    measure = text.get_window_extent
    text.get_window_extent = lambda *given: asked.append(1) or measure(*given)  # each lays out the whole text
    fit(figure, text, 0.3)
    assert (text.get_text()[:6], text.get_text()[-7:]) == ("a name", "the end")
    assert len(asked) < 200


def test_report_as_pdf_and_png(measured, nothing, tmp_path) -> None:
    from PIL import Image

    for what in (measured, nothing):
        write_report(tmp_path / "r.pdf", what)
        data = (tmp_path / "r.pdf").read_bytes()
        assert data.startswith(b"%PDF")
        assert b"CreationDate" not in data
    write_report(tmp_path / "new" / "r.png", measured)
    with Image.open(tmp_path / "new" / "r.png") as picture:
        assert picture.size == (1240, 1753)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "r.pdf"]


def _written_over() -> tuple[Cine, np.ndarray, np.ndarray]:
    """A cavity that touches the margin, in which a bright name stands: the crop around it shows both."""
    shape = (120, 110)
    cine, masks = beating(np.r_[np.linspace(1, 0.6, 8), np.linspace(0.6, 1, 8)], shape=shape)
    frames = cine.frames.copy()
    inside = np.zeros(shape, bool)
    inside[10:, 12:100] = True
    frames[:, :10] = 0
    frames[:, 3:9, ::2] = 255
    return replace(cine, frames=frames), masks, inside


def _brightest(figure, rows: int) -> float:
    """Brightest value of the first rows of the picture, in every panel that shows it."""
    pictures = [(axes.images[0], axes) for axes in figure.axes if axes.images]
    assert len(pictures) == 3
    values = []
    for image, _ in pictures:
        first = max(0, round(image.get_extent()[3] + 0.5))
        values.append(float(np.asarray(image.get_array())[: max(0, rows - first)].max(initial=0)))
    return max(values)


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("empty", [False, True])
def test_the_page_shows_nothing_of_what_is_written_around_the_sector(tmp_path, *, keep: bool, empty: bool) -> None:
    cine, masks, inside = _written_over()
    found = measure_cine(cine, masks * (not empty), sector=inside)
    assert (_brightest(make_report(found, keep_margins=keep), 10) == 255) == keep
    notice = write_report(tmp_path / "r.png", found, keep_margins=keep)
    assert ("written around the sector" in notice) == keep


def test_a_page_without_a_sector_says_that_everything_is_shown(tmp_path) -> None:
    cine, masks, inside = _written_over()
    for sector in (None, np.ones_like(inside)):
        notice = write_report(tmp_path / "r.png", measure_cine(cine, masks, sector=sector))
        assert "look for names and dates" in notice
    region = replace(cine, region=Box(10, 12, 120, 100))
    found = measure_cine(region, masks)
    assert write_report(tmp_path / "r.png", found) == ""
    assert _brightest(make_report(found), 10) == 0


def test_the_command_line_keeps_margins_only_when_asked_to(tmp_path, monkeypatch) -> None:
    seen = []
    monkeypatch.setattr(
        "matae.measure.report.write_report",
        lambda path, _, *, keep_margins: seen.append(keep_margins) or path.write_bytes(b"") or "Look at it.",
    )
    cine, masks, _ = _written_over()
    np.save(tmp_path / "clip.npy", cine.frames)
    write_mask(tmp_path / "m.nii.gz", masks, cine)
    asked = [
        "measure", str(tmp_path / "clip.npy"), "--mask", str(tmp_path / "m.nii.gz"), "--json", str(tmp_path / "m.json"),
        "--report", str(tmp_path / "r.png"),
    ]  # fmt: skip
    for more in ([], ["--keep-margins"]):
        said = CliRunner().invoke(app, [*asked, *more])
        assert said.exit_code == 0, said.output
        assert "r.png: Look at it." in said.stderr
    assert seen == [False, True]


def test_the_report_leaves_pyplot_alone(measured) -> None:
    import subprocess
    import sys

    script = (
        "import sys\nfrom matae.phantom import make_phantom\nfrom matae.measure import measure_cine\n"
        "from matae.measure.report import make_report\np = make_phantom(1, n_frames=3, shape=(48, 48))\n"
        "make_report(measure_cine(p.cine, p.masks))\nsys.exit('matplotlib.pyplot' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
