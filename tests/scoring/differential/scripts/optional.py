from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema


def init():
    pass


@input_schema("a", StandardPythonParameterType(1))
@input_schema("b", StandardPythonParameterType(1.0), optional=True)
@input_schema("c", StandardPythonParameterType("x"), convert_to_provided_type=False)
def run(a, b=None, c=5):
    return {"a": a, "b": b, "c": c}
