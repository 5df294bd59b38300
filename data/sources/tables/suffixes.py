"""Kinds of files by the endings of their names."""

ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
"""Endings of the names of archives that can be extracted. A URL may have any name: its content is checked instead."""

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm")
"""Endings of the names of images that are taken from a Drive folder."""

CSV_SUFFIXES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")

PARQUET_SUFFIXES = (".parquet",)

SHEET_SUFFIXES = (".xlsx", ".xls", ".ods")
"""Endings of the names of spreadsheets, which are refused with advice."""

TABLE_SUFFIXES = (*CSV_SUFFIXES, *PARQUET_SUFFIXES)
"""Endings of the names of files that may be a source by themselves."""


def is_archive_name(name: str) -> bool:
    """Return whether a file name ends like an archive that can be extracted."""
    return name.lower().endswith(ARCHIVE_SUFFIXES)


def is_csv_name(name: str) -> bool:
    """Return whether a file name ends like a CSV, gzipped or not."""
    return name.lower().endswith(CSV_SUFFIXES)


def is_parquet_name(name: str) -> bool:
    """Return whether a file name ends like a Parquet file."""
    return name.lower().endswith(PARQUET_SUFFIXES)


def is_sheet_name(name: str) -> bool:
    """Return whether a file name ends like a spreadsheet."""
    return name.lower().endswith(SHEET_SUFFIXES)


def is_table_name(name: str) -> bool:
    """Return whether a file name ends like a table that can be a source."""
    return name.lower().endswith(TABLE_SUFFIXES)
