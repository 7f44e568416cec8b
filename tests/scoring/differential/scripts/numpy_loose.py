import numpy as np
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from inference_schema.schema_decorators import input_schema


def init():
    pass


@input_schema("data", NumpyParameterType(np.array([[1, 2]]), enforce_column_type=False, enforce_shape=False))
def run(data):
    return [list(data.shape), str(data.dtype.kind), data.tolist()]
