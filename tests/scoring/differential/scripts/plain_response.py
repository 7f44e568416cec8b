# run() without rawhttp that signals an error by its status all the same.
import json

from azureml.contrib.services.aml_response import AMLResponse


def init():
    pass


def run(raw_data):
    try:
        data = json.loads(raw_data)
        return {"total": sum(data["data"])}
    except (ValueError, KeyError) as e:
        return AMLResponse({"error": type(e).__name__}, 400, {"X-Reason": "input"}, json_str=True)
