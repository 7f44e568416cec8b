# Profiling a model, as the documents write it.
import json

import mlmagic.azureml
from azureml.core import Dataset, Workspace
from azureml.core.environment import Environment
from azureml.core.model import InferenceConfig, Model
from azureml.exceptions import WebserviceException

ws = Workspace.create("profiling")
model = Model.register(ws, model_path="model.onnx", model_name="sklearn_regression")

input_json = {"data": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}
serialized_input_json = json.dumps(input_json)
dataset_content = [serialized_input_json for _ in range(100)]
dataset_content = "\n".join(dataset_content)
file_name = "sample_request_data.txt"
with open(file_name, "w") as f:
    f.write(dataset_content)

data_store = ws.get_default_datastore()
data_store.upload_files(["./" + file_name], target_path="sample_request_data")
datastore_path = [(data_store, "sample_request_data" + "/" + file_name)]
sample_request_data = Dataset.Tabular.from_delimited_files(
    datastore_path, separator="\n", infer_column_types=True, header=False
)
sample_request_data = sample_request_data.register(
    workspace=ws, name="sample_request_data", create_new_version=True
)

environment = Environment("my-env")
inference_config = InferenceConfig(
    entry_script="score.py", source_directory="./source_dir", environment=environment
)

profile = Model.profile(
    ws,
    "sklearn-test",
    [model],
    inference_config,
    input_dataset=sample_request_data,
    cpu=1.0,
    memory_in_gb=0.5,
)
profile.wait_for_profiling(True)
profile.wait_for_completion(True)
assert profile.get_results().keys() == {"cpu", "memoryInGB"}
details = profile.get_details()
print(details)
assert details["state"] == "Succeeded"
assert (details["requestedCpu"], details["requestedMemoryInGB"]) == (1.0, 0.5)
assert details["totalQueries"] >= 100
assert details["successRate"] == 100.0
for percentile in ("50", "90", "95", "99", "999"):
    assert details[f"latencyPercentile{percentile}InMs"] > 0
assert 0.1 <= details["recommendedCpu"] <= 1.0
assert 0.1 <= details["recommendedMemoryInGB"] <= 0.5
assert profile.serialize()["modelIds"] == [model.id]
assert profile.serialize()["inputDatasetId"] == "sample_request_data:1"

model.add_tags(
    {"requestedCpu": details["requestedCpu"], "requestedMemoryInGb": details["requestedMemoryInGb"]}
)

try:
    Model.profile(ws, "p", [model], inference_config, sample_request_data, cpu=9, memory_in_gb=99)
except WebserviceException as error:
    assert "cpu 9.0 must be between 0.1 and 3.5" in str(error)
    assert "memory_in_gb 99.0 must be between 0.1 and 15" in str(error)
else:
    raise AssertionError("9 cores are more than a profile may ask for")
