import pandas as pd
from inference_schema.parameter_types.pandas_parameter_type import PandasParameterType
from inference_schema.schema_decorators import input_schema

sample = pd.DataFrame({"city": ["Rome"], "people": [3]})


def init():
    pass


@input_schema(
    param_name="data", param_type=PandasParameterType(sample, enforce_column_type=False, enforce_shape=False)
)
def run(data):
    return {
        "columns": list(data.columns),
        "rows": data.astype(object).where(data.notna(), None).values.tolist(),
    }
