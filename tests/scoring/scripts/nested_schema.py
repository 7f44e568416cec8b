import datetime

import numpy as np
import pandas as pd
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from inference_schema.parameter_types.pandas_parameter_type import PandasParameterType
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema

nested = StandardPythonParameterType(
    {
        "array": NumpyParameterType(np.array([[1.0, 2.0]])),
        "table": PandasParameterType(pd.DataFrame({"a": [1]})),
        "day": StandardPythonParameterType(datetime.date(2020, 1, 31)),
        "free": 1,
    }
)


def init():
    pass


@input_schema(param_name="param", param_type=nested)
@input_schema("mixed", StandardPythonParameterType([1, "a"]), optional=True)
async def run(request_headers, param, mixed, times=2):
    total = float(param["array"].sum()) * times
    return [
        total,
        param["table"].a.tolist(),
        param["day"].year,
        param.get("free"),
        mixed,
        request_headers.get("x-who"),
    ]
