import pandas as pd
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from inference_schema.parameter_types.pandas_parameter_type import PandasParameterType
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema, output_schema

input_sample = pd.DataFrame({"name": ["Sarah", "John"], "age": [25, 26]})


def init():
    pass


@input_schema("data", PandasParameterType(input_sample))
@output_schema(StandardPythonParameterType({"names": ["Sarah"], "mean": 1.5}))
def run(data):
    return {"names": data["name"].tolist(), "mean": float(data["age"].mean()), "columns": list(data.columns)}
