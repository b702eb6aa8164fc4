"""A real sshd on a host of the lab, and keys for it."""

from __future__ import annotations

import getpass
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from clusters.engine.ssh import SshKeys
from tests.lab.engine import LabEngine

PORT = 2222
_CONFIG = """
Port {port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PubkeyAuthentication yes
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
# The test's folder lies below /tmp, which everybody may write to.
StrictModes no
PidFile none
MaxSessions {sessions}
MaxStartups 100
{more}
"""


class LabSsh:
    """`start()` runs sshd on the host; it ends with the host, or with `stop()`. Files lie in the host's folder."""

    def __init__(self, host: LabEngine, *, sessions: int = 10, more: str = "") -> None:
        self.host = host
        self.folder = Path(tempfile.mkdtemp(prefix="ssh-", dir=host.folder))
        self.folder.chmod(0o755)
        self.host_key = _make_key(self.folder / "host_key")
        self.user_key = _make_key(self.folder / "user_key")
        (self.folder / "authorized_keys").write_text(self.user_key.with_suffix(".pub").read_text())
        text = _CONFIG.format(port=PORT, folder=self.folder, sessions=sessions, more=more)
        (self.folder / "config").write_text(text)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"ssh://{getpass.getuser()}@{self.host.address}:{PORT}"

    @property
    def keys(self) -> SshKeys:
        return SshKeys(self.user_key.read_text(), self.public_host_key)

    @property
    def public_host_key(self) -> str:
        return self.host_key.with_suffix(".pub").read_text()

    def start(self) -> None:
        self._process = self.host.spawn("/usr/sbin/sshd", "-D", "-e", "-f", str(self.folder / "config"))
        deadline = time.monotonic() + 15
        while True:
            try:
                socket.create_connection((self.host.address, PORT), 1).close()
                return
            except OSError:
                assert self._process.poll() is None and time.monotonic() < deadline, self.host.said()
                time.sleep(0.1)

    def stop(self) -> None:
        """It listens no more; connections that are open go on."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()


def _make_key(path: Path, kind: str = "ed25519") -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(path)], check=True)
    return path
