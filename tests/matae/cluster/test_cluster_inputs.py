"""Lists of paths: what is none first."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from matae.cluster.inputs import listed_paths
from matae.errors import ReadError


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "names no file"),
        (b"# only a remark\n\n", "names no file"),
        (b"\xff\xfe\x00", "no text in UTF-8"),
        (b"hello\nworld\n", "none is there .*hello"),
        (b"a\0b\n", "holds a line that is no path"),
    ],
)
def test_what_is_no_list(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "list.txt").write_bytes(content)
    with pytest.raises(ReadError, match=message):
        listed_paths([tmp_path / "list.txt"])


def test_paths_count_from_the_folder_of_the_list(tmp_path: Path) -> None:
    (tmp_path / "a.avi").touch()
    (tmp_path / "list.txt").write_text(f"\ufeffa.avi\n\n# a remark\n{tmp_path / 'b c.avi'}\r\n", encoding="utf-8")
    assert listed_paths([tmp_path / "list.txt"]) == [tmp_path / "a.avi", tmp_path / "b c.avi"]


def test_the_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.avi").touch()
    assert listed_paths([Path("-")], io.StringIO("a.avi\n")) == [Path("a.avi")]


def test_others_stay_as_they_are_and_in_order(tmp_path: Path) -> None:
    (tmp_path / "a.avi").touch()
    (tmp_path / "list.lst").write_text("a.avi\n", encoding="utf-8")
    given = [Path("x.dcm"), tmp_path / "list.lst", Path("gone.txt")]
    assert listed_paths(given) == [Path("x.dcm"), tmp_path / "a.avi", Path("gone.txt")]
