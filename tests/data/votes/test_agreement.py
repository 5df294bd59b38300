import numpy as np
import pytest

from data.votes.agreement import describe_crowd, entropy_bits, leave_one_out
from data.votes.column import VOTES
from tests.support.image_tree import make_manifest

NAN = float("nan")
LABELS = ("happy", "sad")


def votes_of(*rows):
    return np.array(rows, np.float32)


def test_one_person_agrees_with_the_others_as_often_as_counted():
    # Of 10 people 6 say happy: each of them sees 5 of 9 others agree, and each of the other 4 sees 6 of 9 disagree.
    assert leave_one_out(votes_of([6, 4, 0, 0, 0])).tolist() == pytest.approx([0.6])
    # Of 5 and 5, whoever is left out is in the minority.
    assert leave_one_out(votes_of([5, 5, 0, 0, 0])).tolist() == pytest.approx([0])
    # Of 3 and 2, each of the 3 leaves a tie of 2 and 2 behind, of which half is agreement.
    assert leave_one_out(votes_of([3, 2, 0, 0, 0])).tolist() == pytest.approx([0.3])


def test_other_answers_are_not_asked_and_one_person_has_no_others():
    assert leave_one_out(votes_of([4, 0, 3, 2, 1], [1, 0, 9, 0, 0], [0, 0, 0, 5, 0], [NAN] * 5)).tolist() == (
        pytest.approx([1, NAN, NAN, NAN], nan_ok=True)
    )


def test_leaving_one_out_is_what_a_count_over_people_says():
    random = np.random.default_rng(3)
    people = random.integers(0, 4, 9)  # the class that each of nine people chose
    agreed = 0.0
    for person in range(9):
        counts = np.bincount(np.delete(people, person), minlength=4)
        best = np.flatnonzero(counts == counts.max())
        agreed += (people[person] in best) / len(best)
    votes = votes_of([*np.bincount(people, minlength=4), 2, 1, 0])
    assert leave_one_out(votes).tolist() == pytest.approx([agreed / 9])


def test_entropy_is_in_bits():
    assert entropy_bits(votes_of([9, 0, 3, 0, 0], [5, 5, 0, 0, 0], [NAN] * 5)).tolist() == (
        pytest.approx([0, 1, NAN], nan_ok=True)
    )


def test_the_crowd_is_described_by_class():
    manifest = make_manifest(
        [
            ("train", "happy", 0),
            ("train", "sad", 1),
            ("train", "sad", 2),
            ("validation", "sad", 3),
            ("test", "happy", 4),
            ("train", "angry", 5),
            ("elsewhere", "happy", 6),
            ("train", "happy", 7),
        ]
    )
    rows = [[9, 1, 0, 0, 0], [7, 3, 0, 0, 0], [2, 4, 2, 2, 0], [5, 5, 0, 0, 0], None]
    manifest[VOTES] = [*rows, [9, 0, 0, 0, 0], [0, 9, 0, 0, 0], [0, 0, 0, 1, 9]]
    crowd = describe_crowd(manifest, LABELS)
    # Neither an unknown class or split counts, nor an image without a vote for a class.
    assert (crowd.images, crowd.people, crowd.agreed, crowd.tied) == (4, 10, 3, 1)
    assert crowd.agreement == 0.75
    # The first happy face counts whole, so does the third sad one, and of the last one its half of the tie.
    assert crowd.agreement_with_shared_ties == (1 + 0 + 1 + 0.5) / 4
    assert (crowd.clear, crowd.undecided, crowd.no_face) == (2, 1, 1)
    happy, sad = crowd.by_class
    assert (happy.images, happy.agreed, happy.chosen, happy.crowd_images) == (1, 1, (1, 0), 2)
    assert (sad.images, sad.agreed, sad.chosen, sad.crowd_images) == (3, 2, (1, 2), 2)
    assert (sad.clear, sad.undecided) == (1, 1)
    entropies = [entropy_bits(votes_of(row))[0] for row in rows[:4]]
    assert crowd.entropy == pytest.approx(np.mean(entropies)) and sad.entropy == pytest.approx(np.mean(entropies[1:]))


def test_a_data_set_without_votes_has_no_figures():
    crowd = describe_crowd(make_manifest([("train", "happy", 0)]), LABELS)
    assert crowd.images == 0 and np.isnan(crowd.agreement) and crowd.ceiling is None
    assert crowd.model_validate_json(crowd.model_dump_json()) == crowd
