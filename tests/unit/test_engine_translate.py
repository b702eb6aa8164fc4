"""From specs to the Engine API's bodies and back, and what an engine's words mean: also words of
engines newer and older than the one the contract runs on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from clusters.engine import errors
from clusters.engine.frames import MOST_LINE, frames, log_lines
from clusters.engine.port import (
    LABEL_INSTALLATION,
    ContainerSpec,
    Device,
    HealthCheck,
    Mount,
    NetworkSpec,
    PortBinding,
    Ulimit,
)
from clusters.engine.refusals import (
    container_refusal,
    create_refusal,
    general_refusal,
    pull_refusal,
    start_refusal,
)
from clusters.engine.translate_spec import create_body, nano_cpus, network_body
from clusters.engine.translate_state import (
    container_state,
    container_stats,
    container_summary,
    engine_event,
    engine_info,
    image_info,
    parse_time,
    split_reference,
    to_engine_time,
)

MIB = 1024 * 1024
SECOND = 1_000_000_000


def _body(**fields: object) -> dict[str, object]:
    spec = ContainerSpec(name="x", image="app:1", labels={"a": "b"}, **fields)  # type: ignore[arg-type]
    return create_body(spec, "ours")


def _host(**fields: object) -> dict[str, object]:
    found = _body(**fields)["HostConfig"]
    assert isinstance(found, dict)
    return found


# specs ------------------------------------------------------------------------------------------------


def test_a_bare_spec_asks_for_nothing_special() -> None:
    body = _body()
    assert body["Labels"] == {"a": "b", LABEL_INSTALLATION: "ours"}
    assert body["Healthcheck"] == {"Test": ["NONE"]}
    assert "Cmd" not in body and "Entrypoint" not in body and "NetworkingConfig" not in body
    host = _host()
    assert host["RestartPolicy"] == {"Name": "no"}
    assert not {"Memory", "NanoCpus", "CpuShares", "Binds", "Mounts", "CapAdd", "Init"} & set(host)


def test_limits_are_in_the_engines_units() -> None:
    host = _host(
        cpu_shares=256,
        cpu_limit=512,
        memory_limit=64,
        memory_reservation=32,
        memory_swap=16,
        shm_size=8,
        pids_limit=9,
    )
    assert host["CpuShares"] == 256
    assert host["NanoCpus"] == 500_000_000
    assert (host["Memory"], host["MemoryReservation"]) == (64 * MIB, 32 * MIB)
    assert host["MemorySwap"] == 80 * MIB, "memory and swap together"
    assert (host["ShmSize"], host["PidsLimit"]) == (8 * MIB, 9)


@pytest.mark.parametrize(("asked", "given"), [(0, 2), (1, 2), (2, 2), (1024, 1024), (10**6, 262_144)])
def test_cpu_shares_stay_within_what_linux_takes(asked: int, given: int) -> None:
    assert _host(cpu_shares=asked)["CpuShares"] == given


@pytest.mark.parametrize(
    ("units", "nano"), [(1, 10_000_000), (256, 250_000_000), (1024, SECOND), (2048, 2 * SECOND)]
)
def test_cpu_units(units: int, nano: int) -> None:
    assert nano_cpus(units) == nano


def test_a_health_check_is_in_nanoseconds() -> None:
    body = _body(health_check=HealthCheck(("CMD", "ok"), interval=5, timeout=2, retries=4, start_period=7))
    assert body["Healthcheck"] == {
        "Test": ["CMD", "ok"],
        "Interval": 5 * SECOND,
        "Timeout": 2 * SECOND,
        "Retries": 4,
        "StartPeriod": 7 * SECOND,
    }


def test_mounts_of_every_kind() -> None:
    host = _host(
        mounts=(
            Mount("volume", "/data", "vol", read_only=True),
            Mount("bind", "/etc/x", "/srv/x", read_only=True),
            Mount("bind", "/a:b", "/srv/y"),
            Mount("tmpfs", "/run", size=4, options=("noexec", "mode=1777")),
        )
    )
    assert host["Binds"] == ["/srv/x:/etc/x:ro"]
    assert host["Tmpfs"] == {"/run": "size=4m,noexec,mode=1777"}
    volume, bind = host["Mounts"]  # type: ignore[misc]
    assert (volume["Type"], volume["Source"], volume["Target"], volume["ReadOnly"]) == (
        "volume",
        "vol",
        "/data",
        True,
    )
    assert volume["VolumeOptions"]["Labels"] == {LABEL_INSTALLATION: "ours"}
    assert (bind["Type"], bind["Source"], bind["Target"]) == ("bind", "/srv/y", "/a:b")


def test_ports_are_exposed_and_bound() -> None:
    ports = (PortBinding(80, 8080), PortBinding(80, 0), PortBinding(53, 53, "udp", "127.0.0.1"))
    assert _body(ports=ports)["ExposedPorts"] == {"80/tcp": {}, "53/udp": {}}
    assert _host(ports=ports)["PortBindings"] == {
        "80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}, {"HostIp": "0.0.0.0", "HostPort": ""}],
        "53/udp": [{"HostIp": "127.0.0.1", "HostPort": "53"}],
    }


@pytest.mark.parametrize("mode", ["bridge", "host", "none", "container:abc"])
def test_aliases_are_for_networks_of_ones_own(mode: str) -> None:
    assert "NetworkingConfig" not in _body(network_mode=mode, network_aliases=("db",))
    body = _body(network_mode="mine", network_aliases=("db",))
    assert body["NetworkingConfig"] == {"EndpointsConfig": {"mine": {"Aliases": ["db"]}}}


def test_the_rest_is_passed_on() -> None:
    body = _body(
        command=("a",), entrypoint=("b",), environment=(("K", "v=w"),), user="1:2", working_dir="/w", hostname="h",
        stop_timeout=9, tty=True, interactive=True,
    )  # fmt: skip
    assert (body["Cmd"], body["Entrypoint"], body["Env"]) == (["a"], ["b"], ["K=v=w"])
    assert (body["User"], body["WorkingDir"], body["Hostname"], body["StopTimeout"]) == ("1:2", "/w", "h", 9)
    assert (body["Tty"], body["OpenStdin"]) == (True, True)
    host = _host(
        init=True, read_only=True, privileged=True, cap_add=("A",), cap_drop=("ALL",), security_opt=("s",),
        dns=("1.1.1.1",), dns_search=("d",), extra_hosts=(("h", "1.2.3.4"),), sysctls=(("net.x", "1"),),
        ulimits=(Ulimit("nofile", 1, 2),), devices=(Device("/dev/a", "/dev/b", "r"),), cgroup_parent="/docker/p",
        memory_swappiness=5, log_driver="none", log_options=(("max-size", "1m"),),
    )  # fmt: skip
    assert host["Init"] and host["ReadonlyRootfs"] and host["Privileged"]
    assert (host["CapAdd"], host["CapDrop"], host["SecurityOpt"]) == (["A"], ["ALL"], ["s"])
    assert (host["Dns"], host["DnsSearch"], host["ExtraHosts"]) == (["1.1.1.1"], ["d"], ["h:1.2.3.4"])
    assert host["Sysctls"] == {"net.x": "1"}
    assert host["Ulimits"] == [{"Name": "nofile", "Soft": 1, "Hard": 2}]
    assert host["Devices"] == [
        {"PathOnHost": "/dev/a", "PathInContainer": "/dev/b", "CgroupPermissions": "r"}
    ]
    assert (host["CgroupParent"], host["MemorySwappiness"]) == ("/docker/p", 5)
    assert host["LogConfig"] == {"Type": "none", "Config": {"max-size": "1m"}}


def test_networks() -> None:
    spec = NetworkSpec("n", {}, subnet="10.0.0.0/24", gateway="10.0.0.1", internal=True)
    body = network_body(spec, "ours")
    assert body["IPAM"] == {"Driver": "default", "Config": [{"Subnet": "10.0.0.0/24", "Gateway": "10.0.0.1"}]}
    assert body["Internal"] and "Attachable" not in body
    bridge = body["Options"]["com.docker.network.bridge.name"]
    assert len(bridge) <= 15, "the kernel's limit for names of interfaces"
    assert bridge != network_body(spec, "theirs")["Options"]["com.docker.network.bridge.name"]
    overlay = network_body(NetworkSpec("n", {}, driver="overlay"), "ours")
    assert overlay["Attachable"] and overlay["Options"] == {}


# answers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-02T03:04:05.123456789Z", datetime(2026, 1, 2, 3, 4, 5, 123456, UTC)),
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, 0, UTC)),
        ("2026-01-02T03:04:05.1+02:00", datetime(2026, 1, 2, 1, 4, 5, 100000, UTC)),
        ("0001-01-01T00:00:00Z", None),
        ("", None),
        (None, None),
    ],
)
def test_times(text: str | None, moment: datetime | None) -> None:
    assert parse_time(text) == moment


def test_engine_time_keeps_microseconds() -> None:
    assert to_engine_time(datetime(1970, 1, 1, 0, 0, 5, 7, UTC)) == "5.000007000"


def _inspected(**state: object) -> dict[str, object]:
    return {
        "Id": "f" * 64,
        "Name": "/x",
        "Image": "sha256:1",
        "Created": "2026-01-01T00:00:00Z",
        "Config": {"Image": "app:1", "Labels": None},
        "State": {"Status": "exited", "ExitCode": 0, **state},
        "NetworkSettings": {"Networks": {}, "Ports": {}},
    }


def test_an_end_before_the_beginning_is_the_beginning() -> None:
    state = container_state(
        _inspected(ExitCode=3, StartedAt="2026-01-01T00:00:02Z", FinishedAt="2026-01-01T00:00:01.9Z")
    )
    assert state.finished_at == state.started_at
    assert state.exit_code == 3


def test_an_unknown_state_is_not_guessed_at() -> None:
    with pytest.raises(errors.EngineBusy, match="melting"):
        container_state(_inspected(Status="melting"))


def test_ports_shown_for_both_address_families_count_once() -> None:
    raw = _inspected(Status="running")
    raw["NetworkSettings"] = {
        "Networks": {"n": {"IPAddress": "10.0.0.2"}, "empty": {"IPAddress": ""}},
        "Ports": {
            "80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}, {"HostIp": "::", "HostPort": "8080"}],
            "81/tcp": [{"HostIp": "::", "HostPort": "8081"}],
            "82/tcp": None,
        },
    }
    state = container_state(raw)
    assert state.ports == (PortBinding(80, 8080), PortBinding(81, 8081, "tcp", "::"))
    assert state.ip_addresses == {"n": "10.0.0.2"}


@pytest.mark.parametrize(
    ("state", "prose", "health", "exit_code"),
    [
        ("running", "Up 5 minutes (healthy)", "HEALTHY", None),
        ("running", "Up 5 minutes (unhealthy)", "UNHEALTHY", None),
        ("running", "Up 5 minutes (health: starting)", "STARTING", None),
        ("running", "Up 5 minutes", "NONE", None),
        ("paused", "Up 5 minutes (Paused)", "NONE", None),
        ("exited", "Exited (137) 2 hours ago", "NONE", 137),
        ("created", "Created", "NONE", None),
    ],
)
def test_prose_of_the_list(state: str, prose: str, health: str, exit_code: int | None) -> None:
    raw = {"Id": "f", "Names": ["/other/alias", "/x"], "State": state, "Status": prose, "Created": 5}
    brief = container_summary(raw)
    assert (brief.name, brief.status, brief.health, brief.exit_code) == ("x", state, health, exit_code)


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("app", ("app", "latest")),
        ("app:1", ("app", "1")),
        ("host:5000/app", ("host:5000/app", "latest")),
        ("host:5000/app:1", ("host:5000/app", "1")),
        ("app@sha256:ab", ("app", "sha256:ab")),
        ("host:5000/a/b:1@sha256:ab", ("host:5000/a/b", "sha256:ab")),
    ],
)
def test_references(reference: str, parts: tuple[str, str]) -> None:
    assert split_reference(reference) == parts


@pytest.mark.parametrize(
    ("reference", "digest"),
    [
        ("nginx", "nginx@sha256:1"),
        ("docker.io/library/nginx:2", "nginx@sha256:1"),
        ("reg:5000/nginx:2", "reg:5000/nginx@sha256:2"),
        ("mine:1", "sha256:abcd"),
        ("sha256:abcd", "nginx@sha256:1"),
    ],
)
def test_the_digest_to_pin_is_of_the_same_repository(reference: str, digest: str) -> None:
    raw = {"Id": "sha256:abcd", "RepoDigests": ["nginx@sha256:1", "reg:5000/nginx@sha256:2"], "Size": 5}
    assert image_info(raw, reference).digest == digest


def test_events_of_old_and_new_engines() -> None:
    actor = {"ID": "f", "Attributes": {"name": "x", "image": "i", "exitCode": "3", "signal": "9", "a": "b"}}
    die = engine_event({"Type": "container", "Action": "die", "Actor": actor, "timeNano": 5_000_001_999})
    assert die is not None
    assert (die.action, die.exit_code, die.container_name, die.labels) == ("die", 3, "x", {"a": "b"})
    assert die.time == datetime(1970, 1, 1, 0, 0, 5, 1, UTC)
    health = engine_event(
        {"Type": "container", "Action": "health_status: unhealthy", "Actor": actor, "time": 5}
    )
    assert health is not None
    assert (health.action, health.health, health.exit_code) == ("health_status", "UNHEALTHY", None)
    assert engine_event({"Type": "image", "Action": "pull", "Actor": {"ID": "i"}}) is None


def test_joint_limits_need_cgroup_v1_and_its_own_driver() -> None:
    raw = {"ID": "e", "NCPU": 2, "MemTotal": 4 * 1024 * MIB, "Architecture": "aarch64"}
    v1 = engine_info({**raw, "CgroupDriver": "cgroupfs", "CgroupVersion": "1"}, "1.41", (10, 5))
    assert (v1.joint_limits, v1.cpu, v1.memory, v1.architecture) == (True, 2048, 4096, "arm64")
    assert (v1.disk_total, v1.disk_free) == (10, 5)
    assert v1.gpus == ()
    for driver, version in (("systemd", "1"), ("cgroupfs", "2"), ("systemd", "2"), ("none", "1")):
        info = engine_info({**raw, "CgroupDriver": driver, "CgroupVersion": version}, "1.41", None)
        assert not info.joint_limits


def test_stats_of_both_cgroup_versions() -> None:
    raw = {
        "read": "2026-01-01T00:00:00Z",
        "cpu_stats": {"cpu_usage": {"total_usage": 7}},
        "pids_stats": {"current": 3},
        "networks": {"eth0": {"rx_bytes": 1, "tx_bytes": 2}, "eth1": {"rx_bytes": 10, "tx_bytes": 20}},
    }
    old = container_stats(
        {
            **raw,
            "memory_stats": {
                "usage": 5 * MIB,
                "limit": 8 * MIB,
                "stats": {"total_inactive_file": MIB, "inactive_file": 0},
            },
            "blkio_stats": {
                "io_service_bytes_recursive": [{"op": "Read", "value": 4}, {"op": "Total", "value": 9}]
            },
        }
    )
    new = container_stats(
        {
            **raw,
            "memory_stats": {"usage": 5 * MIB, "limit": 8 * MIB, "stats": {"inactive_file": MIB}},
            "blkio_stats": {
                "io_service_bytes_recursive": [{"op": "read", "value": 4}, {"op": "write", "value": 0}]
            },
        }
    )
    assert old == new
    assert old is not None
    assert (old.cpu_total_ns, old.memory, old.memory_limit, old.pids) == (7, 4.0, 8.0, 3)
    assert (old.network_rx, old.network_tx, old.disk_read, old.disk_write) == (11, 22, 4, 0)
    assert container_stats({"read": "0001-01-01T00:00:00Z", "memory_stats": {}}) is None


# refusals -------------------------------------------------------------------------------------------------

ID = "ab" * 32


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (400, "bad parameter", errors.InvalidRequest),
        (403, "authorization denied by plugin", errors.InvalidRequest),
        (429, "too many requests", errors.EngineBusy),
        (500, "transport is closing", errors.EngineBusy),
        (501, "configured logging driver does not support reading", errors.InvalidRequest),
        (503, "This node is not a swarm manager", errors.EngineBusy),
    ],
)
def test_general_refusals(status: int, message: str, kind: type[Exception]) -> None:
    assert type(general_refusal(status, message)) is kind


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (
            409,
            f'Conflict. The container name "/x" is already in use by container "{ID}". You have',
            errors.NameConflict,
        ),
        (409, f"Conflict. The name /x is already in use by container {ID}.", errors.NameConflict),
        (409, "conflicting options: hostname and the network mode", errors.InvalidRequest),
        (404, "No such image: app:1", errors.ImageNotFound),
        (404, "network mine not found", errors.InvalidRequest),
        (400, "invalid reference format", errors.InvalidRequest),
        (500, "write /var/lib/docker/x: no space left on device", errors.EngineBusy),
    ],
)
def test_create_refusals(status: int, message: str, kind: type[Exception]) -> None:
    error = create_refusal(status, message)
    assert type(error) is kind
    if isinstance(error, errors.NameConflict):
        assert error.container_id == ID


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (404, f"No such container: {ID}", errors.ContainerNotFound),
        (404, "No such container: other", errors.StartFailed),
        (404, "network mine not found", errors.StartFailed),
        (500, "Bind for 0.0.0.0:80 failed: port is already allocated", errors.PortConflict),
        (500, "listen tcp4 0.0.0.0:80: bind: address already in use", errors.PortConflict),
        (
            500,
            "failed to bind host port for 0.0.0.0:80:172.17.0.2:80/tcp: address already in use",
            errors.PortConflict,
        ),
        (500, "failed to bind host port 0.0.0.0:80/tcp: address already in use", errors.PortConflict),
        (400, 'exec: "x": executable file not found in $PATH: unknown', errors.StartFailed),
        (500, "error while creating mount source path '/x': read-only file system", errors.StartFailed),
        (500, "OCI runtime create failed: something new", errors.StartFailed),
        (409, "cannot start a paused container, try unpause instead", errors.StartFailed),
        (500, "context deadline exceeded", errors.EngineBusy),
        (
            500,
            'connection error: desc = "transport: dial unix /run/containerd/containerd.sock"',
            errors.EngineBusy,
        ),
        (503, "daemon is shutting down", errors.EngineBusy),
    ],
)
def test_start_refusals(status: int, message: str, kind: type[Exception]) -> None:
    assert type(start_refusal(ID, status, message)) is kind


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (404, "No such container: x", errors.ContainerNotFound),
        (409, "removal of container x is already in progress", errors.EngineBusy),
        (409, "Container x is not running", errors.InvalidRequest),
    ],
)
def test_container_refusals(status: int, message: str, kind: type[Exception]) -> None:
    assert type(container_refusal(status, message)) is kind


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (
            404,
            "pull access denied for x, repository does not exist or may require 'docker login'",
            errors.PullDenied,
        ),
        (500, 'Get "https://r/v2/x/manifests/1": unauthorized: authentication required', errors.PullDenied),
        (500, "Head https://r/v2/x: no basic auth credentials", errors.PullDenied),
        (0, "denied: requested access to the resource is denied", errors.PullDenied),
        (404, "manifest for r/x:1 not found: manifest unknown: manifest unknown", errors.ImageNotFound),
        (500, "no matching manifest for linux/arm64/v8 in the manifest list entries", errors.ImageNotFound),
        (500, "Get https://r/v2/: dial tcp: lookup r on 1.2.3.4:53: no such host", errors.PullFailed),
        (500, "Get https://r/v2/: dial tcp 1.2.3.4:443: connect: connection refused", errors.PullFailed),
        (500, "net/http: TLS handshake timeout", errors.PullFailed),
        (0, "unexpected EOF", errors.PullFailed),
        (500, "toomanyrequests: You have reached your pull rate limit", errors.PullFailed),
        (400, "invalid reference format", errors.InvalidRequest),
    ],
)
def test_pull_refusals(status: int, message: str, kind: type[Exception]) -> None:
    assert type(pull_refusal(status, message)) is kind


def test_a_rate_limit_is_given_time() -> None:
    error = pull_refusal(500, "toomanyrequests: slow down")
    assert isinstance(error, errors.PullFailed)
    assert error.retry_after >= 60


# frames -----------------------------------------------------------------------------------------------------

STAMP = "2026-01-01T00:00:00.000000001Z "


def _frame(stream: int, text: str) -> bytes:
    data = text.encode()
    return bytes((stream, 0, 0, 0)) + len(data).to_bytes(4, "big") + data


def _cut(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


@pytest.mark.parametrize("size", [1, 3, 7, 8, 9, 64, 10_000])
def test_frames_may_be_cut_anywhere(size: int) -> None:
    data = _frame(1, STAMP + "out\n") + _frame(2, STAMP + "err é\n") + _frame(1, "")
    assert [(name, text.decode()) for name, text in frames(_cut(data, size))] == [
        ("stdout", STAMP + "out\n"),
        ("stderr", STAMP + "err é\n"),
        ("stdout", ""),
    ]
    assert [(line.stream, line.message) for line in log_lines(_cut(data, size))] == [
        ("stdout", "out"),
        ("stderr", "err é"),
    ]


def test_pieces_of_one_line_are_joined_by_stream() -> None:
    data = b"".join(
        (
            _frame(1, STAMP + "a" * 16384),
            _frame(2, STAMP + "other\n"),
            _frame(1, STAMP + "b" * 10 + "\n"),
            _frame(1, STAMP + "unfinished"),
        )
    )
    assert [(line.stream, line.message) for line in log_lines(iter([data]))] == [
        ("stderr", "other"),
        ("stdout", "a" * 16384 + "b" * 10),
        ("stdout", "unfinished"),
    ]


def test_a_line_without_end_is_given_in_parts() -> None:
    pieces = MOST_LINE // 16384 + 2
    data = b"".join(_frame(1, STAMP + "x" * 16384) for _ in range(pieces))
    lines = list(log_lines(iter([data])))
    assert len(lines) == 2
    assert sum(len(line.message) for line in lines) == pieces * 16384


def test_what_is_no_text_is_replaced() -> None:
    data = bytes((1, 0, 0, 0)) + (len(STAMP) + 3).to_bytes(4, "big") + STAMP.encode() + b"\xffa\n"
    assert [line.message for line in log_lines(iter([data]))] == ["\ufffda"]


def test_a_terminals_lines_have_no_frames() -> None:
    text = STAMP + "one\r\n" + STAMP + "y" * 16384 + STAMP + "z\r\n" + STAMP + "last"
    assert [line.message for line in log_lines(_cut(text.encode(), 100))] == [
        "one",
        "y" * 16384 + "z",
        "last",
    ]


def test_no_output_is_no_lines() -> None:
    assert list(log_lines(iter([]))) == []


@pytest.mark.parametrize(
    ("resources", "gpus"),
    [
        (
            [{"NamedResourceSpec": {"Kind": "NVIDIA-GPU", "Value": f"GPU-{n}"}} for n in "ba"],
            ("GPU-b", "GPU-a"),
        ),
        ([{"NamedResourceSpec": {"Kind": "gpu", "Value": "GPU-a"}}], ("GPU-a",)),
        ([{"DiscreteResourceSpec": {"Kind": "gpu", "Value": 2}}], ("0", "1")),
        ([{"DiscreteResourceSpec": {"Kind": "SSD", "Value": 2}}], ()),
        (None, ()),
    ],
)
def test_gpus_are_the_generic_resources_of_that_name(resources: object, gpus: tuple[str, ...]) -> None:
    raw = {"ID": "x", "NCPU": 1, "MemTotal": 1 << 30, "GenericResources": resources}
    assert engine_info(raw, "1.47", None).gpus == gpus


def test_a_container_asks_for_exactly_its_gpus() -> None:
    spec = ContainerSpec(name="x", image="x", labels={}, gpus=("GPU-a", "GPU-b"))
    asked = create_body(spec, "ours")["HostConfig"]["DeviceRequests"]
    assert asked == [{"Driver": "nvidia", "DeviceIDs": ["GPU-a", "GPU-b"], "Capabilities": [["gpu"]]}]
