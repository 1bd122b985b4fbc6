"""``prompt``: outline structures from clicks, boxes and landmarks that a file names."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from matae.cli.options import Model, Region, Sector, check_width
from matae.prompt import ENOUGH

__all__ = ["prompt"]


def prompt(
    *,
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="A clip, or a folder that holds one.")],
    prompts: Annotated[
        Path, typer.Option("--prompts", metavar="FILE", help="JSON: a list with an object a frame.", show_default=False)
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the results; made if missing.")],
    model: Model,
    width: Annotated[
        str,
        typer.Option(
            "--width", metavar="1/8|1/4|1/2|1|auto", callback=check_width, help="Share of the network; auto: all of it."
        ),
    ] = "auto",
    mask: Annotated[
        Path | None, typer.Option("--mask", metavar="FILE", help="Masks of the clip, which the prompts mend.")
    ] = None,
    through: Annotated[
        bool, typer.Option("--through", help="Take the cavity through the other frames, as far as it can be trusted.")
    ] = False,
    enough: Annotated[
        float, typer.Option("--enough", min=0, max=1, help="Confidence below which it is not taken further.")
    ] = ENOUGH,
    sector: Sector = "auto",
    region: Region = None,
) -> None:
    """Outline structures of a clip from three landmarks, a box, or clicks inside and outside.

    Writes NAME_prompted_mask.nii.gz and NAME_prompted.json, which has the confidence of each frame: both, or neither.
    """
    from matae.maskfile import read_mask_file
    from matae.nn.widths import format_width
    from matae.prompt import outline_clip, prompter_for, read_requests
    from matae.prompt.result import free_names, write_prompted
    from matae.read import file_stem, open_cine
    from matae.segment.choice import choose_sector

    requests = read_requests(prompts)
    cine = open_cine(source)
    if region is not None:
        cine = cine.with_region(region)
    files = free_names(out, file_stem(source))
    found = choose_sector(cine, sector)
    cine = found.scaled(cine)
    masks = None if mask is None else read_mask_file(mask, cine.frames.shape, cine.geometry)
    prompter, notice = prompter_for(model, width)
    if notice:
        typer.echo(notice, err=True)
    done = outline_clip(prompter, cine, found, requests, masks, through=through, enough=enough)
    record = {
        "source": source.name, "content_id": cine.content_id, "model": prompter.card.name,
        "model_sha256": prompter.card.sha256, "width": format_width(prompter.width),
        "classes": prompter.regions_by_number, "mask": None if mask is None else mask.name,
        "through": through, "enough": enough, "confidence_calibrated": prompter.is_calibrated,
        "prompts": [
            {"frame": one.frame + 1, "class": one.label, **one.prompts.to_json()} for one in requests
        ],
    } | done.to_json()  # fmt: skip
    write_prompted(files, done.masks, cine, record)
    if done.ended:
        where = ", ".join(f"{frame + 1} ({value:.2f})" for frame, value in sorted(done.ended.items()))
        typer.echo(f"Not taken further at frame {where}; correct a frame there, and prompt again.", err=True)
    typer.echo(f"{len(done.confidence)} of {cine.n_frames} frames  {files[0]}")
