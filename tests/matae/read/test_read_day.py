"""The day of an examination, as a DICOM header states it; what is no day is none."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset

from matae.read._patient import dicom_day


@pytest.mark.parametrize(
    ("stated", "day"),
    [
        (None, None), ("", None), ("yesterday", None), ("20260230", None), ("19000101", None), ("00010101", None),
        ("20260301", "2026-03-01"), ("2026.03.01", "2026-03-01"),
    ],
)  # fmt: skip
def test_a_day_is_read_or_none(stated: str | None, day: str | None) -> None:
    header = Dataset()
    if stated is not None:
        header.add_new("StudyDate", "LO", stated)
    assert dicom_day(header) == day
