"""Tests of the page of figures: a row's section is replaced; the other sections and a person's remarks stay."""

import pytest

from benchmarks.page import replace_section
from benchmarks.rows import Outcome, Row

HEAD = "# Benchmarks\n\nWhat this is.\n"


def unused(_source):
    raise AssertionError("a row is measured before its section is written")


@pytest.fixture
def page(tmp_path):
    path = tmp_path / "benchmarks.md"
    path.write_text(HEAD)
    return path


def outcome(summary, met=True):
    return Outcome(summary, met, [{"input": "views", "images a second": "1,000"}])


def test_a_row_that_is_measured_again_replaces_only_its_own_section(page):
    first, second = Row("First", "at most 3 %", unused), Row("Second", "at least 2", unused)
    replace_section(page, "first", first, outcome("4 %", met=False))
    replace_section(page, "second", second, outcome("5 times"))
    replace_section(page, "first", first, outcome("2 %"))
    text = page.read_text()
    assert text.startswith(HEAD)
    assert "4 %" not in text
    assert "Target: at most 3 %. **Measured: 2 %; met.**" in text
    assert text.index("## First") < text.index("## Second")
    assert "| views | 1,000 |" in text
    assert "`make bench ROW=second`" in text


def test_a_remark_stays_when_the_figures_above_it_are_replaced(page):
    row = Row("First", "at most 3 %", unused)
    replace_section(page, "first", row, outcome("4 %", met=False))
    page.write_text(page.read_text() + "\nRemark: the disk is slow.\n")
    replace_section(page, "first", row, outcome("2 %"))
    assert page.read_text().count("Remark: the disk is slow.") == 1
    assert "4 %" not in page.read_text()
