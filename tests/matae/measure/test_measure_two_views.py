"""Biplane to the digit: each value, each bound and each sentence of `measure_two_views`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from measure_makers import body, cine_of

from matae import RESEARCH_USE, __version__
from matae.cine import Spacing
from matae.errors import MeasureError
from matae.measure import Measurement, TwoViews, measure_cine, measure_two_views
from matae.measure.disks import Disks, pair
from matae.measure.normal_ranges import SOURCE
from matae.measure.person import Person
from matae.measure.uncertainty import READER_SD, interval_of

MM = Spacing(1.0, 1.0)


@pytest.fixture(scope="module")
def views() -> tuple[Measurement, Measurement]:
    found = []
    for view, radius in (("A4C", 20.5), ("A2C", 26.5)):
        masks = np.stack([
            body("cylinder", shape=(110, 90), spacing=(1, 1), length=length, radius=width, apex=(10, 45))
            for length, width in ((80, radius), (70, radius - 5), (62, radius - 7), (70, radius - 5))
        ])  # fmt: skip
        found.append(measure_cine(cine_of(masks, spacing=MM, view=view), masks, model=f"m-{view}", width="1/2"))
    return found[0], found[1]


def scaled(measurement: Measurement, length: float, *, volume: float | None = None) -> Measurement:
    """Return a measurement whose end-diastolic axis is so long, and whose diameters are as they were."""
    (beat,) = measurement.beats
    ed = replace(beat.volumes.ed, length=length)
    if volume is not None:
        ed = replace(ed, diameters=np.full(len(ed.diameters), volume))
    return replace(measurement, beats=(replace(beat, volumes=replace(beat.volumes, ed=ed)),))


def by_hand(first: Disks, second: Disks) -> float:
    pairs = zip(first.diameters, second.diameters, strict=True)
    return np.pi / 4 * sum(a * b for a, b in pairs) * max(first.length, second.length) / 20 / 1000


def test_what_cannot_be_biplane_says_why(views: tuple[Measurement, Measurement]) -> None:
    four, two = views
    for first, second, said in ((replace(four, view="A2C"), two, "A2C"), (four, replace(two, view="A4C"), "A4C")):
        with pytest.raises(MeasureError, match=f"is stated to be {said}; choose an A4C and an A2C clip"):
            measure_two_views(first, second)
    for wrong, said in (
        (replace(two, calibrated=False), "not calibrated; draw over its depth scale"),
        (replace(two, beats=()), "no beat to measure; mark end-diastole"),
        (scaled(two, 80.0, volume=0.0), "cavity has no volume"),
    ):
        with pytest.raises(MeasureError, match=said):
            measure_two_views(four, wrong)
    # However small the cavity is, and whoever did not say which view it is.
    tiny = measure_two_views(replace(four, view=None), replace(scaled(two, 80.0, volume=1e-3), view=None))
    assert 0 < tiny.edv_ml < 1


def test_volumes_and_interval_are_those_computed_by_hand(views: tuple[Measurement, Measurement]) -> None:
    four, two = views
    found = measure_two_views(four, two)
    (first,), (second,) = four.beats, two.beats
    edv, esv = (by_hand(getattr(first.volumes, at), getattr(second.volumes, at)) for at in ("ed", "es"))
    assert (found.edv_ml, found.esv_ml) == pytest.approx((edv, esv))
    assert found.stroke_volume_ml == pytest.approx(edv - esv)
    assert found.ef.value == pytest.approx(100 * (edv - esv) / edv)
    # Half of each view's, as independent errors.
    assert found.ef.boundary_sd == pytest.approx(0.007 * np.hypot(first.sensitivity, second.sensitivity) / 2)
    assert (found.four_chamber, found.two_chamber) == (four, two)
    without = replace(four, ef=None), replace(two, ef=replace(two.ef, widths_sd=8.0))
    assert measure_two_views(*without).ef.widths_sd == pytest.approx(4.0)


def test_the_interval_of_a_view_that_is_judged_beside_one_that_is_not(
    views: tuple[Measurement, Measurement],
) -> None:
    four, two = views
    judged = replace(four, ef=interval_of(40.0, 9.0, 30.0, 0.0, judged=True))
    plain = replace(two, ef=interval_of(40.0, 8.0, 6.0, READER_SD, judged=False))
    found = measure_two_views(judged, plain).ef
    assert found.boundary_sd == pytest.approx(np.sqrt(30**2 + 6**2 + 8**2) / 2)  # the widths of the second count
    assert (found.reader_sd, found.judged) == (READER_SD, True)
    both = measure_two_views(judged, replace(two, ef=judged.ef)).ef
    assert (both.boundary_sd, both.reader_sd, both.judged) == (pytest.approx(30 / np.sqrt(2)), 0.0, True)
    # A view that is sure takes nothing away from what is known without either.
    assert found.high - found.low < both.high - both.low


@pytest.mark.parametrize(
    ("lengths", "percent", "said"),
    [
        ((80.0, 72.5), 9.375, ""),
        ((80.0, 72.0), 10.0, ""),  # at the bound, not beyond it
        ((80.0, 71.2), 11.0, "by 11 %: the two-chamber view"),
        ((71.2, 80.0), 11.0, "by 11 %: the four-chamber view"),
        ((80.0, 80.0), 0.0, ""),
    ],
)
def test_lengths_that_differ(
    views: tuple[Measurement, Measurement], lengths: tuple[float, float], percent: float, said: str
) -> None:
    found = measure_two_views(*(scaled(view, length) for view, length in zip(views, lengths, strict=True)))
    assert found.length_difference_percent == pytest.approx(percent)
    assert [flag.code for flag in found.flags] == (["lengths-differ"] if said else [])
    assert all(f"The long axes differ {said} is probably foreshortened." == flag.text for flag in found.flags)


def test_the_record_has_every_value(views: tuple[Measurement, Measurement]) -> None:
    four, two = views
    found: TwoViews = measure_two_views(scaled(four, 80.123456), scaled(two, 66.0))
    wanted = {
        "tool": "napari-matae", "tool_version": __version__, "record": "biplane measurement",
        "research_use": RESEARCH_USE, "method": "biplane disks", "ef_reliable": False,
        "ef_doubts": ["area-jump", "area-jump"],  # a beat of four frames
        "calibrated": True,
        "edv_ml": round(found.edv_ml, 4), "esv_ml": round(found.esv_ml, 4),
        "sv_ml": round(found.edv_ml - found.esv_ml, 4), "ef_percent": round(found.ef.value, 4),
        "ef_interval": {"level": 0.9, "low": round(found.ef.low, 4), "high": round(found.ef.high, 4)},
        **dict.fromkeys((
            "edv_index_ml_m2", "esv_index_ml_m2", "la_volume_ml", "la_volume_area_length_ml", "la_volume_index_ml_m2",
            "lv_mass_g", "lv_mass_index_g_m2", "wall_thickness_a4c_mm", "wall_thickness_a2c_mm",
        )),
        "person": {"sex": None, "height_cm": None, "weight_kg": None, "body_surface_m2": None},
        "normal_ranges": {"source": SOURCE, "la_volume_index_ml_m2": [16, 34]},
        "length_difference_percent": round(100 * (1 - 66.0 / 80.123456), 4),
        "views": {
            view: {
                "source": m.name, "content_id": m.content_id, "ed_frame": m.ed_frame, "es_frame": m.es_frame,
                "calibration": m.calibration, "model": f"m-{view}", "width": "1/2",
                "flags": [flag.code for flag in m.flags],
                "ef_doubts": [
                    {"code": "area-jump", "level": "warning", "frames": list(doubt.frames), "text": doubt.text}
                    for doubt in m.doubts
                ],
            }
            for view, m in (("A4C", four), ("A2C", two))
        },
        "flags": [{
            "code": "lengths-differ", "level": "warning", "frames": [],
            "text": "The long axes differ by 18 %: the two-chamber view is probably foreshortened.",
        }],
    }  # fmt: skip
    assert found.to_json() == wanted
    assert found.ef.low < found.ef.value < found.ef.high
    bare = measure_two_views(replace(four, model="", width=""), two).to_json()["views"]["A4C"]
    assert (bare["model"], bare["width"]) == (None, None)


def test_a_stack_that_holds_nothing_is_no_pair(views: tuple[Measurement, Measurement]) -> None:
    volumes = views[0].beats[0].volumes
    ed, es = volumes.ed, volumes.es
    assert pair(replace(ed, volume=0.0), es) is None
    assert pair(ed, replace(es, volume=0.0)) is None
    assert pair(replace(ed, area=0.0), es) is None
    small = pair(replace(ed, volume=0.5, area=0.5), replace(es, volume=0.25))
    assert small is not None
    assert small.ef_percent == pytest.approx(50.0)
    assert volumes.stroke_volume == pytest.approx(ed.volume - es.volume)
    assert volumes.area_change_percent == pytest.approx(100 * (ed.area - es.area) / ed.area)
    by_area = [8 * s.area**2 / (3 * np.pi * s.length) / 1000 for s in (ed, es)]
    assert (volumes.area_length_edv, volumes.area_length_esv) == pytest.approx(tuple(by_area))
    assert volumes.area_length_ef_percent == pytest.approx(100 * (1 - by_area[1] / by_area[0]))
    assert volumes.calibrated
    # Cubic pixels are not divided by a thousand.
    bare = pair(replace(ed, calibrated=False), replace(es, calibrated=False))
    assert bare is not None
    assert not bare.calibrated
    assert bare.area_length_edv == pytest.approx(1000 * by_area[0])
    assert bare.area_length_esv == pytest.approx(1000 * by_area[1])


@pytest.mark.parametrize("which", [0, 1])
def test_what_speaks_against_either_view_speaks_against_both(views, which: int) -> None:
    both = [view.updated(reviewed=range(view.n_frames)) for view in views]
    assert measure_two_views(*both).doubts == ()
    assert measure_two_views(*both).to_json()["ef_reliable"] is True
    both[which] = views[which]  # nobody looked at this one
    (doubt,) = views[which].doubts
    view = ("A4C", "A2C")[which]
    assert measure_two_views(*both).doubts == (replace(doubt, text=f"{view}: {doubt.text}"),)
    shown = f"{('frames', 'frame')[which]} {', '.join(str(frame + 1) for frame in doubt.frames)}"
    assert measure_two_views(*both).doubts[0].sentence == f"{view}: {doubt.text} ({shown})"
    assert replace(doubt, frames=()).sentence == doubt.text
    assert replace(doubt, frames=tuple(range(7))).sentence.endswith("(frames 1, 2, 3, 4, 5, 6, …)")
    assert replace(doubt, frames=tuple(range(6))).sentence.endswith("(frames 1, 2, 3, 4, 5, 6)")
    assert measure_two_views(*both).to_json()["ef_reliable"] is False
    columns = measure_two_views(*both).csv_columns()
    assert (columns["biplane_ef_reliable"], columns["biplane_ef_doubts"]) == (False, "area-jump")


def walled(views, **person):
    """Return both views with a wall around and an atrium under every cavity."""
    found = []
    for view in views:
        masks = view.inputs.masks.copy()
        for mask in masks:
            rows, columns = np.nonzero(mask == 1)
            top, bottom, left, right = rows.min(), rows.max(), columns.min(), columns.max()
            around = np.zeros(mask.shape, bool)
            around[max(top - 9, 0) : bottom + 1, left - 9 : right + 10] = True
            mask[around & (mask == 0)] = 2
            mask[bottom + 1 : bottom + 18, left + 4 : right - 3] = 3
        person_options = replace(view.inputs.options, person=Person(**person))
        found.append(measure_cine(view.inputs.cine, masks, person_options, model=view.model))
    return found


def test_a_view_without_them_has_no_biplane_atrium_and_no_mass(views) -> None:
    both = walled(views)
    assert measure_two_views(*both).atrium is not None
    half = measure_two_views(both[0], views[1])
    assert half.atrium is half.mass_g is None
    rows = {row.key: row for row in half.table()}
    assert rows["la_volume_ml"].note == "a view without left atrium"
    assert rows["lv_mass_index_g_m2"].note == "a view without wall"


def test_atrium_and_mass_multiply_the_diameters_of_both_views(views) -> None:
    four, two = walled(views, sex="male", height_cm=180, weight_kg=80)
    found = measure_two_views(four, two)
    atria = [m.structures[0].atrium_es for m in (four, two)]
    assert found.atrium.disks == pytest.approx(by_hand(*atria))
    shorter = min(disks.length for disks in atria)
    assert found.atrium.area_length == pytest.approx(8 * atria[0].area * atria[1].area / (3 * np.pi * shorter) / 1000)
    outer = by_hand(*(m.structures[0].wall.epicardium for m in (four, two)))
    assert found.mass_g == pytest.approx(1.05 * (outer - found.edv_ml))
    rows = {row.key: row for row in found.table()}
    for m, view in ((four, "a4c"), (two, "a2c")):
        assert rows[f"wall_thickness_{view}_mm"].value == pytest.approx(m.structures[0].wall.thickness)
    assert rows["wall_thickness_a4c_mm"].text == f"{four.structures[0].wall.thickness:.1f} mm"
    assert rows["edv_index_ml_m2"].value == pytest.approx(found.edv_ml / found.person.body_surface_m2)
    assert rows["ef_percent"].note.endswith("normal 52 to 72")
    assert found.to_json()["normal_ranges"]["esv_ml"] == [21, 61]


def test_one_view_says_of_the_person_what_the_other_does_not(views) -> None:
    four, two = walled(views)
    four = four.updated(view="A4C")
    said = replace(two.inputs, options=replace(two.inputs.options, person=Person("female", 160, 55)))
    assert measure_two_views(four, replace(two, inputs=said)).person == Person("female", 160, 55)


@pytest.mark.parametrize("name", ["pair.pdf", pytest.param("pair.png", marks=pytest.mark.slow)])
def test_the_page_shows_both_views_and_is_the_same_twice(views, tmp_path, name) -> None:
    from matae.measure.two_views_report import make_two_views_report, write_two_views_report

    found = measure_two_views(*walled(views, sex="female", height_cm=160, weight_kg=55))
    path = tmp_path / name
    notice = write_two_views_report(path, found)
    first = path.read_bytes()
    assert "sector" in notice  # these clips have none: the pictures show all
    write_two_views_report(path, found)
    assert path.read_bytes() == first
    texts = {text.get_text() for axes in make_two_views_report(found).axes for text in axes.texts}
    assert {"myocardium", "left atrium"} <= texts
    with pytest.raises(MeasureError, match=r"end it in \.pdf or \.png"):
        write_two_views_report(tmp_path / "pair.txt", found)
