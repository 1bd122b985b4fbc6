"""Where an archive is and how one gets in: by its name in a file, or by its address."""

from __future__ import annotations

import os
import stat
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from matae.errors import PacsError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "CALLING_AE",
    "PASSWORD_VARIABLE",
    "USER_VARIABLE",
    "Address",
    "archive_names",
    "config_file",
    "find_archive",
]

USER_VARIABLE, PASSWORD_VARIABLE = "MATAE_PACS_USER", "MATAE_PACS_PASSWORD"
CALLING_AE = "MATAE"
_FILES = ("ca_file", "cert_file", "key_file")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_MOST_TITLE = 16  # characters of an application entity title, PS3.5
_KEYS = {
    "url", "host", "port", "ae_title", "calling_ae_title", "user", "password", "password_env", "token_env",
    "allow_http", "tls", "ca_file", "cert_file", "key_file", "timeout",
}  # fmt: skip


@dataclass(frozen=True)
class Address:
    """An archive.

    Parameters
    ----------
    kind
        ``dicomweb`` or ``dimse``.
    name
        What it is called in sentences; never with a password.
    url
        Of DICOMweb, down to where ``/studies`` follows.
    host, port, ae_title, calling_ae_title
        Of DIMSE: where it listens, its application entity title and ours.
    user, password, token
        Of DICOMweb: basic authentication, or a bearer token. Empty without.
    tls
        Whether DIMSE goes over TLS.
    ca_file, cert_file, key_file
        Of https and of DIMSE over TLS, PEM files: the authority that vouches for the archive (those that this computer
        trusts if empty), and our certificate with its key where the archive asks for one.
    timeout
        Seconds without an answer after which it counts as not there.
    """

    kind: Literal["dicomweb", "dimse"]
    name: str
    url: str = ""
    host: str = ""
    port: int = 0
    ae_title: str = ""
    calling_ae_title: str = CALLING_AE
    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    tls: bool = False
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    timeout: float = 30.0


def config_file() -> Path:
    """Return where the archives of a user are listed: ``pacs.toml`` beside the models."""
    from matae.models.registry import home

    return home() / "pacs.toml"


def archive_names(config: Path | None = None) -> list[str]:
    """Return the names in the list of archives, in its order; `PacsError` if the list cannot be read."""
    return list(_listed(config or config_file()))


def find_archive(
    name: str,
    config: Path | None = None,
    *,
    user: str = "",
    password: str = "",
    tls: bool = False,
    ca_file: str = "",
    cert_file: str = "",
    key_file: str = "",
) -> Address:
    """Return an archive by its name in the list, or by its address.

    Parameters
    ----------
    name
        A name of the list; ``https://host/dicom-web`` for DICOMweb; ``dimse://AETITLE@host:port`` for DIMSE, and
        ``dimse-tls://AETITLE@host:port`` over TLS. User and password of an address are taken from `USER_VARIABLE` and
        `PASSWORD_VARIABLE`.
    config
        The list, a TOML file with a table ``[archives.NAME]`` each; `config_file` if None.
    user, password
        Of an address, in place of the variables; of a name they are in the list.
    tls
        DIMSE over TLS, as the other scheme of an address says too.
    ca_file, cert_file, key_file
        As in `Address`; instead of what the list says.

    Raises
    ------
    PacsError
        If there is none of that name, the address or the list makes no sense, or a password would be given away.
    """
    files = {"ca_file": ca_file, "cert_file": cert_file, "key_file": key_file}
    asked = {key: value for key, value in files.items() if value} | ({"tls": True} if tls else {})
    if "://" in name:
        found = {"user": user or os.environ.get(USER_VARIABLE, ""), "password_env": PASSWORD_VARIABLE}
        if password:
            found["password"] = password
        given = _from_url(name)
        return _checked(given.pop("name"), given | found | asked, os.environ)
    path = config or config_file()
    archives = _listed(path)
    if name not in archives:
        have = ", ".join(sorted(archives)) or "none"
        raise PacsError(
            f"{path} lists no archive called '{name}' (there is {have}); add it as [archives.{name}], or give its "
            "address: https://HOST/dicom-web or dimse://AETITLE@HOST:PORT."
        )
    values = archives[name]
    if not isinstance(values, dict):
        raise PacsError(f"'{name}' in {path} is no table; write it as [archives.{name}].")
    if "password" in values and os.name == "posix" and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise PacsError(f"Others can read the password in {path}; run: chmod 600 '{path}'.")
    return _checked(name, values | asked, os.environ)


def _listed(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        found = tomllib.loads(path.read_text("utf-8")).get("archives", {})
    except (OSError, ValueError) as error:
        raise PacsError(f"{path} cannot be read as TOML; correct it, or give the address of the archive.") from error
    if not isinstance(found, dict):
        raise PacsError(f"{path} has no tables [archives.NAME]; write one for each archive.")
    return found


def _from_url(text: str) -> dict[str, Any]:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise PacsError(
            "The address of the archive makes no sense; write https://HOST/dicom-web or dimse://AETITLE@HOST:PORT."
        ) from None
    if parts.password is not None or (parts.username and parts.scheme not in ("dimse", "dimse-tls")):
        raise PacsError(
            f"An address shows its password to everybody on this computer; leave user and password out of it and set "
            f"{USER_VARIABLE} and {PASSWORD_VARIABLE}."
        )
    if parts.scheme in ("http", "https"):
        return {"name": parts.hostname or "the archive", "url": text}
    if parts.scheme in ("dimse", "dimse-tls"):
        title = parts.username or ""
        where = {"name": title or "the archive", "host": parts.hostname or "", "port": port or 0, "ae_title": title}
        return where | ({"tls": True} if parts.scheme == "dimse-tls" else {})
    raise PacsError(
        f"'{parts.scheme}' is no way to reach an archive; write https://HOST/dicom-web or dimse://AETITLE@HOST:PORT."
    )


def _checked(name: str, values: Mapping[str, Any], environment: Mapping[str, str]) -> Address:
    if unknown := sorted(set(values) - _KEYS):
        raise PacsError(
            f"Archive '{name}' has '{unknown[0]}', which means nothing here; docs/clinic-interchange.md lists "
            "what does."
        )
    secret = {
        "password": str(values.get("password", "")) or environment.get(str(values.get("password_env", "")), ""),
        "token": environment.get(str(values.get("token_env", "")), ""),
    }
    files = {key: str(Path(str(values[key])).expanduser()) for key in _FILES if values.get(key)}
    common: dict[str, Any] = files | ({"user": str(values["user"])} if values.get("user") else {})
    tls = values.get("tls", bool(files))  # who names an authority does not want to go without it
    if not isinstance(tls, bool):
        raise PacsError(f"Archive '{name}': tls must be true or false, and '{tls}' is neither; correct it.")
    if "key_file" in files and "cert_file" not in files:
        raise PacsError(f"Archive '{name}' has a key_file without the certificate it belongs to; add cert_file.")
    try:
        common["timeout"] = float(values.get("timeout", 30))
        port = int(values.get("port", 0))
    except (TypeError, ValueError):
        raise PacsError(f"Archive '{name}' has a port or a timeout that is no number; correct it.") from None
    if "url" in values:
        return _web(name, str(values["url"]), common | secret, plain=values.get("allow_http") is True, tls=tls)
    titles: dict[str, Any] = {
        "ae_title": str(values.get("ae_title", "")).strip(),
        "calling_ae_title": str(values.get("calling_ae_title", CALLING_AE)).strip(),
    }
    for key, title in titles.items():
        if not 0 < len(title) <= _MOST_TITLE or not title.isascii() or "\\" in title:
            raise PacsError(f"Archive '{name}': {key} must have 1 to 16 letters, and '{title}' has not; correct it.")
    host = str(values.get("host", ""))
    if not host or not 0 < port < 65536:
        raise PacsError(f"Archive '{name}' needs a host and a port from 1 to 65535; write dimse://AETITLE@HOST:PORT.")
    common.pop("user", None)
    return Address("dimse", name, host=host, port=port, tls=tls, **titles, **common)


def _web(name: str, url: str, common: dict[str, Any], *, plain: bool, tls: bool) -> Address:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
    except ValueError:
        usable = False
    if not usable:
        raise PacsError(f"Archive '{name}': the url must read https://HOST/dicom-web, without user and password.")
    if tls and parts.scheme == "http":
        raise PacsError(f"Archive '{name}' is to be asked by TLS, but its url begins with http; write https.")
    secret = common["password"] or common["token"]
    if secret and parts.scheme == "http" and parts.hostname not in _LOOPBACK and not plain:
        raise PacsError(
            f"Archive '{name}' would get the password in the clear (http); use https, or write allow_http = true in "
            "its table where the network is closed."
        )
    return Address("dicomweb", name, url=url.rstrip("/"), **common)
