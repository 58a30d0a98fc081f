"""One process at a time in a folder, also where other containers or machines share it.

The lock is a lease of the library filelock: a file that names machine and process, renewed every few seconds. The lock
of a process of this machine that has ended does not count. Processes of other machines and containers cannot be looked
up: their lock no longer counts when it has not been renewed for `LEASE` seconds of the clock of the process that waits.
"""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from talanoa.core.errors import BadInput
from talanoa.core.write_errors import explain_write_error

if TYPE_CHECKING:
    from filelock import OwnerRecord, SoftFileLease

    from talanoa.core.host import Host

log = logging.getLogger(__name__)
LOCK = "lock"
NOTE = "lock.json"  # since when it is held, for messages
LEASE = 60.0  # seconds without a renewal after which the lock of another machine no longer counts
BEAT = 10.0  # seconds between two renewals
_POLL = 0.05
_QUIET = 1.0  # seconds of waiting without a word
Sign = tuple[int, int, bytes]  # of a lock file: what changes when it is renewed or somebody else's


@contextmanager
def hold(folder: Path, what: str, host: Host | None = None, patience: float = 0.0) -> Iterator[None]:
    """Keep other processes out of a folder.

    Parameters
    ----------
    folder : Path
        Exists.
    what : str
        What the other process is, for the message: "training", "segmentation".
    host : Host, optional
        Cancelling while it is not yet known whether another machine still works here.
    patience : float
        Seconds to wait for a process that holds the folder.

    Raises
    ------
    BadInput
        Another process holds it (the message says where and since when); or the lock was lost meanwhile, because this
        process or its disk slept.
    """
    lease = _acquired(folder, what, host, patience)
    note = folder / NOTE
    with suppress(OSError):
        note.write_text(json.dumps({"token": lease.token, "since": time.time()}), encoding="utf-8")
    try:
        yield
    finally:
        with suppress(OSError):
            note.unlink()
        lease.release()
    if lease.compromise is not None:
        raise BadInput(
            f"The {what} in {folder} lost its lock ({lease.compromise.reason}): this machine or its disk slept for "
            f"more than {LEASE:.0f} s, and another process may have worked there. Check the results, or do it again."
        )


def is_held(folder: Path) -> bool:
    """Tell whether a process holds a folder, or may hold it from another machine."""
    if not (folder / LOCK).exists():
        return False
    lease = _lease(folder)
    if not (_try(lease) or _try(lease)):
        return True
    lease.release()
    return False


def is_of_lock(path: Path) -> bool:
    """Tell whether a file belongs to the lock of its folder."""
    return path.name == LOCK or path.name.startswith(f"{LOCK}.")


def _lease(folder: Path) -> SoftFileLease:
    from filelock import SoftFileLease

    return SoftFileLease(folder / LOCK, lease_duration=LEASE, heartbeat_interval=BEAT, thread_local=False)


def _try(lease: SoftFileLease) -> bool:
    """Take a lock if it is free or provably abandoned."""
    from filelock import LeaseSettingsMismatch, Timeout

    try:
        lease.acquire(blocking=False)
    except (Timeout, LeaseSettingsMismatch):
        return False
    except OSError as error:
        raise explain_write_error(error, Path(lease.lock_file)) from error
    return True


def _acquired(folder: Path, what: str, host: Host | None, patience: float) -> SoftFileLease:
    """Return the lock, held; wait for as long as it is unknown whether its holder is still there."""
    lease, file = _lease(folder), folder / LOCK
    started = changed = time.monotonic()
    if file.is_dir():
        raise BadInput(f"Found a folder at {file}; expected no such folder, as {folder} is locked there. Rename it.")
    first = sign = _sign(file)
    waited = False
    while not _try(lease):
        now, owner = time.monotonic(), lease.owner
        found = _sign(file)
        if found != sign:
            sign, changed = found, now
        ours = owner is not None and owner.hostname == this_machine()
        if ours and owner is not None and not _runs(owner.pid):
            _evict(file, sign)  # where the disk lacks the means by which filelock does it
            continue
        renewed = owner is not None and first is not None and sign is not None and sign != first
        if (ours or renewed) and now - started >= patience:
            raise BadInput(_taken(folder, what, owner))
        if now - changed > LEASE:
            _evict(file, sign)
        if not waited and now - started > _QUIET:
            waited = True
            _say_waiting(folder, host)
        if host is not None and host.cancelled():
            raise BadInput(_taken(folder, what, owner))  # not `Cancelled`: nothing here is ours to tidy up
        time.sleep(_POLL)
    return lease


def _say_waiting(folder: Path, host: Host | None) -> None:
    """Say why nothing happens."""
    text = (
        f"Waiting for up to {LEASE:.0f} s: {folder} is locked, and it is not known whether the process that holds it "
        "still runs (it is on another machine, or was stopped while it began)."
    )
    if host is not None:
        host.warn(text)
    else:
        log.warning(text)


def _sign(file: Path) -> Sign | None:
    """Return what tells a lock file from a renewed one; None where there is none."""
    try:
        with file.open("rb") as stream:  # a share refreshes what it knows of a file when that is opened
            stat = file.stat()
            return stat.st_ino, stat.st_mtime_ns, stream.read(2048)
    except OSError:
        return None


def _evict(file: Path, sign: Sign | None) -> None:
    """Remove an abandoned lock file; one that another process made meanwhile is put back."""
    if sign is None or _sign(file) != sign:
        return
    aside = file.with_name(f"{LOCK}.old-{uuid.uuid4().hex[:8]}")
    with suppress(OSError):
        file.rename(aside)
        if _sign(aside) != sign:
            try:
                file.hardlink_to(aside)
            except OSError:  # no links on this disk
                if not file.exists():
                    aside.rename(file)
        log.warning("removed the abandoned lock %s", file)
        aside.unlink(missing_ok=True)


def _runs(number: int) -> bool:
    """Tell whether this machine runs a process of this number."""
    import psutil

    return bool(psutil.pid_exists(number))


@cache
def this_machine() -> str:
    """Return the name of this machine or container, in which process numbers mean the same, as filelock has it."""
    from filelock import SoftFileLease

    with TemporaryDirectory(prefix="talanoa-") as place, SoftFileLease(Path(place) / LOCK) as mine:
        return mine.owner.hostname if mine.owner else ""


def _taken(folder: Path, what: str, owner: OwnerRecord | None) -> str:
    """Return the message for a folder that somebody else works in."""
    if owner is None:
        who = "an unknown process"
    else:
        where = owner.hostname.split("?")[0] or "an unknown machine"
        who = f"process {owner.pid} on {where}{_since(folder, owner)}"
    return (
        f"Another {what} writes into {folder} ({who}). Wait for it, stop it, or choose another name. The lock of a "
        f"process that was killed does not count; that of another machine not any more after {LEASE:.0f} s."
    )


def _since(folder: Path, owner: OwnerRecord) -> str:
    """Return since when the lock is held, where the note beside it is of the same holder."""
    try:
        note: Any = json.loads((folder / NOTE).read_text(encoding="utf-8"))
        if note["token"] != owner.token:
            return ""
        return time.strftime(", since %Y-%m-%d %H:%M:%S", time.localtime(float(note["since"])))
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return ""
