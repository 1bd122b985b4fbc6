"""TLS with an archive (matae.pacs.tls): an authority of our own, and each way in which a handshake fails."""

from __future__ import annotations

import contextlib
import datetime
import ssl
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import pytest
import trustme
from clinic_makers import PATIENT, phantom_dataset, save
from orthanc_server import Orthanc, free_port
from pydicom import dcmread
from typer.testing import CliRunner

from matae.cli import app
from matae.errors import PacsError
from matae.pacs import Address, ClipQuery, connect, fetch_clip, find_archive, find_clips
from matae.pacs.tls import tls_context

# pynetdicom leaves a socket that never connected to the garbage collection.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <(socket|ssl):ResourceWarning")

KINDS = ("dicomweb", "dimse")
NOW = datetime.datetime.now(datetime.UTC)


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> SimpleNamespace:
    """Return an authority, a certificate of this computer that it vouches for, and others that fail in one way each."""
    folder = tmp_path_factory.mktemp("tls")
    made, stranger = trustme.CA(), trustme.CA()
    day = datetime.timedelta(days=1)
    issued = {
        "good": made.issue_cert("127.0.0.1"),
        "old": made.issue_cert("127.0.0.1", not_before=NOW - 3 * day, not_after=NOW - day),
        "elsewhere": made.issue_cert("pacs.example"),
        "strange": stranger.issue_cert("127.0.0.1"),
    }
    found = SimpleNamespace(made=made, folder=folder, issued=issued, file=str(folder / "ca.pem"))
    made.cert_pem.write_to_path(folder / "ca.pem")
    for name, one in issued.items():
        one.private_key_and_cert_chain_pem.write_to_path(folder / f"{name}.pem")
        one.private_key_pem.write_to_path(folder / f"{name}.key")
        one.cert_chain_pems[0].write_to_path(folder / f"{name}.crt")
    return found


class _Web(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/dicom+json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"[]")

    def log_message(self, *_) -> None:
        pass


class _Server(HTTPServer):
    def __init__(self, context: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), _Web)
        self.context = context

    def finish_request(self, request, address) -> None:
        with contextlib.suppress(OSError):  # a client that turned away in the handshake
            if self.context is not None:
                request.settimeout(10)
                request = self.context.wrap_socket(request, server_side=True)
            super().finish_request(request, address)


@pytest.fixture
def archive(authority):
    """Start an archive of a kind with a certificate; return its address, TLS asked for, the authority not yet named."""
    ends = []

    def start(kind, certificate="good", *, asks_for_ours=False):
        context = None
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issued[certificate].configure_cert(context)
            if asks_for_ours:
                context.verify_mode = ssl.CERT_REQUIRED
                authority.made.configure_trust(context)
        if kind == "dicomweb":
            server = _Server(context)
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            ends.extend([thread.join, server.server_close, server.shutdown])
            return Address(kind, "clinic", url=f"https://127.0.0.1:{server.server_port}/dicom-web", timeout=5)
        from pynetdicom import AE

        entity = AE(ae_title="ARCHIVE")
        entity.add_supported_context("1.2.840.10008.1.1")
        port = free_port()
        ends.append(entity.start_server(("127.0.0.1", port), block=False, ssl_context=context).shutdown)
        return Address(kind, "clinic", host="127.0.0.1", port=port, ae_title="ARCHIVE", tls=True, timeout=5)

    yield start
    for end in reversed(ends):
        end()


def told(address: Address) -> str:
    with pytest.raises(PacsError) as said, connect(address) as connection:
        connection.check()
    assert "\n" not in str(said.value)
    assert str(said.value).endswith(".")
    return str(said.value)


# --- files that are none ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("content", [None, b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\n????\n"])
def test_an_authority_that_is_no_certificate_is_told_with_its_file(kind, content, tmp_path) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    where = {"url": "https://127.0.0.1:1"} if kind == "dicomweb" else {"host": "127.0.0.1", "port": 1, "tls": True}
    said = told(Address(kind, "clinic", ae_title="A", ca_file=str(path), **where))
    assert f"ca_file {path} cannot be read or holds no certificate" in said


@pytest.mark.parametrize("key", ["strange.key", "nowhere.key"])
def test_a_key_of_another_certificate_is_told(authority, key) -> None:
    folder = authority.folder
    address = Address(
        "dimse", "clinic", host="h", port=1, ae_title="A", tls=True, cert_file=str(folder / "good.crt"),
        key_file=str(folder / key),
    )  # fmt: skip
    with pytest.raises(PacsError, match="do not belong together"):
        tls_context(address)


def test_a_key_with_a_password_is_refused_instead_of_asking_at_the_terminal(authority, tmp_path) -> None:
    from cryptography.hazmat.primitives import serialization as form

    key = form.load_pem_private_key((authority.folder / "good.key").read_bytes(), None)
    locked = tmp_path / "locked.key"
    locked.write_bytes(
        key.private_bytes(
            form.Encoding.PEM, form.PrivateFormat.TraditionalOpenSSL, form.BestAvailableEncryption(b"secret")
        )
    )
    address = Address("dicomweb", "clinic", cert_file=str(authority.folder / "good.crt"), key_file=str(locked))
    with pytest.raises(PacsError, match="without a password"):
        tls_context(address)


# --- handshakes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_whom_the_authority_vouches_for_is_let_in(archive, authority, kind) -> None:
    with connect(replace(archive(kind), ca_file=authority.file)) as connection:
        connection.check()


@pytest.mark.parametrize("kind", KINDS)
def test_an_authority_that_this_computer_trusts_needs_no_file(archive, authority, kind, monkeypatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", authority.file)  # where OpenSSL finds what this computer trusts
    with connect(archive(kind)) as connection:
        connection.check()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("certificate", "names_it", "words"),
    [
        ("good", False, "that nobody known vouches for"),
        ("strange", True, "that nobody known vouches for"),
        ("old", True, "that is not valid today"),
        ("elsewhere", True, "for another name than the one in"),
        ("", True, "speaks no TLS at"),
    ],
)
def test_a_certificate_that_is_not_trusted_is_told_with_what_to_do(
    *, archive, authority, kind, certificate, names_it, words
) -> None:
    said = told(replace(archive(kind, certificate), ca_file=authority.file if names_it else ""))
    assert words in said
    if "nobody known" in words:
        assert "--ca-file" in said


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_that_asks_for_our_certificate_gets_it(archive, authority, kind) -> None:
    address = replace(archive(kind, asks_for_ours=True), ca_file=authority.file)
    assert "--cert-file" in told(address)
    strange = str(authority.folder / "strange.pem")
    assert "--cert-file" in told(replace(address, cert_file=strange))
    files = {"cert_file": str(authority.folder / "good.crt"), "key_file": str(authority.folder / "good.key")}
    with connect(replace(address, **files)) as connection:
        connection.check()
    with connect(replace(address, cert_file=str(authority.folder / "good.pem"))) as connection:  # both in one file
        connection.check()


def test_an_archive_that_wants_tls_says_so_to_who_comes_without(archive) -> None:
    assert "whether it wants TLS" in told(replace(archive("dimse"), tls=False))


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_there_is_no_matter_of_certificates(kind, authority) -> None:
    where = {"url": f"https://127.0.0.1:{free_port()}"} if kind == "dicomweb" else {"host": "127.0.0.1", "tls": True}
    said = told(Address(kind, "clinic", port=free_port(), ae_title="A", ca_file=authority.file, **where))
    assert "cannot be reached at" in said


# --- addresses --------------------------------------------------------------------------------------------------------


def test_an_address_and_options_ask_for_tls(tmp_path) -> None:
    assert find_archive("dimse-tls://A@h:2762").tls
    assert not find_archive("dimse://A@h:104").tls
    assert find_archive("dimse://A@h:104", tls=True).tls
    given = find_archive("dimse://A@h:104", ca_file="ca.pem")
    assert (given.tls, given.ca_file) == (True, "ca.pem")
    assert find_archive("https://h/d", cert_file="ours.pem", key_file="ours.key").key_file == "ours.key"
    listed = tmp_path / "pacs.toml"
    listed.write_text('[archives.ward]\nhost = "h"\nport = 104\nae_title = "A"\nca_file = "~/old.pem"\n')
    assert find_archive("ward", listed).tls
    assert "~" not in find_archive("ward", listed).ca_file
    assert find_archive("ward", listed, ca_file="new.pem").ca_file == "new.pem"


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("http://h/d", {"ca_file": "ca.pem"}, "begins with http"),
        ("http://h/d", {"tls": True}, "begins with http"),
        ("https://h/d", {"key_file": "k.pem"}, "without the certificate"),
        ("dimse-tls://A:secret@h:104", {}, "leave user and password out"),
    ],
)
def test_what_would_go_in_the_clear_or_makes_no_sense_is_refused(name, options, words) -> None:
    with pytest.raises(PacsError, match=words):
        find_archive(name, **options)


def test_tls_that_is_neither_true_nor_false_is_refused(tmp_path) -> None:
    listed = tmp_path / "pacs.toml"
    listed.write_text('[archives.ward]\nhost = "h"\nport = 104\nae_title = "A"\ntls = "yes"\n')
    with pytest.raises(PacsError, match="tls must be true or false"):
        find_archive("ward", listed)


# --- a real archive ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def secure(authority):
    folder = authority.folder
    files = {"key": "good.key", "certificate": "good.crt", "authority": "ca.pem"}
    try:
        running = Orthanc({name: folder / file for name, file in files.items()})
    except RuntimeError as error:
        pytest.skip(str(error))
    yield running
    running.close()


@pytest.mark.parametrize("protocol", ["web", "dimse"])
def test_orthanc_over_tls_gives_its_clips_to_who_names_the_authority(
    *, secure, authority, phantom, protocol, tmp_path, monkeypatch
) -> None:
    from orthanc_server import PASSWORD, USER

    monkeypatch.setenv("MATAE_PACS_USER", USER)
    monkeypatch.setenv("MATAE_PACS_PASSWORD", PASSWORD)
    secure.clear()
    secure.put(save(phantom_dataset(phantom), tmp_path / "scanner.dcm"))
    where = getattr(secure, protocol)
    with connect(find_archive(where, ca_file=authority.file)) as connection:
        (clip,) = find_clips(connection, ClipQuery(patient_id=PATIENT))
        path = fetch_clip(connection, clip, tmp_path / "got")
    assert (dcmread(path).pixel_array == phantom.cine.frames).all()
    run = CliRunner()
    done = run.invoke(app, ["pacs", "check", where, "--ca-file", authority.file])
    assert done.exit_code == 0, done.output
    assert "answers" in done.output
    refused = run.invoke(app, ["pacs", "check", where])
    assert refused.exit_code == 1
    assert "nobody known vouches for" in " ".join(refused.output.split())
