import pandas as pd
from inference_schema.parameter_types.pandas_parameter_type import PandasParameterType
from inference_schema.schema_decorators import input_schema

sample = pd.DataFrame(
    {"when": pd.to_datetime(["2020-01-31"]), "long": pd.to_timedelta(["1 days"]), "ok": [True]}
)


def init():
    pass


@input_schema("data", PandasParameterType(sample))
def run(data):
    return {
        "when": [str(each) for each in data["when"]],
        "hours": [each.total_seconds() / 3600 for each in data["long"]],
        "ok": data["ok"].tolist(),
    }
