"""An Orthanc of our own on loopback, for as long as the tests run."""

from __future__ import annotations

import contextlib
import ctypes
import json
import select
import shutil
import signal
import socket
import socketserver
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from base64 import b64encode
from pathlib import Path

AE_TITLE, CALLING = "ARCHIVE", "MATAE"
# Not that of the database: a test of the store looks for that one in the environment of every process.
USER, PASSWORD = "reader", "for-this-archive-alone"
_PLUGINS = ("/usr/share/orthanc/plugins", "/usr/lib/orthanc/plugins", "/usr/local/share/orthanc/plugins")


def find_program() -> str | None:
    """Return Orthanc, which Debian keeps in a folder that only root has on the path."""
    return shutil.which("Orthanc", path=f"{Path('/usr/sbin')}:{Path('/usr/local/sbin')}") or shutil.which("Orthanc")


def find_plugin() -> Path | None:
    """Return the DICOMweb plugin."""
    found = (path for folder in _PLUGINS for path in sorted(Path(folder).glob("libOrthancDicomWeb.so*")))
    return next(found, None)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


class TlsFront:
    """Speaks TLS on a port of this computer, and hands what comes to another port in the clear."""

    def __init__(self, inner: int, tls: dict[str, Path]) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls["certificate"], tls["key"])

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", inner)) as behind:
                    self.request.settimeout(20)
                    with context.wrap_socket(self.request, server_side=True) as client:
                        _pass_on(client, behind)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _pass_on(client: ssl.SSLSocket, behind: socket.socket) -> None:
    """Hand on what comes from either side until one of them ends; in one thread, as OpenSSL wants it."""
    while True:
        ready = [client] if client.pending() else select.select([client, behind], [], [], 20)[0]
        if not ready:
            return
        for source in ready:
            if not (data := source.recv(65536)):
                return
            (behind if source is client else client).sendall(data)


class Orthanc:
    """A server in a temporary folder; RuntimeError says why it cannot be had.

    With `tls`, files of an authority, of the server's certificate and of its key, it speaks DICOM over TLS alone, and
    https by a front of ours, as behind the reverse proxy of a clinic: Orthanc 1.10 with OpenSSL 3 ends each connection
    by https.
    """

    def __init__(self, tls: dict[str, Path] | None = None) -> None:
        self.tls, self.front = tls, None
        program, plugin = find_program(), find_plugin()
        if program is None or plugin is None:
            raise RuntimeError("Orthanc is not installed (Debian packages: orthanc, orthanc-dicomweb)")
        self.folder = Path(tempfile.mkdtemp(prefix="matae-orthanc-"))
        self.process: subprocess.Popen[bytes] | None = None
        try:
            self._start_somewhere(program, plugin)
            if tls is not None:
                self.front = TlsFront(self.http, tls)
        except BaseException:
            self.close()
            raise

    def _start_somewhere(self, program: str, plugin: Path) -> None:
        for _ in range(5):  # somebody may take a port between our look and the server's
            self.http, self.dicom = free_port(), free_port()
            self._start(program, plugin)
            if self._wait():
                return
            self._stop()
        raise RuntimeError("Orthanc did not start: " + (self.folder / "log").read_text()[-500:])

    def _start(self, program: str, plugin: Path) -> None:
        config = {
            "Name": "matae-tests", "StorageDirectory": str(self.folder / "storage"),
            "IndexDirectory": str(self.folder / "storage"), "Plugins": [str(plugin)],
            "HttpPort": self.http, "RemoteAccessAllowed": False, "AuthenticationEnabled": True,
            "RegisteredUsers": {USER: PASSWORD},
            "DicomPort": self.dicom, "DicomAet": AE_TITLE, "DicomCheckCalledAet": True,
            "DicomAlwaysAllowEcho": True, "DicomAlwaysAllowStore": True, "DicomAlwaysAllowFind": False,
            "DicomAlwaysAllowGet": False,
            "DicomModalities": {"matae": {"AET": CALLING, "Host": "127.0.0.1", "Port": 104, "AllowGet": True}},
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
            "HttpThreadsCount": 4, "SaveJobs": False, "StorageAccessOnFind": "Always",
        }  # fmt: skip
        if self.tls is not None:
            config |= {
                "DicomTlsEnabled": True,
                "DicomTlsPrivateKey": str(self.tls["key"]), "DicomTlsCertificate": str(self.tls["certificate"]),
                "DicomTlsTrustedCertificates": str(self.tls["authority"]), "DicomTlsRemoteCertificateRequired": False,
            }  # fmt: skip
        (self.folder / "config.json").write_text(json.dumps(config))
        self.log = (self.folder / "log").open("wb")
        self.process = subprocess.Popen(
            [program, str(self.folder / "config.json")], stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL,
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 (one system call)
        )  # fmt: skip

    def _wait(self) -> bool:
        end = time.monotonic() + 300
        while time.monotonic() < end and self.process.poll() is None:
            try:
                self.get("/system")
                with socket.create_connection(("127.0.0.1", self.dicom), 1):
                    return True
            except OSError:
                time.sleep(0.05)  # the server is another process: there is nothing to wait on but its port
        return False

    @property
    def web(self) -> str:
        if self.front is not None:
            return f"https://127.0.0.1:{self.front.port}/dicom-web"
        return f"http://127.0.0.1:{self.http}/dicom-web"

    @property
    def dimse(self) -> str:
        return f"dimse{'' if self.tls is None else '-tls'}://{AE_TITLE}@127.0.0.1:{self.dicom}"

    def request(self, path: str, data: bytes | None = None, method: str | None = None) -> bytes:
        request = urllib.request.Request(f"http://127.0.0.1:{self.http}{path}", data=data, method=method)
        request.add_header("Authorization", "Basic " + b64encode(f"{USER}:{PASSWORD}".encode()).decode())
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.read()

    def get(self, path: str):
        return json.loads(self.request(path))

    def put(self, path: Path) -> None:
        """Store a file, as a scanner would."""
        self.request("/instances", path.read_bytes())

    def clear(self) -> None:
        for one in self.get("/patients"):
            self.request(f"/patients/{one}", method="DELETE")

    def held(self, kind: str) -> list[bytes]:
        """Return the files of a modality that the server holds, by its own interface."""
        series = [one for one in self.get("/series?expand") if one["MainDicomTags"]["Modality"] == kind]
        return [self.request(f"/instances/{name}/file") for one in series for name in one["Instances"]]

    def _stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None
            self.log.close()

    def close(self) -> None:
        if self.front is not None:
            self.front.close()
        self._stop()
        shutil.rmtree(self.folder, ignore_errors=True)
