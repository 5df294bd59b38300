"""Google Drive's page of a folder, which anyone can open who has the link, read as the entries of the folder."""

from html.parser import HTMLParser
from typing import NamedTuple

from data.sources.source import DriveItem, parse_drive_location

FILES_START = "https://drive.google.com/"

DOCUMENTS_START = "https://docs.google.com/"
"""Start of the links of Docs, Sheets, Slides, Forms and Drawings, which are no files and can only be exported."""

MODIFIED_CLASS = "flip-entry-last-modified"

VOID_TAGS = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"})
"""Tags without an end."""


class PageEntry(NamedTuple):
    """An entry of a folder."""

    name: str
    """Name, safe as a part of a path."""
    item: DriveItem | None
    """The file or folder; None for a document of Google."""
    modified: str
    """When it was modified, as the page says it: a time for today, a date for earlier days; empty if it does not."""


class FolderPage(HTMLParser):
    """Reader of the page; `feed` it once with all of the page.

    Attributes:
        title: name of the folder; None if this is no page of a folder.
        entries: in the order of the page.
    """

    def __init__(self) -> None:
        super().__init__()
        self.title: str | None = None
        self.entries: list[PageEntry] = []
        self._link: str | None = None
        self._name: list[str] = []
        self._modified_depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note where a link, the title or a date begins."""
        if tag in VOID_TAGS:
            return
        values = dict(attrs)
        if self._modified_depth or MODIFIED_CLASS in (values.get("class") or "").split():
            self._modified_depth += 1
        if tag == "title" and self.title is None:
            self.title = ""
        elif tag == "a":
            self._link, self._name = values.get("href") or "", []

    def handle_endtag(self, tag: str) -> None:
        """Add an entry at the end of its link."""
        self._modified_depth = max(0, self._modified_depth - 1)
        if tag == "a" and self._link is not None:
            item = parse_drive_location(self._link) if self._link.startswith(FILES_START) else None
            if item or self._link.startswith(DOCUMENTS_START):
                self.entries.append(PageEntry(_safe_name("".join(self._name)), item, ""))
            self._link = None

    def handle_data(self, data: str) -> None:
        """Collect the text of a link or date."""
        if self._modified_depth and self.entries:
            self.entries[-1] = self.entries[-1]._replace(modified=self.entries[-1].modified + data.strip())
        elif self._link is not None:
            self._name.append(data.strip())


def _safe_name(name: str) -> str:
    """Return a name in which nothing leads to another folder."""
    name = name.replace("\0", "").replace("/", "_").replace("\\", "_").strip()
    return "_" if name in ("", ".", "..") else name
