import pandas as pd
from inference_schema.parameter_types.pandas_parameter_type import PandasParameterType
from inference_schema.schema_decorators import input_schema

sample = pd.DataFrame({"city": ["Rome", "Oslo"], "people": [3, 1], "share": [0.75, 0.25]})


def init():
    pass


@input_schema("data", PandasParameterType(sample, orient="values"))
def run(data):
    return {
        "shape": list(data.shape),
        "columns": [str(name) for name in data.columns],
        "index": [str(name) for name in data.index],
        "rows": data.values.tolist(),
        "kinds": [dtype.kind for dtype in data.dtypes],
    }
