"""Detect a model's framework from its files, without loading them and without unpickling."""

from __future__ import annotations

import pickletools
from collections.abc import Iterable
from pathlib import PurePosixPath

PICKLES = (".pkl", ".pickle", ".joblib")
HEAD_BYTES = 4096
"""How many bytes of a file `framework_of_head` needs."""

FRAMEWORK_OF_PACKAGE = {
    "sklearn": "ScikitLearn",
    "xgboost": "XGBoost",
    "lightgbm": "LightGBM",
    "torch": "PyTorch",
    "tensorflow": "TensorFlow",
    "keras": "TfKeras",
    "onnx": "Onnx",
}
_OF_NAME = {"MLmodel": "MLflow", "saved_model.pb": "TensorFlow"}
_OF_SUFFIX = {
    ".onnx": "Onnx",
    ".pt": "PyTorch",
    ".pth": "PyTorch",
    ".pt2": "PyTorch",
    ".ubj": "XGBoost",
    ".xgb": "XGBoost",
    ".bst": "XGBoost",
    ".lgb": "LightGBM",
}
# How files of other suffixes begin.
_OF_HEAD = ((b"tree\n", "LightGBM"), (b'{"learner"', "XGBoost"), (b"{L\0\0\0\0\0\0\0\7learner", "XGBoost"))
# What a pickle may name before the class of what it holds.
_PREAMBLE = frozenset({"copyreg", "copy_reg", "builtins", "__builtin__", "cloudpickle", "joblib", "dill"})


def framework_of_names(paths: Iterable[str]) -> str | None:
    """The framework by the names of the files; None if unknown."""
    files = [PurePosixPath(path) for path in paths]
    for name, framework in _OF_NAME.items():
        if any(file.name == name for file in files):
            return framework
    found = {_OF_SUFFIX[file.suffix] for file in files if file.suffix in _OF_SUFFIX}
    return found.pop() if len(found) == 1 else None


def framework_of_modules(modules: Iterable[str]) -> str | None:
    """The framework by the modules that a pickle imports; scikit-learn if it is one of several."""
    found = {FRAMEWORK_OF_PACKAGE.get(name.partition(".")[0]) for name in modules} - {None}
    return found.pop() if len(found) == 1 else "ScikitLearn" if "ScikitLearn" in found else None


def framework_of_head(head: bytes) -> str | None:
    """The framework by the first `HEAD_BYTES` of a file; for a pickle, by the class of its object."""
    for start, framework in _OF_HEAD:
        if head.startswith(start):
            return framework
    return FRAMEWORK_OF_PACKAGE.get(pickled_package(head) or "")


def pickled_package(head: bytes) -> str | None:
    """The package of the object that a pickle holds, read off its opcodes; else None."""
    texts: list[str] = []
    try:
        for opcode, argument, _ in pickletools.genops(head):
            if isinstance(argument, str) and "UNICODE" in opcode.name:
                texts.append(argument)
            module = ""
            if opcode.name == "GLOBAL" and isinstance(argument, str):
                module = argument.partition(" ")[0]
            elif opcode.name == "STACK_GLOBAL":
                module = texts[-2]
            package = module.partition(".")[0]
            if package and package not in _PREAMBLE:
                return package
    except (ValueError, IndexError):  # no pickle, a compressed one, or one that names nothing in its head
        return None
    return None
