"""Register, deploy, consume, replace, reload, update, delete: a service on this machine."""

import json
import mlmagic.azureml
from azureml.core import Workspace

ws = Workspace.create("documents", exist_ok=True)

from azureml.core import Environment
from azureml.core.model import InferenceConfig, Model
from azureml.core.webservice import LocalWebservice, Webservice

model = Model.register(ws, model_name="bidaf_onnx", model_path="./model.onnx")
env = Environment(name="project_environment")
dummy = InferenceConfig(environment=env, source_directory="./source_dir", entry_script="./echo_score.py")
service = Model.deploy(
    ws, "myservice", [model], dummy, LocalWebservice.deploy_configuration(), overwrite=True
)
service.wait_for_deployment(show_output=True)
assert "This is init" in service.get_logs()

import requests

headers = {"Content-Type": "application/json"}
data = json.dumps({"query": "What color is the fox"})
response = requests.post(service.scoring_uri, data=data, headers=headers)
assert response.json() == "test is {'query': 'What color is the fox'}", response.text
assert requests.get(service.scoring_uri.removesuffix("score")).text == "Healthy"
assert service.run(data) == response.json()

# the same service with a real script
for package in ["numpy", "onnxruntime"]:
    env.python.conda_dependencies.add_pip_package(package)
better = InferenceConfig(environment=env, source_directory="./source_dir", entry_script="score.py")
service = Model.deploy(ws, "myservice", [model], better, LocalWebservice.deploy_configuration())
service.wait_for_deployment()
assert service.run('{"data": [1, 2]}') == 3, service.run('{"data": [1, 2]}')

found = Webservice(workspace=ws, name="myservice")
assert type(found) is LocalWebservice and found.state == "Healthy", found
assert list(ws.webservices) == ["myservice"] and [s.name for s in Webservice.list(ws)] == ["myservice"]

# reload takes the script as it is now
with open("source_dir/score.py", "a") as file:
    file.write("\n_run = run\ndef run(data):\n    return -_run(data)\n")
found.reload(wait=True)
assert found.run('{"data": [1, 2]}') == -3

# update with a new model version
new = Model.register(workspace=ws, model_path="model.onnx", model_name="bidaf_onnx", tags={"stage": "prod"})
found.update(models=[new], inference_config=better)
found.wait_for_deployment()
assert [m.version for m in found.models] == [2]
found.delete()
for each in Model.list(ws, name="bidaf_onnx"):
    each.delete()
assert ws.models == {} and ws.webservices == {}
