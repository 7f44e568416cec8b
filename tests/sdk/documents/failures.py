"""What is raised where a script, a file or a request is wrong."""

import json
import mlmagic.azureml
from azureml.core import Workspace

ws = Workspace.create("documents", exist_ok=True)

from azureml.core.model import InferenceConfig, Model
from azureml.core.webservice import LocalWebservice, Webservice
from azureml.exceptions import UserErrorException, WebserviceException


def write(name, init, run):
    with open(f"source_dir/{name}", "w") as file:
        file.write(f"def init():\n    {init}\n\n\ndef run(data):\n    {run}\n")


local = LocalWebservice.deploy_configuration()
write("broken.py", "raise ValueError('no weights')", "return 1")
write("bad.py", "(", "return 1")
write("raises.py", "pass", "raise KeyError('x')")
try:
    InferenceConfig("bad.py", source_directory="source_dir")
except UserErrorException as error:
    assert "bad.py, line 2" in str(error), error
else:
    raise AssertionError("bad syntax")
for arguments in ({"entry_script": "nope.py"}, {"entry_script": "a-b.py"}, {"entry_script": "score.txt"}):
    try:
        InferenceConfig(source_directory="source_dir", **arguments)
    except WebserviceException as error:
        print(error)
    else:
        raise AssertionError(arguments)
model = Model.register(ws, "model.onnx", "net")
service = Model.deploy(
    ws, "broken", [model], InferenceConfig("broken.py", source_directory="source_dir"), local
)
try:
    service.wait_for_deployment(show_output=True)
except WebserviceException as error:
    assert "no weights" in str(error) and "broken.py" in str(error), error
else:
    raise AssertionError("init() raises")
assert service.error["type"] == "ValueError" and service.state == "Failed"
service = Model.deploy(
    ws, "raises", [model], InferenceConfig("raises.py", source_directory="source_dir"), local
)
service.wait_for_deployment()
try:
    service.run("{}")
except WebserviceException as error:
    assert (error.status_code, error.status) == (500, 500) and "message" in error.body, vars(error)
else:
    raise AssertionError("run() raises")
for each in Webservice.list(ws):
    each.delete()
try:
    Webservice(ws, "raises")
except WebserviceException as error:
    assert error.message.startswith("WebserviceNotFound"), error.message
else:
    raise AssertionError("deleted")
