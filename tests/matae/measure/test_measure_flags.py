"""Each flag at its limit: on the quiet side nothing, just beyond it the flag, its frames and its level."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from matae.cine import Cine, Spacing
from matae.measure import flags as module
from matae.measure.beat import Beat, PhaseMarks
from matae.measure.cycle import Cycle
from matae.measure.disks import Disks, SinglePlane, pair
from matae.measure.flags import find_flags
from matae.measure.frames import FrameShape
from matae.measure.landmarks import Landmarks
from matae.measure.uncertainty import QualityFlag

N = 60


def stack(volume: float = 100.0, *, length: float = 80.0, width: float = 40.0, apex: float = 10.0) -> Disks:
    """Return a cavity of these measures, upright, its apex this far from the top; one pixel is one millimetre."""
    places = Landmarks((apex, 50.0), (apex + length, 30.0), (apex + length, 70.0))
    chords = np.zeros((20, 2, 2))
    return Disks(places, length, chords, np.full(20, width), length * width, volume, calibrated=True)


def beat(ed: int = 5, es: int = 20, *, ef: float = 60.0, whole: bool = True) -> tuple[Beat, SinglePlane]:
    volumes = pair(stack(100.0), stack(100.0 - ef))
    assert volumes is not None
    return Beat(ed, es, whole=whole), volumes


def shape(area: int = 3000, **changes: object) -> FrameShape:
    return replace(FrameShape(stack() if area else None, 1, 0, False, area, np.zeros((0, 2))), **changes)


def clip(rate: float | None = 50.0, **changes: object) -> Cine:
    times = None if rate is None else np.arange(N) / rate
    frames = np.zeros((N, 100, 100), np.uint8)
    return replace(Cine(frames, times, Spacing(1.0, 1.0), Path("clip.npy"), view="A4C"), **changes)


def found(cine: Cine | None = None, **changes: object) -> dict[str, QualityFlag]:
    given: dict[str, object] = {
        "shapes": [shape()] * N, "cycle": Cycle((), None, "", np.zeros(N)), "beats": [beat()], "outlines": {},
        "view": "A4C",
    }  # fmt: skip
    given |= changes
    cine = clip() if cine is None else cine
    return {flag.code: flag for flag in find_flags(cine, given.pop("shapes"), given.pop("cycle"), **given)}


def test_a_sound_clip_has_none() -> None:
    assert found() == {}


def test_no_clip_at_all_says_what_is_missing() -> None:
    said = found(clip(None, spacing=None), shapes=[shape(0)] * N, beats=[], view=None)
    assert list(said) == ["no-beat", "empty-frames", "uncalibrated", "view-unknown", "frame-rate-unknown"]
    assert [flag.level for flag in said.values()] == ["warning"] * 2 + ["note"] * 3
    assert said["empty-frames"].frames == tuple(range(N))
    assert found(clip(), shapes=[shape(0), *[shape()] * (N - 1)])["empty-frames"] == QualityFlag(
        "empty-frames", "1 frame without a cavity.", (0,), "note"
    )


@pytest.mark.parametrize(("rate", "flagged"), [(29.9, True), (30.0, False)])
def test_a_low_frame_rate(rate: float, flagged: bool) -> None:
    assert ("low-frame-rate" in found(clip(rate))) == flagged


@pytest.mark.parametrize(
    ("ef", "codes"), [(66.0, {"beat-spread"}), (65.0, set()), (-1.0, {"negative-ef", "beat-spread"})]
)
def test_beats_that_differ_or_go_backwards(ef: float, codes: set[str]) -> None:
    said = found(beats=[beat(5, 20, ef=60.0), beat(35, 50, ef=ef)])
    assert set(said) == codes
    assert {code: flag.frames for code, flag in said.items()} == {
        code: {"beat-spread": (5, 20, 35, 50), "negative-ef": (35, 50)}[code] for code in codes
    }


def test_an_ejection_fraction_of_nothing_is_not_backwards() -> None:
    assert found(beats=[beat(ef=0.0)]) == {}


def test_beats_that_the_clip_cuts_off() -> None:
    assert found(beats=[beat(35, 50), beat(5, 20, whole=False)])["incomplete-beat"].frames == (5, 20)


@pytest.mark.parametrize(
    ("stated", "source", "flagged"),
    [
        (50.0, "curve", True),
        (76.0, "curve", True),
        (60.0, "curve", False),
        (50.0, "file", False),
        (None, "curve", False),
    ],
)
def test_a_heart_rate_that_contradicts_the_file(stated: float | None, source: str, flagged: bool) -> None:
    cycle = Cycle((), 60.5, source, np.zeros(N))
    assert ("heart-rate" in found(clip(heart_rate=stated), cycle=cycle)) == flagged
    if flagged:
        assert found(clip(heart_rate=stated), cycle=cycle)["heart-rate"].text.startswith("60 beats a minute measured")


def test_heart_rates_a_fifth_apart_agree() -> None:
    for measured in (40.0, 60.0):
        assert found(clip(heart_rate=50.0), cycle=Cycle((), measured, "ecg", np.zeros(N))) == {}


def test_marks_that_are_in_no_beat() -> None:
    assert found(marks=PhaseMarks((5,), (20,))) == {}
    said = found(marks=PhaseMarks((5, 40), (20, 30)))
    assert said["mark-unused"].frames == (30, 40)
    assert said["mark-unused"].text.startswith("2 frames marked but in no beat")


@pytest.mark.parametrize(
    ("apex", "flagged"), [((-0.5, 50.0), False), ((-0.6, 50.0), True), ((10.0, 99.5), False), ((10.0, 99.6), True)]
)
def test_landmarks_that_are_outside(apex: tuple[float, float], flagged: bool) -> None:
    said = found(landmarks={7: Landmarks(apex, (90.0, 30.0), (90.0, 70.0))})
    assert {code: flag.frames for code, flag in said.items()} == ({"landmark-outside": (7,)} if flagged else {})


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"holes": 1}, "holes"), ({"parts": 2}, "several-parts"), ({"disks": None}, "too-small"),
     ({"on_border": True}, "on-border"), ({"disks": stack(width=81.0)}, "implausible-shape"),
     ({"disks": stack(width=22.0)}, "implausible-shape"), ({"disks": stack(width=0.0)}, "implausible-shape")],
)  # fmt: skip
def test_masks_that_are_odd(changes: dict[str, object], code: str) -> None:
    shapes = [shape()] * N
    shapes[3] = shape(**changes)
    assert {key: flag.frames for key, flag in found(shapes=shapes).items()} == {code: (3,)}


@pytest.mark.parametrize("width", [80.0, 80.0 / 3.6])
def test_the_longest_and_the_roundest_plausible_heart(width: float) -> None:
    assert found(shapes=[shape(disks=stack(width=width))] * N) == {}


@pytest.mark.parametrize(("rate", "area", "frames"), [
    (50.0, 3751, (3, 4)), (50.0, 2399, (3, 4)), (50.0, 3750, ()), (30.0, 3751, (3, 4)), (29.0, 3751, ()),
])  # fmt: skip
def test_areas_that_jump(rate: float, area: int, frames: tuple[int, ...]) -> None:
    shapes = [shape()] * N
    shapes[3] = shape(area)
    said = found(clip(rate), shapes=shapes)
    assert (said["area-jump"].frames if "area-jump" in said else ()) == frames
    # A frame without a cavity is no jump: it is said in its own words.
    shapes[3] = shape(0)
    assert "area-jump" not in found(clip(rate), shapes=shapes)


def test_views_that_are_foreshortened() -> None:
    for width, flagged in ((80.0 / 1.3, False), (80.0 / 1.29, True)):
        volumes = pair(stack(width=width), stack(40.0))
        said = found(beats=[(Beat(5, 20), volumes)])
        assert (said.get("foreshortened") and said["foreshortened"].frames) == ((5,) if flagged else None)


def test_an_apex_that_travels() -> None:
    # Towards the base it counts, beyond a tenth of the long axis; away from it it does not.
    for apex, flagged in ((18.0, False), (18.1, True), (1.0, False)):
        volumes = pair(stack(), stack(40.0, apex=apex))
        said = found(beats=[(Beat(20, 5), volumes)])
        assert {code: flag.frames for code, flag in said.items()} == ({"apex-moves": (5, 20)} if flagged else {})


def test_what_the_network_does_not_know() -> None:
    errors = np.full(N, 0.4)
    assert found(errors=errors, error_limit=0.4) == {}
    errors[[2, 9]] = 0.41
    assert found(errors=errors, error_limit=0.4)["unknown-picture"].frames == (2, 9)
    assert found(errors=np.full(N, np.nan), error_limit=0.4) == {}
    # Without a limit what stands out does: 6 robust standard deviations, each 2 % of the middle at least.
    errors[:] = 0.4
    errors[2] = 0.4 + 6 * 0.02 * 0.4 - 1e-9
    assert found(errors=errors) == {}
    errors[2] = 0.4 + 6 * 0.02 * 0.4 + 1e-9
    assert found(errors=errors)["unknown-picture"].frames == (2,)


def test_widths_that_differ() -> None:
    assert found(widths_sd=module.WIDTHS_DIFFER) == {}
    said = found(widths_sd=7.01, beats=[beat(35, 50), beat(5, 20)])["widths-differ"]
    assert said.frames == (5, 20, 35, 50)
    assert "differ by 7 points" in said.text


def test_a_still_has_no_frame_rate_to_miss() -> None:
    for count, flagged in ((1, False), (2, True)):
        still = clip(None, frames=np.zeros((count, 100, 100), np.uint8))
        assert ("frame-rate-unknown" in found(still, shapes=[shape()] * count)) == flagged


def test_travel_and_length_are_in_the_same_unit() -> None:
    half = {"length": 40.0, "width": 20.0}  # mm, of 80 and 40 pixels
    places = Landmarks((10.0, 50.0), (90.0, 30.0), (90.0, 70.0))
    for apex, flagged in ((18.0, False), (18.2, True)):
        ed = replace(stack(**half), landmarks=places)
        volumes = pair(ed, replace(ed, volume=40.0, landmarks=replace(places, apex=(apex, 50.0))))
        said = found(clip(spacing=Spacing(0.5, 0.5)), beats=[(Beat(5, 20), volumes)])
        assert ("apex-moves" in said) == flagged


def test_what_is_said_of_one_beat_is_not_lost_with_the_next() -> None:
    moving = pair(stack(width=79.0), stack(40.0, apex=30.0))
    outline = np.array([[30.0, 40.0], [60.0, 40.0], [60.0, 60.0], [30.0, 60.0]])
    beats = [(Beat(5, 20), moving), (Beat(35, 50), moving)]
    said = found(beats=beats, outlines=dict.fromkeys((5, 20, 35, 50), outline), sector=np.ones((100, 100), bool))
    assert said["apex-moves"].frames == (5, 20, 35, 50)
    assert said["foreshortened"].frames == (5, 35)


def test_beats_say_by_how_much_they_differ() -> None:
    assert "differ by 6 points" in found(beats=[beat(5, 20, ef=60.0), beat(35, 50, ef=54.0)])["beat-spread"].text


def test_what_stands_out_does_so_against_the_spread() -> None:
    errors = np.tile([0.3, 0.4, 0.5], N // 3)
    errors[1] = 0.4 + 6 * 1.4826 * 0.1 - 0.01
    assert found(errors=errors) == {}
    errors[1] += 0.02
    assert found(errors=errors)["unknown-picture"].frames == (1,)


def test_an_ejection_fraction_that_hardly_a_heart_has_is_flagged() -> None:
    assert "implausible-ef" not in found(beats=[beat(ef=85.0)])
    flag = found(beats=[beat(ef=85.5)])["implausible-ef"]
    assert (flag.frames, flag.level) == ((5, 20), "warning")
