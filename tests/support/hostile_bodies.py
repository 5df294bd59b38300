"""Bodies that a hostile or broken client sends, each with the status that it gets."""

import gzip
import io
import os
import struct
import zlib
from typing import NamedTuple

from PIL import Image

from tests.support.shade_predictor import picture

BOUNDARY = "0123456789"
DAMAGED = "is damaged"
FORM = f"multipart/form-data; boundary={BOUNDARY}"


class Hostile(NamedTuple):
    """One request."""

    name: str
    status: int
    body: bytes
    kind: str = FORM
    says: str = "expected"
    """Part of the sentence in the answer; empty for an answer on the image."""
    headers: tuple[tuple[str, str], ...] = ()


def form(*files, boundary=BOUNDARY, end=True):
    """Return the body of a form with one part a file; a part is (head, content)."""
    parts = [b"--%s\r\n%s\r\n\r\n%s\r\n" % (boundary.encode(), head, content) for head, content in files]
    return b"".join(parts) + (b"--%s--\r\n" % boundary.encode() if end else b"")


def part(content, name=b"a.jpg"):
    return b'Content-Disposition: form-data; name="file"; filename="%s"' % name, content


def field(content, name=b"face"):
    return b'Content-Disposition: form-data; name="%s"' % name, content


def encoded(kind, side=64, **options):
    file = io.BytesIO()
    Image.effect_noise((side, side), 60).convert("RGB").save(file, kind, **options)
    return file.getvalue()


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, data=b"", *others):
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [png_chunk(b"IHDR", head), *others, png_chunk(b"IDAT", data), png_chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def animation(frames):
    file = io.BytesIO()
    pictures = [Image.new("L", (48, 48), number % 255) for number in range(frames)]
    pictures[0].save(file, "GIF", save_all=True, append_images=pictures[1:])
    return file.getvalue()


def broken_exif():
    file = io.BytesIO()
    Image.new("RGB", (64, 64), (200, 200, 200)).save(file, "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\x7f")
    return file.getvalue()


def tiff_bomb():
    """A TIFF of a few bytes that says it has 2**31 rows."""
    tags = [(256, 4, 1 << 31), (257, 4, 1 << 31), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8), (279, 4, 1)]
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value & 0xFFFFFFFF) for tag, kind, value in tags)
    return b"II*\x00\x08\x00\x00\x00" + struct.pack("<H", len(tags)) + entries + b"\x00\x00\x00\x00"


def list_hostile(most_bytes):
    """Return the requests.

    Args:
        most_bytes: limit of a body.
    """
    jpeg, zeros = encoded("JPEG"), bytes(30_000)
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    laughs = b'<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><a>&c;</a>'
    bomb = zlib.compress(bytes(30_001) * 30_000, 9)
    one = form(part(jpeg))
    return [
        Hostile("0 bytes", 422, b"", "image/jpeg"),
        Hostile("0 bytes in a form", 422, form(part(b""))),
        Hostile("form without a part", 422, form()),
        Hostile("form without a file", 422, form(field(b"0"))),
        Hostile("truncated JPEG", 422, form(part(jpeg[: len(jpeg) // 2]))),
        Hostile("first bytes of a JPEG", 422, form(part(jpeg[:3])), says=DAMAGED),
        Hostile("JPEG without its tables", 422, form(part(jpeg[:20] + jpeg[600:])), says=DAMAGED),
        Hostile("PNG of 900 million pixels", 422, form(part(png(30_000, 30_000, bomb)))),
        Hostile("PNG that says 2**31 rows", 422, form(part(png((1 << 31) - 1, (1 << 31) - 1)))),
        Hostile("PNG without pixels", 422, form(part(png(64, 64)))),
        Hostile("PNG of no size", 422, form(part(png(0, 0))), says=DAMAGED),
        Hostile("truncated PNG", 422, form(part(encoded("PNG")[:200]))),
        Hostile("PNG with a wrong checksum", 422, form(part(encoded("PNG").replace(b"IDAT", b"IDAX"))), says=DAMAGED),
        Hostile(
            "PNG whose text unpacks to 30 MB",
            422,
            form(
                part(
                    png(
                        64,
                        64,
                        zlib.compress(bytes(65 * 64)),
                        png_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(30 << 20))),
                    )
                )
            ),
            says=DAMAGED,
        ),
        Hostile("GIF that says 65535 by 65535", 422, form(part(b"GIF89a\xff\xff\xff\xff\x00\x00\x00,")), says=DAMAGED),
        Hostile("truncated GIF", 422, form(part(encoded("GIF")[:300])), says=DAMAGED),
        Hostile("GIF of 2000 pictures", 200, form(part(animation(2000))), says=""),
        Hostile("truncated WebP", 422, form(part(encoded("WEBP")[:100])), says=DAMAGED),
        Hostile("BMP that says more than it has", 422, form(part(encoded("BMP")[:60]))),
        Hostile("TIFF that says 2**31 rows", 422, form(part(tiff_bomb()))),
        Hostile("SVG", 422, form(part(svg, b"a.svg"))),
        Hostile("SVG as the body", 422, svg, "image/svg+xml"),
        Hostile("HTML", 422, form(part(b"<!doctype html><script>alert(1)</script>"))),
        Hostile("HTML that says it is a PNG", 422, b"<html></html>", "image/png"),
        Hostile("XML with entities", 422, form(part(laughs))),
        Hostile("PDF", 422, form(part(b"%PDF-1.7\n" + zeros))),
        Hostile("zip", 422, form(part(b"PK\x03\x04" + zeros))),
        Hostile("video", 422, form(part(b"\x00\x00\x00\x18ftypmp42" + zeros))),
        Hostile("HEIC", 422, form(part(b"\x00\x00\x00\x18ftypheic" + zeros))),
        Hostile("zeros", 422, form(part(zeros))),
        Hostile("random bytes", 422, form(part(os.urandom(30_000)))),
        Hostile("text", 415, b"a face", "text/plain"),
        Hostile("no type", 415, jpeg, ""),
        Hostile("a type that is none", 415, jpeg, "image"),
        Hostile("fields in a URL", 415, b"file=face", "application/x-www-form-urlencoded"),
        Hostile("JSON", 403, b'{"urls": ["http://127.0.0.1/"]}', "application/json"),
        Hostile("JSON of 100,000 levels", 403, b"[" * 100_000, "application/json"),
        Hostile("mixed parts", 415, one, f"multipart/mixed; boundary={BOUNDARY}"),
        Hostile(
            "packed body", 415, gzip.compress(bytes(30 << 20)), "image/png", headers=(("Content-Encoding", "gzip"),)
        ),
        Hostile("no boundary", 400, one, "multipart/form-data"),
        Hostile("empty boundary", 400, one, "multipart/form-data; boundary="),
        Hostile("another boundary", 400, one, "multipart/form-data; boundary=9876543210"),
        Hostile("form that ends in a part", 400, form(part(jpeg), end=False)[:-500]),
        Hostile("part without a name", 400, form((b"Content-Disposition: form-data", jpeg))),
        Hostile(
            "part with a head of 2 MB",
            400,
            form((b'Content-Disposition: form-data; name="file"\r\nX: ' + b"x" * (2 << 20), b"")),
        ),
        Hostile("20 images", 413, form(*[part(jpeg)] * 20), says="expected fewer"),
        Hostile("50 fields", 400, form(part(jpeg), *[field(b"0")] * 50)),
        Hostile("field of 2 MB", 400, form(part(jpeg), field(bytes(2 << 20)))),
        Hostile("too many bytes", 413, form(part(bytes(most_bytes + 1))), says="expected at most"),
        Hostile("name of a file that is a path", 200, form(part(picture(), b"../../etc/passwd\x00<script>")), says=""),
        Hostile("name of a file of 100 kB", 400, form(part(picture(), b"a" * 100_000))),
        Hostile("JPEG with a broken EXIF", 200, form(part(broken_exif())), says=""),
        Hostile("JPEG with HTML behind it", 200, form(part(jpeg + b"<script>alert(1)</script>")), says=""),
    ]
