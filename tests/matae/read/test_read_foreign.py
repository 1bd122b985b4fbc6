"""What has no reader is named, with what to do instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from matae.errors import ReadError
from matae.read import can_read, open_cine

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"%PDF-1.7\n", "is a PDF document, not a clip; export the clip itself, not its report."),
        (b"\x89HDF\r\n\x1a\n", "is an HDF5 file (or MATLAB 7.3), not a clip; save its frames with numpy.save."),
        (b"MATLAB 5.0 MAT-file, ", "is a MATLAB file, not a clip; save its frames with numpy.save, or as a TIFF"),
        (b"KRETZFILE 1.0   ", "is a Kretz volume of a GE scanner, not a clip; export a 2-D clip as DICOM or AVI."),
        (b"\x80\x04\x95\x10\0\0\0\0\0\0\0", "is a Python pickle, which is never opened, not a clip; save the frames"),
        (b"\0" * 344 + b"ni1\0", "is the header of a NIfTI pair (.hdr and .img), not a clip; save it as one file"),
        (b"plain words", "is in no format that can be read; open a DICOM"),
    ],
)
def test_foreign_file_is_named(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "clip.xyz"
    path.write_bytes(content)
    assert not can_read(path)
    with pytest.raises(ReadError) as caught:
        open_cine(path)
    assert f"clip.xyz {sentence}" in str(caught.value)
