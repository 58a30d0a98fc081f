"""What mkdocs.yml adds to the documentation: pages of the repository outside docs/, with links that work in the site.

README.md is the first page. Whatever else a page links to outside docs/, such as macros/README.md or a macro, is part
of the site below repository/, so that the links in the Markdown files lead to the same files in both.
"""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
HOME = "README.md"
ALSO = ("CHANGELOG.md",)  # pages of mkdocs.yml that no other page links to
LINK = re.compile(r"(\]\()([^)\s#]+)((?:#[^)\s]*)?\))")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add README.md as the first page, and the files outside docs/ that pages link to."""
    pages = [f"docs/{file.src_uri}" for file in files.documentation_pages()]
    waiting, added = [HOME, *ALSO, *pages], {HOME, *ALSO, *pages}
    while waiting:
        source = waiting.pop()
        if not source.startswith("docs/"):
            files.append(File.generated(config, address(source), abs_src_path=str(ROOT / source)))
        if source.endswith(".md"):
            targets = {target_of(source, link) for _, link, _ in LINK.findall((ROOT / source).read_text("utf-8"))}
            new = {target for target in targets if target and not target.startswith("docs/")} - added
            added |= new
            waiting += sorted(new)
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Lead links between docs/ and the rest of the repository to their places in the site."""
    shown = page.file.src_uri
    source = next(
        (path for path in (HOME, shown.removeprefix("repository/")) if address(path) == shown), f"docs/{shown}"
    )

    def led(match: re.Match[str]) -> str:
        """Return a link as the site has it."""
        target = target_of(source, match[2])
        if not target:
            return match[0]
        return f"{match[1]}{os.path.relpath(address(target), PurePosixPath(shown).parent)}{match[3]}"

    return LINK.sub(led, markdown)


def target_of(source: str, link: str) -> str:
    """Return the file of the repository that a link in one of its pages names; empty for an address elsewhere."""
    if "://" in link or link.startswith("mailto:"):
        return ""
    target = os.path.normpath(PurePosixPath(source).parent / link)
    return Path(target).as_posix() if (ROOT / target).is_file() else ""


def address(path: str) -> str:
    """Return where the site has a file of the repository."""
    if path == HOME:
        return "index.md"
    return path.removeprefix("docs/") if path.startswith("docs/") else f"repository/{path}"
