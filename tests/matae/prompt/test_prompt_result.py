"""Masks and record of ``prompt`` appear together, wherever writing them fails or is killed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from matae.cine import Cine
from matae.errors import OutputError
from matae.files import file_sha256
from matae.prompt.result import free_names, write_prompted

RECORD = {"content_id": "c", "prompts": [], "confidence": {"1": 0.5}}
MASKS = np.ones((2, 4, 5), np.uint8)


class Killed(BaseException):
    """What no handler of errors hears, as the end of a process."""


@pytest.fixture
def clip() -> Cine:
    return Cine(np.zeros((2, 4, 5), np.uint8), None, None, Path("clip.dcm"))


def names(out: Path) -> set[str]:
    return {path.name for path in out.iterdir()}


def fail_at(monkeypatch: pytest.MonkeyPatch, step: int, error: BaseException) -> None:
    """Let the masks' bytes, the record's bytes, the first or the second rename fail."""
    from matae.output import nifti

    real_rename, renames, real_text, real_nifti = Path.replace, [0], Path.write_text, nifti.NiftiStream

    def rename(self: Path, target: Path) -> Path:
        renames[0] += 1
        if renames[0] == step - 1:
            raise error
        return real_rename(self, target)

    def failing(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(nifti, "NiftiStream", failing if step == 0 else real_nifti)
    monkeypatch.setattr(Path, "write_text", failing if step == 1 else real_text)
    monkeypatch.setattr(Path, "replace", rename)


@pytest.mark.parametrize("step", [0, 1, 2, 3])
def test_a_failure_at_any_step_leaves_neither_file(
    step: int, clip: Cine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        fail_at(patched, step, OSError(28, "No space left on device"))
        with pytest.raises(OutputError, match="free some space"):
            write_prompted(free_names(tmp_path, "clip"), MASKS, clip, RECORD)
    assert names(tmp_path) == set()


@pytest.mark.parametrize("step", [0, 1, 2, 3])
def test_a_kill_at_any_step_leaves_what_the_next_run_replaces(
    step: int, clip: Cine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        fail_at(patched, step, Killed())
        with pytest.raises(Killed):
            write_prompted(free_names(tmp_path, "clip"), MASKS, clip, RECORD)
    assert names(tmp_path) <= {"clip_prompted.json"}  # never masks alone: nobody could tell whose they are
    files = free_names(tmp_path, "clip")
    write_prompted(files, MASKS, clip, RECORD | {"confidence": {}})
    assert names(tmp_path) == {"clip_prompted_mask.nii.gz", "clip_prompted.json"}
    record = json.loads(files[1].read_text("utf-8"))
    assert record["confidence"] == {}
    assert record["files"]["mask"]["sha256"] == file_sha256(files[0])
    with pytest.raises(OutputError, match=r"is in .* already; choose another --out"):
        free_names(tmp_path, "clip")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process is forked, to be killed")
def test_a_real_kill_between_the_two_renames(clip: Cine, tmp_path: Path) -> None:
    files = free_names(tmp_path, "clip")
    child = os.fork()
    if not child:  # pragma: no cover - another process
        renames = [0]
        real = Path.replace

        def rename(self: Path, target: Path) -> Path:
            renames[0] += 1
            if renames[0] == 2:
                os.kill(os.getpid(), 9)
            return real(self, target)

        Path.replace = rename  # type: ignore[method-assign]
        write_prompted(files, MASKS, clip, RECORD)
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == 9
    assert files[1].exists()
    write_prompted(free_names(tmp_path, "clip"), MASKS, clip, RECORD)
    assert files[0].exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"prompts": []}', '{"files": {"mask": {"name": "another"}}}'])
def test_what_is_not_ours_is_never_written_over(text: str, tmp_path: Path) -> None:
    (tmp_path / "clip_prompted.json").write_text(text)
    with pytest.raises(OutputError, match="already"):
        free_names(tmp_path, "clip")


def test_masks_without_a_record_are_somebodys(tmp_path: Path) -> None:
    (tmp_path / "clip_prompted_mask.nii.gz").write_bytes(b"mask")
    with pytest.raises(OutputError, match="already"):
        free_names(tmp_path, "clip")
