"""Which addresses an engine may be registered at."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from django.conf import settings

from access.models import AuditRecord
from access.registry import system_caller
from base.cipher import decrypt
from base.errors import InvalidParameter
from clusters.engines import engine_of
from clusters.models import ContainerInstance
from clusters.operations import ensure_defaults, register_container_instance

TLS = {"tls_ca": "ca", "tls_certificate": "certificate", "tls_key": "key"}
REFUSED = [
    "tcp://169.254.169.254:2376",
    "tcp://[fe80::1]:2376",
    "tcp://[::ffff:169.254.169.254]:2376",
    "tcp://0.0.0.0:2376",
    "tcp://2852039166:80",
    "tcp://user:word@10.0.0.1:2376",
    "tcp://10.0.0.1:2376/containers/json",
    "tcp://10.0.0.1:2376?x=1",
    "tcp://10.0.0.1:99999",
    "tcp://10.0.0.1:port",
    "tcp://[::1",
    "tcp://10.0.0.1",
    "tcp://10.0.0.1\u2028:2376",
    "tcp://" + "a" * 600 + ":2376",
    "file:///etc/passwd",
    "gopher://10.0.0.1:70",
]


@pytest.mark.parametrize("url", REFUSED)
def test_an_address_that_is_refused(url: str) -> None:
    ensure_defaults()
    with pytest.raises(InvalidParameter) as caught:
        register_container_instance(system_caller("tests"), url=url, **TLS)
    assert "url" in caught.value.fields
    assert not ContainerInstance.objects.exists()


def test_our_own_sockets_are_no_engines() -> None:
    ensure_defaults()
    for path in (f"{settings.SLIPWAY_HOME}/redis.sock", f"{settings.SLIPWAY_HOME}/x/../redis.sock"):
        with pytest.raises(InvalidParameter, match="home"):
            register_container_instance(system_caller("tests"), url=f"unix://{path}")


@pytest.mark.parametrize("url", ["tcp://10.0.0.1:2376", "tcp://engine.example.org:2376/", "tcp://[::1]:2376"])
def test_an_engine_in_a_private_network_is_registered(url: str) -> None:
    ensure_defaults()
    assert register_container_instance(system_caller("tests"), url=url, **TLS).url == url


def test_a_web_process_never_opens_an_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "SLIPWAY_ROLE", "web")
    with pytest.raises(RuntimeError, match="web process"):
        engine_of(ContainerInstance(url="unix:///var/run/docker.sock"))


# ---- over SSH ------------------------------------------------------------------------------------


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, str]:
    """A fresh pair, as the two parameters: one key may stand for both ends here."""
    path = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return {"ssh_key": path.read_text(), "ssh_host_key": f"host-a {path.with_suffix('.pub').read_text()}"}


def test_an_engine_over_ssh_is_registered_and_its_key_kept_encrypted(keys: dict[str, str]) -> None:
    ensure_defaults()
    made = register_container_instance(system_caller("tests"), url="ssh://ops@10.0.0.7:2222", **keys)
    made.refresh_from_db()
    assert made.ssh_host_key == " ".join(keys["ssh_host_key"].split()[1:3])
    assert "PRIVATE" not in made.ssh_key
    assert decrypt(made.ssh_key) == keys["ssh_key"]
    assert not AuditRecord.objects.filter(parameters__icontains="OPENSSH PRIVATE").exists()
    assert engine_of(made).installation


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"url": "ssh://ops@169.254.169.254"}, "url"),
        ({"url": "ssh://ops@[::ffff:169.254.169.254]"}, "url"),
        ({"url": "ssh://-oProxyCommand=id@host-a"}, "url"),
        ({"url": "ssh://host-a"}, "url"),
        ({"url": "ssh://ops:word@host-a"}, "url"),
        ({"ssh_key": ""}, "sshKey"),
        ({"ssh_key": "sesame"}, "sshKey"),
        ({"ssh_host_key": ""}, "sshHostKey"),
        ({"ssh_host_key": "ssh-ed25519 AAAA"}, "sshHostKey"),
        ({"tls_ca": "ca"}, "tlsCa"),
        ({"url": "tcp://10.0.0.7:2376", "ssh_host_key": "", **TLS}, "sshKey"),
        ({"url": "unix:///run/docker.sock", "ssh_host_key": ""}, "sshKey"),
    ],
)
def test_what_is_refused_over_ssh(keys: dict[str, str], change: dict[str, str], field: str) -> None:
    ensure_defaults()
    with pytest.raises(InvalidParameter) as caught:
        register_container_instance(system_caller("tests"), **{"url": "ssh://ops@10.0.0.7", **keys, **change})
    assert field in caught.value.fields
    assert "sesame" not in str(caught.value.fields)
    assert not ContainerInstance.objects.exists()
