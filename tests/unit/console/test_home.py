"""Where the state is, and how private it is kept."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from console.conf import keys
from console.conf.home import Home, HomeError


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_environment_names_the_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLIPWAY_HOME", "state")
    assert Home.from_environment().root == tmp_path / "state"
    monkeypatch.delenv("SLIPWAY_HOME")
    assert Home.from_environment().root.name == "var"


def test_every_directory_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.prepare()
    for directory in (home.root, home.keys, home.logs, home.redis_data, home.run):
        assert mode(directory) == 0o700, directory


def test_a_home_open_to_others_is_closed(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir(mode=0o755)
    Home(tmp_path / "home").prepare()
    assert mode(tmp_path / "home") == 0o700


@pytest.mark.parametrize("length", [10, 60, 94, 95, 96, 97, 120, 250])
def test_the_socket_path_always_fits_a_socket(length: int) -> None:
    root = Path("/" + "x" * (length - 1))
    home = Home(root)
    assert len(os.fsencode(home.redis_socket)) < 108
    assert home.run.is_relative_to(root) == (length + len("/run/redis.sock") < 108)


def test_two_long_homes_have_two_socket_directories(tmp_path: Path) -> None:
    one, other = Home(Path("/" + "a" * 120)), Home(Path("/" + "b" * 120))
    assert one.run != other.run
    assert one.run == Home(one.root).run


def test_a_link_or_a_file_in_place_of_a_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(HomeError, match="symbolic link"):
        Home(tmp_path / "link").prepare()
    (tmp_path / "file").write_text("")
    with pytest.raises(HomeError):
        Home(tmp_path / "file").prepare()


def test_a_key_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "secret_key"
    first = keys.read_or_create(path, keys.signing_key)
    assert len(first) >= 64
    assert mode(path) == 0o600
    assert keys.read_or_create(path, keys.signing_key) == first


def test_processes_that_start_together_agree_on_the_key(tmp_path: Path) -> None:
    path = tmp_path / "key"
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: keys.read_or_create(path, keys.data_key), range(64)))
    assert set(found) == {path.read_text().strip()}
    assert [file.name for file in tmp_path.iterdir()] == ["key"]
