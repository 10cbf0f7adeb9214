"""Which support vector machine reads handwritten digits best?

Scores a grid of support vector machines by cross-validation on the digits that scikit-learn
ships, then tests the winner on images that no candidate has seen. Each candidate is one
`dask.delayed` task. The flow doesn't say where tasks run: that is the executor's business, and
the answer is the same with every executor.

    flowenv run examples/model_selection/model_selection.py
"""

from typing import Any

import dask
import numpy as np
from dask import delayed
from sklearn.datasets import load_digits
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.svm import SVC

from flowenv import flow


@flow
def select_model(
    resolution: int = 7, folds: int = 5, images: int = 1797, seed: int = 0
) -> dict[str, Any]:
    """Find the best support vector machine on a grid of costs and kernel widths.

    Args:
        resolution: Grid points an axis: ``resolution ** 2`` candidates are scored.
        folds: Parts that cross-validation cuts the training images into.
        images: How many of the 1,797 images to use; a fifth of them is kept for the test.
        seed: Which fifth.

    Returns:
        The best candidate, its accuracy in cross-validation and on the test images.
    """
    train_x, test_x, train_y, test_y = read_digits(images, seed)
    candidates = [
        {"C": float(cost), "gamma": float(gamma)}
        for cost in np.logspace(-1, 2, resolution)
        for gamma in np.logspace(-3, 0, resolution)
    ]

    shared_x, shared_y = delayed(train_x), delayed(train_y)  # one copy for all tasks
    tasks = [delayed(accuracy)(candidate, shared_x, shared_y, folds) for candidate in candidates]
    scores = dask.compute(*tasks)

    score, best = max(zip(scores, candidates, strict=True), key=lambda scored: scored[0])
    winner = SVC(**best).fit(train_x, train_y)
    return {
        "candidates": len(candidates),
        "best": {name: round(value, 4) for name, value in best.items()},
        "cross_validation": round(score, 4),
        "test": round(winner.score(test_x, test_y), 4),
    }


def read_digits(images: int, seed: int) -> tuple[np.ndarray, ...]:
    """Return training and test images (pixels from 0 to 1), then their labels."""
    pixels, labels = load_digits(return_X_y=True)
    return tuple(
        train_test_split(
            pixels[:images] / 16,
            labels[:images],
            test_size=0.2,
            stratify=labels[:images],
            random_state=seed,
        )
    )


def accuracy(candidate: dict[str, float], x: np.ndarray, y: np.ndarray, folds: int) -> float:
    """Return a candidate's mean share of digits read right, over all folds."""
    return float(cross_val_score(SVC(**candidate), x, y, cv=folds).mean())
