# The notebook "register and deploy locally, advanced": a source directory, a script deep in it, extra files.
import json
import os

import joblib
import mlmagic.azureml
import numpy as np
from azureml.core import Workspace
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge

ws = Workspace.create("notebooks", exist_ok=True)
dataset_x, dataset_y = load_diabetes(return_X_y=True)
trained = Ridge().fit(dataset_x, dataset_y)
joblib.dump(trained, "sklearn_regression_model.pkl")

from azureml.core.model import Model

model = Model.register(
    model_path="sklearn_regression_model.pkl",
    model_name="sklearn_regression_model.pkl",
    tags={"area": "diabetes", "type": "regression"},
    workspace=ws,
)

# In [3]: everything the script needs is in one folder
source_directory = "source_directory"
os.makedirs(f"{source_directory}/x/y", exist_ok=True)
os.makedirs(f"{source_directory}/env", exist_ok=True)
os.makedirs(f"{source_directory}/dockerstep", exist_ok=True)
with open(f"{source_directory}/x/y/score.py", "w") as file:
    file.write("""
import os
import json
import joblib
import numpy as np

def init():
    global model
    model = joblib.load(os.path.join(os.getenv("AZUREML_MODEL_DIR"), "sklearn_regression_model.pkl"))
    global name
    # The files of the source directory are beside the script's folders, and under the folder's own name.
    with open("./source_directory/extradata.json") as f:
        name = json.load(f)["people"][0]["name"]
    with open("extradata.json") as f:
        assert json.load(f)["people"][0]["name"] == name
    print("This is init of", name)

def run(data):
    try:
        data = np.array(json.loads(data)["data"])
        result = model.predict(data)
        return "Hello " + name + " here is your result = " + str(result)
    except Exception as e:
        return str(e)
""")
with open(f"{source_directory}/env/myenv.yml", "w") as file:
    file.write("""name: project_environment
dependencies:
  - python=3.6.2
  - pip:
    - azureml-defaults
    - inference-schema[numpy-support]
    - joblib
    - numpy
    - scikit-learn
""")
with open(f"{source_directory}/extradata.json", "w") as file:
    json.dump({"people": [{"website": "microsoft.com", "from": "Seattle", "name": "Mrudula"}]}, file)

# In [4]: the inference configuration of the first SDK
from azureml.core.model import InferenceConfig

inference_config = InferenceConfig(
    source_directory=source_directory,
    entry_script="x/y/score.py",
    runtime="python",
    conda_file="env/myenv.yml",
    enable_gpu=False,
)
assert inference_config.entry_script == "x/y/score.py"

# In [5]: deploy, and look
from azureml.core.webservice import LocalWebservice

local_service = Model.deploy(ws, "test2", [model], inference_config, LocalWebservice.deploy_configuration())
local_service.wait_for_deployment(show_output=True)
assert local_service.state == "Healthy"
assert "This is init of Mrudula" in local_service.get_logs()
sample_input = json.dumps({"data": dataset_x[0:1].tolist()})
answer = local_service.run(sample_input)
assert answer == f"Hello Mrudula here is your result = {trained.predict(dataset_x[0:1])}", answer
assert local_service.run(json.dumps({"data": [[1]]})).startswith("X has 1 features")

# In [6]: an extra file changes, the service is reloaded; an update follows at once
with open(f"{source_directory}/extradata.json", "w") as file:
    json.dump({"people": [{"name": "Ada"}]}, file)
local_service.reload()
local_service.update(models=[model], inference_config=inference_config)
local_service.wait_for_deployment()
assert local_service.run(sample_input).startswith("Hello Ada")

local_service.delete()
assert "test2" not in ws.webservices
