"""SparkParameterType: converts a list of objects to a `DataFrame` of Spark."""

from __future__ import annotations

import json
from typing import Any

from mlmagic.scoring.shims.types import AbstractParameterType, Mismatch, described

_SCHEMAS = {
    "long": {"type": "integer", "format": "int64"},
    "integer": {"type": "integer", "format": "int32"},
    "short": {"type": "integer", "format": "int16"},
    "byte": {"type": "integer", "format": "int8"},
    "double": {"type": "number", "format": "double"},
    "float": {"type": "number", "format": "float"},
    "boolean": {"type": "boolean"},
    "string": {"type": "string"},
    "timestamp": {"type": "string", "format": "date-time"},
    "date": {"type": "string", "format": "date"},
    "binary": {"type": "string", "format": "binary"},
}


class SparkParameterType(AbstractParameterType):
    """With ``apply_sample_schema`` it has the schema of the sample. pyspark is imported when it is used."""

    def __init__(self, sample_input: Any, apply_sample_schema: bool = True) -> None:
        if not hasattr(sample_input, "schema") or not hasattr(sample_input, "toJSON"):
            raise TypeError(
                f"the sample of a SparkParameterType is a {type(sample_input).__name__}: "
                "it must be a DataFrame of Spark"
            )
        super().__init__(sample_input)
        self.apply_sample_schema = apply_sample_schema

    def deserialize_input(self, input_data: Any) -> Any:
        """Raises `Mismatch`."""
        if not isinstance(input_data, list):
            raise Mismatch("an array of objects", described(input_data))
        from pyspark.sql import SparkSession

        session = SparkSession.builder.getOrCreate()
        lines = session.sparkContext.parallelize([json.dumps(row) for row in input_data])
        schema = self.sample_input.schema if self.apply_sample_schema else None
        return session.read.json(lines, schema=schema)

    def input_to_swagger(self) -> dict[str, Any]:
        fields = {field.name: _schema(field.dataType) for field in self.sample_input.schema.fields}
        return {
            "type": "array",
            "items": {"type": "object", "properties": fields},
            "format": "spark.DataFrame",
            "example": [json.loads(row) for row in self.sample_input.toJSON().collect()],
        }


def _schema(kind: Any) -> dict[str, Any]:
    return dict(_SCHEMAS.get(kind.typeName(), {"type": "object"}))
