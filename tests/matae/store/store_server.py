"""A PostgreSQL of our own on loopback, for as long as the tests run."""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PASSWORD = "only-for-these-tests"


def find_programs() -> Path | None:
    """Return the folder of initdb and postgres; Debian keeps it off the path."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: path.parts[4].zfill(9))
    return installed[-1].parent if installed else None


class Server:
    """A cluster in a temporary folder; PostgreSQL refuses root, so root runs it as somebody else."""

    def __init__(self) -> None:
        try:
            self._set_up()
        except BaseException:
            if hasattr(self, "folder"):
                self.close()
            raise

    def _set_up(self) -> None:
        programs = find_programs()
        if programs is None:
            raise RuntimeError("PostgreSQL is not installed (Debian package: postgresql)")
        self.process: subprocess.Popen[bytes] | None = None
        self.kept: Any = None
        self.folder = Path(tempfile.mkdtemp(prefix="matae-postgres-"))
        self.count = 0
        self._user: dict[str, object] = {}
        if os.geteuid() == 0:
            name = next((n for n in ("postgres", "nobody") if _exists(n)), None)
            if name is None:
                raise RuntimeError("there is no user that could run PostgreSQL instead of root")
            account = pwd.getpwnam(name)
            os.chown(self.folder, account.pw_uid, account.pw_gid)
            self._user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        secret = self.folder / "secret"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        data = self.folder / "data"
        self._run(
            programs / "initdb", "-D", data, "-U", "matae", "-A", "scram-sha-256", "--pwfile", secret, "-E", "UTF8",
            "--locale=C", "--no-sync",
        )  # fmt: skip
        for _ in range(5):  # somebody may take the port between our look and the server's
            self.port = _free_port()
            self.process = self._start(
                programs / "postgres", "-D", data, "-p", self.port, "-c", "listen_addresses=127.0.0.1", "-c",
                f"unix_socket_directories={self.folder}", "-c", "fsync=off", "-c", "max_connections=60",
            )  # fmt: skip
            if self._wait():
                return
            self.stop_process()
        raise RuntimeError("PostgreSQL did not start: " + (self.folder / "log").read_text()[-500:])

    def url(self, database: str, password: str = PASSWORD) -> str:
        return f"postgresql://matae:{password}@127.0.0.1:{self.port}/{database}"

    def new_database(self, template: str = "template0") -> str:
        self.count += 1
        name = f"study{self.count}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def execute(self, statement: str, database: str = "postgres") -> None:
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute(statement)

    def call_again(self, statement: str, database: str) -> None:
        """Execute what is said before every test on a connection that is kept: a new one costs more than the words."""
        import psycopg

        for _ in range(2):  # a test may have stopped the server, or ended its connections
            if self.kept is None:
                self.kept = psycopg.connect(self.url(database), autocommit=True)
            try:
                self.kept.execute(statement)
            except psycopg.OperationalError:
                self.kept.close()
                self.kept = None
            else:
                return
        self.execute(statement, database)

    def stop_process(self) -> None:
        if self.process is not None:
            self.process.terminate()  # the "smart" way waits for clients, SIGINT does not
            self.process.send_signal(2)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    def close(self) -> None:
        if self.kept is not None:
            self.kept.close()
            self.kept = None
        self.stop_process()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, *command: object) -> None:
        done = subprocess.run(
            [str(word) for word in command], capture_output=True, text=True, cwd=self.folder, check=False,
            env={"LC_ALL": "C", "PATH": os.environ["PATH"]}, **self._user,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"PostgreSQL could not be set up: {done.stderr[-500:]}")

    def _start(self, *command: object) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [str(word) for word in command], stdout=log, stderr=log, cwd=self.folder,
                env={"LC_ALL": "C", "PATH": os.environ["PATH"]}, **self._user,
                preexec_fn=_end_with_parent,  # noqa: PLW1509 (it calls the system once)
            )  # fmt: skip

    def _wait(self) -> bool:
        import psycopg

        until = time.monotonic() + 300
        while time.monotonic() < until and self.process is not None and self.process.poll() is None:
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=2).close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return True
        return False


def _end_with_parent() -> None:
    """Ask Linux to stop the server when the tests are killed and cannot do so themselves."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGINT)  # PR_SET_PDEATHSIG


def _exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
