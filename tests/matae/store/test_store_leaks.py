"""A folder and files named after patients: pseudonyms in the database, and nothing of a name in what leaves."""

from __future__ import annotations

import gzip
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sqlalchemy import text
from store_makers import write_dicom

from matae.exchange import plan_export, run_export
from matae.exchange.registry import FORMATS
from matae.read import open_cine
from matae.store import Edit, FrameStatus, SubjectSource

if TYPE_CHECKING:
    from pathlib import Path

NAME, NUMBER, ISSUER = "Zyxwvu", "48151623420815", "Qponml"
SHAPE = (96, 112)


def heart(seed: int) -> np.ndarray:
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    fan = (np.abs(columns - SHAPE[1] / 2) < 4 + 0.7 * rows) & (rows < 88)
    speckle = np.random.default_rng(seed).gamma(2.0, 30.0, (4, *SHAPE)).clip(0, 200)
    return np.where(fan, 20 + speckle, 0).astype(np.uint8)


def cavity(radius: float) -> np.ndarray:
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return (np.hypot(rows - 50, (columns - 56) * 1.4) < radius).astype(np.uint8)


def unpacked(path: Path) -> bytes:
    data = path.read_bytes()
    if path.suffix == ".gz":
        data += gzip.decompress(data)
    if path.suffix == ".npz":
        with zipfile.ZipFile(path) as archive:
            data += b"".join(archive.read(name) + name.encode() for name in archive.namelist())
    return data


@pytest.fixture
def exposed(study, tmp_path):
    """A study of one clip that states its patient and one that a person named, in folders called like people."""
    folder = tmp_path / f"{NAME}_Jane_{NUMBER}"
    folder.mkdir()
    for seed, (number, code) in enumerate(((NUMBER, ""), ("", "s042"))):
        path = write_dicom(
            folder / f"{NAME}{seed}.dcm", frames=heart(seed), PatientID=number, PatientName=f"{NAME}^Jane",
            IssuerOfPatientID=ISSUER,
        )  # fmt: skip
        cine = open_cine(path)
        study.add_as_stated(cine)
        if code:
            study.set_folder_subject(folder, code)
        study.put_edits(
            cine.content_id, [Edit(t, cavity(r), 0, FrameStatus.ACCEPTED) for t, r in ((0, 22), (1, 18), (2, 14))]
        )
        study.set_marks(cine.content_id, ed=0, es=2)
    return study


def test_the_database_knows_pseudonyms_and_paths_only(exposed) -> None:
    assert [cine.subject_source for cine in exposed.cines()] == [SubjectSource.FILE, SubjectSource.PERSON]
    with exposed._reading() as connection:
        for table in ("subjects", "cines", "audit", "folders", "raters", "releases"):
            for row in connection.execute(text(f"SELECT * FROM {table}")).mappings():
                held = {key: str(value) for key, value in row.items() if key not in {"path", "stem"}}
                assert not [key for key, value in held.items() if NUMBER in value or NAME in value or ISSUER in value]


def test_nothing_of_a_name_leaves(exposed, tmp_path) -> None:
    codes = [cine.subject for cine in exposed.cines()]
    assert None not in codes
    secrets = [NAME, NUMBER, ISSUER, *codes, str(tmp_path)]
    needles = [word.lower().encode(code) for word in secrets for code in ("utf-8", "utf-16-le")]
    for format_name in FORMATS:
        release = run_export(plan_export(exposed, format_name), tmp_path / "out" / format_name, looked=True)
        files = [path for path in release.folder.rglob("*") if path.is_file()]
        assert files
        for path in files:
            assert not [
                word for word in secrets[:-1] if word.lower() in path.relative_to(release.folder).as_posix().lower()
            ]
            lowered = unpacked(path).lower()
            assert not [needle for needle in needles if needle in lowered]


def test_a_clip_of_unknown_patient_does_not_leave(exposed, tmp_path) -> None:
    path = write_dicom(tmp_path / f"{NAME}.dcm", frames=heart(7))
    cine = open_cine(path)
    exposed.add_as_stated(cine)
    exposed.put_edits(cine.content_id, [Edit(0, cavity(20), 0, FrameStatus.ACCEPTED)])
    plan = plan_export(exposed, "npz")
    assert cine.content_id not in {clip.content_id for clip in plan.clips}
    assert any("nobody has said which patient" in finding.sentence for finding in plan.findings)
