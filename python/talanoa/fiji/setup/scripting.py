"""Jython scripts with `#@` parameters, through SciJava, in every runtime."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

from talanoa.core.errors import TalanoaError

log = logging.getLogger(__name__)

_RAISED = re.compile(r"^(Traceback \(most recent|(\w+\.)*\w*(Error|Exception)\b)", re.MULTILINE)
ALIASES = {
    "ImagePlus": "ij.ImagePlus",
    "ResultsTable": "ij.measure.ResultsTable",
    "RoiManager": "ij.plugin.frame.RoiManager",
}


def register_jython(context: Any) -> bool:
    """Teach a SciJava context the language Jython and ImageJ's short class names.

    Returns
    -------
    bool
        False when the context knew Jython already, as Fiji's does; nothing is changed then.
    """
    import jpype

    scripts = context.service(jpype.JClass("org.scijava.script.ScriptService").class_)
    if _jython(scripts) is not None:
        return False
    factory = jpype.JClass("org.python.jsr223.PyScriptEngineFactory")()
    scripts.getIndex().add(jpype.JClass("org.scijava.script.AdaptedScriptLanguage")(factory))
    for alias, name in ALIASES.items():
        scripts.addAlias(alias, jpype.JClass(name).class_)
    return True


def run_script(
    context: Any, code: str, inputs: Mapping[str, Any] | None = None, name: str = "script.py"
) -> dict[str, Any]:
    """Run a SciJava script and wait for it; never call this on the event dispatch thread.

    Parameters
    ----------
    context : Any
        The `org.scijava.Context`.
    code : str
        The text of the script with its `#@` lines.
    inputs : mapping, optional
        Values of the inputs by name.
    name : str
        A file name; its ending chooses the language.

    Returns
    -------
    dict
        The outputs by name, as Java objects (or Python strings, numbers, None).

    Raises
    ------
    TalanoaError
        The script raised: SciJava itself only prints that.
    """
    import jpype

    reader = jpype.JClass("java.io.StringReader")(code)
    info = jpype.JClass("org.scijava.script.ScriptInfo")(context, name, reader)
    if name.endswith(".py"):  # Fiji under pyimagej has a second language for this ending
        info.setLanguage(_jython(context.service(jpype.JClass("org.scijava.script.ScriptService").class_)))
    service = context.service(jpype.JClass("org.scijava.module.ModuleService").class_)
    module = service.createModule(info)
    errors = jpype.JClass("java.io.StringWriter")()
    module.setErrorWriter(errors)
    values = jpype.JClass("java.util.HashMap")()
    for key, value in (inputs or {}).items():
        values.put(key, value)
    service.run(module, True, values).get()
    _raise_or_log(name, str(errors.toString()))
    return {str(entry.getKey()): entry.getValue() for entry in module.getOutputs().entrySet()}


def _jython(scripts: Any) -> Any:
    """Return the language Jython of a ScriptService, or None."""
    for language in scripts.getLanguages():
        names = (language.getLanguageName(), language.getEngineName(), language.getClass().getName())
        if any("jython" in str(name).lower() for name in names):
            return language
    return None


def _raise_or_log(name: str, errors: str) -> None:
    """Raise what a script raised; log what it only wrote to its error stream."""
    lines = [line for line in errors.splitlines() if line.strip() and not line.startswith("\tat ")]
    text = "\n".join(lines)
    if _RAISED.search(text):
        raise TalanoaError(f"The script {name} failed: {text}")
    if text:
        log.warning("%s: %s", name, text)
