"""Puts the menu Plugins > Talanoa into a Fiji or ImageJ folder, and takes it out again: `talanoa install-fiji`.

The folder then needs no Python to start; the Python that installed it does the work, as a process beside ImageJ.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from talanoa.core.errors import BadInput
from talanoa.core.files import file_sha256, next_free
from talanoa.core.version import __version__
from talanoa.fiji.setup import content, inventory, worker_python
from talanoa.fiji.setup.inventory import Changes, Inventory, Source
from talanoa.fiji.setup.layout import Layout, find_layout

ASIDE = ".changed"


def install(folder: str | Path, python: str | Path | None = None) -> list[str]:
    """Install Talanoa in an ImageJ folder, or bring what is installed up to date.

    Nothing of ImageJ's or of the user's is overwritten. A file of ours that was changed is kept beside the new one,
    with ``.changed`` after its name.

    Parameters
    ----------
    folder : path
        A Fiji or ImageJ folder.
    python : path, optional
        The Python that is to work for it; default: this one.

    Returns
    -------
    list of str
        What was done, in sentences.

    Raises
    ------
    BadInput
        The folder is no ImageJ or cannot be written, a foreign file is in the way, a jar cannot be fetched, or the
        Python has no Talanoa. Nothing is left behind then.
    """
    layout = find_layout(folder)
    worker = worker_python.choose(python)
    before = read_inventory(layout) or Inventory(__version__)
    files = content.wanted(layout, worker)
    hashes = {name: _sha256(source) for name, source in files.items()}
    _refuse_foreign(layout.root, before, hashes)
    changes = _changes(layout, before, files, hashes)
    if not (changes.write or changes.remove):
        return [f"Nothing to do: Talanoa {__version__} is installed in {layout.root}, with the Python {worker}."]
    inventory.carry_out(layout.root, changes)
    inventory.remove_empty(layout.root, before.folders)
    return _report(layout, worker, before, changes)


def uninstall(folder: str | Path) -> list[str]:
    """Remove exactly what was installed, and the folders made for it that are empty then.

    Parameters
    ----------
    folder : path
        A Fiji or ImageJ folder.

    Returns
    -------
    list of str
        What was done, in sentences.

    Raises
    ------
    BadInput
        The folder is no ImageJ or cannot be written; everything is as it was then.
    """
    layout = find_layout(folder)
    before = read_inventory(layout)
    if before is None:
        return [f"Nothing to do: Talanoa is not installed in {layout.root}."]
    rename = _aside(layout.root, before.changed(layout.root))
    gone = [name for name in before.files if name not in rename and (layout.root / name).is_file()]
    compiled = _compiled(layout.root, before.files)
    inventory.carry_out(layout.root, Changes({}, [*gone, *compiled, f"{layout.package}/{inventory.NAME}"], rename))
    inventory.remove_empty(layout.root, before.folders)
    return [f"Removed Talanoa {before.talanoa} from {layout.root}: {_files(len(gone))}.", *_kept(rename)]


def read_inventory(layout: Layout) -> Inventory | None:
    """Return what is installed in an ImageJ folder, None where nothing is."""
    return inventory.read(layout.root / layout.package / inventory.NAME)


def _sha256(source: Source) -> str:
    """Return the SHA-256 of what will be in a file."""
    return file_sha256(source) if isinstance(source, Path) else hashlib.sha256(source).hexdigest()


def _refuse_foreign(root: Path, before: Inventory, hashes: Mapping[str, str]) -> None:
    """Raise when a file that Talanoa did not install is where one of its files goes."""
    for name, wanted in hashes.items():
        path = root / name
        if path.is_dir() or (path.exists() and name not in before.files and file_sha256(path) != wanted):
            kind = "folder" if path.is_dir() else "file"
            raise BadInput(
                f"Found a {kind} {path} that Talanoa did not install; expected none, because nothing of others is "
                "overwritten. Move it away and install again. Nothing was changed."
            )


def _changes(layout: Layout, before: Inventory, files: Mapping[str, Source], hashes: Mapping[str, str]) -> Changes:
    """Return what has to be written, removed and put aside, with the new inventory."""
    root, listed = layout.root, f"{layout.package}/{inventory.NAME}"
    old = [name for name in before.files if name not in files]
    rename = _aside(root, [name for name in before.changed(root) if hashes.get(name) != file_sha256(root / name)])
    write = {name: files[name] for name in files if name in rename or not _is(root / name, hashes[name])}
    remove = [name for name in old if name not in rename and (root / name).is_file()]
    folders = sorted({*before.folders, *_new_folders(root, (*files, listed))})
    now = Inventory(__version__, hashes, [folder for folder in folders if _holds(folder, (*files, listed))])
    if not _is(root / listed, hashlib.sha256(now.to_bytes()).hexdigest()):
        write[listed] = now.to_bytes()
    return Changes(write, [*remove, *_compiled(root, old)], rename)


def _is(path: Path, sha256: str) -> bool:
    """Return True for a file with this content."""
    return path.is_file() and file_sha256(path) == sha256


def _holds(folder: str, names: Sequence[str]) -> bool:
    """Return True for a folder in which one of the files lies, however deep."""
    return any(name.startswith(f"{folder}/") for name in names)


def _new_folders(root: Path, names: Sequence[str]) -> set[str]:
    """Return the folders that have to be made for these files."""
    parents = {parent.as_posix() for name in names for parent in Path(name).parents} - {"."}
    return {parent for parent in parents if not (root / parent).is_dir()}


def _compiled(root: Path, names: Sequence[str] | Mapping[str, str]) -> list[str]:
    """Return what Jython has made of these modules."""
    classes = [name[: -len(".py")] + "$py.class" for name in names if name.endswith(".py")]
    return [name for name in classes if (root / name).is_file()]


def _aside(root: Path, names: Sequence[str]) -> dict[str, str]:
    """Return a free name for each file that the user has changed."""
    return {name: next_free(root / f"{name}{ASIDE}").relative_to(root).as_posix() for name in names}


def _report(layout: Layout, python: Path, before: Inventory, changes: Changes) -> list[str]:
    """Say what was done."""
    root, count = layout.root, sum(not name.endswith(inventory.NAME) for name in changes.write)
    version = __version__ if before.talanoa == __version__ else f"{before.talanoa} to {__version__}"
    done = f"{'Updated' if before.files else 'Installed'} Talanoa {version}"
    removed = f", {len(changes.remove)} removed" if changes.remove else ""
    sentences = [f"{done} in {root} ({layout.name}): {_files(count)} written{removed}."]
    sentences += _kept(changes.rename)
    jars = [Path(name).name for name in changes.write if name.endswith(".jar")]
    if jars:
        sentences.append(f"Brought what this {layout.name} lacks, into {root / layout.jars}: {', '.join(jars)}.")
    return [
        *sentences,
        f"The Python that works for it: {python}.",
        f"Start {layout.name} (again) and choose Plugins > Talanoa.",
    ]


def _files(count: int) -> str:
    """Return "1 file" or "12 files"."""
    return f"{count} file{'' if count == 1 else 's'}"


def _kept(rename: Mapping[str, str]) -> list[str]:
    """Say which files of the user's were put aside."""
    return [f"{old} was changed since it was installed; your version is kept as {new}." for old, new in rename.items()]
