"""A password is shown nowhere."""

from __future__ import annotations

import pytest

from matae.store.address import without_password


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("", ""),
        ("/data/lab.sqlite", "/data/lab.sqlite"),
        ("postgresql://host/lab", "postgresql://host/lab"),
        ("postgresql://anna@host:5433/lab", "postgresql://anna@host:5433/lab"),
        ("postgresql://anna:secret@host:5433/lab", "postgresql://anna@host:5433/lab"),
        ("postgresql://anna:se@cret@host/lab", "postgresql://anna@host/lab"),
        ("postgresql://anna:se%40cret@host/lab?sslmode=require", "postgresql://anna@host/lab"),
        ("postgresql://host/lab?user=anna&password=secret", "postgresql://host/lab"),
        ("postgresql://[bad:secret@host/lab", "postgresql://…"),
    ],
)
def test_what_is_shown_of_a_target(target: str, shown: str) -> None:
    assert without_password(target) == shown
    assert "cret" not in without_password(target)
