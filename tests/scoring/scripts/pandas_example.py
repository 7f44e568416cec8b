import pandas as pd
from inference_schema.schema_decorators import input_schema, output_schema
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from inference_schema.parameter_types.pandas_parameter_type import PandasParameterType

sample_input = PandasParameterType(pd.DataFrame({"name": ["Sarah", "John"], "age": [25, 26]}))
sample_global_params = StandardPythonParameterType(1.0)
outputs = StandardPythonParameterType({"Results": [1]})


def init():
    pass


@input_schema("Inputs", sample_input)
@input_schema("GlobalParameters", sample_global_params)
@output_schema(outputs)
def run(Inputs, GlobalParameters=2.0):
    return {
        "Results": (Inputs["age"] * GlobalParameters).tolist(),
        "types": [str(t) for t in Inputs.dtypes][1:],
    }
