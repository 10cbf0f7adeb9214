"""Names and tags of what is made for a run."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from flowenv_dask_cloud.spec.tags import cluster_name, tag_value


@given(st.uuids())
def test_a_clusters_name_leaves_room_for_the_names_of_its_roles(run_id: uuid.UUID) -> None:
    name = cluster_name(str(run_id))

    assert len(f"dask-{name}-execution-role") <= 64
    assert name.replace("-", "").isalnum()


@given(st.text())
def test_any_text_becomes_a_tags_value(text: str) -> None:
    value = tag_value(text)

    assert 1 <= len(value) <= 256
    assert not set(value) & set("()*!?#;'\"<>{}")
