"""A training script that is submitted, watched, and registers its model from its run."""

import os

import mlmagic.azureml
from azureml.core import Dataset, Environment, Experiment, Run, ScriptRunConfig, Workspace
from azureml.core.conda_dependencies import CondaDependencies
from azureml.core.runconfig import DEFAULT_CPU_IMAGE, RunConfiguration
from azureml.exceptions import ActivityFailedException, UserErrorException

ws = Workspace.create("scripts")

os.makedirs("training")
with open("training/helper.py", "w") as f:
    f.write("def weights(rate):\n    return [rate, rate * 2]\n")
with open("training/train.py", "w") as f:
    f.write("""
import argparse
import json
import os
from azureml.core import Run
from azureml.core.run import _OfflineRun
from helper import weights

parser = argparse.ArgumentParser()
parser.add_argument("--data", type=str)
parser.add_argument("--rate", type=float)
args = parser.parse_args()

run = Run.get_context()
assert not isinstance(run, _OfflineRun)
rows = open(args.data).read().split()
assert run.input_datasets["rows"] == args.data
for epoch in range(3):
    run.log("loss", 1 / (epoch + 1))
run.log("rows", len(rows) - 1)
run.log_row("point", x=1, y=2)
run.tag("stage", os.environ["STAGE"])
table = run.experiment.workspace.datasets["rows"].to_pandas_dataframe()
run.log("sum", int(table.x.sum()))
print("training with", args.rate)
os.makedirs("outputs", exist_ok=True)
with open("outputs/model.json", "w") as f:
    json.dump(weights(args.rate), f)
""")
with open("rows.csv", "w") as f:
    f.write("x\n1\n2\n3\n")
store = ws.get_default_datastore()
store.upload_files(["rows.csv"], target_path="rows", show_progress=False)
rows = Dataset.Tabular.from_delimited_files(store.path("rows/rows.csv")).register(ws, "rows")

src = ScriptRunConfig(
    source_directory="training",
    script="train.py",
    arguments=["--data", rows.as_named_input("rows").as_mount(), "--rate", 0.5],
    compute_target="local",
)
src.run_config.environment_variables["STAGE"] = "trial"
run = Experiment(workspace=ws, name="train").submit(src, tags={"team": "a"})
details = run.wait_for_completion(show_output=True)
assert details["status"] == run.get_status() == "Completed", details
assert run.get_metrics() == {
    "loss": [1.0, 0.5, 1 / 3],
    "rows": 3,
    "point": {"x": 1, "y": 2},
    "sum": 6,
}, run.get_metrics()
assert run.get_tags() == {"team": "a", "stage": "trial"}
assert "training with 0.5" in run.get_details_with_logs()["logFiles"]["user_logs/std_log.txt"]
assert run.get_file_names() == ["outputs/model.json", "user_logs/std_log.txt"], run.get_file_names()
assert not os.path.exists("training/outputs")
model = run.register_model(model_name="trained", model_path="outputs/model.json")
assert (model.name, model.version, model.run_id) == ("trained", 1, run.id)
assert Run.get(ws, run.id).get_metrics("rows") == {"rows": 3}
assert [each.id for each in Experiment(ws, "train").get_runs()] == [run.id]

# A script that fails: its traceback is in the error and in the log.
with open("training/broken.py", "w") as f:
    f.write("print('begins')\nraise ValueError('no such column')\n")
run_config = RunConfiguration()
run_config.environment.docker.base_image = DEFAULT_CPU_IMAGE
run = Experiment(ws, "train").submit(ScriptRunConfig("training", "broken.py", run_config=run_config))
try:
    run.wait_for_completion()
except ActivityFailedException as error:
    assert "failed with exit code 1" in str(error) and "ValueError: no such column" in str(error), error
else:
    raise AssertionError("it should have failed")
assert run.get_status() == "Failed"
assert run.wait_for_completion(raise_on_error=False)["status"] == "Failed"

# A script in an environment of its own, which has no mlmagic.
with open("training/alone.py", "w") as f:
    f.write("""
import six
import azureml.train.automl
from azureml.core import Run, Workspace
run = Run.get_context()
run.log("six", six.__version__)
with open("outputs/model.txt", "w") as f:
    f.write("weights")
try:
    Workspace.from_config()
except Exception as error:
    run.tag("error", str(error))
""")
own = Environment("own")
own.python.conda_dependencies = CondaDependencies.create(pip_packages=["six==1.15.0"])
run = Experiment(ws, "train").submit(ScriptRunConfig("training", "alone.py", environment=own))
run.wait_for_completion(show_output=True)
assert run.get_metrics() == {"six": "1.15.0"}, run.get_metrics()
assert "has no workspace" in run.get_tags()["error"]
assert run.register_model("alone", "outputs/model.txt").version == 1

# A script that is canceled.
with open("training/long.py", "w") as f:
    f.write("import time\nfrom azureml.core import Run\nRun.get_context().log('begun', 1)\ntime.sleep(600)\n")
run = Experiment(ws, "train").submit(ScriptRunConfig("training", command=["python", "long.py"]))
while not run.get_metrics():
    assert run.get_status() in ("Preparing", "Running")
run.cancel()
assert run.wait_for_completion()["status"] == "Canceled"

for wrong, words in (
    (lambda: ScriptRunConfig("training"), "script None is missing"),
    (lambda: ScriptRunConfig("training", command="bash x"), "must be python SCRIPT.py"),
    (
        lambda: Experiment(ws, "train").submit(ScriptRunConfig("training", "trian.py")),
        "Did you mean 'train.py'",
    ),
):
    try:
        wrong()
    except UserErrorException as error:
        assert words in str(error), error
    else:
        raise AssertionError(words)
