"""A real image registry (Debian's `docker-registry`) on loopback, and images put into it."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import requests

from .images import LabImage, image_tar

USER, PASSWORD = "puller", "pull-secret"
# bcrypt of PASSWORD, the only form docker-registry reads.
_HTPASSWD = "puller:$2y$05$xUpxh.yFh590xrBbLPMVp.LEgzU0MQBQj/eiZhpiY9rrHf4bwrz96\n"


class LabRegistry:
    """`with LabRegistry() as registry:`; `closed=True` asks for USER and PASSWORD."""

    def __init__(self, *, closed: bool = False) -> None:
        self._closed = closed
        self._folder = Path(tempfile.mkdtemp(prefix="slipway-registry-"))
        self._process: subprocess.Popen[bytes] | None = None
        self.port = _free_port()
        self.host = f"127.0.0.1:{self.port}"
        self._http = requests.Session()
        self._http.trust_env = False
        if closed:
            self._http.auth = (USER, PASSWORD)

    def __enter__(self) -> LabRegistry:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        config: dict[str, Any] = {
            "version": 0.1,
            "log": {"level": "error"},
            "storage": {"filesystem": {"rootdirectory": str(self._folder / "data")}},
            "http": {"addr": self.host},
        }
        if self._closed:
            (self._folder / "htpasswd").write_text(_HTPASSWD)
            config["auth"] = {"htpasswd": {"realm": "lab", "path": str(self._folder / "htpasswd")}}
        path = self._folder / "config.yml"
        path.write_text(json.dumps(config))  # JSON is YAML
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["docker-registry", "serve", str(path)], stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        deadline = time.monotonic() + 15
        while True:
            with contextlib.suppress(requests.ConnectionError):
                if self._http.get(f"http://{self.host}/v2/", timeout=5).status_code == 200:
                    return
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError(f"docker-registry did not start: {(self._folder / 'log').read_text()}")
            time.sleep(0.05)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def publish(self, image: LabImage, repository: str, tag: str) -> str:
        """Upload it; answers the reference to pull."""
        tar = image_tar(image)
        layer = gzip.compress(tar, mtime=0)
        # A name of its own, or the engine would know the layer already and have nothing to pull.
        config = json.dumps(
            {
                "architecture": "amd64",
                "os": "linux",
                "author": f"{repository}:{tag}",
                "config": {"Cmd": ["/bin/app"], "Env": ["PATH=/bin"], "StopSignal": image.stop_signal or ""},
                "rootfs": {"type": "layers", "diff_ids": [_digest(tar)]},
            }
        ).encode()
        kind = "application/vnd.docker.distribution.manifest.v2+json"
        manifest = {
            "schemaVersion": 2,
            "mediaType": kind,
            "config": self._upload(repository, config, "application/vnd.docker.container.image.v1+json"),
            "layers": [self._upload(repository, layer, "application/vnd.docker.image.rootfs.diff.tar.gzip")],
        }
        answer = self._http.put(
            f"http://{self.host}/v2/{repository}/manifests/{tag}",
            data=json.dumps(manifest).encode(),
            headers={"Content-Type": kind},
            timeout=30,
        )
        answer.raise_for_status()
        return f"{self.host}/{repository}:{tag}"

    def _upload(self, repository: str, data: bytes, kind: str) -> dict[str, Any]:
        begun = self._http.post(f"http://{self.host}/v2/{repository}/blobs/uploads/", timeout=30)
        begun.raise_for_status()
        location = begun.headers["Location"]
        joint = "&" if "?" in location else "?"
        done = self._http.put(
            f"{location}{joint}digest={_digest(data)}",
            data=data,
            headers={"Content-Type": "application/octet-stream"},
            timeout=60,
        )
        done.raise_for_status()
        return {"mediaType": kind, "size": len(data), "digest": _digest(data)}


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
