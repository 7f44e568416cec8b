from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema


def init():
    pass


@input_schema("n", StandardPythonParameterType(1))
def run(n):
    if n < 0:
        raise ValueError("negative")
    return 10 / n
