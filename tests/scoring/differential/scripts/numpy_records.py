import numpy as np
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from inference_schema.schema_decorators import input_schema

sample = np.array([("Sarah", 1.5, 3)], dtype=[("name", "U10"), ("height", "f8"), ("count", "i4")])


def init():
    pass


@input_schema("people", NumpyParameterType(sample))
def run(people):
    return [people["name"].tolist(), people["height"].tolist(), int(people["count"].sum())]
