"""The hand-made pause program is a well-formed static ELF file."""

from __future__ import annotations

import io
import struct
import tarfile

import pytest

from clusters.engine.errors import InvalidRequest
from clusters.engine.fake import FakeEngine
from clusters.engine.fake_host import FakeHost
from clusters.engine.pause import REFERENCE, ensure_pause_image, image_tar, joint_cgroup_parent, program


@pytest.mark.parametrize(("architecture", "machine"), [("x86_64", 62), ("arm64", 183)])
def test_the_file_describes_itself(architecture: str, machine: int) -> None:
    data = program(architecture)
    assert data[:7] == b"\x7fELF\x02\x01\x01"
    kind, found_machine, _, entry, headers_at = struct.unpack_from("<HHIQQ", data, 16)
    assert (kind, found_machine, headers_at) == (2, machine, 64)
    segment, flags, offset, address, _, in_file, in_memory, align = struct.unpack_from("<IIQQQQQQ", data, 64)
    assert (segment, flags, offset) == (1, 5, 0)
    assert in_file == in_memory == len(data)
    assert address % align == offset % align
    assert address + 64 + 56 == entry < address + in_file


def test_the_x86_program_loops_on_the_system_call() -> None:
    code = program("x86_64")[120:]
    number = struct.unpack_from("<I", code, 1)[0]
    jump = struct.unpack("<b", code[-1:])[0]
    assert (code[0], number, code[5:7]) == (0xB8, 34, b"\x0f\x05")  # mov eax, pause; syscall
    assert len(code) + jump == 0


def test_the_arm_program_loops_on_the_system_call() -> None:
    words = struct.unpack("<8I", program("arm64")[120:])
    assert (words[0] >> 5) & 0xFFFF == 73  # ppoll in x8
    assert words[6] == 0xD4000001  # svc 0
    back = (words[7] & 0x3FFFFFF) - (1 << 26)
    assert 7 + back == 0


def test_other_architectures_are_refused_by_name() -> None:
    with pytest.raises(InvalidRequest, match="riscv64"):
        program("riscv64")


def test_the_image_holds_the_program_only() -> None:
    with tarfile.open(fileobj=io.BytesIO(image_tar("x86_64"))) as tar:
        (entry,) = tar.getmembers()
        assert (entry.name, entry.mode) == ("pause", 0o755)
        content = tar.extractfile(entry)
        assert content is not None and content.read() == program("x86_64")


def test_the_image_is_imported_once() -> None:
    host = FakeHost()
    engine = FakeEngine(host, "ours")
    assert ensure_pause_image(engine) == ensure_pause_image(engine) == REFERENCE
    assert [call.operation for call in host.calls].count("import_image") == 1


def test_joint_limits_only_where_the_engine_allows_them() -> None:
    info = FakeEngine(FakeHost(), "ours").info()
    assert info.joint_limits
    assert joint_cgroup_parent("abc", info) == "/docker/abc"
