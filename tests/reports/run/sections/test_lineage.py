"""What the report says of trainings that moved to another model of processor."""

import pytest

from data.records.training import RepeatRecord
from reports.run.markdown import render_markdown
from reports.run.page import render_page
from reports.run.sections.lineage import processor_sentences
from tests.reports.run.test_page import PageReader
from tests.support.results_factory import make_results


def place(variant, *processors):
    """Return the variant with its first epochs on these processors, one each, and the others on the last of them."""
    names = [*processors, *processors[-1:] * (len(variant.epochs) - len(processors))]
    epochs = [epoch.model_copy(update={"processor": name}) for epoch, name in zip(variant.epochs, names, strict=True)]
    return variant.model_copy(update={"epochs": tuple(epochs)})


@pytest.fixture
def results(tmp_path):
    return make_results(tmp_path, trained=1)


def with_first(results, variant):
    return results.model_copy(update={"variants": (variant, *results.variants[1:])})


@pytest.mark.parametrize(
    ("processors", "said"),
    [
        (("A", "A", "A", "B"), "compact was trained on A up to epoch 3 and on B from epoch 4: "),
        (
            ("A", "B", "B", "A"),
            "compact was trained on A up to epoch 1, on B from epoch 2 to 3 and on A from epoch 4: ",
        ),
        (("A", "B", "C"), "compact was trained on A up to epoch 1, on B in epoch 2 and on C from epoch 3: "),
    ],
)
def test_a_training_on_several_processors_is_said_in_one_sentence(results, processors, said):
    (sentence,) = processor_sentences(with_first(results, place(results.variants[0], *processors)))
    assert sentence.startswith(said) and sentence.count(".") == 1


def test_nothing_is_said_of_trainings_on_one_processor_or_of_before(results):
    assert processor_sentences(results) == [], "records of before do not say where"
    placed = place(results.variants[0], "A")
    threads = [epoch.model_copy(update={"threads": epoch.epoch}) for epoch in placed.epochs]
    assert processor_sentences(with_first(results, placed.model_copy(update={"epochs": tuple(threads)}))) == []


def test_page_and_markdown_say_it_of_other_seeds_too(results):
    moved = place(results.variants[0], "A", "<b>")
    repeats = [RepeatRecord(seed=seed, status="trained", trained_on=moved.trained_on) for seed in (42, 43)]
    changed = with_first(results, moved.model_copy(update={"repeats": tuple(repeats)}))
    sentences = processor_sentences(changed)
    assert [sentence.split(" was")[0] for sentence in sentences] == ["compact", "compact (seed 43)"]
    page, text = PageReader(render_page(changed)), render_markdown(changed)
    assert all(sentence in page.text for sentence in sentences)
    assert "compact (seed 43) was trained on A up to epoch 1 and on &lt;b&gt; from epoch 2" in text
