"""`talanoa install-fiji FOLDER`: the menu in a Fiji or ImageJ that the user starts."""

from __future__ import annotations

from collections.abc import Sequence

from talanoa.cli import options
from talanoa.cli.codes import DIFFERENT, OK
from talanoa.cli.console import say
from talanoa.fiji.setup import install, install_check, worker_python


def run(arguments: Sequence[str]) -> int:
    """Install, remove or check; return the exit code (1 when a check finds something amiss)."""
    parser = options.Parser(
        prog="talanoa install-fiji",
        description="Put the menu Plugins > Talanoa into a Fiji or ImageJ folder. This Python will work for it.",
        allow_abbrev=False,
    )
    parser.add_argument("folder", metavar="FOLDER", help="the Fiji or ImageJ folder (on macOS also Fiji.app)")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="say what is installed, and whether it is in order")
    what.add_argument("--uninstall", action="store_true", help="remove what was installed")
    parser.add_argument("--python", metavar="PATH", help="another Python to work for it, with the same Talanoa")
    parsed = parser.parse_args(list(arguments))
    if parsed.check:
        return _check(parsed.folder)
    if parsed.uninstall:
        say("\n".join(install.uninstall(parsed.folder)))
        return OK
    say("\n".join(install.install(parsed.folder, parsed.python)))
    say(worker_python.get_ready(worker_python.choose(parsed.python)))
    return OK


def _check(folder: str) -> int:
    """Show what a check finds."""
    findings = install_check.check(folder)
    for finding in findings:
        say(f"{'[ok]     ' if finding.ok else '[problem]'} {finding.text}")
    return OK if install_check.in_order(findings) else DIFFERENT
