# Deploying models without a script, as the documents write it.
import json

import joblib
import mlmagic.azureml
import numpy as np
from azureml.core import Workspace
from azureml.core.model import Model
from azureml.core.resource_configuration import ResourceConfiguration
from azureml.exceptions import UserErrorException
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge

ws = Workspace.create("nocode")
dataset_x, dataset_y = load_diabetes(return_X_y=True)
sk_model = Ridge().fit(dataset_x, dataset_y)
joblib.dump(sk_model, "sklearn_regression_model.pkl")
np.savetxt("features.csv", dataset_x[:3], delimiter=",")

import sklearn

model = Model.register(
    workspace=ws,
    model_name="my-sklearn-model",
    model_path="./sklearn_regression_model.pkl",
    model_framework=Model.Framework.SCIKITLEARN,
    model_framework_version=sklearn.__version__,
    resource_configuration=ResourceConfiguration(cpu=1, memory_in_gb=0.5),
    description="Ridge regression model to predict diabetes progression.",
    tags={"area": "diabetes", "type": "regression"},
)
assert "my-sklearn-model" in repr(model)
service_name = "my-sklearn-service"
service = Model.deploy(ws, service_name, [model], overwrite=True)
service.wait_for_deployment(show_output=True)
input_payload = json.dumps({"data": dataset_x[0:2].tolist(), "method": "predict"})
output = service.run(input_payload)
assert np.allclose(
    output["predict"] if isinstance(output, dict) else output, sk_model.predict(dataset_x[0:2])
)
service.delete()

try:
    Model.deploy(ws, "several", [model, model])
except UserErrorException as error:
    assert "2 models are given, and no inference_config" in str(error)
else:
    raise AssertionError("without a script it is one model")
