from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema, output_schema


def init():
    pass


@input_schema("count", StandardPythonParameterType(1))
@input_schema("share", StandardPythonParameterType(0.5))
@input_schema("name", StandardPythonParameterType("Sarah"))
@input_schema("sure", StandardPythonParameterType(True))
@input_schema("items", StandardPythonParameterType([1, 2]))
@input_schema("options", StandardPythonParameterType({"a": 1}))
@output_schema(StandardPythonParameterType(["text"]))
def run(count, share, name, sure, items, options):
    return [f"{type(v).__name__} {v}" for v in (count, share, name, sure, items, options)]
