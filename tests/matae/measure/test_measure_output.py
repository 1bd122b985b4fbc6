"""What is written and drawn: JSON, CSV, the report, the M-mode, masks read back, the command line."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from measure_makers import beating
from typer.testing import CliRunner

from matae.cine import Box, Cine, Spacing
from matae.cli import app
from matae.errors import MeasureError, OutputError
from matae.measure import MeasureOptions, kymograph, measure_cine, measure_two_views
from matae.measure.kymograph import line_positions
from matae.measure.mask_file import read_masks
from matae.measure.person import Person
from matae.measure.record import write_csv, write_json
from matae.measure.report import HEADLINE, fit, make_report, new_page, write_report
from matae.measure.two_views_report import make_two_views_report
from matae.measure.uncertainty import QualityFlag
from matae.output import write_mask
from matae.phantom import make_phantom


@pytest.fixture(scope="module")
def phantom():
    return make_phantom(2, n_frames=20, frame_rate=20.0, shape=(96, 96))


@pytest.fixture(scope="module")
def measured(phantom):
    return measure_cine(phantom.cine, phantom.masks, model="matae-lv", width="1/2")


@pytest.fixture(scope="module")
def nothing():
    cine, masks = beating(np.linspace(1, 0.6, 8))
    return measure_cine(replace(cine, frame_times=None, spacing=None), np.zeros_like(masks))


# --- the report -------------------------------------------------------------------------------------------------


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
def test_any_name_can_stand_in_a_report(measured, tmp_path, name) -> None:
    write_report(tmp_path / "r.png", replace(measured, name=name, model=name, view=name))
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


# --- JSON and CSV -----------------------------------------------------------------------------------------------


def test_json_is_read_back(measured, nothing, tmp_path) -> None:
    for what in (measured, nothing):
        write_json(tmp_path / "m.json", what)
        assert json.loads((tmp_path / "m.json").read_text("utf-8")) == json.loads(json.dumps(what.to_json()))
    assert "Research use only" in (tmp_path / "m.json").read_text("utf-8")


def test_csv_has_a_row_a_beat(measured, nothing, tmp_path) -> None:
    write_csv(tmp_path / "m.csv", measured)
    with (tmp_path / "m.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(measured.beats)
    assert float(rows[0]["ef_percent"]) == pytest.approx(measured.beats[0].volumes.ef_percent, abs=1e-3)
    assert int(rows[0]["ed_frame"]) == measured.beats[0].beat.ed
    said = measured.to_json()["ef_interval"]
    for row in rows:  # the interval is that of the clip, beside every beat
        assert [float(row[f"clip_ef_{key}"]) for key in ("percent", "low", "high")] == [
            pytest.approx(measured.ef.value, abs=1e-3), said["low"], said["high"],
        ]  # fmt: skip
        assert row["clip_ef_provisional"] == str(said["provisional"])
    write_csv(tmp_path / "n.csv", nothing)
    with (tmp_path / "n.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert "no-beat" in row["flags"]
    assert (row["clip_ef_percent"], row["clip_ef_low"], row["clip_ef_provisional"]) == ("", "", "")


def test_a_name_like_a_formula_stays_text(measured, tmp_path) -> None:
    write_csv(tmp_path / "m.csv", replace(measured, name="=1+1.dcm"))
    assert "'=1+1.dcm" in (tmp_path / "m.csv").read_text("utf-8")


# --- the M-mode -------------------------------------------------------------------------------------------------


def test_impossible_lines_are_refused() -> None:
    frames = np.zeros((2, 9, 9), np.uint8)
    for line in ([(1, 1)], [(1, 1), (1, 1)], [(1, np.nan), (4, 4)]):
        with pytest.raises(MeasureError, match="draw"):
            kymograph(frames, line)
    with pytest.raises(MeasureError, match="broad"):
        kymograph(frames, [(0, 0), (8, 8)], breadth=0)


def test_a_moving_line_is_seen_moving() -> None:
    frames = np.zeros((12, 40, 30), np.uint8)
    for t in range(12):
        frames[t, 8 + 2 * t] = 240
    picture, step = kymograph(frames, [(0, 15), (39, 15)], Spacing(0.5, 0.5))
    assert picture.shape == (40, 12)
    assert step == pytest.approx(0.5)
    assert picture.argmax(0).tolist() == [8 + 2 * t for t in range(12)]
    # Along the stripes nothing changes; beyond the picture it is black.
    along, _ = kymograph(frames, [(8, 3), (8, 25)], breadth=1)
    assert (along[:, 0] == 240).all()
    assert (along[:, 1] == 0).all()
    outside, _ = kymograph(frames + 50, [(-20, 5), (-4, 5)])
    assert (outside == 0).all()


def test_a_bent_line_is_followed_evenly() -> None:
    places, step = line_positions([(0, 0), (0, 10), (10, 10)], Spacing(1.0, 0.5))
    gaps = np.hypot(*(np.diff(places, axis=0) * [1.0, 0.5]).T)
    assert step == pytest.approx(0.5)
    assert gaps == pytest.approx(0.5)
    assert places[-1] == pytest.approx((10, 10))


# --- masks from files -------------------------------------------------------------------------------------------


def test_masks_come_back_from_files(phantom, tmp_path) -> None:
    from PIL import Image

    write_mask(tmp_path / "m.nii.gz", phantom.masks, phantom.cine)
    np.save(tmp_path / "m.npy", phantom.masks * 255)
    still = replace(phantom.cine, frames=phantom.cine.frames[:1], frame_times=None, ed_frame=None, es_frame=None)
    Image.fromarray(phantom.masks[0] * 255).save(tmp_path / "m.png")
    assert np.array_equal(read_masks(tmp_path / "m.nii.gz", phantom.cine), phantom.masks)
    assert np.array_equal(read_masks(tmp_path / "m.npy", phantom.cine), phantom.masks)
    assert np.array_equal(read_masks(tmp_path / "m.png", still), phantom.masks[:1])


def test_what_is_no_mask_is_refused(phantom, tmp_path) -> None:
    cine = phantom.cine
    np.save(tmp_path / "short.npy", phantom.masks[:4])
    np.save(tmp_path / "soft.npy", phantom.masks * 0.5)
    np.save(tmp_path / "big.npy", phantom.masks.astype(np.int32) * 900)
    np.save(tmp_path / "pickle.npy", np.array([{}], dtype=object), allow_pickle=True)
    (tmp_path / "torn.nii.gz").write_bytes(b"\x1f\x8b")
    (tmp_path / "notes.txt").write_text("mask")
    np.save(tmp_path / "number.npy", np.uint8(1))
    # A header that claims more than any memory holds.
    claim = "{'descr': '|u1', 'fortran_order': False, 'shape': (99999999, 999999), }".ljust(117) + "\n"
    (tmp_path / "claim.npy").write_bytes(b"\x93NUMPY\x01\x00v\x00" + claim.encode())
    for name, word in (
        ("absent.npy", "check the path"), ("short.npy", "mask of this clip"), ("soft.npy", "whole numbers"),
        ("big.npy", "0 to 255"), ("pickle.npy", "cannot be read"), ("torn.nii.gz", "cannot be read"),
        ("notes.txt", "cannot be read"), (".", "is a folder"), ("number.npy", "one number"), ("claim.npy", "cannot be"),
    ):  # fmt: skip
        with pytest.raises(MeasureError, match=word):
            read_masks(tmp_path / name, cine)


# --- the command line -------------------------------------------------------------------------------------------


def call(*arguments):
    return CliRunner().invoke(app, ["measure", *map(str, arguments)])


@pytest.fixture
def clip(tmp_path):
    """Write half a beat as a NumPy clip with its masks beside it: no times, no calibration."""
    cine, masks = beating(1 - 0.25 * (1 - np.cos(np.linspace(0, 2 * np.pi, 24))))
    np.save(tmp_path / "clip.npy", cine.frames)
    np.save(tmp_path / "mask.npy", masks)
    return tmp_path / "clip.npy"


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--json", "."),
        ("--json", "m.json", "--report", "m.docx"),
        ("--json", "m.json", "--spacing", "0"),
        ("--json", "m.json", "--spacing", "a,b"),
        ("--json", "m.json", "--view", "A9C"),
        ("--json", "m.json", "--width", "1/3x"),
    ],
)
def test_wrong_use_exits_with_two(clip, monkeypatch, arguments) -> None:
    monkeypatch.chdir(clip.parent)
    done = call(clip, *arguments)
    assert done.exit_code == 2
    assert not (clip.parent / "m.json").exists()


@pytest.mark.parametrize(
    "outputs",
    [
        ("--json", "clip.npy"),
        ("--json", "mask.npy"),
        ("--json", "m.json", "--csv", "./m.json"),
        ("--json", "m.png", "--report", "m.png"),
    ],
)
def test_nothing_that_is_read_or_written_is_written_over(clip, monkeypatch, outputs) -> None:
    monkeypatch.chdir(clip.parent)
    before = {path.name: path.read_bytes() for path in clip.parent.iterdir()}
    done = call("clip.npy", "--mask", "mask.npy", *outputs)
    assert done.exit_code == 2
    assert "another name" in " ".join(done.stderr.replace("│", " ").split())
    assert {path.name: path.read_bytes() for path in clip.parent.iterdir()} == before


def test_what_a_user_can_cause_is_one_line(clip, tmp_path) -> None:
    for arguments in (
        ("--mask", tmp_path / "absent.npy"), ("--mask", tmp_path), ("--mask", tmp_path / "mask.npy", "--ed", 77),
        ("--mask", tmp_path / "mask.npy", "--ed", -1), ("--mask", tmp_path / "mask.npy", "--ed", 4, "--es", 4),
    ):  # fmt: skip
        done = call(clip, "--json", tmp_path / "m.json", *arguments)
        assert done.exit_code == 1
        assert done.stderr.splitlines()[-1].startswith("napari-matae: ")
        assert "Traceback" not in done.output


def test_measure_with_masks(clip, tmp_path) -> None:
    out = tmp_path / "out"
    done = call(
        clip, "--mask", tmp_path / "mask.npy", "--json", out / "m.json", "--csv", out / "m.csv", "--report",
        out / "m.png", "--view", "A4C", "--spacing", "1.0", "--frame-rate", 50, "--ed", 1,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    found = json.loads((out / "m.json").read_text("utf-8"))
    assert (found["view"], found["ed_frame"], found["calibrated"]) == ("A4C", 0, True)
    assert found["beats"][0]["ed_source"] == "user"
    assert found["edv_ml"] == pytest.approx(2 / 3 * np.pi * 80 * 25**2 / 1000, rel=0.02)
    assert "EF" in done.stdout
    assert "90 % interval" in done.stdout
    assert "Research use only" in done.stderr
    assert sorted(path.name for path in out.iterdir()) == ["m.csv", "m.json", "m.png"]


def test_frames_are_counted_from_1_by_people_and_from_0_in_data(clip, tmp_path) -> None:
    masked = (clip, "--mask", tmp_path / "mask.npy", "--json", tmp_path / "m.json")
    said = " ".join(call(*masked, "--ed", 0).stderr.split())
    assert "Frame 0 is marked, but the clip has frames 1 to " in said
    assert call(*masked, "--ed", 2, "--es", 9).exit_code == 0
    found = json.loads((tmp_path / "m.json").read_text("utf-8"))
    assert (found["ed_frame"], found["es_frame"]) == (1, 8)


def test_measure_segments_first(clip, tiny_default, tmp_path) -> None:
    done = call(clip, "--json", tmp_path / "m.json", "--device", "cpu", "--width", "1")
    assert done.exit_code == 0, done.output
    found = json.loads((tmp_path / "m.json").read_text("utf-8"))
    assert found["model"] == tiny_default
    assert found["width"] == "1"
    assert found["calibrated"] is False
    if found["ef_percent"] is not None:
        assert set(found["ef_by_width"]) <= {"1/8", "1/4", "1/2", "1"}
    assert "uncalibrated" in {flag["code"] for flag in found["flags"]}
