"""Scores by the champion of a registry: a promotion between two runs."""

from data.workspace.layout import EXPORTS_STAGE
from data.workspace.store import Workspace
from models.registry.champion import ModelRegistry
from tests.support.registry_factory import make_registry
from tests.support.score_factory import draw_photos, make_spec, read_scores, score
from tests.support.tiny_export import make_export


def test_after_a_promotion_new_photos_have_the_new_champion_and_the_others_if_asked(tmp_path):
    workspace = Workspace(make_registry(tmp_path / "workspace", versions=2))
    for number in (1, 2):
        training = {"training": f"variant{number}"}
        workspace.produce(
            EXPORTS_STAGE, training, lambda out, key=f"variant{number}": make_export(out, variant_key=key)
        )
    registry, photos = ModelRegistry(workspace.root), draw_photos(tmp_path / "photos", 4)
    spec = make_spec(workspace.root, None, photos)

    registry.move_champion(1, "a person", "the first")
    assert score(spec).version == "emotion/1"
    registry.move_champion(2, "a person", "better")
    draw_photos(photos, 2, start=4)
    mixed = score(spec)
    assert (mixed.version, mixed.scored_now, mixed.versions) == ("emotion/2", 2, {"emotion/1": 4, "emotion/2": 2})
    assert mixed.drift.reason.endswith("training variant2")

    pinned = make_spec(workspace.root, None, photos, version=1, again=True, request="two")
    assert score(pinned).versions == {"emotion/1": 6}
    assert set(read_scores(spec.directory)["version"]) == {"emotion/1"}
