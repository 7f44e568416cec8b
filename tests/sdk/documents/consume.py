# Consuming a service, with its schema; updating it; keys. As the documents write it.
import json
import time

import mlmagic.azureml
import requests
from azureml.core import Workspace
from azureml.core.model import InferenceConfig, Model
from azureml.core.webservice import LocalWebservice, Webservice
from azureml.exceptions import WebserviceException

ws = Workspace.create("consuming")
with open("source_dir/typed.py", "w") as file:
    file.write("""
import json
import numpy as np
import os
from inference_schema.schema_decorators import input_schema, output_schema
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from azureml.core.model import Model

def init():
    global model
    model_path = os.path.join(os.getenv("AZUREML_MODEL_DIR"), "model.onnx")
    model = open(model_path).read()
    assert open(Model.get_model_path("sklearn_mnist")).read() == model

input_sample = np.array([[10, 9, 8, 7, 6, 5, 4, 3, 2, 1]])
output_sample = np.array([3726.995])

@input_schema("data", NumpyParameterType(input_sample))
@output_schema(NumpyParameterType(output_sample))
def run(data):
    try:
        result = data.sum(axis=1)
        return result.tolist()
    except Exception as e:
        error = str(e)
        return error
""")
model = Model.register(workspace=ws, model_path="model.onnx", model_name="sklearn_mnist")
inference_config = InferenceConfig(entry_script="typed.py", source_directory="./source_dir")
service = Model.deploy(
    ws, "diabetes-model", [model], inference_config, LocalWebservice.deploy_configuration(port=None)
)
service.wait_for_deployment(show_output=True)

# By any HTTP client.
scoring_uri = service.scoring_uri
data = {"data": [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]]}
input_data = json.dumps(data)
headers = {"Content-Type": "application/json"}
resp = requests.post(scoring_uri, input_data, headers=headers)
assert resp.json() == [55, 55], resp.text
assert resp.headers["x-ms-request-id"]

# The schema from which clients are made.
swagger = requests.get(service.swagger_uri).json()
assert swagger["paths"]["/score"]["post"], swagger
assert swagger["definitions"]["ServiceInput"]["example"] == {"data": [[10, 9, 8, 7, 6, 5, 4, 3, 2, 1]]}

# By the SDK.
fetched_service = Webservice(name="diabetes-model", workspace=ws)
assert fetched_service.scoring_uri == scoring_uri
assert fetched_service.run(input_data=input_data) == [55, 55]
assert fetched_service.serialize()["computeType"] == "Local"

# What does not fit the schema is told; nothing is dropped.
resp = requests.post(scoring_uri, json.dumps({"data": "x"}), headers=headers)
assert resp.status_code == 400 and "data" in resp.text, resp.text
try:
    fetched_service.run(json.dumps({"wrong": 1}))
except WebserviceException as error:
    assert "data" in error.body, error.body

# A new version of the model, in the same service; callers notice nothing.
new_model = Model.register(workspace=ws, model_path="model.onnx", model_name="sklearn_mnist")
service.update(models=[new_model], inference_config=inference_config)
service.wait_for_deployment(show_output=True)
assert service.state == "Healthy"
assert fetched_service.run(input_data) == [55, 55]
service.update_deployment_state()
assert [each.version for each in service.models] == [2]
service.delete()
