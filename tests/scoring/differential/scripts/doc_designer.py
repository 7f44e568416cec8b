# The shape that automated ML writes: a dictionary with a frame in it, and global parameters.
import logging

import numpy as np
import pandas as pd
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from inference_schema.parameter_types.pandas_parameter_type import PandasParameterType
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema, output_schema

data_sample = PandasParameterType(
    pd.DataFrame({"vendorID": pd.Series([1], dtype="int64"), "distance": pd.Series([0.5], dtype="float64")})
)
input_sample = StandardPythonParameterType({"data": data_sample})
method_sample = StandardPythonParameterType("predict")
sample_global_params = StandardPythonParameterType({"method": method_sample})
result_sample = NumpyParameterType(np.array([0.0]))
output_sample = StandardPythonParameterType({"Results": result_sample})

logger = logging.getLogger("azureml.automl.core.scoring_script_v2")


def init():
    global factor
    factor = 3.0
    logger.info("ready")


@input_schema("GlobalParameters", sample_global_params, convert_to_provided_type=False)
@input_schema("Inputs", input_sample)
@output_schema(output_sample)
def run(Inputs, GlobalParameters={"method": "predict"}):
    data = Inputs["data"]
    if GlobalParameters.get("method", None) == "predict_proba":
        result = np.stack([data["distance"], 1 - data["distance"]], axis=1)
    elif GlobalParameters.get("method", None) == "predict":
        result = data["distance"].to_numpy() * factor + data["vendorID"].to_numpy()
    else:
        raise Exception(f"Invalid predict method argument received. GlobalParameters: {GlobalParameters}")
    return {"Results": result.tolist()}
