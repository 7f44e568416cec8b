"""REST endpoints of published pipelines, with the requests of Azure ML's documents."""

import json
import os
import subprocess
import sys

import mlmagic.azureml
import requests
from azureml.core import Dataset, Environment, Experiment, Workspace
from azureml.core.authentication import AzureCliAuthentication, InteractiveLoginAuthentication
from azureml.pipeline.core import (
    Pipeline,
    PipelineData,
    PipelineEndpoint,
    PipelineParameter,
    PipelineRun,
    PublishedPipeline,
)
from azureml.pipeline.steps import ParallelRunConfig, ParallelRunStep, PythonScriptStep
from azureml.widgets import RunDetails

ws = Workspace.create("pipelines")
os.makedirs("images")
for number in range(25):
    with open(f"images/{number:02}.txt", "w") as f:
        f.write(str(number))
os.makedirs("scripts")
with open("scripts/batch_scoring.py", "w") as f:
    f.write("""
def init():
    pass

def run(mini_batch):
    return [str(int(open(path).read()) * 2) for path in mini_batch]
""")
parallel_run_config = ParallelRunConfig(
    environment=Environment(name="scoring"),
    entry_script="batch_scoring.py",
    source_directory="scripts",
    output_action="append_row",
    mini_batch_size="20",
    error_threshold=1,
    compute_target="cpu-cluster",
    node_count=2,
    process_count_per_node=PipelineParameter("process_count_per_node", default_value=1),
)
batch_score_step = ParallelRunStep(
    name="parallel-step-test",
    inputs=[Dataset.File.from_files("images").as_named_input("input_images")],
    output=PipelineData(name="scores", datastore=ws.get_default_datastore()),
    parallel_run_config=parallel_run_config,
    allow_reuse=False,
)
pipeline = Pipeline(workspace=ws, steps=[batch_score_step])
pipeline_run = Experiment(ws, "batch_scoring").submit(pipeline)
pipeline_run.wait_for_completion(show_output=True)

published_pipeline = pipeline_run.publish_pipeline(
    name="batch_scoring", description="Batch scoring of images", version="1.0"
)

interactive_auth = InteractiveLoginAuthentication()
auth_header = interactive_auth.get_authentication_header()
rest_endpoint = published_pipeline.endpoint
response = requests.post(
    rest_endpoint,
    headers=auth_header,
    json={"ExperimentName": "batch_scoring", "ParameterAssignments": {"process_count_per_node": 6}},
)
try:
    response.raise_for_status()
except Exception:
    raise Exception(
        "Received bad response from the endpoint: {}\nResponse Code: {}\nHeaders: {}\nContent: {}".format(
            rest_endpoint, response.status_code, response.headers, response.content
        )
    )
run_id = response.json().get("Id")
print("Submitted pipeline run: ", run_id)
published_pipeline_run = PipelineRun(ws.experiments["batch_scoring"], run_id)
RunDetails(published_pipeline_run).show()
published_pipeline_run.wait_for_completion(show_output=True)
assert published_pipeline_run.get_status() == "Finished", published_pipeline_run.get_details()
batch_output = next(published_pipeline_run.get_children()).get_output_data("scores")
batch_output.download(local_path="results")
for root, dirs, files in os.walk("results"):
    for file in files:
        if file.endswith("parallel_run_step.txt"):
            result_file = os.path.join(root, file)
with open(result_file) as f:
    assert sorted(map(int, f)) == [2 * number for number in range(25)]

# A parameter that is wrong starts nothing.
response = requests.post(
    rest_endpoint,
    headers=auth_header,
    json={"ExperimentName": "batch_scoring", "ParameterAssignments": {"process_count_per_node": "six"}},
)
assert response.status_code == 400, response.text
assert "'six' must be a whole number" in response.json()["error"]["message"]
assert requests.post(rest_endpoint, json={"ExperimentName": "batch_scoring"}).status_code == 401
assert len(list(ws.experiments["batch_scoring"].get_runs())) == 2

# A pipeline endpoint: its versions have URLs, by its id and by its name.
with open("scripts/words.py", "w") as f:
    f.write("""
import sys
from azureml.core import Run
Run.get_context().parent.log("words", sys.argv[1:])
""")
words = [PipelineParameter(name="1", default_value="us"), PipelineParameter(name="2", default_value="state")]
step = PythonScriptStep("words.py", arguments=words, source_directory="scripts")
published = Pipeline(ws, [step]).publish(name="words")
pipeline_endpoint = PipelineEndpoint.publish(
    workspace=ws, name="PipelineEndpointTest", pipeline=published, description="Test description Notebook"
)
endpoint_id = PipelineEndpoint.get(workspace=ws, name="PipelineEndpointTest").id
pipeline_endpoint_by_name = PipelineEndpoint.get(workspace=ws, id=endpoint_id)
assert len(PipelineEndpoint.get_all(workspace=ws, active_only=True)) == 1
pipeline_endpoint_by_name.add_default(published_pipeline)

rest_endpoint_id = pipeline_endpoint_by_name.endpoint
rest_endpoint_id_with_version = rest_endpoint_id + "/" + "0"
rest_endpoint_name = rest_endpoint_id.split("Id", 1)[0] + "Name?name=" + pipeline_endpoint_by_name.name
rest_endpoint_name_with_version = rest_endpoint_name + "&pipelineVersion=" + "0"
for url in (rest_endpoint_id_with_version, rest_endpoint_name_with_version):
    response = requests.post(
        url,
        headers=AzureCliAuthentication().get_authentication_header(),
        json={
            "ExperimentName": "default_pipeline",
            "RunSource": "SDK",
            "ParameterAssignments": {"1": "united", "2": "city"},
        },
    )
    run = PipelineRun.get(ws, response.json()["Id"])
    run.wait_for_completion()
    assert run.get_metrics() == {"words": ["united", "city"]}, run.get_details()
response = requests.post(
    rest_endpoint_id,
    headers=auth_header,
    json={"ExperimentName": "default_pipeline", "ParameterAssignments": {"1": "united"}},
)
assert "It has: process_count_per_node." in response.text, response.text

# A disabled pipeline refuses requests.
published_pipeline.disable()
response = requests.post(rest_endpoint, headers=auth_header, json={"ExperimentName": "batch_scoring"})
assert response.status_code == 409, response.text
assert "'batch_scoring' is disabled. Call enable() first." in response.json()["error"]["message"]


def mlmagic_pipeline(*words):
    environment = {**os.environ, "MLMAGIC_WORKSPACE": str(ws.folder)}
    command = [sys.executable, "-m", "mlmagic", "pipeline", *words]
    return subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout


# The command line shows the URLs, and stops the server.
listed = {each["name"]: each for each in json.loads(mlmagic_pipeline("list", "-o", "json"))}
assert listed["batch_scoring"] == {
    "name": "batch_scoring",
    "id": published_pipeline.id,
    "version": "1.0",
    "status": "Disabled",
    "endpoint": rest_endpoint,
}
mlmagic_pipeline("enable", "-i", published_pipeline.id)
assert PublishedPipeline.get(ws, published_pipeline.id).status == "Active"
assert json.loads(mlmagic_pipeline("show", "-i", published.id))["endpoint"] == published.endpoint
mlmagic_pipeline("stop-server")
