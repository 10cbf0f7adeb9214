"""The parallel example: right, and the same wherever its tasks run."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from flowenv import DaskExecutor, Executor, Flow, LocalDaskExecutor, LocalExecutor

SMALL: dict[str, Any] = {"resolution": 3, "folds": 2, "images": 300}


@pytest.fixture
def select_model(example: Callable[[str], Flow[..., Any]]) -> Flow[..., Any]:
    return example("model_selection")


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    """The same search by scikit-learn itself, which not each worker of pytest has to import."""
    import numpy as np
    from sklearn.datasets import load_digits
    from sklearn.model_selection import GridSearchCV, train_test_split
    from sklearn.svm import SVC

    pixels, labels = load_digits(return_X_y=True)
    train_x, test_x, train_y, test_y = train_test_split(
        pixels[:300] / 16, labels[:300], test_size=60, stratify=labels[:300], random_state=0
    )
    grid = {"C": np.logspace(-1, 2, 3), "gamma": np.logspace(-3, 0, 3)}
    search = GridSearchCV(SVC(), grid, cv=2).fit(train_x, train_y)
    return {
        "candidates": 9,
        "best": {name: round(float(value), 4) for name, value in search.best_params_.items()},
        "cross_validation": round(float(search.best_score_), 4),
        "test": round(float(search.score(test_x, test_y)), 4),
    }


@pytest.mark.parametrize(
    "executor",
    [
        LocalExecutor(),
        LocalDaskExecutor("threads", num_workers=2),
        LocalDaskExecutor("processes", num_workers=2),
        DaskExecutor(cluster_kwargs={"n_workers": 2, "threads_per_worker": 1}),
    ],
    ids=["serial", "threads", "processes", "distributed"],
)
def test_finds_what_a_grid_search_finds_on_every_executor(
    select_model: Flow[..., Any], executor: Executor, expected: dict[str, Any]
) -> None:
    assert select_model.run(executor=executor, **SMALL) == expected


def test_the_summary_is_small_json(select_model: Flow[..., Any]) -> None:
    summary = select_model.run(**SMALL)
    assert json.loads(json.dumps(summary)) == summary
    assert len(json.dumps(summary)) < 1000


def test_another_seed_keeps_another_fifth_for_the_test(
    example: Callable[[str], Flow[..., Any]],
) -> None:
    read_digits = example("model_selection").function.__globals__["read_digits"]
    train_0, test_0, *labels_0 = read_digits(300, 0)
    _, test_1, *_ = read_digits(300, 1)
    assert (len(train_0), len(test_0)) == (240, 60)
    assert [len(labels) for labels in labels_0] == [240, 60]
    assert test_0.tolist() != test_1.tolist()
