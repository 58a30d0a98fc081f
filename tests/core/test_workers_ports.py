"""Processes of `workers` are joined by pipes: no port is open to others, and one that dies costs one image only."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from helpers import tiny
from talanoa.core import processes
from talanoa.core.errors import Cancelled
from talanoa.core.host import QuietHost


def dying(number: int, notes: str) -> int:
    """Return the number; 1 ends the process the first time, 2 each time."""
    note = Path(notes) / f"{number}-{os.getpid()}"
    note.touch()
    tries = len(list(Path(notes).glob(f"{number}-*")))
    if number == 2 or (number == 1 and tries == 1):
        os._exit(9)
    return number


class Odd(Exception):
    """An error that does not arrive in another process."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")


def odd(number: int) -> None:
    """Raise an error of its own kind."""
    raise Odd(number, number + 1)


def waiting(place: str) -> None:
    """Say that the call runs, and do not return."""
    (Path(place) / str(os.getpid())).touch()
    threading.Event().wait()


class Looking(tiny.RecordingHost):
    """Looks at the sockets of this process and its children when both calls run, and stops then."""

    def __init__(self, place: Path, calls: int) -> None:
        super().__init__()
        self.place, self.calls = place, calls
        self.listening: list[object] = []
        self.children: list[psutil.Process] = []

    def cancelled(self) -> bool:
        if len(list(self.place.iterdir())) < self.calls:
            return False
        ours = psutil.Process()
        self.children = ours.children(recursive=True)
        for process in (ours, *self.children):
            self.listening += [one for one in process.net_connections("inet") if one.status == psutil.CONN_LISTEN]
        return True


def test_no_port_is_open_while_processes_work(tmp_path: Path) -> None:
    host, before = Looking(tmp_path, 2), open_ports()
    with pytest.raises(Cancelled):
        list(processes.spread(waiting, [(str(tmp_path),)] * 3, host, 2))
    pids = {int(path.name) for path in tmp_path.iterdir()}
    assert len(pids) == 2 and pids <= {child.pid for child in host.children}
    assert [one for one in host.listening if one not in before] == []
    assert not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in pids)


def open_ports() -> list[object]:
    """Return what this process listens at already (a test before this one may have started something)."""
    return [one for one in psutil.Process().net_connections("inet") if one.status == psutil.CONN_LISTEN]


def test_a_process_that_dies_costs_only_its_own_call(tmp_path: Path) -> None:
    answers = sorted(processes.spread(dying, [(k, str(tmp_path)) for k in range(4)], QuietHost(), 2))
    assert [answer.number for answer in answers] == [0, 1, 2, 3]
    assert [answer.result for answer in answers] == [0, 1, None, 3]
    assert "ended 2 times" in str(answers[2].error)
    assert len(list(tmp_path.glob("2-*"))) == 2


def test_an_error_that_cannot_travel_arrives_as_its_text() -> None:
    (answer,) = processes.spread(odd, [(4,)], QuietHost(), 1)
    assert str(answer.error) == "Odd: 4 and 5"


def test_processes_end_with_the_one_that_asks(tmp_path: Path) -> None:
    """As when that one is killed: nothing is left that works on."""
    script = (
        "import sys; from pathlib import Path\n"
        "from talanoa.core import processes; from talanoa.core.host import QuietHost\n"
        "import os\n"
        "class Host(QuietHost):\n"
        "    def cancelled(self):\n"
        "        if len(list(Path(sys.argv[1]).iterdir())): os._exit(9)\n"
        "        return False\n"
        "if __name__ == '__main__':\n"
        "    list(processes.spread(Path.touch, [(Path(sys.argv[1]) / 'a',)] * 10**4, Host(), 1))\n"
    )
    (tmp_path / "script.py").write_text(script)
    folder = tmp_path / "notes"
    folder.mkdir()
    process = psutil.Popen([sys.executable, str(tmp_path / "script.py"), str(folder)])
    children: dict[int, psutil.Process] = {}
    while process.poll() is None:
        children |= {child.pid: child for child in process.children()}
    assert process.returncode == 9 and children
    assert psutil.wait_procs(list(children.values()), timeout=60)[1] == []


def test_a_script_without_a_guard_is_told_what_to_do(tmp_path: Path) -> None:
    script = (
        "from talanoa.core import processes\nfrom talanoa.core.host import QuietHost\n"
        "list(processes.spread(abs, [(1,)], QuietHost(), 1))\n"
    )
    (tmp_path / "script.py").write_text(script)
    done = subprocess.run([sys.executable, str(tmp_path / "script.py")], capture_output=True, text=True)
    assert done.returncode == 1 and 'below `if __name__ == "__main__":`' in done.stderr.splitlines()[-1]


def test_threads_and_ctrl_c_of_this_process_stay_as_they_were() -> None:
    before = dict(os.environ), signal.getsignal(signal.SIGINT)
    assert [answer.result for answer in processes.spread(abs, [(-3,)], QuietHost(), 1)] == [3]
    assert (dict(os.environ), signal.getsignal(signal.SIGINT)) == before
