"""Files that a person put into a workspace, in every folder and under every name that the project uses."""

import os
import time
from pathlib import Path

DAY_SECONDS = 86_400


def snapshot_of(*roots: Path) -> dict[Path, bytes]:
    """Return the content of every file, but for those that change with every run."""
    paths = (path for root in roots for path in root.rglob("*") if path.suffix != ".lock")
    return {path: path.read_bytes() for path in paths if path.is_file() and ".holds" not in path.parts}


def add_files_of_a_person(root: Path, outside: Path) -> list[Path]:
    """Put files beside, and inside every name that the project uses, and links to directories elsewhere."""
    known = {path.parent for path in root.glob("[!.]*/[!.]*/_complete.json")}
    folders = {root, *root.glob("[!.]*/"), *known}
    folders |= {root / name / "x" for name in ("rendered", "downloads", "data_docs", "variants", "reports", "app")}
    added = []
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("mine.txt", ".mine.old", "mine.archive", "mine.log"):
            (folder / name).write_text("mine" * (2_000_000 if name == "mine.log" else 1))
            added.append(folder / name)
    for name in ("rendered/linked", "downloads/linked.folder", "variants/0123456789abcdef", "linked_stage"):
        (root / name).symlink_to(outside)
    unfinished = root / "variants" / ".0123456789abcdee.work"
    trash = root / "variants" / ".0123456789abcdee.old"
    for folder in (unfinished, trash, root / "reports" / "0123456789abcdef"):
        folder.mkdir(parents=True)
        (folder / "mine.txt").write_text("mine")
        added.append(folder / "mine.txt")
    for path in added:
        os.utime(path, (time.time() - 99 * DAY_SECONDS,) * 2)
    return added
