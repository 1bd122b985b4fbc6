"""Where results cannot be written: one sentence, and nothing half-written."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from matae.errors import OutputError
from matae.output import write_results
from matae.output.nifti import NiftiStream

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="uses Linux's limits on files")


def test_out_is_a_file(tmp_path, cine, result) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(OutputError, match=r"out is a file or lies below one; choose a folder"):
        write_results(cine, result, tmp_path / "out")
    with pytest.raises(OutputError, match="is a file or lies below one"):
        write_results(cine, result, tmp_path / "out" / "deeper")
    assert (tmp_path / "out").read_text() == "mine"


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_read_only_folder(tmp_path, cine, result, monkeypatch, number) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("matae.files.tempfile.mkdtemp", refuse)
    with pytest.raises(OutputError, match=r"cannot be written to; choose another folder\.$"):
        write_results(cine, result, tmp_path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_folder_without_permission(tmp_path, cine, result) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="cannot be written to"):
        write_results(cine, result, tmp_path)


@linux
@pytest.mark.parametrize("room", [60, 2000, 9000])
def test_full_disk_at_any_point_leaves_nothing(tmp_path, room) -> None:
    # A limit on the size of a file fails a write as a full disk does, in FFmpeg too.
    script = (
        "import resource, signal, sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from by_hand import make_cine, make_result\n"
        "from pathlib import Path\n"
        "from matae.errors import OutputError\n"
        "from matae.output import write_results\n"
        "import nibabel, av, PIL.Image, PIL.PngImagePlugin, matae.output.still, matae.output.video, skimage.measure\n"
        "cine = make_cine(shape=(240, 320))\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}))\n"
        "try:\n"
        "    write_results(cine, make_result(cine), Path(sys.argv[1]))\n"
        "except OutputError as error:\n"
        "    print(error)\n"
        "    sys.exit(7)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 7, done.stderr
    assert "may not be this large; choose a folder of another disk" in done.stdout
    assert done.stdout.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_mask_that_does_not_fit_leaves_nothing(tmp_path, cine, result, monkeypatch) -> None:
    whole = NiftiStream.add

    def tear(stream: NiftiStream, mask: np.ndarray) -> None:
        whole(stream, mask)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(NiftiStream, "add", tear)
    with pytest.raises(OutputError, match="is full; free some space"):
        write_results(cine, result, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_defect_half_way_leaves_nothing(tmp_path, cine, result, monkeypatch) -> None:
    def crash(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("matae.output.still.write_still", crash)
    with pytest.raises(ZeroDivisionError):
        write_results(cine, result, tmp_path)
    assert list(tmp_path.iterdir()) == []
