"""Writes the model in MLflow's own form: `mlflow_model.py FOLDER TARGET`."""

import sys
from pathlib import Path

import numpy as np

folder, target = Path(sys.argv[1]), sys.argv[2]
if (folder / "model.pkl").exists():
    import joblib
    import mlflow.sklearn

    mlflow.sklearn.save_model(joblib.load(folder / "model.pkl"), target, pip_requirements=[])
else:
    import mlflow.onnx
    import onnx
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    model = onnx.load(folder / "model.onnx")
    shape = [d.dim_value or -1 for d in model.graph.input[0].type.tensor_type.shape.dim]
    signature = ModelSignature(Schema([TensorSpec(np.dtype("float32"), shape, "x")]))
    mlflow.onnx.save_model(
        model,
        target,
        signature=signature,
        pip_requirements=[],
        onnx_session_options={"intra_op_num_threads": 1},
    )
