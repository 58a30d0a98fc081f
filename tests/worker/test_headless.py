"""`fiji --headless`, which runs no start-up macro: macros and scripts get right results, or an error and code 1."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import talanoa
from helpers import labellers, restorers, tiny
from helpers.labellers import ER, NUCLEUS
from helpers.worker import headless
from talanoa import image as images
from talanoa.core import resources
from talanoa.tasks.sample import noisy

FILES = 4
SEGMENT = 'run("Segment Objects", "model=tiny rois=none device=cpu prob_thresh=0.4");'
TRAINING = "epochs=1 steps=2 patch=32 batch=2 depth=1 filters=4 device=cpu"


@pytest.fixture(scope="module")
def fiji(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a Fiji with Talanoa installed."""
    return headless.make(tmp_path_factory.mktemp("installed") / "Fiji für µ")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a user folder with small models: tiny, restorer and stains; beside it, a folder of images."""
    home = tmp_path / "home"
    shutil.copytree(tiny.MODEL, home / "models" / "tiny")
    restorers.save(home / "models" / "restorer")
    labellers.save(home / "models" / "stains", (NUCLEUS, ER))
    (tmp_path / "images").mkdir()
    for number in range(FILES):
        tifffile.imwrite(tmp_path / "images" / f"discs {number}.tif", tiny.discs(number)[0])
    return home


def labels(home: Path, file: Path, **keys: Any) -> np.ndarray:
    """Return what Python alone makes of an image."""
    return np.squeeze(talanoa.segment(file, str(home / "models" / "tiny"), device="cpu", **keys).labels.values)


def write(path: Path, text: str) -> str:
    """Write a macro or script and return its path as ImageJ takes it."""
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_loop_over_files_saves_the_labels_of_each(fiji: Path, home: Path, tmp_path: Path) -> None:
    folder = tmp_path.as_posix()
    macro = f"""
        for (i = 0; i < {FILES}; i++) {{
            open("{folder}/images/discs " + i + ".tif");
            {SEGMENT}
            print(getTitle() + " of " + nImages);
            saveAs("Tiff", "{folder}/labels" + i + ".tif");
            close("*");
        }}
        print("done");
        """
    ended = headless.run(fiji, home, "-macro", write(tmp_path / "loop.ijm", macro))
    assert ended.lines == [f"discs {i}.tif labels of 2" for i in range(FILES)] + ["done"], ended
    for i in range(FILES):
        wanted = labels(home, tmp_path / "images" / f"discs {i}.tif", prob_thresh=0.4)
        assert wanted.any() and np.array_equal(tifffile.imread(tmp_path / f"labels{i}.tif"), wanted)


@pytest.mark.parametrize("before", ["", SEGMENT], ids=["as the first command", "as a later one"])
def test_a_misspelt_key_ends_the_macro_with_code_1(fiji: Path, home: Path, tmp_path: Path, before: str) -> None:
    macro = f"""
        open("{tmp_path.as_posix()}/images/discs 0.tif");
        {before}
        print("begun");
        run("Segment Objects", "model=tiny prob_tresh=0.4");
        print("went on");
        """
    ended = headless.run(fiji, home, "-macro", write(tmp_path / "wrong.ijm", macro), code=1)
    assert "begun" in ended.lines and "went on" not in ended.lines
    assert 'Segment Objects: Unknown key "prob_tresh"' in ended.errors
    assert ended.errors.count("prob_thresh") and "Traceback" not in ended.errors


def test_the_shipped_macros_give_what_python_gives(fiji: Path, home: Path, tmp_path: Path) -> None:
    """All five, one after the other in one ImageJ; each file is compared."""
    folder = tmp_path.as_posix()
    movie = np.stack([tiny.discs(seed)[0] for seed in (3, 4, 5)])
    images.write(tmp_path / "movie.tif", images.from_array(movie, "tyx"))
    for place in ("noisy", "phase"):
        (tmp_path / place).mkdir()
    for number in (1, 2):
        tifffile.imwrite(tmp_path / "noisy" / f"cells {number}.tif", noisy.draw((64, 64), 2, number).low)
        labellers.write_phase(tmp_path / "phase" / f"A01 {number}.tif", 40, 44, seed=number)
    macro = f"""
        run_one("Batch_Segment_Folder", "{folder}/images\\n{folder}/batch\\ntiny\\ndevice=cpu");
        run_one("Restore_Folder", "{folder}/noisy\\n{folder}/restored\\nrestorer\\ndevice=cpu");
        run_one("Predict_Folder", "{folder}/phase\\n{folder}/predicted\\nstains\\ndevice=cpu");
        open("{folder}/movie.tif");
        run_one("Measure_Time_Lapse", "{folder}/frames.csv\\ntiny\\ndevice=cpu");
        saveAs("Tiff", "{folder}/movie labels.tif");
        close("*");
        open("{folder}/noisy/cells 1.tif");
        run_one("Denoise_Open_Image", "of a macro\\nquick\\n{TRAINING}");
        saveAs("Tiff", "{folder}/denoised.tif");
        print("all done");
        function run_one(name, argument) {{ runMacro("{resources.macros().as_posix()}/" + name + ".ijm", argument); }}
        """
    ended = headless.run(fiji, home, "-macro", write(tmp_path / "all.ijm", macro))
    assert ended.lines[-1] == "all done", ended
    _compare_batch(home, tmp_path)
    for number in (1, 2):
        noisy_file, phase = tmp_path / "noisy" / f"cells {number}.tif", tmp_path / "phase" / f"A01 {number}.tif"
        restored = talanoa.restore(noisy_file, str(home / "models" / "restorer"), device="cpu").image
        found = tifffile.imread(tmp_path / "restored" / f"cells {number}.tif")
        assert np.array_equal(found, np.squeeze(restored.values))
        stains = talanoa.predict_fluorescence(phase, str(home / "models" / "stains"), device="cpu").image
        assert np.array_equal(images.read(tmp_path / "predicted" / f"A01 {number}.tif").values, stains.values)
    rows = (tmp_path / "frames.csv").read_text(encoding="utf-8").splitlines()
    frames = labels(home, tmp_path / "movie.tif")
    assert np.array_equal(tifffile.imread(tmp_path / "movie labels.tif"), frames)
    assert [int(row.split(",")[1]) for row in rows[1:]] == [len(np.unique(frame)) - 1 for frame in frames]
    model = str(home / "models" / "of a macro")
    denoised = talanoa.restore(tmp_path / "noisy" / "cells 1.tif", model, device="cpu").image
    assert np.array_equal(tifffile.imread(tmp_path / "denoised.tif"), np.squeeze(denoised.values))


def _compare_batch(home: Path, tmp_path: Path) -> None:
    """Compare the result folders and the summary with what Python alone makes."""
    summary = ["Image,Objects"]
    for i in range(FILES):
        wanted = labels(home, tmp_path / "images" / f"discs {i}.tif")
        result = tmp_path / "batch" / f"discs {i}"
        assert np.array_equal(tifffile.imread(result / "labels.tif"), wanted)
        assert json.loads((result / "result.json").read_text(encoding="utf-8"))["objects"] == wanted.max()
        summary.append(f'"discs {i}.tif",{wanted.max()}')
    assert sorted((tmp_path / "batch" / "summary.csv").read_text(encoding="utf-8").splitlines()) == sorted(summary)


def test_run_takes_the_keys_of_a_command(fiji: Path, home: Path, tmp_path: Path) -> None:
    file = tmp_path / "images" / "discs 1.tif"
    keys = f'model="tiny",image="{file.as_posix()}",out="{tmp_path.as_posix()}/out",prob_thresh=0.4,device="cpu"'
    headless.run(fiji, home, "--run", str(fiji / "talanoa" / "run" / "Segment_Objects.py"), keys)
    assert np.array_equal(tifffile.imread(tmp_path / "out" / "labels.tif"), labels(home, file, prob_thresh=0.4))


def test_a_script_of_a_command_is_not_run_by_itself(fiji: Path, home: Path, tmp_path: Path) -> None:
    """SciJava would drop its keys, and show its results to a thread of its own."""
    keys = f'model="tiny",image="{tmp_path.as_posix()}/images/discs 0.tif",out="{tmp_path.as_posix()}/out"'
    script = fiji / "talanoa" / "scripts" / "Plugins" / "Talanoa" / "Segment_Objects.py"
    ended = headless.run(fiji, home, "--run", str(script), keys, code=1)
    assert 'run("Segment Objects", ...)' in ended.out and "talanoa/run/Segment_Objects.py" in ended.out
    assert not (tmp_path / "out").exists()


def test_run_refuses_a_misspelt_key_with_code_1(fiji: Path, home: Path, tmp_path: Path) -> None:
    keys = f'model="tiny",image="{tmp_path.as_posix()}/images/discs 0.tif",prob_tresh=0.4'
    ended = headless.run(fiji, home, "--run", str(fiji / "talanoa" / "run" / "Segment_Objects.py"), keys, code=1)
    assert 'Unknown key "prob_tresh"' in ended.out


@pytest.mark.gui
def test_the_search_bar_opens_our_dialog(fiji: Path, home: Path, tmp_path: Path) -> None:
    """In a Fiji with a window, whose start-up macros are the user's own; the menu has every command."""
    folder = tmp_path.as_posix()
    opened = write(tmp_path / "open.ijm", f'open("{folder}/images/discs 0.tif"); run("Record...");')
    pressed, seen = (f'done = call("org.python.core.imp.load", "{module}");' for module in ("press_ok", "look"))
    macro = f"""
        {pressed}
        while (nImages < 2) wait(50);
        {seen}
        saveAs("Tiff", "{folder}/labels.tif");
        run("Close All");
        run("Quit");
        """
    arguments = ["-macro", opened, "", "-search", "Segment Objects", "-macro", write(tmp_path / "press.ijm", macro)]
    options = ["-Dtalanoa.dialog=Segment Objects", f"-Dtalanoa.look={tmp_path / 'seen.json'}"]
    headless.run(fiji, home, *arguments, window=True, options=options)
    found = json.loads((tmp_path / "seen.json").read_text(encoding="utf-8"))
    scripts = (resources.fiji_scripts() / "Plugins" / "Talanoa").glob("*.py")
    assert found["menus"] == [sorted(script.stem.replace("_", " ") for script in scripts)]
    recorded = [line for line in found["recorded"].splitlines() if "Segment Objects" in line]
    assert len(recorded) == 1 and recorded[0].startswith('run("Segment Objects", "model=')
    assert tifffile.imread(tmp_path / "labels.tif").any()


SCRIPT = """
from ij import IJ
for name in ("discs 2.tif", "nothing.tif", "discs 3.tif"):
    imp = IJ.openImage(FOLDER + "/images/" + name)
    if imp is not None:
        imp.show()
    try:
        image = "" if imp else " image=nothing.tif"
        IJ.run("Segment Objects", "model=tiny device=cpu rois=none prob_thresh=0.4" + image)
    except:
        print "caught", name
        continue
    IJ.saveAs(IJ.getImage(), "Tiff", FOLDER + "/labels of " + name)
    IJ.getImage().close()
    imp.close()
print "done"
"""


def test_a_script_gets_errors_and_labels_and_ends_with_code_1(fiji: Path, home: Path, tmp_path: Path) -> None:
    script = write(tmp_path / "script.py", SCRIPT.replace("FOLDER", repr(tmp_path.as_posix())))
    ended = headless.run(fiji, home, "--run", script, code=1)
    assert "caught nothing.tif" in ended.lines and "done" in ended.lines, ended
    for i in (2, 3):
        wanted = labels(home, tmp_path / "images" / f"discs {i}.tif", prob_thresh=0.4)
        assert np.array_equal(tifffile.imread(tmp_path / f"labels of discs {i}.tif"), wanted)
