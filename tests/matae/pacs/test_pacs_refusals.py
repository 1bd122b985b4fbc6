"""Each thing that goes wrong on the way is one sentence with what to do (matae.pacs.dicomweb, matae.pacs.dimse)."""

from __future__ import annotations

import socket
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from clinic_makers import PATIENT
from orthanc_server import AE_TITLE, PASSWORD, free_port

from matae.errors import PacsError
from matae.extras import EXTRAS
from matae.pacs import Address, ClipQuery, connect, find_archive, find_clips

# pynetdicom leaves a socket that never connected to the garbage collection.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


def told(address, do=lambda connection: connection.check()) -> str:
    with pytest.raises(PacsError) as said, connect(address) as connection:
        do(connection)
    text = str(said.value)
    assert PASSWORD not in text
    assert "\n" not in text
    assert text.endswith(".")
    return text


def ask(connection):
    return find_clips(connection, ClipQuery(patient_id=PATIENT))


# --- nobody there -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["http://127.0.0.1:{}/dicom-web", "dimse://ARCHIVE@127.0.0.1:{}"])
def test_an_archive_that_does_not_run_cannot_be_reached(address) -> None:
    said = told(find_archive(address.format(free_port())))
    assert "cannot be reached at" in said
    assert "that the archive runs" in said


@pytest.mark.parametrize("kind", ["dicomweb", "dimse"])
def test_one_that_never_answers_is_given_up(kind) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        where = {"url": f"http://127.0.0.1:{port}"} if kind == "dicomweb" else {"host": "127.0.0.1", "port": port}
        said = told(Address(kind, "silent", ae_title="A", timeout=0.3, **where))
    assert "silent" in said


@pytest.mark.parametrize("extra", ["pacs"])
def test_without_the_clients_the_extra_is_named(extra, monkeypatch) -> None:
    import sys

    assert extra in EXTRAS
    for module in ("dicomweb_client", "dicomweb_client.api", "pynetdicom"):
        monkeypatch.setitem(sys.modules, module, None)
    for address in (Address("dicomweb", "a", url="http://h"), Address("dimse", "a", host="h", port=1, ae_title="A")):
        assert "is not installed (extra pacs): " in told(address)


# --- DICOMweb ---------------------------------------------------------------------------------------------------


def test_a_wrong_password_is_not_let_in(orthanc, monkeypatch) -> None:
    monkeypatch.setenv("MATAE_PACS_PASSWORD", "wrong")
    assert "does not let this user in (401)" in told(find_archive(orthanc.web))


def test_a_place_without_dicomweb_is_told(orthanc) -> None:
    assert "nothing at this place" in told(find_archive(f"http://127.0.0.1:{orthanc.http}/nowhere"))


@pytest.fixture
def answering():
    """Serve the same answer to everything."""
    started = []

    def serve(status, body=b"", kind="text/html"):
        class Answer(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        server = HTTPServer(("127.0.0.1", 0), Answer)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        started.append((server, thread))
        return find_archive(f"http://127.0.0.1:{server.server_port}/dicom-web")

    yield serve
    for server, thread in started:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (200, b"<html>Log in</html>", "not as DICOMweb"),
        (200, b'{"a": 1}', "not as DICOMweb"),
        (403, b"", "does not let this user in (403)"),
        (500, b"oops", "HTTP 500"),
    ],
)
def test_what_is_no_dicomweb_answer_is_told(answering, status, body, words) -> None:
    assert words in told(answering(status, body, "application/dicom+json" if body[:1] == b"{" else "text/html"), ask)


# --- DIMSE ------------------------------------------------------------------------------------------------------


def test_a_wrong_title_of_the_archive_is_told(orthanc) -> None:
    said = told(replace(find_archive(orthanc.dimse), ae_title="SOMEBODY"))
    assert "is not called SOMEBODY" in said
    assert "ask whoever runs the archive for its AE title" in said


def test_an_archive_that_does_not_know_us_is_told(orthanc, stored) -> None:
    said = told(replace(find_archive(orthanc.dimse), calling_ae_title="STRANGER"), ask)
    assert "STRANGER" in said
    assert "add this AE title" in said


def test_a_port_that_speaks_something_else_is_told(orthanc) -> None:
    said = told(find_archive(f"dimse://{AE_TITLE}@127.0.0.1:{orthanc.http}"))
    assert "check that a DICOM archive listens there" in said


@pytest.fixture
def provider():
    """Run an application entity of pynetdicom."""
    from pynetdicom import AE

    running = []

    def start(contexts=("1.2.840.10008.1.1",), *, handlers=(), **settings):
        entity = AE(ae_title="ARCHIVE")
        for name, value in settings.items():
            setattr(entity, name, value)
        for context in contexts:
            entity.add_supported_context(context)
        port = free_port()
        running.append(entity.start_server(("127.0.0.1", port), block=False, evt_handlers=list(handlers)))
        return find_archive(f"dimse://ARCHIVE@127.0.0.1:{port}")

    yield start
    for server in running:
        server.shutdown()


def test_a_refused_association_names_the_reason(provider) -> None:
    said = told(provider(require_calling_aet=["ELSE"]))
    assert "does not know MATAE" in said
    assert "set calling_ae_title" in said


def test_an_archive_that_is_busy_says_so(provider) -> None:
    from pynetdicom import AE

    address = provider(maximum_associations=1)
    other = AE()
    other.add_requested_context("1.2.840.10008.1.1")
    held = other.associate(address.host, address.port, ae_title="ARCHIVE")
    assert held.is_established
    said = told(address)
    held.release()
    assert "refused the association" in said
    assert "try again" in said


def test_an_archive_that_does_not_offer_a_query_is_told(provider) -> None:
    assert "does not offer MATAE to look it up by C-FIND" in told(provider(), ask)


@pytest.mark.parametrize(("status", "words"), [(0x0124, "does not allow MATAE"), (0xA700, "status A700H")])
def test_a_query_that_fails_is_told_with_its_status(provider, status, words) -> None:
    from pynetdicom import evt

    find = "1.2.840.10008.5.1.4.1.2.2.1"
    address = provider((find,), handlers=[(evt.EVT_C_FIND, lambda _: iter([(status, None)]))])
    assert words in told(address, ask)


def test_an_object_that_the_archive_does_not_take_is_told(provider, tmp_path) -> None:
    from pydicom.dataset import Dataset, FileMetaDataset

    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    made.SOPClassUID, made.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.88.33", "1.2.3"
    made.save_as(tmp_path / "sr.dcm", enforce_file_format=True)
    said = told(provider(), lambda connection: connection.store(tmp_path / "sr.dcm"))
    assert "does not offer MATAE to store sr.dcm" in said
