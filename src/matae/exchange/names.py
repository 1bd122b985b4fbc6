"""Names that may leave: pseudonyms keyed by the study's secret, and names from outside that may come in.

A pseudonym is an HMAC-SHA256 of what it stands for. Whoever holds the study can make it again; nobody else can
find the person behind it, not even by trying all patient numbers of a hospital.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from matae.errors import ExchangeError

__all__ = ["Pseudonyms", "check_cell", "check_release_name", "check_text", "inner_path"]

_DIGITS = 12  # 10^12 names: a thousand patients share one with a chance of one in two million
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "|")
_LONGEST = 200
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)  # names Windows keeps for devices


@dataclass(frozen=True)
class Pseudonyms:
    """Stand-ins for whatever must not leave.

    Parameters
    ----------
    secret
        The study's secret; it never leaves the study.
    """

    secret: bytes

    def _digest(self, kind: str, value: str) -> bytes:
        # The kind goes in as well, so that a rater and a patient of one name have nothing in common.
        return hmac.digest(self.secret, f"{kind}\0{value}".encode(), hashlib.sha256)

    def patient(self, subject: str) -> str:
        """Return the pseudonym of a patient, named as CAMUS names patients: ``patient`` and digits."""
        number = int.from_bytes(self._digest("patient", subject)[:8], "big") % 10**_DIGITS
        return f"patient{number:0{_DIGITS}d}"

    def clip(self, subject: str, content_id: str) -> str:
        """Return the name of a clip; it begins with its patient, so that a lone file still says whose it is."""
        return f"{self.patient(subject)}-{self._digest('clip', content_id)[:5].hex()}"

    def key(self, content_id: str) -> str:
        """Return what a clip is recognised by when it comes back to this study."""
        return self._digest("content", content_id).hex()

    def rater(self, name: str) -> str:
        """Return the pseudonym of a person who labelled; empty for nobody."""
        return f"rater-{self._digest('rater', name)[:4].hex()}" if name else ""

    def model(self, name: str) -> str:
        """Return the pseudonym of a model somebody named; its name may be a person's."""
        return f"model-{self._digest('model', name)[:4].hex()}" if name else ""

    def uid(self, kind: str, value: str) -> str:
        """Return a DICOM UID (2.25 and a number of 128 bits, PS3.5 B.2), always the same for the same thing."""
        return f"2.25.{int.from_bytes(self._digest(f'uid {kind}', value)[:16], 'big')}"


def check_release_name(name: str) -> str:
    """Return the name of a release, which leaves with it.

    Raises
    ------
    ExchangeError
        If it is not 1 to 40 letters, digits, hyphens, underscores or dots.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}", name) or _RESERVED.match(name) or name.endswith("."):
        raise ExchangeError(
            f"A release cannot be called '{name[:60]}'; use 1 to 40 letters, digits, hyphens, underscores or dots."
        )
    return name


def check_cell(text: str, where: str) -> str:
    """Return the text of a table from outside, if a spreadsheet would not run it and a person can read it.

    Parameters
    ----------
    text
        One cell.
    where
        The file and row, for the message.

    Raises
    ------
    ExchangeError
        If it begins like a formula, holds control characters or is longer than 200 characters.
    """
    if text.startswith(_FORMULA):
        raise ExchangeError(f"{where}: '{text[:30]}' begins like a spreadsheet formula; rename it there and here.")
    if len(text) > _LONGEST or any(ord(char) < 32 or ord(char) == 127 for char in text):
        raise ExchangeError(f"{where}: a name has control characters or more than {_LONGEST} letters; correct the row.")
    return text


def check_text(text: object, where: str) -> str:
    """Return a value of a JSON file as a text that `check_cell` lets through; a whole number counts as one."""
    if isinstance(text, bool) or not isinstance(text, (str, int)):
        raise ExchangeError(f"{where}: a name is missing or is none; export the data again.")
    return check_cell(str(text), where)


def inner_path(name: str, where: str) -> PurePosixPath:
    """Return a relative path named by a file from outside, if it stays where it belongs.

    Parameters
    ----------
    name
        As written there, with forward slashes.
    where
        The file and row, for the message.

    Raises
    ------
    ExchangeError
        If it is absolute, has a drive, a backslash, ``..``, or what `check_cell` refuses.
    """
    check_cell(name, where)
    path = PurePosixPath(name)
    bad = not name or path.is_absolute() or "\\" in name or ":" in name
    if bad or any(part in ("", ".", "..") or _RESERVED.match(part) for part in name.split("/")):
        raise ExchangeError(f"{where}: '{name[:60]}' does not stay inside the folder; use plain names.")
    return path
