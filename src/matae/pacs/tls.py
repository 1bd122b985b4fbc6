"""TLS with an archive: whom to trust, who we are, and why a handshake failed, in a sentence."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

from matae.errors import PacsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matae.pacs.address import Address

__all__ = ["handshake_fault", "in_words", "ssl_fault", "tls_context"]

_NOT_NOW = {9, 10}  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED
_OTHER_NAME = {62, 64}  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
_NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "UNEXPECTED_EOF", "PACKET_LENGTH_TOO_LONG")
_WANTS_OURS = (
    "CERTIFICATE_REQUIRED", "ALERT_HANDSHAKE_FAILURE", "ALERT_UNKNOWN_CA", "ALERT_BAD_CERTIFICATE",
    "ALERT_ACCESS_DENIED",
)  # fmt: skip
_ALERT_SECONDS = 2.0


def tls_context(address: Address) -> ssl.SSLContext:
    """Return what a connection to an archive trusts and shows.

    Without ``ca_file`` the authorities that this computer trusts count; with it that one alone. Certificate and name of
    the archive are always checked.

    Parameters
    ----------
    address
        With its ``ca_file``, ``cert_file`` and ``key_file``.

    Raises
    ------
    PacsError
        If one of the files cannot be read, holds no certificate, or the key is not that of the certificate.
    """
    name = address.name
    try:
        context = ssl.create_default_context(cafile=address.ca_file or None)
    except (OSError, ValueError) as error:  # ssl.SSLError, where the file holds no certificate, is an OSError
        raise PacsError(
            f"{name}: ca_file {address.ca_file} cannot be read or holds no certificate; give the certificate of the "
            "clinic's authority as a PEM file."
        ) from error
    if address.cert_file:
        try:
            context.load_cert_chain(address.cert_file, address.key_file or None, password=_no_password)
        except (OSError, ValueError) as error:
            raise PacsError(
                f"{name}: cert_file {address.cert_file} or key_file {address.key_file or '(the same file)'} cannot be "
                "read, or they do not belong together; give our certificate and its key as PEM, without a password."
            ) from error
    return context


def _no_password() -> str:
    """Answer OpenSSL, which would otherwise ask at the terminal and wait there."""
    raise ValueError("the key has a password")


def ssl_fault(error: BaseException) -> ssl.SSLError | None:
    """Return the fault of TLS that stands behind an error of a client library; None if there is none."""
    return next((one for one in _behind(error) if isinstance(one, ssl.SSLError)), None)


def _behind(error: BaseException) -> Iterator[BaseException]:
    todo, seen = [error], set()
    while todo:
        one = todo.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        linked = (*one.args, getattr(one, "reason", None), one.__cause__, one.__context__)
        todo += [other for other in linked if isinstance(other, BaseException)]


def handshake_fault(host: str, port: int, context: ssl.SSLContext, timeout: float) -> ssl.SSLError | None:
    """Return why an archive and we cannot agree on TLS; None if we can, or if it cannot be reached at all.

    pynetdicom tells a certificate that fails no otherwise than a host that is not there, and who writes to an archive
    that has just turned away does not read why: so a handshake is made once more to learn what went wrong.

    Parameters
    ----------
    host, port
        Where it listens.
    context
        As `tls_context` gives it.
    timeout
        Seconds to wait for the connection.
    """
    try:
        with (
            socket.create_connection((host, port), timeout) as plain,
            context.wrap_socket(plain, server_hostname=host) as wrapped,
        ):
            wrapped.settimeout(min(_ALERT_SECONDS, timeout))
            wrapped.recv(1)  # by TLS 1.3 an archive asks for our certificate after the handshake
    except ssl.SSLError as error:
        return error
    except OSError:  # nobody there; or silence after the handshake, as it should be
        return None
    return None


def in_words(address: Address, fault: ssl.SSLError | None) -> str:
    """Return a fault of TLS as one sentence that says what to do.

    Parameters
    ----------
    address
        Whose archive it is.
    fault
        As `ssl_fault` or `handshake_fault` gives it; None if it is not known.
    """
    name, host = address.name, address.host or address.url
    if isinstance(fault, ssl.SSLCertVerificationError):
        if fault.verify_code in _NOT_NOW:
            return (
                f"{name} shows a certificate that is not valid today ({fault.verify_message}); check the clock of this "
                "computer, and tell whoever runs the archive."
            )
        if fault.verify_code in _OTHER_NAME:
            return (
                f"{name} shows a certificate for another name than the one in {host} ({fault.verify_message}); write "
                "the host as its certificate names it, or ask whoever runs the archive."
            )
        return (
            f"{name} shows a certificate that nobody known vouches for ({fault.verify_message}); get the certificate "
            "of the clinic's authority from whoever runs the archive, and name its file as ca_file (--ca-file)."
        )
    said = "" if fault is None else f"{fault.reason or ''} {fault}".upper().replace(" ", "_")
    if any(word in said for word in _WANTS_OURS):
        return (
            f"{name} does not accept us by TLS; give a certificate of ours that it knows as cert_file and key_file "
            "(--cert-file, --key-file), or ask whoever runs the archive."
        )
    if any(word in said for word in _NO_TLS):
        return (
            f"{name} speaks no TLS at {host}; check the port, or leave TLS out where the network is closed (http, "
            "dimse://, tls = false)."
        )
    why = f" ({fault.reason})" if fault is not None and fault.reason else ""
    return f"{name} and this computer cannot agree on TLS{why}; ask whoever runs the archive which versions it speaks."
