"""PyTorch: TorchScript (`torch.jit.save`), programs (`torch.export.save`, .pt2), and pickled modules.

MLMAGIC_TORCH_DEVICE   device, such as "cpu" or "cuda:1" (default: cuda if available, else cpu)
"""

from __future__ import annotations

import inspect
import zipfile
from pathlib import Path
from typing import Any

import numpy
import torch

from mlmagic.scoring.frameworks.serving import DATA, PICKLES, entry, one_file, setting
from mlmagic.scoring.frameworks.tensors import FREE, Tensor, TensorModel

DEVICE = "MLMAGIC_TORCH_DEVICE"
PROGRAM = ".pt2"
SUFFIXES = (PROGRAM, ".pt", ".pth", ".ts", *PICKLES)


class TorchModel(TensorModel):
    """A module with its inputs: those of an exported program, or those of forward(), which a sample shows.

    ``floats`` is numpy's type of the weights, for inputs whose type is not known.
    """

    def __init__(self, module: Any, inputs: list[Tensor], device: str, floats: Any = None) -> None:
        super().__init__(inputs)
        self._module = module
        self._device = device
        self._floats = floats
        self._whole: set[str] = set()

    def call(self, feed: dict[str, Any]) -> Any:
        arguments = [self._tensor(each, feed[each.name]) for each in self.inputs]
        with torch.inference_mode():
            return _plain(self._module(*arguments))

    def _tensor(self, told: Tensor, array: Any) -> Any:
        # 1 in JSON may be a float or an index: it is a float like the weights, unless a sample has an index.
        dtype = array.dtype if told.dtype is not None or told.name in self._whole else self._floats
        return torch.from_numpy(numpy.array(array, dtype)).to(self._device)

    def learn(self, arguments: dict[str, Any]) -> None:
        feed = {self.inputs[0].name: arguments[DATA]} if len(self.inputs) == 1 else arguments
        whole = {each.name for each in self.inputs if feed[each.name].dtype.kind in "iu"}
        if whole and self._takes(feed, whole):
            self._whole = whole
        self.inputs = tuple(
            Tensor(each.name, each.dtype, each.dims or (FREE, *feed[each.name].shape[1:]))
            for each in self.inputs
        )

    def _takes(self, feed: dict[str, Any], whole: set[str]) -> bool:
        self._whole, before = whole, self._whole
        try:
            self.call(feed)
        except RuntimeError:  # the model takes floats: the sample only happened to hold whole numbers
            return False
        finally:
            self._whole = before
        return True


def load(folder: Path) -> TorchModel:
    """Load the module in ``folder``."""
    device = setting(DEVICE) or ("cuda" if torch.cuda.is_available() else "cpu")
    path = one_file(folder, SUFFIXES)
    if path.name.endswith(PROGRAM):
        program = torch.export.load(str(path))
        return TorchModel(program.module().to(device), _inputs_of_program(program), device)
    module = _module(path, device)
    weights = next((each for each in module.parameters() if each.is_floating_point()), torch.empty(0))
    return TorchModel(module, _inputs_of_module(module), device, weights.detach().to("cpu").numpy().dtype)


def _module(path: Path, device: str) -> Any:
    if path.name.endswith(PICKLES):
        import joblib

        found = joblib.load(path)
    elif _is_torchscript(path):
        return torch.jit.load(str(path), map_location=device).eval()
    else:
        # A whole module is a pickle, which can run code: the user has registered this file.
        found = torch.load(str(path), map_location=device, weights_only=False)
    if not isinstance(found, torch.nn.Module):
        raise TypeError(
            f"{path.name} contains a {type(found).__name__}, not a module: weights alone cannot be run. "
            "Save the module with torch.jit.script(module).save(path) or torch.export.save"
        )
    return found.to(device).eval()


def _is_torchscript(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any("/code/" in name for name in archive.namelist())


def _inputs_of_program(program: Any) -> list[Tensor]:
    values = {node.name: node.meta.get("val") for node in program.graph.nodes if node.op == "placeholder"}
    return [_described(name, values[name]) for name in program.graph_signature.user_inputs]


def _described(name: str, value: Any) -> Tensor:
    if not isinstance(value, torch.Tensor):
        raise TypeError(f"the input {name!r} of the program is not a tensor: write an entry script for it")
    dtype = torch.empty(0, dtype=value.dtype).numpy().dtype
    return Tensor(name, dtype, tuple(each if isinstance(each, int) else FREE for each in value.shape))


def _inputs_of_module(module: Any) -> list[Tensor]:
    """Return the parameters of forward() that have no default."""
    if isinstance(module, torch.jit.ScriptModule):
        names = [each.name for each in module.forward.schema.arguments[1:] if not each.has_default_value()]
    else:
        given = inspect.signature(module.forward).parameters.values()
        names = [each.name for each in given if each.default is each.empty]
    return [Tensor(name) for name in names]


def _plain(found: Any) -> Any:
    if isinstance(found, torch.Tensor):
        found = found.detach().to("cpu")
        return (found.float() if found.dtype is torch.bfloat16 else found).numpy()
    if isinstance(found, dict):
        return {name: _plain(value) for name, value in found.items()}
    if isinstance(found, tuple | list):
        return [_plain(value) for value in found]
    return found


init, run = entry(load)
