"""The trees of scikit-learn, XGBoost and LightGBM, and what these libraries do with the sums."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy

from mlmagic.engine.compilation.trees import LESS, LESS_OR_EQUAL, Tree, constant

_LIGHTGBM_ZERO = float(numpy.float32(1e-35))


class Unsupported(Exception):
    """A part of the model cannot be compiled. The message says why, in one sentence."""


@dataclass(frozen=True, slots=True)
class Ensemble:
    """Trees, and how the sum of their leaves becomes a prediction."""

    trees: list[tuple[int, Tree]]
    targets: int
    end: str = "identity"
    """identity, mean, sigmoid, softmax or exp."""
    count: int = 1
    """Of the trees that the mean is of."""
    zero_is_positive: bool = False
    """The label of a sum of zero, in a choice of two."""
    precision: Any = numpy.float64
    """Of the thresholds, the leaves and the sum."""
    input_precision: Any = numpy.float64
    """Values are rounded to this before they are compared with thresholds."""
    mode: int = LESS_OR_EQUAL
    zero: float = 0.0
    """Values at most this far from zero count as zero."""


def ensemble_of(estimator: Any) -> Ensemble | None:
    """The trees of ``estimator``; None for one of another kind. Raises `Unsupported`."""
    package, name = type(estimator).__module__.partition(".")[0], type(estimator).__name__
    if package == "xgboost":
        return _xgboost(estimator)
    if package == "lightgbm":
        return _lightgbm(estimator)
    if package != "sklearn":
        return None
    if name.startswith("HistGradientBoosting"):
        return _histogram_boosting(estimator)
    if name.startswith("GradientBoosting"):
        return _gradient_boosting(estimator)
    kind = name.removesuffix("Classifier").removesuffix("Regressor")
    if kind in ("RandomForest", "ExtraTrees"):
        return _forest(estimator, [each.tree_ for each in estimator.estimators_])
    return _forest(estimator, [estimator.tree_]) if kind in ("DecisionTree", "ExtraTree") else None


def _forest(estimator: Any, trees: list[Any]) -> Ensemble:
    if estimator.n_outputs_ != 1:
        raise Unsupported("It has several outputs.")
    found = []
    targets = len(estimator.classes_) if hasattr(estimator, "classes_") else 1
    for tree in trees:
        values = tree.value[:, 0, :]
        if targets > 1 or hasattr(estimator, "classes_"):
            totals = values.sum(axis=1, keepdims=True)
            if numpy.abs(totals - 1).max() > 1e-9:  # counts, before scikit-learn 1.3
                values = values / totals
        splits = _sklearn_tree(tree, values[:, 0])
        found += [(target, splits.with_value(values[:, target])) for target in range(targets)]
    end = "mean" if len(trees) > 1 else "identity"
    return Ensemble(found, targets, end, len(trees), input_precision=numpy.float32)


def _sklearn_tree(tree: Any, value: Any) -> Tree:
    missing = getattr(tree, "missing_go_to_left", numpy.zeros(tree.node_count, int))
    return Tree(tree.feature, tree.threshold, tree.children_left, tree.children_right, missing, value)


def _gradient_boosting(estimator: Any) -> Ensemble:
    start = _constant_start(estimator)
    stages, targets = estimator.estimators_.shape
    trees = [(target, constant(start[target])) for target in range(targets)]
    for stage in range(stages):
        for target in range(targets):
            tree = estimator.estimators_[stage, target].tree_
            trees.append((target, _sklearn_tree(tree, estimator.learning_rate * tree.value[:, 0, 0])))
    end = "identity"
    if hasattr(estimator, "classes_"):
        end = "sigmoid" if targets == 1 else "softmax"
        if estimator.loss != "log_loss":
            raise Unsupported(f"The loss {estimator.loss!r} of its boosting cannot be compiled.")
    return Ensemble(trees, targets, end, zero_is_positive=True, input_precision=numpy.float32)


def _constant_start(estimator: Any) -> Any:
    if isinstance(estimator.init_, str) or not type(estimator.init_).__name__.startswith("Dummy"):
        raise Unsupported("Its boosting starts from a model of its own (init).")
    zeros = numpy.zeros((2, estimator.n_features_in_), numpy.float32)
    start = numpy.asarray(estimator._raw_predict_init(zeros), numpy.float64).reshape(2, -1)
    return start[0]


def _histogram_boosting(estimator: Any) -> Ensemble:
    if getattr(estimator, "is_categorical_", None) is not None:
        raise Unsupported("Its boosting has categorical features.")
    start = numpy.asarray(estimator._baseline_prediction, numpy.float64).reshape(-1)
    targets = estimator.n_trees_per_iteration_
    trees = [(target, constant(start[target])) for target in range(targets)]
    for stage in estimator._predictors:
        for target, predictor in enumerate(stage):
            nodes = predictor.nodes
            leaf = nodes["is_leaf"].astype(bool)
            left = numpy.where(leaf, -1, nodes["left"].astype(int))
            right = numpy.where(leaf, -1, nodes["right"].astype(int))
            tree = Tree(
                nodes["feature_idx"],
                nodes["num_threshold"],
                left,
                right,
                nodes["missing_go_to_left"],
                nodes["value"],
            )
            trees.append((target, tree))
    if hasattr(estimator, "classes_"):
        return Ensemble(trees, targets, "sigmoid" if targets == 1 else "softmax")
    end = {"squared_error": "identity", "absolute_error": "identity", "quantile": "identity"}
    return Ensemble(trees, targets, end.get(estimator.loss, "exp"))


def _xgboost(estimator: Any) -> Ensemble:
    if not hasattr(estimator, "get_booster"):
        raise Unsupported("It is a Booster of XGBoost: only its scikit-learn classes can be compiled.")
    missing = estimator.missing
    if missing is not None and not numpy.isnan(missing):
        raise Unsupported(f"It takes {missing!r} for a missing value.")
    learner = json.loads(estimator.get_booster().save_raw("json"))["learner"]
    booster, objective = learner["gradient_booster"], learner["objective"]["name"]
    if booster["name"] != "gbtree":
        raise Unsupported(f"Its booster {booster['name']!r} cannot be compiled.")
    ends = {
        "binary:logistic": "sigmoid",
        "multi:softprob": "softmax",
        "multi:softmax": "softmax",
        "reg:squarederror": "identity",
        "reg:absoluteerror": "identity",
        "reg:pseudohubererror": "identity",
        "reg:quantileerror": "identity",
        "count:poisson": "exp",
        "reg:gamma": "exp",
        "reg:tweedie": "exp",
    }
    if objective not in ends:
        raise Unsupported(f"Its objective {objective!r} cannot be compiled.")
    end = ends[objective]
    targets = max(1, int(learner["learner_model_param"]["num_class"]))
    base = numpy.array(json.loads(learner["learner_model_param"]["base_score"]), numpy.float32).reshape(-1)
    base = numpy.broadcast_to(base, (targets,))
    if end == "sigmoid":
        base = -numpy.log(1 / base - 1)
    elif end == "exp":
        base = numpy.log(base)
    model = booster["model"]
    trees = [(target, constant(base[target])) for target in range(targets)]
    rounds = getattr(estimator, "best_iteration", None) if hasattr(estimator, "best_iteration") else None
    bounds = model.get("iteration_indptr")
    last = bounds[rounds + 1] if rounds is not None and bounds else len(model["trees"])
    for target, tree in list(zip(model["tree_info"], model["trees"], strict=True))[:last]:
        if any(tree["split_type"]) or tree["tree_param"]["size_leaf_vector"] not in ("0", "1"):
            raise Unsupported("It has categorical features or leaves with several values.")
        values = numpy.array(tree["split_conditions"], numpy.float32)
        trees.append(
            (
                target,
                Tree(
                    tree["split_indices"],
                    values,
                    numpy.array(tree["left_children"]),
                    numpy.array(tree["right_children"]),
                    tree["default_left"],
                    values,
                ),
            )
        )
    single = numpy.float32
    return Ensemble(trees, targets, end, precision=single, input_precision=single, mode=LESS)


def _lightgbm(estimator: Any) -> Ensemble:
    if not hasattr(estimator, "booster_"):
        raise Unsupported("It is a Booster of LightGBM: only its scikit-learn classes can be compiled.")
    model = estimator.booster_.dump_model()
    objective, _, options = str(model.get("objective", "")).partition(" ")
    if model["average_output"] or "sqrt" in options or (objective == "binary" and "sigmoid:1" not in options):
        raise Unsupported("Its kind of boosting cannot be compiled.")
    ends = {"binary": "sigmoid", "multiclass": "softmax", "poisson": "exp", "gamma": "exp", "tweedie": "exp"}
    plain = ("regression", "regression_l1", "huber", "fair", "quantile", "mape")
    if objective not in (*ends, *plain):
        raise Unsupported(f"Its objective {objective!r} cannot be compiled.")
    targets = model["num_tree_per_iteration"]
    trees = [
        (number % targets, _lightgbm_tree(each["tree_structure"]))
        for number, each in enumerate(model["tree_info"])
    ]
    return Ensemble(trees, targets, ends.get(objective, "identity"), zero=_LIGHTGBM_ZERO)


def _lightgbm_tree(root: dict[str, Any]) -> Tree:
    nodes = list(_flat(root))
    place = {id(node): number for number, node in enumerate(nodes)}
    rows = []
    for node in nodes:
        if "split_feature" not in node:
            rows.append((0, 0.0, -1, -1, 0, node["leaf_value"]))
            continue
        if node["decision_type"] != "<=" or node["missing_type"] == "Zero":
            raise Unsupported("It has categorical features or takes zero for a missing value.")
        # Without missing values in the training data NaN counts as zero.
        left = node["default_left"] if node["missing_type"] == "NaN" else node["threshold"] >= 0
        children = place[id(node["left_child"])], place[id(node["right_child"])]
        rows.append((node["split_feature"], node["threshold"], *children, int(left), 0.0))
    return Tree(*(numpy.array(column) for column in zip(*rows, strict=True)))


def _flat(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    stack = [node]
    while stack:
        found = stack.pop()
        yield found
        stack += [found[side] for side in ("right_child", "left_child") if side in found]
