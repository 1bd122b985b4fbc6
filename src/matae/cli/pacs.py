"""``pacs``: clips of a clinic's archive, and what goes back to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from matae.cli.dicom import say_clips, say_described, write_json

if TYPE_CHECKING:
    from matae.clinic import Described
    from matae.clinic.listing import ClipEntry
    from matae.pacs import Address, Connection

__all__ = ["app"]

app = typer.Typer(
    help="A clinic's archive (PACS), by DICOMweb or DIMSE: find and fetch clips, send reports and masks back.",
    no_args_is_help=True,
)
Archive = Annotated[
    str,
    typer.Argument(
        metavar="ARCHIVE",
        help="Its name in pacs.toml, or its address: https://HOST/dicom-web, dimse://AETITLE@HOST:PORT, or with "
        "dimse-tls:// over TLS.",
    ),
]
Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="List of archives, instead of pacs.toml beside the models."),
]
CaFile = Annotated[
    Path | None,
    typer.Option("--ca-file", metavar="FILE", help="Certificate of the authority that vouches for the archive (PEM)."),
]
CertFile = Annotated[
    Path | None,
    typer.Option("--cert-file", metavar="FILE", help="Certificate of ours, where the archive asks for one (PEM)."),
]
KeyFile = Annotated[
    Path | None,
    typer.Option("--key-file", metavar="FILE", help="Its key, where that is not in the same file (PEM, no password)."),
]


def _find(
    archive: str, config: Path | None, ca_file: Path | None, cert_file: Path | None, key_file: Path | None
) -> Address:
    from matae.pacs import find_archive

    ca, cert, key = ("" if path is None else str(path) for path in (ca_file, cert_file, key_file))
    return find_archive(archive, config, ca_file=ca, cert_file=cert, key_file=key)


@app.command()
def check(
    archive: Archive,
    *,
    config: Config = None,
    ca_file: CaFile = None,
    cert_file: CertFile = None,
    key_file: KeyFile = None,
) -> None:
    """Say whether an archive answers (C-ECHO, or a query by DICOMweb)."""
    from matae.pacs import connect

    address = _find(archive, config, ca_file, cert_file, key_file)
    with connect(address) as connection:
        connection.check()
    typer.echo(f"{address.name} answers ({address.kind}).")


@app.command(name="list")
def list_(
    archive: Archive,
    *,
    patient: Annotated[str, typer.Option("--patient", metavar="ID", help="Patient ID.")] = "",
    date: Annotated[str, typer.Option("--date", metavar="YYYYMMDD[-YYYYMMDD]", help="Date of the study.")] = "",
    accession: Annotated[str, typer.Option("--accession", metavar="NUMBER", help="Accession number.")] = "",
    study: Annotated[str, typer.Option("--study", metavar="UID", help="Study instance UID.")] = "",
    json: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the list, patients' names included.")
    ] = None,
    config: Config = None,
    ca_file: CaFile = None,
    cert_file: CertFile = None,
    key_file: KeyFile = None,
) -> None:
    """List the ultrasound clips that an archive holds of a patient, a day, an accession number or a study."""
    from matae.pacs import ClipQuery, connect, find_clips

    query = ClipQuery(patient, date, accession, study)
    with connect(_find(archive, config, ca_file, cert_file, key_file)) as connection:
        found = find_clips(connection, query)
    say_clips(found)
    if not found:
        typer.echo("The archive holds no ultrasound clip of this.", err=True)
    if json is not None:
        write_json(json, {"clips": [clip.to_json() for clip in found]})


@app.command()
def fetch(
    archive: Archive,
    *,
    study: Annotated[str, typer.Option("--study", metavar="UID", help="Study instance UID.")],
    instance: Annotated[
        list[str] | None, typer.Option("--instance", metavar="UID", help="Only this clip; any number of them.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the clips, as the archive has them.")],
    into: Annotated[
        str, typer.Option("--into", metavar="STUDY", help="Put them into the worklist of this study as well.")
    ] = "",
    config: Config = None,
    ca_file: CaFile = None,
    cert_file: CertFile = None,
    key_file: KeyFile = None,
) -> None:
    """Fetch the clips of a study into a folder; patient and dates are in them as in the archive."""
    from matae.errors import PacsError
    from matae.pacs import ClipQuery, connect, fetch_clip, find_clips

    with connect(_find(archive, config, ca_file, cert_file, key_file)) as connection:
        found = {clip.instance_uid: clip for clip in find_clips(connection, ClipQuery(study_uid=study))}
        wanted = list(instance or found)
        for uid in wanted:
            if uid not in found:
                raise PacsError(
                    f"The study has no ultrasound clip {uid}: there is none, or it is a still, a report or something "
                    "else; list the study to see its clips."
                )
        if not wanted:
            raise PacsError(f"The archive holds no ultrasound clip of study {study}; list the patient's studies.")
        if into:
            _fetch_into(into, connection, [found[uid] for uid in wanted], out)
            return
        for uid in wanted:
            typer.echo(str(fetch_clip(connection, found[uid], out)))


def _fetch_into(target: str, connection: Connection, clips: list[ClipEntry], out: Path) -> None:
    from matae.store import Study
    from matae.worklist import fetch_into

    with Study.open(target) as opened:
        done = fetch_into(opened, connection, clips, out)
    typer.echo(done.sentence)
    if done.failures:
        raise typer.Exit(1)


@app.command()
def send(
    archive: Archive,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="What measure wrote with --sr, --dicom-seg, --dicom-pdf.")
    ],
    *,
    really: Annotated[
        bool, typer.Option("--send/--preview", help="Send it; otherwise say what would leave, and to where.")
    ] = False,
    json: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write what leaves, too.")] = None,
    config: Config = None,
    ca_file: CaFile = None,
    cert_file: CertFile = None,
    key_file: KeyFile = None,
) -> None:
    """Show what would go back to an archive, value by value; with --send it goes."""
    from matae.clinic import describe
    from matae.pacs import connect
    from matae.pacs.sending import send as send_files

    address = _find(archive, config, ca_file, cert_file, key_file)
    found = [describe(path) for path in files]
    say_described(found)
    where = address.url or f"{address.ae_title} at {address.host}:{address.port}"
    if json is not None:
        write_json(json, {"to": where, "sent": False, "objects": [one.to_json() for one in found]})
    if not really:
        typer.echo(f"Nothing was sent. With --send these {len(found)} go to {where}.")
        return
    left: list[Described] = []

    def note(one: Described) -> None:
        left.append(one)
        typer.echo(f"sent: {one.file} to {where}")

    try:
        with connect(address) as connection:
            send_files(connection, files, sent=note)
    finally:  # what left is told, whatever stopped the rest
        if json is not None and left:
            objects = [one.to_json() | {"sent": one in left} for one in found]
            write_json(json, {"to": where, "sent": len(left) == len(found), "objects": objects})
