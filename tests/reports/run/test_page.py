"""The page, the Markdown and the JSON of a report: right figures, no request, nothing that breaks them."""

import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from data.records.run import RunResults
from data.records.training import VariantPlan
from reports.common.templates import hash_script
from reports.run.markdown import render_markdown
from reports.run.page import render_page, render_report
from reports.run.sources import ReportSources
from tests.support.results_factory import make_data, make_results, with_accuracy, write_pictures

HOSTILE = '<script>alert("1")</script> $x_1$ | url(//evil) " onload="x'
VOID_TAGS = {"meta", "img", "br", "path", "circle", "use", "link", "hr", "wbr"}


class PageReader(HTMLParser):
    """Gather what the tests ask about: tags with their attributes, tables by id, visible text, balance of tags."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.text = ""
        self.open: list[str] = []
        self._table = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID_TAGS:
            self.open.append(tag)
        if tag == "table":
            self._table = dict(attrs).get("id") or ""
            self.tables[self._table] = []
        if tag == "tr":
            self.tables[self._table].append([])
        if tag in ("td", "th"):
            self.tables[self._table][-1].append("")

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in VOID_TAGS:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if "td" in self.open or ("th" in self.open and "table" in self.open):
            self.tables[self._table][-1][-1] += data + " "

    def cells(self, table: str, row: str) -> list[str]:
        """Return the cells of a table's row, by its first cell."""
        found = next(cells for cells in self.tables[table] if cells and cells[0].strip() == row)
        return [" ".join(cell.split()) for cell in found]


@pytest.fixture(scope="module")
def normal(tmp_path_factory):
    directory = tmp_path_factory.mktemp("normal")
    results = make_results(directory)
    render_report(results, directory / "out", ReportSources(pictures=write_pictures(directory / "pictures.npz")))
    return results, directory / "out"


@pytest.fixture(scope="module")
def page(normal):
    return PageReader((normal[1] / "index.html").read_text(encoding="utf-8"))


def test_page_is_whole_and_small(normal, page):
    assert page.open == []
    assert (normal[1] / "index.html").stat().st_size < 5_000_000


def test_quality_table_agrees_with_the_results(normal, page):
    for variant in normal[0].variants[:5]:
        scores, cells = variant.parts["validation"], page.cells("quality", variant.name)
        span = f"{100 * scores.accuracy_low:.1f} to {100 * scores.accuracy_high:.1f}"
        assert cells[1] == f"{100 * scores.accuracy:.1f}% {span}"
        assert cells[5] == f"{scores.macro_f1:.3f}"
        assert cells[7:11] == [f"{100 * row.recall:.0f}%" for row in scores.per_class]
        assert cells[11].startswith(f"{100 * variant.parts['test'].accuracy:.1f}% ")
    for comparison in normal[0].comparisons:
        assert page.cells("quality", comparison.name)[2].startswith(f"{100 * comparison.difference:+.1f} ")


def test_cost_table_agrees_with_the_results(normal, page):
    for variant in normal[0].variants[:5]:
        cells = page.cells("costs", variant.name)
        assert cells[1] == f"{variant.core_seconds:,.0f}"
        assert cells[4:6] == [f"{variant.parameters_total:,}", "35.0 M"]
        assert cells[7:9] == ["4.2 ms 0.75 ms", f"{variant.best_epoch} of {len(variant.epochs)}"]


def test_the_cost_of_a_student_is_told_in_parts(tmp_path):
    results = make_results(tmp_path)
    taught = {"teacher": "ensemble", "views": 20, "core_seconds": 150.0, "teacher_core_seconds": 2500.0}
    plan = VariantPlan.model_validate({"precision": "float32", "taught": {**taught, "own_core_seconds": 300.0}})
    student = results.variants[0].model_copy(update={"name": "student", "core_seconds": 2950.0, "plan": plan})
    results = results.model_copy(update={"variants": (student, *results.variants[1:])})
    sentence = (
        "Of the 2,950 core-seconds of student, 2,500 trained its teacher ensemble, 150 let it label 20 views and 300 "
        "trained student itself"
    )
    assert sentence in PageReader(render_page(results)).text
    assert sentence in render_markdown(results)


def test_calibration_table_agrees_with_the_results(normal, page):
    for variant in normal[0].variants[:5]:
        cells, brier = page.cells("calibration-table", variant.name), variant.calibration.before.brier
        assert cells[1:3] == ["9.2%", f"{brier:.3f}"]
        assert cells[4:6] == ["1.62", "1.8%"]


def test_variants_of_earlier_code_have_no_calibration(tmp_path):
    results = make_results(tmp_path)
    older = [v.model_copy(update={"calibration": None, "latency": None, "multiply_adds": 0}) for v in results.variants]
    page = PageReader(render_page(results.model_copy(update={"variants": tuple(older)})))
    assert "calibration-table" not in page.tables
    assert page.cells("costs", older[0].name)[5] == "–"


def test_published_figures_stand_beside_ours(tmp_path):
    results = make_results(tmp_path, data=make_data(synthetic=False))
    cells = PageReader(render_page(results)).cells("published", "cnn_3")
    ours = next(variant for variant in results.variants if variant.name == "cnn_3")
    assert cells[1] == "72.9%" and cells[3] == "73.4%"
    assert cells[2].startswith(f"{100 * ours.parts['validation'].accuracy:.1f}%")


def test_published_figures_are_left_out_beside_drawn_faces(page):
    assert "published" not in page.tables
    assert "notebook" not in page.text


def test_counts_and_quarantine_agree_with_the_results(page):
    train = page.cells("counts", "train")[1:]
    assert [cell.split(" of ")[1] for cell in train] == ["3,976", "3,978", "3,982", "3,173", "15,109"]
    assert train[-1] == "15,052 of 15,109"
    assert page.cells("counts", "of these, selection")[-1] == "1,510 of 15,052"
    assert page.cells("quarantine", "blank")[1] == "6"


def test_confusion_cells_hold_the_counts(normal, page):
    shown = {int(count.replace(",", "")) for count in re.findall(r"% ?(\d[\d,]*)", " ".join(page.text.split()))}
    for variant in normal[0].variants[:5]:
        assert {cell for row in variant.parts["validation"].confusion for cell in row} <= shown


def test_page_makes_no_request(normal, page):
    raw = (normal[1] / "index.html").read_text(encoding="utf-8")
    policy = next(attributes["content"] for tag, attributes in page.tags if "http-equiv" in attributes)
    assert policy is not None and policy.startswith("default-src 'none'; img-src data:;")
    for tag, attributes in page.tags:
        assert tag not in {"link", "iframe", "object", "embed", "base", "form", "video", "audio"}
        assert (attributes.get("src") or "data:").startswith("data:image/png;base64,") or "src" not in attributes
        if tag != "a":
            reference = attributes.get("href") or attributes.get("xlink:href") or "#"
            assert reference.startswith("#")
    assert all(target.startswith("#") for target in re.findall(r"url\(\s*['\"]?(.)", raw))
    assert "@import" not in raw
    (script,) = re.findall(r"<script>(.*?)</script>", raw, flags=re.DOTALL)
    assert f"script-src '{hash_script(script)}';" in policy
    assert not re.search(r"fetch|XMLHttpRequest|import\(|https?:|eval", script)
    assert re.findall(r"https?://[^\s\"<]+", raw) == [normal[0].prefect_url]


def test_ids_are_unique_and_references_lead_somewhere(page):
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [attributes.get("href") or attributes.get("xlink:href") for _, attributes in page.tags]
    inner = {link[1:] for link in links if link and link.startswith("#")}
    assert len(inner) > 12 and inner <= set(ids)


def test_every_picture_and_chart_has_words(page):
    pictures = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(pictures) == 5 * 4 * 2 + 4
    assert all(attributes.get("alt") for attributes in pictures)
    charts = [attributes for tag, attributes in page.tags if tag == "svg" and attributes.get("role") == "img"]
    assert len(charts) == 2 + 4 + 6 + 4  # the leaderboard once for a phone
    assert all(attributes.get("aria-label") for attributes in charts)


def test_same_results_give_the_same_page(normal, tmp_path):
    results, out = normal
    render_report(results, tmp_path, ReportSources(pictures=out.parent / "pictures.npz"))
    for name in ("index.html", "report.md", "results.json"):
        assert (tmp_path / name).read_bytes() == (out / name).read_bytes()


def test_results_json_reads_back(normal):
    stored = RunResults.model_validate_json((normal[1] / "results.json").read_text(encoding="utf-8"))
    assert stored.model_dump() == normal[0].model_dump()


def test_markdown_tables_are_well_formed(normal):
    text = (normal[1] / "report.md").read_text(encoding="utf-8")
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert len(tables) == 8
    for lines in tables:
        assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {lines[0].count("|")}
        assert re.fullmatch(r"\| ---( \| ---:?)+ \|", lines[1])
    assert "data:" not in text and "![" not in text


def test_hostile_names_stay_text(tmp_path):
    results = make_results(
        tmp_path, trained=2, run_name=HOSTILE, command=f"emotion run {HOSTILE}", prefect_url="javascript:1"
    )
    hostile = results.variants[0].model_copy(update={"name": HOSTILE, "stopped_because": HOSTILE})
    failed = results.variants[-1].model_copy(update={"reason": HOSTILE, "name": HOSTILE + "2"})
    results = results.model_copy(update={"variants": (hostile, *results.variants[1:-1], failed)})
    render_report(results, tmp_path / "out")
    page = PageReader((tmp_path / "out" / "index.html").read_text(encoding="utf-8"))
    assert page.open == []
    assert sum(tag == "script" for tag, _ in page.tags) == 1
    assert not any("onload" in attributes for _, attributes in page.tags)
    assert not any((attributes.get("href") or "").startswith("javascript") for _, attributes in page.tags)
    assert page.text.count("<script>") >= 6
    markdown = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    prose = "\n".join(line for line in markdown.splitlines() if not line.startswith("    "))
    assert "<script" not in prose
    header, row = _leaderboard_lines(prose)
    assert len(re.findall(r"(?<!\\)\|", row)) == header.count("|")


def _leaderboard_lines(text: str) -> tuple[str, str]:
    lines = text[text.index("## Leaderboard") :].splitlines()
    table = [line for line in lines if line.startswith("|")]
    return table[0], table[2]


@pytest.mark.parametrize("trained", [0, 1])
def test_few_trained_variants(tmp_path, trained):
    results = make_results(tmp_path, trained=trained)
    render_report(results, tmp_path / "out")
    page = PageReader((tmp_path / "out" / "index.html").read_text(encoding="utf-8"))
    assert page.open == []
    assert ("No variant has a validation accuracy" in page.text) == (trained == 0)
    assert "lower the learning rate (0.5)" in page.text
    assert "There are no sample pictures of this run." in page.text


def test_no_variant_at_all(tmp_path):
    render_report(
        make_results(tmp_path, trained=0, variants=()),
        tmp_path / "out",
        ReportSources(pictures=tmp_path / "absent.npz"),
    )
    page = PageReader((tmp_path / "out" / "index.html").read_text(encoding="utf-8"))
    assert "No epoch was recorded." in page.text and "No architecture was recorded." in page.text


def test_undefined_metrics_show_as_dashes(tmp_path):
    results = make_results(tmp_path, trained=2)
    broken = with_accuracy(results.variants[0], math.nan)
    epochs = tuple(
        epoch.model_copy(update={"loss": math.nan, "accuracy": math.nan, "monitor_accuracy": math.inf})
        for epoch in broken.epochs
    )
    variants = (broken.model_copy(update={"epochs": epochs}), *results.variants[1:])
    best = results.best.model_copy(update={"low": math.nan, "high": math.nan}) if results.best else None
    render_report(results.model_copy(update={"variants": variants, "best": best}), tmp_path / "out")
    page = PageReader((tmp_path / "out" / "index.html").read_text(encoding="utf-8"))
    assert page.cells("quality", broken.name)[1] == "– –"
    assert not re.search(r"\b(nan|inf)\b", page.text.lower().replace("the loss became nan", ""))


def test_all_metrics_undefined(tmp_path):
    results = make_results(tmp_path, trained=1)
    broken = with_accuracy(results.variants[0], math.nan).model_copy(update={"published": None})
    render_report(results.model_copy(update={"variants": (broken,)}), tmp_path / "out")
    page = PageReader((tmp_path / "out" / "index.html").read_text(encoding="utf-8"))
    assert "No variant has a validation accuracy" in page.text


def test_variant_without_pictures_is_left_out_of_attention(tmp_path):
    results = make_results(tmp_path, trained=2)
    (tmp_path / results.variants[0].name / "explanations.npz").unlink()
    render_report(results, tmp_path / "out")
    page = PageReader((tmp_path / "out" / "index.html").read_text(encoding="utf-8"))
    assert sum(tag == "img" for tag, _ in page.tags) == 4 * 2


def test_samples_without_views(tmp_path):
    np.savez(tmp_path / "pictures.npz", samples=np.zeros((4, 3, 48, 48), np.uint8))
    render_report(
        make_results(tmp_path, trained=0), tmp_path / "out", ReportSources(pictures=tmp_path / "pictures.npz")
    )
    page = PageReader((tmp_path / "out" / "index.html").read_text(encoding="utf-8"))
    words = [attributes.get("alt") for tag, attributes in page.tags if tag == "img"]
    assert words == [f"3 train faces labelled {name}" for name in ("happy", "neutral", "sad", "surprise")]


def test_a_variant_of_an_earlier_run_keeps_what_it_was_trained_with(tmp_path):
    results = make_results(tmp_path, trained=2)
    assert "Trained with something else" not in render_page(results)
    earlier, later = results.variants[:2]
    made_with = {**earlier.made_with, "tensorflow": "2.20.0", "code": "0000aaa+changes"}
    changed = results.model_copy(
        update={"variants": (earlier.model_copy(update={"made_with": made_with}), *results.variants[1:])}
    )
    page = PageReader(render_page(changed))
    assert [[cell.strip() for cell in row] for row in page.tables["differences"][1:]] == [
        [earlier.name, "code", "0000aaa+changes", "ea60dc4"],
        [earlier.name, "tensorflow", "2.20.0", "2.21.0"],
    ]
    assert f"| {earlier.name} | tensorflow | 2.20.0 | 2.21.0 |" in render_markdown(changed)
    assert f"| {later.name} | tensorflow" not in render_markdown(changed)
