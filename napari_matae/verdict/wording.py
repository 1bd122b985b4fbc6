"""A verdict in words and numbers, as people read them."""

from __future__ import annotations

from functools import partial
from html import escape as escape_html
from typing import TYPE_CHECKING

from matae.learn.verdict import BETTER, STRUCTURE, UNCLEAR, WORSE
from napari_matae.widgets.words import plural

if TYPE_CHECKING:
    from matae.learn.paired import Paired
    from matae.learn.verdict import FrameChange, Side, Verdict

__all__ = [
    "TITLES",
    "about_guard",
    "about_kept",
    "about_minutes",
    "about_side",
    "change",
    "counted",
    "counted_short",
    "escape",
    "headline",
    "hidden_words",
    "interval",
    "leans_worse",
    "main_figures",
    "mark",
    "named_frame",
    "narrower_figures",
    "number",
    "sign",
    "small",
    "title",
]

TITLES = {
    "dice": "Dice", "iou": "IoU", "pixel_accuracy": "Pixel accuracy", "hd95": "HD95", "ef_error": "EF error",
}  # fmt: skip
_UNITS = {"ef_error": "points"}
_DIGITS = {"hd95": 2, "ef_error": 1}
_DASH = "–"
_MINUS = "\N{MINUS SIGN}"


def main_figures(side: Side) -> list[Paired]:
    """Return the figures of the whole network in the order of `TITLES`, then those of each of several structures."""
    structures = [figure for name, figure in side.figures.items() if name.startswith(STRUCTURE)]
    return [*(side.figures[name] for name in TITLES if name in side.figures), *structures]


def narrower_figures(side: Side) -> list[Paired]:
    """Return the Dice of each narrower width, the widest first."""
    return [figure for name, figure in side.figures.items() if name.startswith("dice ")]


def title(figure: Paired) -> str:
    """Return what a figure is called, with its unit."""
    kind, _, width = figure.name.removeprefix(STRUCTURE).partition(" ")
    if figure.name.startswith(STRUCTURE):
        return f"{TITLES.get(kind, kind)}, {width}" + (f" ({figure.unit})" if figure.unit else "")
    unit = _UNITS.get(kind, figure.unit)
    name = TITLES.get(kind, figure.name)
    return f"{name}, width {width}" if width else f"{name} ({unit})" if unit else name


def number(figure: Paired, value: float | None, *, sign: bool = False) -> str:
    """Return a value of a figure with as many digits as mean something; a dash for none."""
    if value is None:
        return _DASH
    digits = _DIGITS.get(figure.name.removeprefix(STRUCTURE).split()[0], 3)
    text = f"{value:+.{digits}f}" if sign else f"{value:.{digits}f}"
    if sign and not float(text):
        text = text[1:]  # a change that rounds to nothing has no direction
    return text.replace("-", _MINUS)


def change(figure: Paired) -> str:
    """Return how far a figure moved."""
    return number(figure, figure.difference, sign=True)


def interval(figure: Paired) -> str:
    """Return the interval of the change; a dash where there are too few patients for one."""
    between = figure.difference_ci95
    if between is None:
        return _DASH
    return f"{number(figure, between[0], sign=True)} to {number(figure, between[1], sign=True)}"


def mark(figure: Paired) -> str:
    """Return which way a figure moved: better, worse, or neither as far as it is shown."""
    text = change(figure)
    if text == _DASH or not any(digit in text for digit in "123456789"):
        return ""
    return "better" if figure.better else "worse"


def leans_worse(figure: Paired) -> bool:
    """Return whether the whole interval lies on the worse side, though the test may not call it significant."""
    return figure.surely_worse


def counted(figure: Paired) -> str:
    """Return on how many frames (hearts for the ejection fraction) and patients a figure rests."""
    what = "heart" if figure.name == "ef_error" else "frame"
    return f"{plural(figure.n, what)}, {plural(figure.n_patients, 'patient')}"


def counted_short(figure: Paired) -> str:
    """Return the same where there is little room."""
    return f"n = {figure.n:,}, {plural(figure.n_patients, 'patient')}"


def headline(verdict: Verdict, *, comparison: bool) -> str:
    """Return the verdict in a few words."""
    if comparison:
        return {
            BETTER: f"{verdict.name} is better",
            UNCLEAR: f"No clear difference between {verdict.name} and {verdict.against}",
            WORSE: f"{verdict.name} is worse",
        }.get(verdict.outcome, f"{verdict.name} and {verdict.against} cannot be compared")
    return {
        BETTER: "Better: offered for use",
        UNCLEAR: "No clear difference: may be used by choice",
        WORSE: "Worse: not offered for use",
    }.get(verdict.outcome, "Cannot be compared: not offered for use")


def sign(outcome: str) -> str:
    """Return the sign of an outcome, for where there is no room for words."""
    return {BETTER: "✓", UNCLEAR: "≈", WORSE: "✗"}.get(outcome, "?")


def about_guard(verdict: Verdict, *, comparison: bool) -> str:
    """Return what became of what the base knew before, in a sentence."""
    guard = verdict.guard
    if guard is None or guard.before is None:
        why = "a comparison looks at this study's frames only" if comparison else "no such frames were mixed in"
        return f"What it knew before: not measured, {why}."
    text = (
        f"What it knew before ({counted(guard)} of another source): Dice {number(guard, guard.before)} → "
        f"{number(guard, guard.after)}, {change(guard)}"
    )
    if guard.difference_ci95 is not None:
        text += f" ({interval(guard)})"
    if not verdict.guard_known:
        return f"{text}. For information, without a say."
    return f"{text}{': worse than chance allows' if guard.worse else ''}."


def about_kept(verdict: Verdict) -> str:
    """Return what became of what the base could do on patients nobody corrected; empty where there are none."""
    kept = verdict.kept
    if kept is None or kept.after is None:
        return ""
    text = f"Patients nobody corrected ({counted(kept)}): Dice {number(kept, kept.after)} with the base's own masks"
    return f"{text} where it was sure of them{': too little' if kept.worse else ''}."


def about_minutes(verdict: Verdict) -> str:
    """Return how much correcting is saved, and how that was estimated."""
    minutes = verdict.minutes
    if minutes.per_100_frames is None:
        return f"Minutes saved: not known. {minutes.sentence}"
    amount = minutes.per_100_frames
    saved = f"{amount:.1f} minutes saved" if amount >= 0 else f"{-amount:.1f} minutes more"
    return f"{saved} on 100 frames. {minutes.sentence}"


def named_frame(frame: FrameChange, subjects: dict[str, str], *, longest: int | None = None) -> str:
    """Return what a frame is called on this screen.

    Parameters
    ----------
    frame
        Which.
    subjects
        Subject of each cine of the study, by content id; a frame of another is named by its code.
    longest
        Letters from which the middle of a subject is left out, six at least: a code of forty is one word, which does
        not wrap.
    """
    who = subjects.get(frame.content_id) or f"patient {frame.patient[:6]}"
    if longest is not None and len(who) > longest:
        who = f"{who[: longest - 5]}…{who[-4:]}"
    phase = f" {frame.phase}" if frame.phase else ""
    return f"{who}{phase}, frame {frame.frame + 1}"


def hidden_words(n: int) -> str:
    """Return how many frames are not shown, and until when."""
    return (
        f"{plural(n, 'frame')} of clips that others read are not shown one by one: this study is read blind, and not "
        "all readers have finished them. Means of figures hold them."
    )


escape = partial(escape_html, quote=False)


def small(text: str) -> str:
    """Return plain text as small print; napari's style allows no other way."""
    return f"<small>{escape(text)}</small>"


def about_side(side: Side, meaning: str) -> str:
    """Return on how much a side rests and what it means, as small print."""
    from matae.learn.blinded import WITHHELD, is_withheld

    if not side.n_frames:
        return small(f"{meaning} None of its frames could be compared.")
    if is_withheld(side):
        meaning = WITHHELD
    return small(f"{plural(side.n_frames, 'frame')} of {plural(side.n_patients, 'patient')}. {meaning}")
