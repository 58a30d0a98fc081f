"""One process at a time in a folder: on this machine, in another container, after a crash, after a power cut."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from talanoa.core import lock
from talanoa.core.errors import BadInput

HOLDER = """
import sys
from pathlib import Path
from talanoa.core import lock
lock.LEASE, lock.BEAT = float(sys.argv[2]), float(sys.argv[3])
with lock.hold(Path(sys.argv[1]), "training"):
    print("held", flush=True)
    sys.stdin.read()
"""
COUNTER = """
import sys
from pathlib import Path
from talanoa.core import lock
folder = Path(sys.argv[1])
for _ in range(int(sys.argv[2])):
    with lock.hold(folder, "annotation", patience=300):
        count = folder / "count"
        value = int(count.read_text())
        count.write_text(f"{value + 1:06d}")
"""


@cache
def other_container() -> list[str]:
    """Return the words that start a command with process numbers of its own, as a container does."""
    for words in (["unshare", "--pid"], ["unshare", "--user", "--map-root-user", "--pid"]):
        command = [*words, "--fork", "--mount-proc", "--kill-child"]
        if shutil.which("unshare") and subprocess.run([*command, "true"], capture_output=True).returncode == 0:
            return command
    reason = "unshare cannot make process numbers of its own here"
    if os.environ.get("TALANOA_CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def held(folder: Path, words: list[str], lease: float = 60, beat: float = 10) -> Iterator[subprocess.Popen[str]]:
    """Hold a folder in another process."""
    command = [*words, sys.executable, "-c", HOLDER, str(folder), str(lease), str(beat)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def quickly(monkeypatch: pytest.MonkeyPatch, lease: float, beat: float) -> None:
    monkeypatch.setattr(lock, "LEASE", lease)
    monkeypatch.setattr(lock, "BEAT", beat)


def test_a_process_that_runs_is_named_with_its_machine_and_since_when(tmp_path: Path) -> None:
    with held(tmp_path, []) as process:
        assert lock.is_held(tmp_path)
        message = rf"Another training writes into .* \(process {process.pid} on {socket.gethostname()}, since 2\d{{3}}-"
        with pytest.raises(BadInput, match=message), lock.hold(tmp_path, "training"):
            pass


def test_one_thread_at_a_time_holds_a_folder(tmp_path: Path) -> None:
    with lock.hold(tmp_path, "study"):
        message = f"Another study writes into .*process {os.getpid()} on"
        with pytest.raises(BadInput, match=message), lock.hold(tmp_path, "study"):
            pass
        assert lock.is_held(tmp_path)
    assert not lock.is_held(tmp_path) and not any(tmp_path.iterdir())


def test_the_lock_of_a_process_that_was_killed_is_taken_at_once(tmp_path: Path) -> None:
    with held(tmp_path, []) as process:
        process.kill()
        process.wait()
    assert (tmp_path / lock.LOCK).exists()
    assert not lock.is_held(tmp_path)
    with lock.hold(tmp_path, "training"):  # a lease of a minute is not waited for
        pass


def test_where_names_cannot_be_exchanged_such_a_lock_is_taken_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on network shares, where filelock leaves the abandoned lock where it is."""
    from filelock import SoftFileLease

    with held(tmp_path, []) as process:
        process.kill()
        process.wait()
    monkeypatch.setattr(SoftFileLease, "_take_over", lambda *given: None)
    with lock.hold(tmp_path, "training"):
        pass


@pytest.mark.parametrize("content", [b"", b"999999999 1700000000", b"filelock/2\npid=1", b"\xff\x00" * 900])
def test_a_lock_without_an_owner_does_not_block_for_ever(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quickly(monkeypatch, 0.4, 0.1)
    (tmp_path / lock.LOCK).write_bytes(content)
    with lock.hold(tmp_path, "annotation"):
        assert lock.is_held(tmp_path)
    assert not any(tmp_path.iterdir())


def test_a_container_that_works_keeps_its_lock_although_its_process_is_not_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quickly(monkeypatch, 2.0, 0.2)
    with held(tmp_path, other_container(), 2.0, 0.2):
        for _ in range(2):
            with pytest.raises(BadInput, match="Another training writes into"), lock.hold(tmp_path, "training"):
                pass
        assert lock.is_held(tmp_path)


def test_the_lock_of_a_container_that_was_killed_is_taken_after_the_lease(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quickly(monkeypatch, 1.0, 0.2)
    with held(tmp_path, other_container(), 1.0, 0.2) as process:
        process.kill()
        process.wait()
    assert (tmp_path / lock.LOCK).exists()
    with lock.hold(tmp_path, "training"):
        pass


def test_processes_of_two_containers_never_work_at_the_same_time(tmp_path: Path) -> None:
    (tmp_path / "count").write_text("000000")
    each = 15
    running = [
        subprocess.Popen([*words, sys.executable, "-c", COUNTER, str(tmp_path), str(each)])
        for words in ([], [], other_container(), other_container())
    ]
    assert [process.wait() for process in running] == [0] * len(running)
    assert int((tmp_path / "count").read_text()) == each * len(running)
    assert [path.name for path in tmp_path.iterdir()] == ["count"]


def test_a_lock_that_was_lost_meanwhile_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quickly(monkeypatch, 0.5, 0.05)
    with pytest.raises(BadInput, match="lost its lock"), lock.hold(tmp_path, "training"):
        renewing = [one for one in threading.enumerate() if one.name.startswith("filelock-lease")]
        (tmp_path / lock.LOCK).unlink()
        assert renewing
        for thread in renewing:
            thread.join(30)


def test_a_lock_that_another_process_made_meanwhile_is_put_back(tmp_path: Path) -> None:
    file = tmp_path / lock.LOCK
    file.write_bytes(b"")
    abandoned = lock._sign(file)
    file.unlink()
    with held(tmp_path, []) as process:
        lock._evict(file, abandoned)
        assert lock.is_held(tmp_path) and process.poll() is None
