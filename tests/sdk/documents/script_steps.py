"""A pipeline of scripts: prepare, train, register; with parameters, outputs and a failing step."""

import os
import subprocess
import sys

import mlmagic.azureml
from azureml.core import Dataset, Environment, Experiment, Workspace
from azureml.core.model import Model
from azureml.core.runconfig import RunConfiguration
from azureml.data import OutputFileDatasetConfig
from azureml.data.data_reference import DataReference
from azureml.exceptions import ActivityFailedException, UserErrorException
from azureml.pipeline.core import (
    Pipeline,
    PipelineData,
    PipelineEndpoint,
    PipelineParameter,
    PublishedPipeline,
)
from azureml.pipeline.steps import ParallelRunConfig, ParallelRunStep, PythonScriptStep

ws = Workspace.create("steps")
store = ws.get_default_datastore()

with open("rows.csv", "w") as f:
    f.write("x\n1\n2\n3\n")
store.upload_files(["rows.csv"], target_path="raw", show_progress=False)

os.makedirs("steps")
with open("steps/prepare.py", "w") as f:
    f.write("""
import os, sys
from azureml.core import Run
source, target, factor = sys.argv[1:]
rows = [int(line) * int(factor) for line in open(os.path.join(source, "rows.csv")).read().split()[1:]]
with open(os.path.join(target, "rows.txt"), "w") as f:
    f.write(" ".join(map(str, rows)))
run = Run.get_context()
run.log("rows", len(rows))
run.parent.log("prepared", len(rows))
""")
with open("steps/train.py", "w") as f:
    f.write("""
import argparse, json, os
from azureml.core import Model, Run
parser = argparse.ArgumentParser()
parser.add_argument("--rows")
parser.add_argument("--model")
args = parser.parse_args()
rows = [int(each) for each in open(os.path.join(args.rows, "rows.txt")).read().split()]
with open(os.path.join(args.model, "model.json"), "w") as f:
    json.dump({"mean": sum(rows) / len(rows), "stage": os.environ["AML_PARAMETER_stage"]}, f)
run = Run.get_context()
run.log("mean", sum(rows) / len(rows))
Model.register(workspace=run.experiment.workspace, model_path=args.model, model_name="mean")
""")

raw = DataReference(datastore=store, data_reference_name="raw", path_on_datastore="raw")
prepared = PipelineData("prepared", datastore=store)
trained = OutputFileDatasetConfig(name="trained", destination=(store, "models")).register_on_complete(
    "models"
)
factor = PipelineParameter(name="factor", default_value=2)
prepare = PythonScriptStep(
    name="prepare",
    script_name="prepare.py",
    arguments=[raw, prepared, factor],
    inputs=[raw],
    outputs=[prepared],
    source_directory="steps",
    runconfig=RunConfiguration(),
    allow_reuse=False,
)
train = PythonScriptStep(
    name="train",
    script_name="train.py",
    arguments=["--rows", prepared, "--model", trained],
    inputs=[prepared],
    params={"stage": "trial"},
    source_directory="steps",
)
pipeline = Pipeline(workspace=ws, steps=[train])  # the step before it belongs to it
assert [step.name for step in pipeline.steps] == ["prepare", "train"]
run = Experiment(ws, "means").submit(pipeline)
assert run.wait_for_completion(show_output=True) == "Finished"
assert [(step.name, step.get_status()) for step in run.get_steps()] == [
    ("prepare", "Completed"),
    ("train", "Completed"),
]
assert run.find_step_run("train")[0].get_metrics() == {"mean": 4}
assert run.get_metrics() == {"prepared": 3}
assert Model(ws, "mean").version == 1
run.find_step_run("prepare")[0].get_output_data("prepared").download("here")
assert Dataset.get_by_name(ws, "models").to_path() == ["/model.json"]
store.download("there", prefix="models")
assert '"stage": "trial"' in open("there/models/model.json").read()

again = pipeline.submit("means", pipeline_parameters={"factor": 10})
again.wait_for_completion()
assert again.find_step_run("train")[0].get_metrics() == {"mean": 20}

# Batch scoring of the files that a script has written.
with open("steps/split.py", "w") as f:
    f.write("""
import os, sys
for number in range(4):
    with open(os.path.join(sys.argv[1], f"{number}.txt"), "w") as f:
        f.write(str(number))
""")
with open("steps/double.py", "w") as f:
    f.write("def run(files):\n    return [int(open(file).read()) * 2 for file in files]\n")
parts = OutputFileDatasetConfig(name="parts")
doubled = PipelineData("doubled", datastore=store)
split = PythonScriptStep("split.py", arguments=[parts], source_directory="steps")
batch = ParallelRunStep(
    "double-numbers",
    ParallelRunConfig(
        environment=Environment("batch"),
        entry_script="double.py",
        source_directory="steps",
        mini_batch_size="2",
        error_threshold=0,
        output_action="append_row",
        compute_target=None,
        node_count=1,
        process_count_per_node=1,
    ),
    inputs=[parts.as_input("parts")],
    output=doubled,
)
run = Experiment(ws, "double").submit(Pipeline(ws, [batch]))
run.wait_for_completion()
place = run.find_step_run("double-numbers")[0].get_output_data("doubled").path
assert (place / "parallel_run_step.txt").read_text().split() == ["0", "2", "4", "6"]

# A published pipeline has its own copy of the scripts and may be run by another process.
published = pipeline.publish(name="means", description="a mean", version="1.0")
os.rename("steps", "moved")
script = f"""
import mlmagic.azureml
from azureml.core import Workspace
from azureml.pipeline.core import PublishedPipeline
ws = Workspace.get("steps")
(found,) = PublishedPipeline.list(ws)
assert (found.id, found.name, found.status) == ("{published.id}", "means", "Active")
run = found.submit(ws, "published", pipeline_parameters={{"factor": 5}})
run.wait_for_completion()
assert run.find_step_run("train")[0].get_metrics() == {{"mean": 10}}
"""
subprocess.run([sys.executable, "-c", script], check=True)
os.rename("moved", "steps")
endpoint = PipelineEndpoint.publish(ws, "means", pipeline=published, description="a mean")
endpoint.add_default(pipeline)
assert endpoint.get_default_version() == "1"
assert PipelineEndpoint.get(ws, name="means").get_pipeline("0").id == published.id
run = endpoint.submit("published", pipeline_version="0")
run.wait_for_completion()
assert run.find_step_run("train")[0].get_metrics() == {"mean": 4}
published.disable()
assert [each.status for each in PublishedPipeline.list(ws, active_only=False)] == ["Disabled", "Active"]

# A step that fails ends the pipeline.
with open("steps/broken.py", "w") as f:
    f.write("raise ValueError('no such column')\n")
broken = PythonScriptStep("broken.py", source_directory="steps")
later = PythonScriptStep("prepare.py", name="later", source_directory="steps")
later.run_after(broken)
run = Experiment(ws, "means").submit(Pipeline(ws, [[later]]))
try:
    run.wait_for_completion()
except ActivityFailedException as error:
    assert "step 'broken.py' failed" in str(error) and "ValueError: no such column" in str(error), error
else:
    raise AssertionError("it should have failed")
assert [(step.name, step.get_status()) for step in run.get_steps()] == [("broken.py", "Failed")]

# A pipeline that is canceled starts no further step.
with open("steps/long.py", "w") as f:
    f.write("import time\nfrom azureml.core import Run\nRun.get_context().log('begun', 1)\ntime.sleep(600)\n")
long = PythonScriptStep("long.py", source_directory="steps")
next_step = PythonScriptStep("prepare.py", name="next", source_directory="steps")
next_step.run_after(long)
run = Experiment(ws, "means").submit(Pipeline(ws, [next_step]))
while not [step for step in run.get_steps() if step.get_metrics()]:
    assert run.get_status() == "Running"
run.cancel()
assert run.wait_for_completion() == "Canceled"
assert [(step.name, step.get_status()) for step in run.get_steps()] == [("long.py", "Canceled")]

broken.run_after(later)
for wrong, words in (
    (lambda: Pipeline(ws, [broken]), "broken.py -> later -> broken.py"),
    (lambda: published.submit(ws, "means"), "is disabled"),
    (lambda: PublishedPipeline.get(ws, "x"), "Published pipeline not found: 'x'"),
    (lambda: endpoint.get_pipeline("7"), "'7'"),
    (lambda: Pipeline(ws, []), "must contain a step"),
    (lambda: Pipeline(ws, ["train"]), "must be a PythonScriptStep or a ParallelRunStep"),
    (lambda: Pipeline(ws, [PythonScriptStep("x.py", source_directory="steps")]).submit("means"), "'x.py'"),
):
    try:
        wrong()
    except UserErrorException as error:
        assert words in str(error), error
    else:
        raise AssertionError(words)
