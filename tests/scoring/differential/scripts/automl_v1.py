# The first version of automated ML's scoring file: one DataFrame, json.dumps of the result.
import json

import numpy as np
import pandas as pd
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from inference_schema.parameter_types.pandas_parameter_type import PandasParameterType
from inference_schema.schema_decorators import input_schema, output_schema

input_sample = pd.DataFrame(
    {
        "age": pd.Series(["40"], dtype="object"),
        "job": pd.Series(["technician"], dtype="object"),
        "duration": pd.Series([12.5], dtype="float64"),
        "subscribed": pd.Series([False], dtype="bool"),
    }
)
output_sample = np.array([0])


def init():
    pass


@input_schema("data", PandasParameterType(input_sample))
@output_schema(NumpyParameterType(output_sample))
def run(data):
    try:
        result = (data["duration"] > 10).astype(int)
        return json.dumps({"result": result.tolist()})
    except Exception as e:
        result = str(e)
        return json.dumps({"error": result})
