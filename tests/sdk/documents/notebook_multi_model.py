# The notebook "deploy multiple models": two models in one service, each found by its name.
import json
import os

os.environ["MLMAGIC_COMPUTE"] = '{"aci": "local"}'  # as on a machine without Docker
import joblib
import mlmagic.azureml
import numpy as np
from azureml.core import Workspace
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge

ws = Workspace.create("notebooks", exist_ok=True)
X, y = load_diabetes(return_X_y=True)
first, second = Ridge(alpha=1.0).fit(X, y), Ridge(alpha=0.1).fit(X, y)
joblib.dump(first, "first.pkl")
joblib.dump(second, "second.pkl")

# In [3]: register both
from azureml.core.model import Model

my_model_1 = Model.register(model_path="first.pkl", model_name="my_model_1", workspace=ws)
my_model_2 = Model.register(model_path="second.pkl", model_name="my_model_2", workspace=ws)
print(my_model_1.name, my_model_1.version, my_model_2.name, my_model_2.version)

# In [4]: a script that loads both
with open("score.py", "w") as file:
    file.write("""
import joblib
import json
import numpy as np

from azureml.core.model import Model

def init():
    global model_1, model_2
    # Several models: Model.get_model_path finds the folder or file of each.
    model_1 = joblib.load(Model.get_model_path(model_name="my_model_1"))
    model_2 = joblib.load(Model.get_model_path(model_name="my_model_2"))

def run(raw_data):
    try:
        data = json.loads(raw_data)["data"]
        data = np.array(data)
        result_1 = model_1.predict(data)
        result_2 = model_2.predict(data)
        return {"prediction1": result_1.tolist(), "prediction2": result_2.tolist()}
    except Exception as e:
        result = str(e)
        return result
""")

# In [5]: the environment is registered, and used by its name
from azureml.core import Environment

env = Environment("deploytocloudenv")
env.python.conda_dependencies.add_pip_package("joblib")
env.python.conda_dependencies.add_pip_package("numpy")
env.python.conda_dependencies.add_pip_package("scikit-learn")
env.register(workspace=ws)
env = Environment.get(ws, "deploytocloudenv")

from azureml.core.model import InferenceConfig

inference_config = InferenceConfig(entry_script="score.py", environment=env)

# In [6]: deploy to a container instance
from azureml.core.webservice import AciWebservice, Webservice

aci_service_name = "aciservice-multimodel"
deployment_config = AciWebservice.deploy_configuration(
    cpu_cores=1, memory_gb=1, tags={"data": "diabetes"}, description="two Ridge models"
)
service = Model.deploy(ws, aci_service_name, [my_model_1, my_model_2], inference_config, deployment_config)
service.wait_for_deployment(True)
assert service.state == "Healthy"
assert type(service) is AciWebservice

# In [7]: test it
test_sample = json.dumps({"data": X[0:2].tolist()})
prediction = service.run(test_sample)
assert np.allclose(prediction["prediction1"], first.predict(X[0:2])), prediction
assert np.allclose(prediction["prediction2"], second.predict(X[0:2])), prediction
assert [model.id for model in service.models] == ["my_model_1:1", "my_model_2:1"]

# In [8]: delete it
Webservice(ws, aci_service_name).delete()
assert ws.webservices == {}
