"""``models``: what is on this machine, and adding to it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from matae.cli.from_options import cli_option
from matae.cli.options import check_device, check_width
from matae.errors import MataeError
from matae.learn.options import ComparisonOptions
from matae.option import option_fields

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["app"]

_COMPARED = option_fields(ComparisonOptions)


def _checked_width(text: str | None) -> str | None:
    return None if text is None else check_width(text)


class _Format(StrEnum):
    safetensors = "safetensors"
    onnx = "onnx"


app = typer.Typer(help="The models on this machine.", no_args_is_help=True)


@app.command(name="list")
def models_list() -> None:
    """List the models on this machine, the one in use first."""
    from matae.models import current_model, list_models
    from matae.nn.widths import format_width

    rows = [("NAME", "WIDTHS", "GRID", "FROM", "LICENCE")]
    used = current_model()
    problems: list[str] = []
    for entry in list_models():
        try:
            card = entry.card
        except MataeError as error:
            problems.append(str(error))
            continue
        widths = ", ".join(format_width(w) for w in card.widths)
        origin = ("package" if entry.bundled else "you") + (", in use" if entry.name == used else "")
        rows.append((entry.name, widths, str(card.grid), origin, card.licence.partition("\n")[0]))
    for row in _aligned(rows):
        typer.echo(row)
    for problem in problems:
        typer.echo(f"napari-matae: {problem}", err=True)
    if len(rows) == 1 and not problems:
        typer.echo("There is no model here; add one with 'napari-matae models import PATH'.", err=True)


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    sizes = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(size) for cell, size in zip(row, sizes, strict=True)).rstrip() for row in rows]


@app.command(name="show")
def models_show(name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the model.")]) -> None:
    """Show a model's card: what it is, what it was measured at, what it may be used for."""
    from matae.models import card_text, find_model

    entry = find_model(name)
    typer.echo(card_text(entry.card))
    typer.echo(f"\nFolder: {entry.folder}")


@app.command(name="import")
def models_import(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="A model folder, an adapter.safetensors, or the authors' .pth file.")
    ],
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Name here; the file's if left out.")
    ] = None,
) -> None:
    """Add a model: it is read without running code in it, checked, and stored as safetensors with a card."""
    from matae.models import import_model

    entry = import_model(path, name)
    typer.echo(f"{entry.name}  {entry.folder}")


@app.command(name="promote")
def models_promote(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the model.")],
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Also where no verdict on held-out patients offers it.")
    ] = False,
    by_choice: Annotated[
        bool, typer.Option("--by-choice", help="Also where its verdict says that there is no clear difference.")
    ] = False,
    study: Annotated[
        str | None,
        typer.Option(
            "--study",
            metavar="FILE",
            help="The study whose retraining judged it (file or URL): its key says that the verdict is genuine.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Put a model into use: the dock and 'segment' take it from then on."""
    from contextlib import nullcontext

    from matae.errors import NotOfferedError
    from matae.models import find_model, promote
    from matae.models.seal import is_by_choice
    from matae.store import Study

    try:
        with nullcontext() if study is None else Study.open(study) as opened:
            before = promote(name, anyway=anyway, by_choice=by_choice, keyed=None if opened is None else opened.keyed)
    except NotOfferedError as error:
        how = "--by-choice" if not by_choice and is_by_choice(find_model(name).card) else "--anyway"
        raise NotOfferedError(f"{error} {how} takes it all the same.") from None
    typer.echo(f"{name} is in use now, {before} before; 'napari-matae models rollback' goes back.")


@app.command(name="rollback")
def models_rollback() -> None:
    """Go back to the model that was in use before, even if the present one is broken."""
    from matae.models import rollback

    typer.echo(f"{rollback()} is in use again.")


@app.command(name="convert")
def models_convert(
    source: Annotated[
        str, typer.Argument(metavar="MODEL", help="Name of a model, a model folder, or the authors' .pth file.")
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="PATH", help="Folder to make, or the ONNX file.", show_default=False)
    ],
    format_: Annotated[
        _Format,
        typer.Option("--format", help="onnx: one width, any number and size of frames, checked against PyTorch."),
    ] = _Format.safetensors,
    width: Annotated[
        str | None,
        typer.Option(
            "--width",
            metavar="1/8|1/4|1/2|1",
            callback=_checked_width,
            help="The network of this width alone, with the narrower ones in it.",
        ),
    ] = None,
) -> None:
    """Write a model as safetensors with a card, whole or one width of it; or one width as an ONNX file."""
    from matae.models import convert_model
    from matae.nn.widths import parse_width
    from matae.prompt import carry_head

    if format_ is _Format.onnx:
        from matae.segment.backends.onnx_export import export_onnx

        done = export_onnx(source, out, None if width is None else parse_width(width))
        typer.echo(f"{done.name} at width {done.width}  {out}  (logits within {done.apart:.1g} of PyTorch's)")
        return
    at = None if width is None else parse_width(width)
    card = convert_model(source, out, width=at)
    head = " with its prompt head" if carry_head(source, out, width=at) else ""
    typer.echo(f"{card.name}{head}  {out}")


@app.command(name="compare")
def models_compare(
    before: Annotated[str, typer.Argument(metavar="BEFORE", help=_COMPARED["before"].option.help)],
    after: Annotated[str, typer.Argument(metavar="AFTER", help=_COMPARED["after"].option.help)],
    *,
    study: Annotated[
        str, typer.Option("--study", metavar="FILE", help="File of the study, or its URL.", show_default=False)
    ],
    split: Annotated[str, cli_option(ComparisonOptions, "split", show_default=False)] = ComparisonOptions.split,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the comparison as JSON.", show_default=False)
    ] = None,
    device: Annotated[str, cli_option(ComparisonOptions, "device", callback=check_device)] = ComparisonOptions.device,
) -> None:
    """Compare two models on a study's corrected frames: held-out and training patients, each apart."""
    import json

    from matae.cli.retrain import verdict_lines
    from matae.files import write_atomic, writing_to
    from matae.learn.blinded import seen_by
    from matae.learn.comparison import compare_models
    from matae.store import Study

    with Study.open(study) as opened:
        verdict = seen_by(compare_models(opened, before, after, split=split, device=device), opened)
    typer.echo("\n".join(verdict_lines(verdict)))
    if json_file is not None:
        with writing_to(json_file.parent):
            write_atomic(json_file, (json.dumps(verdict.to_json(), indent=1) + "\n").encode())
