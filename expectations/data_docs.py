"""Great Expectations' own pages on a data set, made harmless: names are escaped, no script, nothing from other hosts.

Great Expectations writes values from the data into its pages as they are, and its pages load scripts and style sheets
from public hosts.
"""

import html
import re
from pathlib import Path

import pandas as pd
from pandas.api.types import is_string_dtype

from expectations.counts import Counts
from expectations.rules import DataRules
from expectations.run_suite import open_context, require_rows, run_suite

SCRIPTS = re.compile(r"<script\b.*?</script>", re.DOTALL | re.IGNORECASE)
FROM_OTHER_HOSTS = re.compile(r"<(?:link|img)\b[^>]*https?://[^>]*>", re.IGNORECASE)
BACKGROUND = re.compile(r"url\([^)]*https?://[^)]*\)", re.IGNORECASE)
NEWSLETTER = re.compile(r"<footer>.*?</footer>", re.DOTALL)

POLICY = "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self'; font-src 'self'; base-uri 'none'"
STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #222; background: #fff; margin: 0 auto; max-width: 72rem;
  padding: 1rem; }
table { border-collapse: collapse; margin: 0.5rem 0; }
th, td { border: 1px solid #ccc; padding: 0.3rem 0.6rem; text-align: left; vertical-align: top; }
th { background: #f2f2f2; }
.alert { background: #f2f2f2; border-left: 4px solid #888; margin-top: 2rem; padding: 0.4rem 0.8rem; }
.alert h5 { font-size: 1.15rem; margin: 0; }
.fa-check-circle::before { color: #1a7f37; content: "\\2713"; }
.fa-times::before { color: #c62828; content: "\\2717"; }
.show-scrollbars { overflow-wrap: anywhere; }
.sticky > .mb-3, [data-toggle="collapse"] { display: none; }
@media (prefers-color-scheme: dark) {
  body { background: #16181d; color: #e6e6e6; }
  th, .alert { background: #24272e; }
  a { color: #8ab4f8; }
}
"""
"""Style of the pages, in place of the style sheets that they load; what needs a script is hidden."""

TITLES = {"validations": "What was found", "expectations": "What is expected"}
HEAD = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}"><style>{STYLE}</style></head>'
INDEX = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Data Docs</title>{HEAD}
<body><h1>Great Expectations on this data set</h1><ul>
{{links}}
</ul></body></html>
"""


def write_data_docs(
    manifest: pd.DataFrame, rules: DataRules, out: Path, published_counts: Counts | None = None
) -> Path:
    """Write Great Expectations' own pages on a manifest: the suite, and what each expectation observed.

    About 4 MB, mostly fonts. The pages need no network and run no script.

    Args:
        manifest: one row for each image, see `data.manifest.table.COLUMN_TYPES`.
        rules: as for `validate_manifest`, whose verdict decides.
        out: an empty directory, created if it is missing; the caller names it after the data set, so that the pages
            of one data set are always in one place.
        published_counts: as for `validate_manifest`.

    Returns:
        The path of index.html.

    Raises:
        PipelineError: columns of the manifest are missing, or it has no row.
    """
    from expectations.suite import prepare_frame

    require_rows(manifest)
    context = open_context()
    context.add_data_docs_site(
        "pages",
        {
            "class_name": "SiteBuilder",
            "show_how_to_buttons": False,
            "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(out.resolve())},
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        },
    )
    frame = prepare_frame(_escape_names(manifest), rules.data_format)
    run_suite(context, frame, rules, _escape_counts(published_counts))
    context.build_data_docs(site_names=["pages"])
    make_self_contained(out)
    return out / "index.html"


def make_self_contained(pages: Path) -> None:
    """Remove from Great Expectations' pages the scripts and whatever other hosts serve, and give them a style.

    Its index shows nothing without scripts, so it is replaced by one with a link to each page.

    Args:
        pages: the directory of the pages, whose values from the data are escaped.
    """
    for page in sorted(pages.rglob("*.html")):
        text = page.read_text(encoding="utf-8")
        for unwanted in (SCRIPTS, FROM_OTHER_HOSTS, NEWSLETTER):
            text = unwanted.sub("", text)
        text = BACKGROUND.sub("none", text)
        page.write_text(text.replace("</head>", HEAD, 1), encoding="utf-8")
    links = [
        f'<li><a href="{html.escape(page.relative_to(pages).as_posix())}">{title}</a></li>'
        for folder, title in TITLES.items()
        for page in sorted((pages / folder).rglob("*.html"))
    ]
    (pages / "index.html").write_text(INDEX.replace("{links}", "\n".join(links)), encoding="utf-8")


def _escape_names(manifest: pd.DataFrame) -> pd.DataFrame:
    """Escape paths and whatever else is text, such as names of folders that are taken for classes."""
    texts = [str(name) for name in manifest.columns if is_string_dtype(manifest[name])]
    escaped = {name: manifest[name].map(_escape, na_action="ignore").astype(manifest[name].dtype) for name in texts}
    return manifest.assign(**escaped)


def _escape_counts(counts: Counts | None) -> Counts | None:
    if counts is None:
        return None
    return {
        _escape(split): {_escape(label): images for label, images in labels.items()} for split, labels in counts.items()
    }


def _escape(text: object) -> str:
    return html.escape(str(text))
