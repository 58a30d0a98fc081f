"""`talanoa install-fiji` on real folders: what it writes, keeps, refuses and removes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from talanoa import cli
from talanoa.cli import codes
from talanoa.core.errors import BadInput
from talanoa.core.files import file_sha256
from talanoa.core.version import __version__
from talanoa.fiji.setup import content, embedded, install, install_check, inventory, layout

SCRIPT = "Plugins/Talanoa/Talanoa_Doctor.py"
FIJI_JARS = ("ij-1.54p", "scijava-common-2.99.2", "jython-slim-2.7.4", "imagej-legacy-2.0.1")


def make(root: Path, *files: str) -> Path:
    """Make a folder with small files."""
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"of others: {name}", encoding="utf-8")
    return root


@pytest.fixture(params=["plain", "fiji", "fiji with Appose"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return an ImageJ folder of each kind, with files of the user's."""
    root = make(tmp_path / "Bild J ü", "macros/StartupMacros.txt", "plugins/Other_Plugin.jar", "macros/mine.ijm")
    if request.param == "plain":
        return make(root, "ij.jar")
    appose = ("appose-0.9.0",) if "Appose" in request.param else ("appose-0.3.0",)
    return make(root, *(f"jars/{jar}.jar" for jar in (*FIJI_JARS, *appose)), "scripts/Plugins/Own.py")


def everything(root: Path) -> dict[str, bytes | None]:
    """Return all that is in a folder: the bytes of files, None for folders."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes() if path.is_file() else None for path in root.rglob("*")
    }


def script(root: Path) -> Path:
    """Return where a menu script is installed."""
    return root / layout.find_layout(root).scripts / SCRIPT


def package(root: Path) -> Path:
    """Return where the Jython package is installed."""
    return root / layout.find_layout(root).package


def test_what_is_installed_can_be_removed_without_a_trace(folder: Path) -> None:
    before = everything(folder)
    said = install.install(folder)
    now = everything(folder)
    assert before.items() < now.items() and str(folder) in said[0]
    (package(folder) / "plain$py.class").write_bytes(b"what Jython makes of plain.py")
    said = install.uninstall(folder)
    assert everything(folder) == before
    assert said[0].startswith(f"Removed Talanoa {__version__}")
    assert install.uninstall(folder)[0].startswith("Nothing to do")


def test_every_script_and_module_is_there_and_the_note_leads_to_them(folder: Path, root: Path) -> None:
    install.install(folder)
    for source in (root / "fiji_scripts" / "lib").rglob("*.py"):
        there = package(folder).parent / source.relative_to(root / "fiji_scripts" / "lib")
        assert there.read_bytes() == source.read_bytes()
    note = json.loads((package(folder) / "installation.json").read_text(encoding="utf-8"))
    scripts = package(folder) / note["scripts"] / "Plugins" / "Talanoa"
    names = {file.stem for file in (root / "fiji_scripts" / "Plugins" / "Talanoa").glob("*.py")}
    assert {file.stem for file in scripts.iterdir()} == names
    assert note["python"] == str(Path(sys.executable).absolute()) and note["talanoa"] == __version__
    assert all((package(folder) / jar).is_file() for jar in note["jars"])
    if (folder / "ij.jar").exists():
        assert {file.stem for file in (folder / "plugins" / "Talanoa").glob("*.ijm")} == names


def test_a_fiji_without_a_new_appose_gets_one_in_a_place_of_its_own(folder: Path) -> None:
    install.install(folder)
    brought = sorted(path.name for path in (folder / "talanoa").rglob("*.jar"))
    lacks = (folder / "jars" / "appose-0.3.0.jar").exists()
    names = [name.rsplit("-", 1)[0] for name in brought]
    assert names == (["appose", "groovy", "groovy-json", "jna", "jna-platform"] if lacks else [])


def test_a_second_time_changes_nothing(folder: Path) -> None:
    install.install(folder)
    times = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert install.install(folder)[0].startswith("Nothing to do")
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == times


def test_a_file_of_somebody_else_is_refused(folder: Path) -> None:
    script(folder).parent.mkdir(parents=True)
    script(folder).write_text("print('mine')")
    before = everything(folder)
    with pytest.raises(
        BadInput, match=r"Found a file .*Talanoa_Doctor\.py that Talanoa did not install; expected none.*Move"
    ):
        install.install(folder)
    assert everything(folder) == before


def test_a_script_that_the_user_changed_is_kept(folder: Path) -> None:
    install.install(folder)
    original = script(folder).read_bytes()
    for text in ("print('one')", "print('two')"):
        script(folder).write_text(text)
        assert any("your version is kept" in sentence for sentence in install.install(folder))
    assert script(folder).read_bytes() == original
    kept = sorted(path.name for path in script(folder).parent.glob("*.changed*"))
    assert kept == ["Talanoa_Doctor.py-2.changed", "Talanoa_Doctor.py.changed"]
    script(folder).write_text("print('three')")
    assert any("your version is kept" in sentence for sentence in install.uninstall(folder))
    texts = {path.read_text() for path in script(folder).parent.iterdir()}
    assert texts == {"print('one')", "print('two')", "print('three')"}


def test_an_older_version_is_replaced_and_what_is_gone_from_it_removed(folder: Path) -> None:
    untouched = everything(folder)
    install.install(folder)
    fresh = everything(folder)
    names = [f"{package(folder).relative_to(folder).as_posix()}/old/{name}.py" for name in ("gone", "edited")]
    make(folder, *names, *(name.replace(".py", "$py.class") for name in names))
    script(folder).write_text("of an older version")
    older = [*names, script(folder).relative_to(folder).as_posix()]
    now = inventory.read(package(folder) / inventory.NAME)
    assert now is not None
    hashes = {name: file_sha256(folder / name) for name in older}
    made = [*now.folders, Path(names[0]).parent.as_posix()]
    then = inventory.Inventory("0.0.9", {**now.files, **hashes}, made)
    (package(folder) / inventory.NAME).write_bytes(then.to_bytes())
    (folder / names[1]).write_text("edited by the user")
    said = install.install(folder)
    assert said[0].startswith(f"Updated Talanoa 0.0.9 to {__version__}") and "edited.py was changed" in said[1]
    kept = f"{names[1]}.changed"
    assert (folder / kept).read_text() == "edited by the user"
    (folder / kept).unlink()
    (folder / kept).parent.rmdir()
    assert everything(folder) == fresh
    install.uninstall(folder)
    assert everything(folder) == untouched


def test_a_failure_half_way_leaves_nothing(folder: Path) -> None:
    """What is in the way shows only when everything else is in place."""
    install.install(folder)
    install.uninstall(folder)
    shutil.rmtree(folder / "macros")
    (folder / "macros").write_text("a file where a folder should be")
    before = everything(folder)
    with pytest.raises(BadInput, match="Nothing was changed in"):
        install.install(folder)
    assert everything(folder) == before


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit for the size of files")
def test_a_full_disk_leaves_nothing(folder: Path) -> None:
    """Here the disk is full for files over 8 kB, for this process."""
    before = everything(folder)
    code = (
        "import resource, signal, sys\n"
        "from talanoa import cli\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (8000, 8000))\n"
        "sys.exit(cli.main(['install-fiji', sys.argv[1]]))"
    )
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, env=env, check=False
    )
    assert done.returncode == codes.BAD and "Nothing was changed in" in done.stderr
    assert everything(folder) == before


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["notes.txt"], r"is no Fiji or ImageJ: it holds notes\.txt; expected jars/ij-1….jar \(Fiji\) or ij\.jar"),
        (["Fiji.app/jars/ij-1.54p.jar"], r"Probably meant: .*Fiji\.app"),
        (["jars/ij-1.54p.jar"], r"lacks scijava-common and jython in jars; expected a complete Fiji"),
    ],
)
def test_a_folder_that_is_no_imagej_is_explained(tmp_path: Path, files: list[str], message: str) -> None:
    make(tmp_path, *files)
    before = everything(tmp_path)
    with pytest.raises(BadInput, match=message):
        install.install(tmp_path)
    assert everything(tmp_path) == before


def test_a_folder_that_does_not_exist_and_a_file_are_explained(tmp_path: Path) -> None:
    make(tmp_path, "ImageJ/ij.jar")
    with pytest.raises(BadInput, match=r"Found nothing at .*Probably meant: .*ImageJ"):
        install.install(tmp_path / "Fiji")
    with pytest.raises(BadInput, match=r"Found a file at .*ij\.jar"):
        install.install(tmp_path / "ImageJ" / "ij.jar")


@pytest.mark.parametrize(
    ("files", "given", "root", "kind"),
    [
        (["Fiji.app/Contents/MacOS/fiji", "jars/{}"], "Fiji.app", ".", "fiji"),
        (["Fiji.app/Contents/MacOS/ImageJ", "Fiji.app/jars/{}"], "Fiji.app", "Fiji.app", "fiji"),
        (["ImageJ-win64.exe", "jars/{}"], ".", ".", "fiji"),
        (["ImageJ.app/Contents/Java/ij.jar", "plugins/a.txt"], "ImageJ.app", ".", "plain"),
        (["ImageJ.app/Contents/Java/ij.jar", "plugins/a.txt"], ".", ".", "plain"),
        (["ImageJ.exe", "ij.jar", "plugins/a.txt"], ".", ".", "plain"),
    ],
)
def test_the_layouts_of_windows_macos_and_linux(
    tmp_path: Path, files: list[str], given: str, root: str, kind: str
) -> None:
    for name in files:
        make(tmp_path, *([name.format(f"{jar}.jar") for jar in FIJI_JARS] if "{" in name else [name]))
    found = layout.find_layout(tmp_path / given)
    assert (found.root, found.kind) == (tmp_path / root, kind)


def test_the_link_of_a_virtual_environment_is_noted_as_it_is(tmp_path: Path, root: Path) -> None:
    place = tmp_path / "Umgebung ü 1"
    venv.create(place, symlinks=os.name != "nt")
    python = place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    with pytest.raises(BadInput, match=r"No module named talanoa; expected the version of Talanoa. Install it there"):
        install.install(make(tmp_path / "ImageJ", "ij.jar"), python)
    paths = {"base": str(place), "platbase": str(place)}
    scheme = "nt_venv" if os.name == "nt" else "posix_venv"
    packages = Path(sysconfig.get_path("purelib", scheme, paths))
    lines = [str(root / "python"), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    (packages / "talanoa-test.pth").write_text("\n".join(lines), encoding="utf-8")
    install.install(tmp_path / "ImageJ", python)
    note = json.loads((package(tmp_path / "ImageJ") / "installation.json").read_text(encoding="utf-8"))
    assert note["python"] == str(python)
    assert install_check.in_order(install_check.check(tmp_path / "ImageJ"))
    shutil.rmtree(place)
    findings = install_check.check(tmp_path / "ImageJ")
    assert not install_check.in_order(findings) and any("could not be run" in finding.text for finding in findings)


def test_a_check_names_what_is_amiss(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["install-fiji", str(folder)]
    assert cli.main([*command, "--check"]) == codes.DIFFERENT and "is not installed" in capsys.readouterr().out
    assert cli.main(command) == codes.OK
    shown = capsys.readouterr().out
    assert "Start " in shown and "The first job is prepared" in shown
    assert cli.main([*command, "--check"]) == codes.OK
    shown = capsys.readouterr().out
    assert "[problem]" not in shown and f"Talanoa {__version__}" in shown and "Appose: " in shown
    script(folder).write_text("changed")
    (package(folder) / "client.py").unlink()
    assert cli.main([*command, "--check"]) == codes.DIFFERENT
    shown = capsys.readouterr().out
    assert "Missing: " in shown and "client.py" in shown and "Changed since: " in shown
    assert cli.main([*command, "--uninstall"]) == codes.OK


def test_a_damaged_list_of_files_is_explained(folder: Path) -> None:
    install.install(folder)
    (package(folder) / inventory.NAME).write_text("{")
    for what in (install.install, install.uninstall, install_check.check):
        with pytest.raises(BadInput, match=r"inventory\.json could not be read .*; expected the list of the files"):
            what(folder)


def test_the_jars_for_a_plain_imagej_are_those_of_the_embedded_one() -> None:
    """The same versions, so that what the tests of the embedded ImageJ show holds there; Jython in its single jar."""
    ours = {endpoint.split(":")[1]: endpoint.split(":")[2] for endpoint in embedded.ENDPOINTS}
    theirs = {endpoint.split(":")[1]: endpoint.split(":")[2] for endpoint in layout.FOR_PLAIN}
    assert theirs.pop("jython-standalone") == ours["jython-slim"]
    assert {name: version for name, version in theirs.items() if name in ours}.items() <= ours.items()
    assert theirs["jna-platform"] == theirs["jna"]


def test_check_sees_a_command_that_is_not_in_the_menu(folder: Path) -> None:
    install.install(folder)
    assert not any("menu" in found.text for found in install_check.check(folder))
    (folder / layout.find_layout(folder).scripts / "Plugins/Talanoa/Further_Command.py").write_text("")
    texts = [found.text for found in install_check.check(folder) if not found.ok]
    assert any("Not in the menu Plugins > Talanoa: Further Command." in text for text in texts)


def test_check_sees_a_script_that_takes_the_place_of_a_command(folder: Path) -> None:
    install.install(folder)
    make(folder, "scripts/Plugins/Mine/Segment_Objects.py")
    texts = [found.text for found in install_check.check(folder) if "takes the place" in found.text]
    assert len(texts) == (0 if (folder / "ij.jar").exists() else 1)


def test_imagej_makes_a_menu_entry_of_every_script(folder: Path, root: Path) -> None:
    """ImageJ and imagej-legacy take only files with an underscore in their names."""
    install.install(folder)
    files = [file.name for file in (root / "fiji_scripts" / "Plugins" / "Talanoa").glob("*.py")]
    assert files and all("_" in file for file in files)
    assert content.entries(layout.find_layout(folder)) == {file[:-3].replace("_", " ") for file in files}
