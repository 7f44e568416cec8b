# Packaging models, as the documents write it.
import os

import mlmagic.azureml
from azureml.core import Workspace
from azureml.core.environment import Environment
from azureml.core.model import InferenceConfig, Model
from azureml.exceptions import WebserviceException

ws = Workspace.create("packages")
model = Model.register(ws, model_path="model.onnx", model_name="mymodel")
inference_config = InferenceConfig(
    entry_script="score.py", source_directory="./source_dir", environment=Environment("packaged")
)
package = Model.package(ws, [model], inference_config, generate_dockerfile=True)
package.wait_for_creation(show_output=True)
assert package.state == "Succeeded" and package.generate_dockerfile
# Download the package.
package.save("./imagefiles")
# Get the container registry that the image is to be pulled from: here it is the Docker engine's own.
acr = package.get_container_registry()
print("Address:", acr.address)
print("Username:", acr.username)
print("Password:", acr.password)
assert os.path.isfile("imagefiles/Dockerfile")
assert os.path.isfile("imagefiles/azureml-models/mymodel/1/model.onnx")
assert package.serialize()["state"] == "Succeeded"
assert "wrote" in package.get_logs()
for call in (package.pull, lambda: package.save("./imagefiles")):
    try:
        call()
    except WebserviceException as error:
        print(error)
    else:
        raise AssertionError("files are not pulled, and nothing is overwritten")
try:
    Model.package(ws, [model], inference_config, generate_dockerfile=True, image_name="No Name")
except WebserviceException as error:
    assert "image name 'No Name' must be 3 to 32" in str(error)
else:
    raise AssertionError("no such name can be")
