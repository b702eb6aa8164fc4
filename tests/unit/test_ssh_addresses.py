"""Addresses and keys of engines over SSH: what is taken, and that nothing hides in them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from clusters.engine.connect import open_engine
from clusters.engine.errors import InvalidRequest
from clusters.engine.ssh import (
    SshKeys,
    fingerprints,
    read_host_keys,
    read_private_key,
    split_address,
    written,
)


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("ssh://ops@host-a", ("ops", "host-a", 22)),
        ("ssh://ops@host-a:2222/", ("ops", "host-a", 2222)),
        ("ssh://_svc.docker@10.0.0.7", ("_svc.docker", "10.0.0.7", 22)),
        ("ssh://root@[fd00::7]:22", ("root", "fd00::7", 22)),
    ],
)
def test_addresses(url: str, parts: tuple[str, str, int]) -> None:
    assert split_address(url) == parts


@pytest.mark.parametrize(
    "url",
    [
        "ssh://host-a",
        "ssh://@host-a",
        "ssh://ops@",
        "ssh://ops:word@host-a",
        "ssh://-oProxyCommand=id@host-a",
        "ssh://ops@-oProxyCommand=id",
        "ssh://ops;id@host-a",
        "ssh://ops@host a",
        "ssh://ops@host-a/var/run/docker.sock",
        "ssh://ops@host-a?x=1",
        "ssh://ops@host-a#x",
        "ssh://ops%20x@host-a",
    ],
)
def test_addresses_that_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"ssh://|password"):
        split_address(url)


def _key(folder: Path, kind: str, *, passphrase: str = "", pem: bool = False) -> Path:
    path = folder / f"{kind}{len(passphrase)}{pem}"
    more = ["-m", "PEM"] if pem else []
    command = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-f", str(path), *more]
    subprocess.run(command, check=True)
    return path


@pytest.mark.parametrize(
    ("kind", "pem"), [("ed25519", False), ("ecdsa", False), ("rsa", False), ("rsa", True)]
)
def test_keys_of_every_kind(tmp_path: Path, kind: str, pem: bool) -> None:
    path = _key(tmp_path, kind, pem=pem)
    public = path.with_suffix(".pub").read_text()
    private = read_private_key(path.read_text())
    (host_key,) = read_host_keys(public)
    assert private.get_base64() == host_key.get_base64()
    scanned = f"# host-a:22 SSH-2.0-OpenSSH_9.2\nhost-a {public}\n"
    assert read_host_keys(scanned) == (host_key,)
    assert public.startswith(written((host_key,)))
    shown = subprocess.run(
        ["ssh-keygen", "-l", "-f", f"{path}.pub"], capture_output=True, text=True, check=True
    ).stdout
    assert fingerprints(public)[0].split()[-1] in shown


def test_a_passphrase_is_named_as_the_trouble(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="passphrase"):
        read_private_key(_key(tmp_path, "ed25519", passphrase="word").read_text())


def test_what_is_no_key_is_not_repeated() -> None:
    for text in (
        "",
        "sesame",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nsesame\n-----END OPENSSH PRIVATE KEY-----",
    ):
        with pytest.raises(ValueError, match="no private key") as caught:
            read_private_key(text)
        assert "sesame" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ssh-ed25519",
        "ssh-ed25519 !!!",
        "ssh-ed25519 AAAA",
        "host-a",
        "@cert-authority * ssh-ed25519 AAAA",
        "ssh-dss AAAA",
    ],
)
def test_what_is_no_host_key(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        read_host_keys(text)


def test_a_driver_without_keys_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="private key"):
        open_engine("ssh://ops@127.0.0.1", "tests")
    key = _key(tmp_path, "ed25519")
    with pytest.raises(InvalidRequest, match="host's public key"):
        open_engine("ssh://ops@127.0.0.1", "tests", ssh=SshKeys(key.read_text(), ""))
    assert "PRIVATE" not in repr(SshKeys(key.read_text(), ""))
