"""When the ejection fraction gives way to "not reliable", and when a person's word brings it back."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from measure_makers import beating

from matae.measure import measure_cine
from matae.measure.record import to_json, write_csv
from matae.measure.reliability import HIGHEST_EF, NOT_RELIABLE, PROVISIONAL, judged
from matae.measure.report import make_report
from matae.segment.expected import DOUBTFUL

N = 41
AREAS = 1 - 0.45 * np.sin(np.linspace(0, np.pi, N)) ** 2
"""One beat: largest at both ends, smallest in the middle."""


def sound(**changes):
    cine, masks = beating(AREAS, rate=40.0)
    return measure_cine(cine, masks, **changes)


def said(measured) -> str:
    figure = make_report(measured)
    return "\n".join(text.get_text() for axes in figure.axes for text in axes.texts)


def test_without_a_number_there_is_nothing_to_doubt() -> None:
    cine, masks = beating(AREAS)
    empty = measure_cine(cine, np.zeros_like(masks))
    assert (empty.ef, empty.doubts) == (None, ())
    assert to_json(empty)["ef_reliable"] is None
    assert to_json(empty)["ef_doubts"] == []


def test_a_sound_beat_is_not_doubted() -> None:
    measured = sound()
    assert measured.doubts == ()
    assert to_json(measured)["ef_reliable"] is True
    assert NOT_RELIABLE not in said(measured)
    assert f"{measured.ef.value:.0f} %" in said(measured)


def test_an_unknown_picture_counts_on_the_frames_behind_the_number_alone() -> None:
    plain = sound()
    errors = np.full(N, 0.3)
    elsewhere = next(t for t in range(N) if t not in (plain.ed_frame, plain.es_frame))
    errors[elsewhere] = 0.9
    assert sound(errors=errors, error_limit=0.5).doubts == ()
    errors[plain.es_frame] = 0.9
    (doubt,) = sound(errors=errors, error_limit=0.5).doubts
    assert (doubt.code, doubt.frames) == ("unknown-picture", (plain.es_frame,))


def test_a_person_s_word_ends_what_the_network_may_have_got_wrong() -> None:
    errors = np.full(N, 0.9)
    measured = sound(errors=errors, error_limit=0.5)
    both = {measured.ed_frame, measured.es_frame}
    assert {frame for doubt in measured.doubts for frame in doubt.frames} == both
    half = measured.updated(reviewed=[measured.ed_frame])
    assert [doubt.frames for doubt in half.doubts] == [(measured.es_frame,)]
    assert measured.updated(reviewed=both).doubts == ()
    # Another change keeps it.
    assert measured.updated(reviewed=both).updated(view="A2C").doubts == ()
    assert sound(errors=errors, error_limit=0.5, reviewed=both).doubts == ()


def test_widths_far_apart_count_until_every_frame_behind_is_reviewed() -> None:
    plain = sound()
    small = beating(AREAS[[0, N // 2]] * [1.0, 0.55])[1]
    frames = sorted({plain.ed_frame, plain.es_frame})
    masks = {frame: small[number] for number, frame in enumerate(frames)}
    own = {frame: plain.inputs.mask(frame) for frame in frames}
    apart = plain.updated(width_masks={"1/8": masks, "1": own})
    assert apart.ef.widths_sd > 7
    assert [(doubt.code, doubt.frames) for doubt in apart.doubts] == [
        ("doubtful-outline", (plain.es_frame,)), ("widths-differ", tuple(frames)),
    ]  # fmt: skip
    assert [doubt.frames for doubt in apart.updated(reviewed=[plain.es_frame]).doubts] == [(plain.ed_frame,)]
    assert apart.updated(reviewed=frames).doubts == ()


def test_where_the_dice_is_expected_to_be_good_only_what_is_extreme_counts() -> None:
    """The expected Dice judges single frames better than the other signs of a network do (docs/measure.md)."""
    plain = sound(expected=np.full(N, 0.95))
    frames = sorted({plain.ed_frame, plain.es_frame})
    for error, codes in ((0.55, []), (0.65, ["unknown-picture"])):
        strange = sound(expected=np.full(N, 0.95), errors=np.full(N, error), error_limit=0.5)
        assert "unknown-picture" in {flag.code for flag in strange.flags}
        assert [doubt.code for doubt in strange.doubts] == codes
    for factor, silent in ((0.7, False), (0.3, True)):
        other = beating(AREAS[[0, N // 2]] * [1.0, factor])[1]
        own = {frame: plain.inputs.mask(frame) for frame in frames}
        masks = {"1/8": dict(zip(frames, other, strict=True)), "1": own}
        apart = plain.updated(width_masks=masks)
        assert apart.ef.widths_sd > 7
        assert ("widths-differ" in {doubt.code for doubt in apart.doubts}) == silent
    # Of the frames that nobody expects anything of, each sign counts.
    known = np.full(N, 0.95)
    known[plain.es_frame] = np.nan
    half = sound(expected=known, errors=np.full(N, 0.55), error_limit=0.5)
    assert [(doubt.code, doubt.frames) for doubt in half.doubts] == [("unknown-picture", (plain.es_frame,))]


def test_widths_that_outline_others_make_an_outline_doubtful_until_it_is_another() -> None:
    plain = sound()
    ed, es = plain.ed_frame, plain.es_frame
    for factor, doubted in ((0.9, False), (0.75, True)):
        other = beating(AREAS[[0, N // 2]] * factor)[1]
        masks = {"1/8": {ed: other[0]}, "1": {ed: plain.inputs.mask(ed), es: plain.inputs.mask(es)}}
        apart = plain.updated(width_masks=masks)
        (flags,) = [[flag.frames for flag in apart.flags if flag.code == "doubtful-outline"]]
        assert flags == ([(ed,)] if doubted else [])
        assert [doubt.frames for doubt in apart.doubts] == flags
        # A corrected mask is not one that the widths were compared by; taken back, it is.
        corrected = apart.updated(masks={ed: np.roll(plain.inputs.mask(ed), 1, 0)})
        assert corrected.doubts == ()
        again = corrected.updated(masks={ed: plain.inputs.mask(ed)})
        assert [doubt.frames for doubt in again.doubts] == flags


def test_a_jump_counts_for_the_frame_before_it_as_well() -> None:
    cine, masks = beating(AREAS, rate=40.0)
    plain = measure_cine(cine, masks)
    masks[plain.es_frame + 1] = masks[plain.ed_frame]
    masks[plain.es_frame - 1] = masks[plain.es_frame]
    (doubt,) = measure_cine(cine, masks).doubts
    assert doubt.code == "area-jump"
    assert doubt.frames == (plain.es_frame,)


@pytest.mark.parametrize("reviewed", [(), range(N)])
def test_an_impossible_number_stays_doubtful_whoever_drew_it(reviewed) -> None:
    cine, masks = beating(
        np.where(np.arange(N) == N // 2, 0.12, 1 - 0.02 * np.sin(np.linspace(0, np.pi, N))), rate=20.0
    )
    measured = measure_cine(cine, masks, reviewed=reviewed)
    assert measured.ef.value > HIGHEST_EF
    assert "implausible-ef" in [doubt.code for doubt in measured.doubts]


def test_every_record_says_it(tmp_path) -> None:
    measured = sound(errors=np.full(N, 0.9), error_limit=0.5)
    record = to_json(measured)
    assert record["ef_reliable"] is False
    assert [doubt["code"] for doubt in record["ef_doubts"]] == ["unknown-picture"]
    assert record["ef_percent"] == pytest.approx(measured.ef.value, abs=1e-3), "the number stays for whoever wants it"
    json.dumps(record)
    write_csv(tmp_path / "beats.csv", measured)
    (row,) = csv.DictReader((tmp_path / "beats.csv").read_text().splitlines())
    assert (row["ef_reliable"], row["ef_doubts"]) == ("False", "unknown-picture")
    assert measured.table()[0].note.startswith(NOT_RELIABLE)
    text = said(measured)
    assert f"EF {NOT_RELIABLE}" in text
    assert "unlike those that the model knows" in text
    assert f"{measured.ef.value:.0f} % computed" in text


def test_an_interval_without_the_widths_is_provisional() -> None:
    measured = sound().updated(widths_pending=True)
    assert to_json(measured)["ef_interval"]["provisional"] is True
    assert PROVISIONAL in said(measured)
    assert PROVISIONAL not in said(measured.updated(widths_pending=False))


def test_reasons_too_many_for_the_page_point_to_the_others() -> None:
    measured = sound(errors=np.full(N, 0.9), error_limit=0.5)
    many = tuple(replace(measured.doubts[0], text=f"{number} {'reason ' * 12}") for number in range(9))
    from matplotlib.figure import Figure

    from matae.measure._panels import _draw_doubts

    axes = Figure().add_axes((0, 0, 1, 1))
    _draw_doubts(axes, many, "50 % computed")
    assert axes.texts[-1].get_text() == "… and more: see below."


def test_an_outline_that_is_probably_wrong_counts_on_the_frames_behind_the_number_alone() -> None:
    plain = sound()
    expected = np.full(N, DOUBTFUL)
    elsewhere = next(t for t in range(N) if t not in (plain.ed_frame, plain.es_frame))
    expected[elsewhere] = DOUBTFUL - 0.01
    measured = sound(expected=expected)
    (flag,) = (flag for flag in measured.flags if flag.code == "doubtful-outline")
    assert (flag.level, flag.frames) == ("warning", (elsewhere,))
    assert measured.doubts == ()
    expected[plain.es_frame] = DOUBTFUL - 0.01
    measured = sound(expected=expected)
    (doubt,) = measured.doubts
    assert (doubt.code, doubt.frames) == ("doubtful-outline", (plain.es_frame,))
    assert to_json(measured)["expected_dice"][elsewhere] == DOUBTFUL - 0.01
    assert sound(expected=expected, reviewed=[plain.es_frame]).doubts == ()
    assert sound(expected=np.full(N, np.nan)).doubts == ()


def test_what_was_expected_of_a_mask_ends_with_it() -> None:
    plain = sound()
    expected = np.full(N, 0.95)
    expected[plain.es_frame] = 0.5
    measured = sound(expected=expected)
    again = measured.updated(masks={plain.es_frame: measured.inputs.masks[plain.es_frame]})
    assert again.doubts == ()
    assert to_json(again)["expected_dice"][plain.es_frame] is None
    assert to_json(again)["expected_dice"][plain.ed_frame] == 0.95


def test_the_page_says_of_an_interval_what_it_follows() -> None:
    plain = sound()
    follows = plain.updated(expected=np.where(np.arange(N) == 0, 0.95, 0.93))
    words = judged(follows)
    assert words.startswith("Expected Dice of the outlines: 0.93 to 0.95;")
    assert judged(plain) == ""
    assert "Expected Dice" not in said(plain)
    pending = follows.updated(widths_pending=True)
    for measured, line, other in ((follows, words, PROVISIONAL), (pending, PROVISIONAL, words)):
        assert line in said(measured)
        assert other not in said(measured)
        figure = make_report(measured)
        (drawn,) = figure.findobj(lambda part, line=line: getattr(part, "get_text", str)() == line)
        extent, page = drawn.get_window_extent(), figure.bbox
        assert page.x0 <= extent.x0 < extent.x1 <= page.x1 * 0.95  # nothing is cut at the margin
