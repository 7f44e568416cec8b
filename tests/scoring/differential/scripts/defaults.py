import numpy as np
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema


def init():
    pass


@input_schema("data", NumpyParameterType(np.array([1.0])))
@input_schema("times", StandardPythonParameterType(2), optional=True)
@input_schema("label", StandardPythonParameterType("text"))
def run(data, times=1, label="none", undeclared=None):
    return [(data * (times or 0)).tolist(), label, undeclared]
