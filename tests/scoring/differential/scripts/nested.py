import numpy as np
import pandas as pd
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from inference_schema.parameter_types.pandas_parameter_type import PandasParameterType
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema, output_schema

numpy_sample = NumpyParameterType(np.array([[1.0, 2.0]]))
pandas_sample = PandasParameterType(pd.DataFrame({"a": [1]}))
text_sample = StandardPythonParameterType("text")
sample = StandardPythonParameterType(
    {
        "array": numpy_sample,
        "table": pandas_sample,
        "inner": StandardPythonParameterType({"text": text_sample}),
    }
)


def init():
    pass


@input_schema("Inputs", sample)
def run(Inputs):
    return [Inputs["array"].sum(), Inputs["table"]["a"].tolist(), Inputs["inner"]["text"]]
