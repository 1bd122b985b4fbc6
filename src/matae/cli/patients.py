"""``study patient`` and ``study migrate``: whom clips show, and what an older study lacks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matae.store import CineEntry, Study

__all__ = ["Where", "study_migrate", "study_patient", "warn_of_password"]


def warn_of_password(target: str | None) -> str | None:
    """Say that a password on the command line stands in the list of processes, where everybody may read it."""
    from matae.store.address import has_password

    if target is not None and has_password(target):
        typer.echo(
            "napari-matae: a password on the command line can be read by everybody on this computer while the command "
            "runs; keep it in ~/.pgpass or PGPASSWORD.",
            err=True,
        )
    return target


Where = Annotated[
    str,
    typer.Argument(
        metavar="STUDY",
        help="File of the study, or postgresql://USER@HOST/DATABASE.",
        show_default=False,
        callback=warn_of_password,
    ),
]


def study_patient(
    study: Where,
    code: Annotated[
        str | None, typer.Argument(metavar="CODE", help="A code for the patient, never a name.", show_default=False)
    ] = None,
    clips: Annotated[
        list[str] | None,
        typer.Argument(metavar="CLIP", help="Its file, its name, or how its content id begins.", show_default=False),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option("--folder", help="All clips opened from this folder, now and later.", show_default=False),
    ] = None,
    only: Annotated[
        bool, typer.Option("--only", help="The number in the files is wrong: leave other clips of it where they are.")
    ] = False,
) -> None:
    """Say whom clips show: all of them, or none; without a code, list the clips whose patient is unknown."""
    from matae.store import Study

    if code is None:
        with Study.open(study) as opened:
            lines = list(_unknown(opened))
        typer.echo("\n".join(lines) if lines else "The patient of every clip is known.")
        return
    if bool(clips) == (folder is not None):
        raise typer.BadParameter("name the clips that show this patient, or their folder with --folder")
    with Study.open(study) as opened:
        if folder is not None:
            said = opened.set_folder_subject(folder, code)
        else:
            chosen = [opened.find_cine(clip) for clip in clips or ()]
            said = opened.set_subjects(dict.fromkeys(chosen, code), only=only)
    for entry in said:
        typer.echo(_line(entry))
    if folder is not None:
        typer.echo(
            f"Clips opened from {folder.name or folder} later show {code}, unless their files state the patient."
        )


def _unknown(study: Study) -> Iterator[str]:
    from matae.store import SubjectSource

    for cine in study.cines():
        if cine.known_subject is None:
            guessed = cine.subject_source is SubjectSource.GUESSED
            why = f"{cine.subject} was guessed from the file's name" if guessed else "nobody has said who it is"
            yield f"{cine.stem:<32} {cine.content_id[:12]}  {cine.n_labelled:>5} labelled  {why}"


def _line(entry: CineEntry) -> str:
    return f"{entry.stem:<32} {entry.content_id[:12]}  {entry.subject}"


def study_migrate(study: Where) -> None:
    """Mend what an older study lacks: patients from the files of its clips, and what models on this machine know."""
    from matae.learn import mend_study, what_is_lacking
    from matae.store import Study

    with Study.open(study) as opened:
        done = mend_study(opened)
        left = what_is_lacking(opened)
    for name, count in done.models.items():
        typer.echo(f"{name} was trained or judged with {count} clip{'' if count == 1 else 's'}: that is noted now.")
    for entry in done.named:
        typer.echo(_line(entry))
    for sentence in done.left:
        typer.echo(sentence)
    for note in left:
        typer.echo(f"Note: {note}")
    if not (done.models or done.named or done.left or left):
        typer.echo("Nothing is left to mend.")
