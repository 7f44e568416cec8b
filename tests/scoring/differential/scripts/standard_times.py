import datetime

from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema


def init():
    pass


@input_schema("at", StandardPythonParameterType(datetime.datetime(2020, 1, 31, 12, 30)))
@input_schema("day", StandardPythonParameterType(datetime.date(2020, 1, 31)))
@input_schema("blob", StandardPythonParameterType(b"abc"))
def run(at, blob=b"none", day=None):
    return [str(at), list(blob), str(day)]
