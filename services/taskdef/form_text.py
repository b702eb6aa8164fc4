"""How lists of a document are written in one text box: every value can be written, and reads back the same.

`write_*` answers the simplest text from which `read_*` makes the same value again. Readers raise ValueError
with a sentence for the person who typed. Browsers send line breaks as CR LF; readers take any.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any

_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_PORT = re.compile(r"(?:([0-9]{1,5}):)?([0-9]{1,5})(?:/([A-Za-z]+))?(?:[ \t]+(\S+))?", re.ASCII)
_CHECK = re.compile(r"(CMD-SHELL|CMD)(?:\s*,\s*|\s+)(.*)", re.DOTALL)


def lines(text: str) -> list[str]:
    """The lines of a text box, without blank ones, trimmed."""
    return [line.strip() for line in _LINE_BREAK.split(text) if line.strip()]


# ---- environment: NAME=value, one a line -----------------------------------------------------------------


def read_environment(text: str) -> list[dict[str, str]]:
    """NAME=value, one a line. Lines that start with # are comments. A value in double quotes is read as JSON
    reads it, so it may hold line breaks (\\n) and outer spaces; so may a name."""
    return [_read_variable(line) for line in lines(text) if not line.startswith("#")]


def _read_variable(line: str) -> dict[str, str]:
    name, rest = _read_quoted(line) if line.startswith('"') else ("", "")
    if not name:
        name, _, _ = line.partition("=")
        rest = line[len(name) :]
        name = name.rstrip()
    if not rest.lstrip().startswith("="):
        raise ValueError(f"{line[:60]!r} has no equals sign: write NAME=value, one a line")
    return {"name": name, "value": _read_value(rest.lstrip()[1:].strip())}


def _read_value(text: str) -> str:
    if len(text) < 2 or not (text.startswith('"') and text.endswith('"')):
        return text
    try:
        value = json.loads(text, strict=False)
    except ValueError:
        raise ValueError(
            f'{text[:60]} is no quoted text: inside quotes write \\" for a quote, \\\\ for a \\'
        ) from None
    return str(value)


def _read_quoted(line: str) -> tuple[str, str]:
    try:
        name, end = json.JSONDecoder(strict=False).raw_decode(line)
    except ValueError:
        return "", ""
    return str(name), line[end:]


def write_environment(environment: Sequence[Mapping[str, str]]) -> str:
    return "\n".join(f"{_write_name(item['name'])}={_write_value(item['value'])}" for item in environment)


def _write_name(name: str) -> str:
    return name if _PLAIN_NAME.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def _write_value(value: str) -> str:
    quoted = len(value) >= 2 and value.startswith('"') and value.endswith('"')
    plain = value == value.strip() and not _LINE_BREAK.search(value) and not quoted
    return value if plain else json.dumps(value, ensure_ascii=False)


# ---- secrets: NAME=valueFrom, one a line ------------------------------------------------------------------


def read_secrets(text: str) -> list[dict[str, str]]:
    """Like variables; the value is the reference, never the secret itself."""
    return [{"name": item["name"], "valueFrom": item["value"]} for item in read_environment(text)]


def write_secrets(secrets: Sequence[Mapping[str, str]]) -> str:
    return write_environment([{"name": item["name"], "value": item["valueFrom"]} for item in secrets])


# ---- ports: [host:]container[/protocol] [name], one a line ------------------------------------------------


def read_ports(text: str) -> list[dict[str, Any]]:
    """[HOST:]CONTAINER[/tcp|udp] [name], one a line or separated by commas. Without HOST the port of the
    instance is chosen at start (in awsvpc and host mode it is the container's)."""
    return [_read_port(part.strip()) for line in lines(text) for part in line.split(",") if part.strip()]


def _read_port(text: str) -> dict[str, Any]:
    match = _PORT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:60]!r} is not a port: write 80, 80/udp or 8080:80/tcp, one a line")
    host, container, protocol, name = match.groups()
    mapping: dict[str, Any] = {"containerPort": int(container), "protocol": (protocol or "tcp").lower()}
    if host:
        mapping["hostPort"] = int(host)
    if name:
        mapping["name"] = name
    return mapping


def write_ports(mappings: Sequence[Mapping[str, Any]], own_address: bool) -> str:
    """`own_address`: the task's ports are its own (awsvpc, host), so the host's need no telling."""
    return "\n".join(_write_port(mapping, own_address) for mapping in mappings)


def _write_port(mapping: Mapping[str, Any], own_address: bool) -> str:
    host = 0 if own_address else mapping.get("hostPort", 0)
    text = f"{mapping['containerPort']}/{mapping.get('protocol', 'tcp')}"
    text = f"{host}:{text}" if host else text
    return f"{text} {mapping['name']}" if "name" in mapping else text


# ---- commands --------------------------------------------------------------------------------------------


def read_command(text: str) -> list[str]:
    """Words as a shell splits them (nothing is expanded), or a JSON list of strings."""
    words = _read_json_list(text)
    if words is not None:
        return words
    try:
        return shlex.split(_unified(text))
    except ValueError as error:
        raise ValueError(f"cannot be split into words: {str(error).lower()}") from None


def write_command(command: Sequence[str]) -> str:
    return _first_that_reads_back([shlex.join(command)], list(command), read_command)


def read_check(text: str) -> list[str]:
    """A health check: a line for the shell, "CMD program arguments", "NONE", or a JSON list as in documents."""
    words = _read_json_list(text)
    if words is not None:
        return words
    text = _unified(text).strip()
    if text == "NONE":
        return ["NONE"]
    match = _CHECK.fullmatch(text)
    if match is None:
        return ["CMD-SHELL", text]
    return ["CMD-SHELL", match[2]] if match[1] == "CMD-SHELL" else ["CMD", *read_command(match[2])]


def write_check(command: Sequence[str]) -> str:
    kind, *rest = command
    simple = [*rest[:1], f"CMD-SHELL {''.join(rest[:1])}", "NONE", f"CMD {shlex.join(rest)}"]
    return _first_that_reads_back(simple, [kind, *rest], read_check)


def _first_that_reads_back(texts: Sequence[str], value: list[str], read: Callable[[str], list[str]]) -> str:
    for text in texts:
        try:
            if read(_unified(text).replace("\n", "\r\n")) == value:
                return text
        except ValueError:
            continue
    return json.dumps(value, ensure_ascii=False)


def _read_json_list(text: str) -> list[str] | None:
    if not text.strip().startswith("["):
        return None
    try:
        words = json.loads(text)
    except ValueError:
        return None
    return words if isinstance(words, list) and all(isinstance(word, str) for word in words) else None


def _unified(text: str) -> str:
    return _LINE_BREAK.sub("\n", text)
