# The notebooks "deploy an ONNX model": with a script over onnxruntime, and without one.
import json
import os

os.environ["MLMAGIC_COMPUTE"] = '{"aci": "local"}'  # as on a machine without Docker
import mlmagic.azureml
import numpy as np
import onnx
from azureml.core import Workspace
from onnx import TensorProto, helper

ws = Workspace.create("notebooks", exist_ok=True)

# Ten classes of images of 1 x 28 x 28 pixels, as MNIST has them.
generator = np.random.default_rng(0)
weights = generator.normal(size=(784, 10)).astype(np.float32)
graph = helper.make_graph(
    [
        helper.make_node("Flatten", ["Input3"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["Plus214_Output_0"]),
    ],
    "mnist",
    [helper.make_tensor_value_info("Input3", TensorProto.FLOAT, [1, 1, 28, 28])],
    [helper.make_tensor_value_info("Plus214_Output_0", TensorProto.FLOAT, [1, 10])],
    [helper.make_tensor("weights", TensorProto.FLOAT, weights.shape, weights.tobytes(), raw=True)],
)
made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
os.makedirs("mnist", exist_ok=True)
onnx.save(made, "mnist/model.onnx")

# In [5]: register the folder
from azureml.core.model import Model

model = Model.register(
    workspace=ws,
    model_path="mnist",
    model_name="mnist_1",
    tags={"onnx": "demo"},
    description="MNIST image classification CNN from ONNX Model Zoo",
)
for name, m in ws.models.items():
    print("Name:", name, "\tVersion:", m.version, "\tDescription:", m.description, m.tags)

# In [6]: the script
with open("score.py", "w") as file:
    file.write("""
import json
import numpy as np
import onnxruntime
import os
import time

def init():
    global session, input_name, output_name
    model = os.path.join(os.getenv("AZUREML_MODEL_DIR"), "mnist", "model.onnx")
    session = onnxruntime.InferenceSession(model, None)
    input_name = session.get_inputs()[0].name
    output_name = session.get_outputs()[0].name

def preprocess(input_data_json):
    # {"data": [...]} to the tensor that the model takes
    return np.array(json.loads(input_data_json)["data"]).astype("float32")

def postprocess(result):
    return int(np.argmax(np.array(result).squeeze(), axis=0))

def run(input_data):
    try:
        data = preprocess(input_data)
        start = time.time()
        r = session.run([output_name], {input_name: data})
        end = time.time()
        result = postprocess(r[0])
        result_dict = {"result": result, "time_in_sec": end - start}
    except Exception as e:
        result_dict = {"error": str(e)}
    return result_dict
""")

# In [7]: the environment from a file of conda
from azureml.core.conda_dependencies import CondaDependencies

myenv = CondaDependencies.create(pip_packages=["numpy", "onnxruntime", "azureml-core", "azureml-defaults"])
with open("myenv.yml", "w") as f:
    f.write(myenv.serialize_to_string())

from azureml.core.environment import Environment
from azureml.core.model import InferenceConfig

env = Environment.from_conda_specification(name="myenv", file_path="myenv.yml")
inference_config = InferenceConfig(entry_script="score.py", environment=env)

# In [8]: deploy to a container instance
from azureml.core.webservice import AciWebservice

aciconfig = AciWebservice.deploy_configuration(
    cpu_cores=1, memory_gb=1, tags={"demo": "onnx"}, description="ONNX for mnist model"
)
aci_service = Model.deploy(ws, "onnx-demo-mnist", [model], inference_config, aciconfig)
aci_service.wait_for_deployment(True)
if aci_service.state != "Healthy":
    print(aci_service.get_logs())
print(aci_service.scoring_uri)

# In [9]: test it
image = generator.normal(size=(1, 1, 28, 28)).astype(np.float32)
expected = int(np.argmax(image.reshape(1, 784) @ weights))
answer = aci_service.run(json.dumps({"data": image.tolist()}))
assert answer["result"] == expected, answer
assert answer["time_in_sec"] >= 0
assert "error" in aci_service.run(json.dumps({"data": [1]}))
aci_service.delete()

# The newer notebook: the model alone is the service.
single = Model.register(
    ws,
    model_name="mnist-single",
    model_path="mnist/model.onnx",
    model_framework=Model.Framework.ONNX,
    model_framework_version="1.3",
)
service = Model.deploy(ws, "mnist-no-code", [single], overwrite=True)
service.wait_for_deployment(show_output=True)
answer = service.run(json.dumps({"data": image.tolist()}))
scores = next(iter(answer.values())) if isinstance(answer, dict) else answer
assert int(np.argmax(np.array(scores).reshape(-1))) == expected, answer
service.delete()
