"""``study blind``, ``readers``, ``adjudicate``, ``history`` and ``day``: several raters, and several examinations."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from matae.cli.patients import Where  # noqa: TC001 (Typer reads it)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matae.readers import ClipAgreement, History, PairAgreement

__all__ = [
    "pair_json",
    "pair_lines",
    "study_adjudicate",
    "study_blind",
    "study_day",
    "study_history",
    "study_readers",
]

_AsJson = Annotated[bool, typer.Option("--json", help="Say it as JSON.")]
_Clip = Annotated[
    str,
    typer.Argument(metavar="CLIP", help="Its file, its name, or how its content id begins.", show_default=False),
]


def study_blind(
    study: Where,
    off: Annotated[bool, typer.Option("--off", help="Let raters see each other's labels again.")] = False,
) -> None:
    """Have raters read blind: each sees a model's masks and their own, until all who read a clip have finished."""
    from matae.store import Study

    with Study.open(study) as opened:
        opened.set_blind(not off)
        typer.echo(f"{opened.name}: {'readings are open' if off else 'readings are blind'}")


def study_readers(
    study: Where,
    no_measure: Annotated[
        bool, typer.Option("--no-measure", help="Take the figures there are; measure no reading anew.")
    ] = False,
    as_json: _AsJson = False,
) -> None:
    """Say how far the raters of a study agree: Dice, bias and limits of agreement of ejection fraction, clip by clip.

    Clips that somebody still reads blind are left out.
    """
    from matae.readers import pair_agreements, study_agreement
    from matae.store import Study

    with Study.open(study) as opened:
        clips, hidden = study_agreement(opened, measure=not no_measure)
        blind = opened.is_blind
    pairs = pair_agreements(clips)
    if as_json:
        facts = {
            "blind": blind, "n_clips_still_read": hidden, "pairs": [pair_json(pair) for pair in pairs],
            "clips": [_clip_json(clip) for clip in clips],
        }  # fmt: skip
        typer.echo(json.dumps(facts, indent=1))
        return
    if not clips:
        typer.echo("No clip has two readings that may be compared.")
    for pair in pairs:
        typer.echo("\n".join(pair_lines(pair)))
    for clip in clips:
        typer.echo(f"  {clip.stem:<28}{clip.raters[0]} and {clip.raters[1]}: {clip.words}")
    if hidden:
        typer.echo(f"{hidden} clip{' is' if hidden == 1 else 's are'} still being read and left out.")


def pair_lines(pair: PairAgreement) -> list[str]:
    """Return the figures of two raters for a person, a line each."""
    head = f"{pair.raters[0]} and {pair.raters[1]}: {pair.n_clips} clips of {pair.n_patients} patients"
    blind = "all blind" if pair.n_blind == pair.n_clips else f"{pair.n_blind} of them blind"
    lines = [f"{head}, {blind}"]
    if pair.dice is not None:
        lines.append(f"  Dice {pair.dice:.3f}{_between(pair.dice_ci95, 3)}, {pair.n_frames} frames")
    if pair.bias is None or pair.mae is None:
        return [*lines, "  EF: no clip with two that may be relied on"]
    lines.append(f"  EF bias {pair.bias:+.1f} points{_between(pair.bias_ci95)}, mean difference {pair.mae:.1f}, "
                 f"{pair.n_ef} clips")  # fmt: skip
    if pair.low is not None and pair.high is not None:
        lines.append(f"  95 % limits of agreement {pair.low:+.1f}{_between(pair.low_ci95)} "
                     f"to {pair.high:+.1f}{_between(pair.high_ci95)}")  # fmt: skip
    return lines


def _between(interval: tuple[float, float] | None, digits: int = 1) -> str:
    return "" if interval is None else f" (95 % CI {interval[0]:.{digits}f} to {interval[1]:.{digits}f})"


def pair_json(pair: PairAgreement) -> dict[str, Any]:
    """Return the figures of two raters as JSON values."""
    from dataclasses import asdict

    return {key: _rounded(value) for key, value in asdict(pair).items()}


def _clip_json(clip: ClipAgreement) -> dict[str, Any]:
    return {
        "content_id": clip.content_id,
        "raters": list(clip.raters),
        "dice": _rounded(clip.mean_dice),
        "dice_by_frame": {str(frame): _rounded(value) for frame, value in clip.dice.items()},
        "ef": [None if m is None or not m.reliable else _rounded(m.ef) for m in clip.measured],
        "ef_difference": _rounded(clip.ef_difference),
        "blind": clip.blind,
        "chosen": clip.chosen or None,
    }


def _rounded(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_rounded(item) for item in value]
    return round(value, 4) if isinstance(value, float) else value


def study_adjudicate(
    study: Where,
    clip: _Clip,
    take: Annotated[str, typer.Option("--take", metavar="RATER", help="Whose reading counts.", show_default=False)],
    rater: Annotated[str, typer.Option("--rater", metavar="ID", help="Who decides.", show_default=False)],
) -> None:
    """Say whose reading of a clip counts; the others stay in the history."""
    from matae.store import Study

    with Study.open(study, rater=rater) as opened:
        chosen = opened.adjudicate(opened.find_cine(clip), take)
    typer.echo(f"{chosen.chosen}'s reading counts, as {chosen.by} decided")


def study_day(
    study: Where,
    clip: _Clip,
    day: Annotated[
        str | None, typer.Argument(metavar="DAY", help="Such as 2026-03-01; none takes it away.", show_default=False)
    ] = None,
) -> None:
    """Say on which day a clip was recorded, where its file does not; the day never leaves the study."""
    from matae.store import Study

    with Study.open(study) as opened:
        opened.set_recorded(opened.find_cine(clip), day)


def study_history(
    study: Where,
    subject: Annotated[str, typer.Argument(metavar="SUBJECT", help="Pseudonym of the person.", show_default=False)],
    as_json: _AsJson = False,
) -> None:
    """List the examinations of a person: ejection fraction, volumes, and whether the change is beyond its interval."""
    from matae.readers import history_of
    from matae.readers.history import cells
    from matae.store import Study

    with Study.open(study) as opened:
        history = history_of(opened, subject)
    if as_json:
        typer.echo(json.dumps({"subject": subject, "note": history.note, "examinations": [
            _examination_json(history, index) for index in range(len(history.examinations))]}, indent=1))  # fmt: skip
        return
    typer.echo(f"{subject}: {history.note}")
    typer.echo("  ".join(_line(("day", "clip", "view", "EF", "EDV", "ESV", "LA"))).rstrip())
    for index, examination in enumerate(history.examinations):
        typer.echo("  ".join(_line(cells(examination))).rstrip())
        typer.echo(f"            {history.sentence(index)}")


def _line(cells: Sequence[str]) -> list[str]:
    return [f"{cell:<{width}}" for cell, width in zip(cells, (10, 24, 5, 20, 8, 8, 8), strict=True)]


def _examination_json(history: History, index: int) -> dict[str, Any]:
    examination = history.examinations[index]
    m = examination.clip.measurement
    reliable = m is not None and m.reliable
    return {
        "content_id": examination.clip.content_id,
        "day": examination.clip.day,
        "view": examination.clip.view if m is None else m.view,
        "ef_percent": _rounded(m.ef) if m is not None and reliable else None,
        "ef_interval90": [_rounded(m.ef_low), _rounded(m.ef_high)] if m is not None and reliable else None,
        "edv_ml": None if m is None else _rounded(m.edv_ml),
        "esv_ml": None if m is None else _rounded(m.esv_ml),
        "la_ml": None if m is None else _rounded(m.la_ml),
        "not_compared": examination.why_not or None,
        "change": _rounded(examination.change),
        "change_half_width90": _rounded(examination.half_width),
        "beyond_interval": examination.beyond,
        "sentence": history.sentence(index),
    }
