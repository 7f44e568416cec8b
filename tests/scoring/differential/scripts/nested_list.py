import numpy as np
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema

sample = StandardPythonParameterType([NumpyParameterType(np.array([1, 2]))])


def init():
    pass


@input_schema("batches", sample)
def run(batches):
    return [int(batch.sum()) for batch in batches]
