"""An Orthanc of our own on loopback, for as long as the tests run."""

from __future__ import annotations

import ctypes
import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from base64 import b64encode
from pathlib import Path

AE_TITLE, CALLING = "ARCHIVE", "MATAE"
USER, PASSWORD = "reader", "only-for-these-tests"
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


class Orthanc:
    """A server in a temporary folder; RuntimeError says why it cannot be had."""

    def __init__(self) -> None:
        program, plugin = find_program(), find_plugin()
        if program is None or plugin is None:
            raise RuntimeError("Orthanc is not installed (Debian packages: orthanc, orthanc-dicomweb)")
        self.folder = Path(tempfile.mkdtemp(prefix="matae-orthanc-"))
        self.process: subprocess.Popen[bytes] | None = None
        try:
            self._start_somewhere(program, plugin)
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
        (self.folder / "config.json").write_text(json.dumps(config))
        self.log = (self.folder / "log").open("wb")
        self.process = subprocess.Popen(
            [program, str(self.folder / "config.json")], stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL,
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 (one system call)
        )  # fmt: skip

    def _wait(self) -> bool:
        end = time.monotonic() + 30
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
        return f"http://127.0.0.1:{self.http}/dicom-web"

    @property
    def dimse(self) -> str:
        return f"dimse://{AE_TITLE}@127.0.0.1:{self.dicom}"

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
        self._stop()
        shutil.rmtree(self.folder, ignore_errors=True)
