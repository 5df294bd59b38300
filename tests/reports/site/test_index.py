"""The index lists every report with figures of its results, and is replaced in one step."""

import shutil

import pytest
from matplotlib.axes import Axes

from data.records.promotion import Decision, ModelIdentity
from data.workspace.store import Workspace
from reports.run.page import render_report
from reports.site.entries import make_entry
from reports.site.index import render_index, write_index
from reports.site.trends import accuracy_trend, colour_series, cost_trend
from tests.support.results_factory import make_data, make_results


def decide(outcome):
    identity = ModelIdentity(variant="compact", key="0123456789abcdef")
    return Decision(outcome=outcome, challenger=identity, candidates=2, images=9, criteria=(), summary="so it is")


@pytest.fixture
def runs(tmp_path):
    """Results of four runs: two on one source, the later of which promotes, one on another, one that scored nothing."""
    fields = [
        {"trained": 2, "run_name": "one"},
        {"trained": 2, "run_name": "two", "decision": decide("promote")},
        {"trained": 1, "run_name": "three", "data": make_data().model_copy(update={"source": "photos.zip"})},
        {"trained": 0, "run_name": "four", "preset": "/somewhere/own.json"},
    ]
    return [
        make_results(tmp_path / f"{day}", seed=day, started=f"2026-03-0{day}T09:00:00+00:00", **each)
        for day, each in enumerate(fields, start=1)
    ]


@pytest.fixture
def entries(runs):
    return [make_entry(f"{number:016x}", results) for number, results in enumerate(runs)]


def test_an_entry_has_the_figures_of_its_results(runs, entries):
    best = runs[0].variants[0]
    assert (entries[0].best, entries[0].accuracy) == (best.name, best.parts["validation"].accuracy)
    assert (entries[0].low, entries[0].high) == (runs[0].best.low, runs[0].best.high)
    single = runs[2].variants[0].parts["validation"]
    assert (entries[2].low, entries[2].high) == (single.accuracy_low, single.accuracy_high)
    assert (entries[3].best, entries[3].scored, entries[3].preset) == ("", 0, "own")
    assert [entry.promoted for entry in entries] == [False, True, False, False]
    assert all(entry.warnings for entry in entries)


def test_reports_are_listed_newest_first_with_links(entries):
    page = render_index(entries)
    places = [page.index(f'<a href="{entry.key}/index.html">') for entry in entries]
    assert places == sorted(places, reverse=True)
    assert "The champion changes" in page
    assert "http" not in page.replace("http-equiv", "")


def test_trends_have_a_point_a_scored_report(entries):
    colours = colour_series(entries)
    assert colours == {("sample", "published"): "blue", ("photos.zip", "published"): "orange"}
    assert "of 3 reports" in accuracy_trend(entries, colours)
    assert "of 3 reports" in cost_trend(entries, colours)
    assert accuracy_trend(entries[3:], colours) == cost_trend(entries[3:], colours) == ""
    assert "of 1 report by" in accuracy_trend(entries[:1], colours)


@pytest.fixture
def joined(monkeypatch):
    """Return the lists of heights that are drawn as one line, filled as charts are drawn."""
    lines, plot = [], Axes.plot

    def record(axes, times, heights, **look):
        lines.append(list(heights))
        return plot(axes, times, heights, **look)

    monkeypatch.setattr(Axes, "plot", record)
    return lines


@pytest.mark.parametrize("truth", ["crowd", "clear"])
def test_accuracies_by_other_labels_are_another_trend(entries, truth, joined):
    judged = entries[1].model_copy(update={"truth": truth})
    mixed = [entries[0], judged]
    cost_trend(entries[:2], colour_series(entries[:2]))
    assert joined == [[entry.core_seconds for entry in entries[:2]]], "by the same labels: one line"
    joined.clear()
    cost_trend(mixed, colours := colour_series(mixed))
    assert joined == [[entry.core_seconds] for entry in mixed]
    assert list(colours.values()) == ["blue", "orange"]


def test_labels_other_than_the_published_are_named_in_legend_and_table(runs, entries):
    judged = make_entry("crowd", runs[0].model_copy(update={"truth": "crowd"}))
    assert judged.truth == "crowd" and entries[0].truth == "published"
    assert "choice of the crowd" not in render_index(entries)
    page = render_index([*entries, judged])
    assert "sample (drawn faces), by the choice of the crowd</li>" in page
    assert page.count('<small class="words">by the choice of the crowd</small>') == 1


def test_many_sources_share_the_last_colour(entries):
    many = [entries[0].model_copy(update={"source": f"s{number}"}) for number in range(6)]
    assert list(colour_series(many).values())[3:] == ["purple", "muted", "muted"]
    assert accuracy_trend(many, colour_series(many))


def test_an_empty_workspace_has_an_index(tmp_path):
    page = write_index(tmp_path).read_text()
    assert "None yet" in page
    assert "<svg" not in page


def test_the_index_follows_the_workspace(runs, tmp_path):
    space = Workspace(tmp_path / "workspace", reserve_bytes=0)
    made = [
        space.produce("reports", {"day": day}, lambda out, results=results: render_report(results, out))
        for day, results in enumerate(runs[:2])
    ]
    page = write_index(space.root)
    assert all(report.key in page.read_text() for report in made)
    shutil.rmtree(made[0].path)
    (made[1].path / "results.json").write_text("{}")
    text = write_index(space.root).read_text()
    assert made[0].key not in text
    assert "damaged or of another version" in text
    assert {path.name for path in page.parent.glob("[!.]*")} == {made[1].key, "index.html"}
    assert not list(page.parent.glob(".index.html.*"))


def test_a_page_of_the_same_reports_stays_unless_it_was_cut_or_the_code_changed(runs, tmp_path, monkeypatch):
    space = Workspace(tmp_path / "workspace", reserve_bytes=0)
    space.produce("reports", {"day": 1}, lambda out: render_report(runs[0], out))
    page = write_index(space.root)
    first = page.stat().st_ino
    assert write_index(space.root).stat().st_ino == first, "written again though nothing changed"
    whole = page.read_text()
    page.write_text(whole[:-1])
    assert write_index(space.root).read_text() == whole, "a page that was cut is written again"
    monkeypatch.setattr("reports.site.index.digest_templates", lambda: "other templates")
    assert write_index(space.root).read_text() != whole, "drawn with other templates"


def test_hostile_names_stay_text(entries):
    hostile = [entry.model_copy(update={"run_name": "<script>", "source": "<b>" * 3000}) for entry in entries]
    page = render_index(hostile, ["<script>"])
    assert "<script" not in page
    assert "<b><b>" not in page
