"""Kinds of files by their first bytes, and what a person can do about those that cannot be read as a photo."""

READABLE = ("JPEG", "PNG", "GIF", "WebP", "BMP", "TIFF")

_STARTS = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"%PDF", "PDF"),
    (b"PK\x03\x04", "ZIP"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\x1aE\xdf\xa3", "video"),
)

_BRANDS = {
    "AVIF": (b"avif", b"avis"),
    "HEIC": (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"),
}
"""Kind -> main brands in the first box of a file of the ISO base media format; others are videos."""

_EXPECTED = "expected a JPEG, PNG, GIF, WebP, BMP or TIFF"

_CONVERT = "save or export it as a JPEG"

_ADVICE = {
    "HEIC": "on an iPhone choose Settings, Camera, Formats, Most Compatible, or export it as a JPEG",
    "SVG": "export the drawing as a PNG",
    "HTML": "a page was saved instead of the picture: open the picture itself and save that",
    "text": "give the picture itself",
    "empty": "fetch it again",
    "video": "give a picture of it",
    "ZIP": "unpack it first",
    "unknown": "open it in a program that knows it, and save it as a JPEG",
}

_NOUNS = {
    "SVG": "an SVG drawing",
    "HTML": "an HTML page",
    "text": "a text",
    "video": "a video",
    "ZIP": "a ZIP archive",
    "PDF": "a PDF document",
    "HEIC": "a HEIC picture",
    "AVIF": "an AVIF picture",
}

_HEAD_BYTES = 1024


def recognise_kind(content: bytes) -> str:
    """Return the kind of a file: one of `READABLE`, or the name of what it is, or "unknown"."""
    for start, kind in _STARTS:
        if content.startswith(start):
            return kind
    if content[:4] == b"RIFF":
        return "WebP" if content[8:12] == b"WEBP" else "video" if content[8:12] == b"AVI " else "unknown"
    if content[4:8] == b"ftyp":
        return next((kind for kind, brands in _BRANDS.items() if content[8:12] in brands), "video")
    return _recognise_text(content[:_HEAD_BYTES]) if content else "empty"


def _recognise_text(head: bytes) -> str:
    if b"\0" in head:
        return "unknown"
    words = head.decode("utf-8", errors="ignore").lower()
    if "<svg" in words:
        return "SVG"
    if "<html" in words or "<!doctype html" in words:
        return "HTML"
    return "text" if len(words.encode()) > len(head) - 4 else "unknown"  # 4: a character may be cut at the end


def refusal_of(kind: str, name: str) -> str:
    """Return the sentence on a file that cannot be read as a photo.

    Args:
        kind: from `recognise_kind`, none of `READABLE`.
        name: of the file.
    """
    got = {"empty": "is empty", "unknown": "is of an unknown kind"}.get(kind, f"is {_NOUNS.get(kind, f'a {kind}')}")
    return f"{name} {got}, {_EXPECTED}: {_ADVICE.get(kind, _CONVERT)}"
