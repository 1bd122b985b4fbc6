"""The commands: what they say, where they say it, how they exit."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from exchange_makers import labels
from typer.testing import CliRunner

from matae.cli import app
from matae.store import Study

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result


def said(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_help_loads_no_format() -> None:
    code = (
        "import sys; from matae.cli import app\n"
        "try: app(['export', '--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'SimpleITK', 'highdicom', 'pydicom', 'skimage', 'sqlalchemy', 'av'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_preview_writes_nothing_but_the_picture(study: Study, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    sequence = study.sequence
    done = said("export", "--study", study.target, "--format", "png", "--preview")
    assert done.exit_code == 0
    assert "11 labelled frames of 3 clips" in done.stdout
    assert "patient (pseudonym)" in done.stdout
    assert "Doe" not in done.stdout
    assert sorted(tmp_path.iterdir()) == before
    assert study.sequence == sequence
    picture = tmp_path / "preview.png"
    said("export", "--study", study.target, "--format", "png", "--preview", "--picture", picture)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_out_and_in_again(study: Study, tmp_path: Path) -> None:
    out, new = tmp_path / "out", tmp_path / "new.matae"
    done = said("export", "--study", study.target, "--format", "coco", "--out", out, "--name", "lv")
    assert (done.exit_code, done.stdout) == (0, f"lv 1  {out}\n")
    assert json.loads((out / "release.json").read_text())["release"] == {"name": "lv", "number": 1}
    again = said("export", "--study", study.target, "--format", "coco", "--out", tmp_path / "out2", "--name", "lv")
    assert again.stdout == f"lv 1, the same as before  {tmp_path / 'out2'}\n"
    assert said("study", "init", new).exit_code == 0
    looked = said("import", out, "--study", new, "--preview")
    assert "11 labels are new, 0 are there already, 0 differ" in looked.stdout
    stored = said("import", out, "--study", new, "--rater", "me")
    assert (stored.exit_code, stored.stdout) == (0, "11 labels stored, 3 clips added\n")
    with Study.open(new) as opened:
        assert sum(len(masks) for masks in labels(opened).values()) == 11
    listed = said("release", "list", "--study", study.target)
    assert "lv 1" in listed.stdout
    assert said("release", "verify", out).exit_code == 0
    assert "11 labels are the same" in said("release", "compare", out, tmp_path / "out2").stdout
    (out / "annotations" / "x").write_text("x")
    changed = said("release", "verify", out)
    assert (changed.exit_code, "annotations/x was added" in changed.stdout) == (1, True)


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        (("export", "--format", "png"), 2, "--out"),
        (("export", "--format", "xls", "--out", "x"), 2, "--format"),
        (("export", "--format", "png", "--out", "x", "--size", "64", "--native"), 2, "contradict"),
        (("export", "--format", "png", "--out", "x", "--name", "a/b"), 1, "cannot be called"),
        (("import", "nowhere"), 1, "does not exist"),
        (("release", "list"), 0, ""),
    ],
)
def test_wrong_use_is_said_in_a_line(study: Study, words: tuple[str, ...], code: int, part: str) -> None:
    done = said(*words, "--study", study.target)
    assert done.exit_code == code
    assert part in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_that_holds_no_release(tmp_path: Path) -> None:
    done = said("release", "compare", tmp_path, tmp_path)
    assert done.exit_code == 1
    assert "holds no release" in done.stderr
