import datetime

import numpy as np
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from inference_schema.schema_decorators import input_schema, output_schema


def init():
    pass


@input_schema("ints", NumpyParameterType(np.array([1, 2], dtype="int32")))
@input_schema("floats", NumpyParameterType(np.array([[0.5, 1.5]], dtype="float32")))
@input_schema("texts", NumpyParameterType(np.array(["a", "bc"])))
@input_schema("days", NumpyParameterType(np.array(["2020-01-01"], dtype="datetime64[D]")))
def run(ints, floats, texts, days):
    return {
        "ints": [str(ints.dtype), ints.tolist()],
        "floats": [str(floats.dtype), floats.shape, floats.tolist()],
        "texts": texts.tolist(),
        "days": [str(each) for each in days],
    }
