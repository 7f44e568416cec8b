# The notebook "register a model and deploy it locally": one script, its environment, reload and update.
import json
import socket

import joblib
import mlmagic.azureml
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge

# In [1]: check core SDK version number
import azureml.core

print("SDK version:", azureml.core.VERSION)

# In [2]: initialize the workspace
from azureml.core import Workspace

Workspace.create("notebooks", exist_ok=True).write_config()
ws = Workspace.from_config()
print(ws.name, ws.resource_group, ws.location, ws.subscription_id, sep="\n")

dataset_x, dataset_y = load_diabetes(return_X_y=True)
trained = Ridge().fit(dataset_x, dataset_y)
joblib.dump(trained, "sklearn_regression_model.pkl")

# In [3]: register the model
from azureml.core.model import Model

model = Model.register(
    model_path="sklearn_regression_model.pkl",
    model_name="sklearn_regression_model.pkl",
    tags={"area": "diabetes", "type": "regression"},
    description="Ridge regression model to predict diabetes",
    workspace=ws,
)

# In [4]: create the environment
from azureml.core.conda_dependencies import CondaDependencies
from azureml.core.environment import Environment

environment = Environment("LocalDeploy")
environment.python.conda_dependencies = CondaDependencies.create(
    pip_packages=[
        "azureml-defaults>=1.0.45",
        "inference-schema[numpy-support]",
        "joblib",
        "numpy",
        "scikit-learn",
    ]
)

# In [5]: the script
SCORE = """
import json
import os
import joblib
import numpy as np
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema, output_schema

def init():
    global model
    # AZUREML_MODEL_DIR is the folder of the one model, ./azureml-models/NAME/VERSION.
    model = joblib.load(os.path.join(os.getenv("AZUREML_MODEL_DIR"), "sklearn_regression_model.pkl"))

input_sample = np.array([[10.0, 9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0]])
output_sample = np.array([3726.995])

@input_schema("data", NumpyParameterType(input_sample))
@output_schema(NumpyParameterType(output_sample))
def run(data):
    try:
        result = model.predict(data)
        return result.tolist()
    except Exception as e:
        error = str(e)
        return error
"""
with open("score.py", "w") as file:
    file.write(SCORE)

# In [6]: the inference configuration
from azureml.core.model import InferenceConfig

inference_config = InferenceConfig(entry_script="score.py", environment=environment)

# In [7]: deploy as a local service on a port of one's own
from azureml.core.webservice import LocalWebservice

with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
deployment_config = LocalWebservice.deploy_configuration(port=port)
local_service = Model.deploy(ws, "test", [model], inference_config, deployment_config)
local_service.wait_for_deployment()

# In [8]: check the status, the log and the port
print("Local service port:", local_service.port)
assert local_service.port == port
assert local_service.state == "Healthy"
assert "serving at" in local_service.get_logs()
assert str(port) in local_service.scoring_uri

# In [9]: test it
sample_input = json.dumps({"data": dataset_x[0:2].tolist()})
answer = local_service.run(sample_input)
assert np.allclose(answer, trained.predict(dataset_x[0:2])), answer
import requests

assert (
    requests.post(
        local_service.scoring_uri, sample_input, headers={"Content-Type": "application/json"}
    ).json()
    == answer
)
swagger = requests.get(local_service.swagger_uri).json()
assert swagger["definitions"]["ServiceInput"]["properties"]["data"]["type"] == "array"

# In [10]: change the script, and reload the service
with open("score.py", "w") as file:
    file.write(SCORE.replace("return result.tolist()", "return ['hello', *result.tolist()]"))
local_service.reload()
local_service.wait_for_deployment()
assert local_service.run(sample_input) == ["hello", *answer]

# In [11]: update it to other models, another configuration or another environment
local_service.update(models=[model], inference_config=inference_config, deployment_config=deployment_config)
local_service.wait_for_deployment()
assert local_service.run(sample_input) == ["hello", *answer]

# In [12]: delete it
local_service.delete()
assert ws.webservices == {}
