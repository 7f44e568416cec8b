# Batch scoring with ParallelRunStep, as the documents write it.
import os
import sys

import mlmagic.azureml
from azureml.core import Dataset, Experiment, Workspace
from azureml.core.compute import AmlCompute, ComputeTarget
from azureml.core.environment import Environment
from azureml.core.conda_dependencies import CondaDependencies
from azureml.core.model import Model
from azureml.data import OutputFileDatasetConfig
from azureml.exceptions import UserErrorException
from azureml.pipeline.core import Pipeline, PipelineData, PipelineParameter
from azureml.pipeline.steps import ParallelRunConfig, ParallelRunStep

ws = Workspace.create("batches")

compute_name = "cpu-cluster"
if compute_name in ws.compute_targets:
    compute_target = ws.compute_targets[compute_name]
else:
    provisioning_config = AmlCompute.provisioning_configuration(
        vm_size="STANDARD_D2_V2", min_nodes=0, max_nodes=4
    )
    compute_target = ComputeTarget.create(ws, compute_name, provisioning_config)
    compute_target.wait_for_completion(show_output=True, min_node_count=None, timeout_in_minutes=20)
assert isinstance(ComputeTarget(ws, compute_name), AmlCompute)

os.makedirs("images")
for number in range(25):
    with open(f"images/{number:02}.txt", "w") as f:
        f.write(str(number))
store = ws.get_default_datastore()
store.upload("images", target_path="mnist", show_progress=False)
mnist_ds = Dataset.File.from_files(path=store.path("mnist"), validate=False).register(ws, "mnist_sample_data")
model = Model.register(ws, model_path="model.onnx", model_name="mnist-prediction")

os.makedirs("batch")
with open("batch/digits.py", "w") as f:
    f.write("""
import argparse
import os
from azureml.core.model import Model
from azureml_user.parallel_run import EntryScript

def init():
    global weights, factor
    parser = argparse.ArgumentParser()
    parser.add_argument("--factor", type=int)
    args, _ = parser.parse_known_args()
    factor = args.factor
    weights = open(Model.get_model_path("mnist-prediction")).read()
    EntryScript().logger.info("model loaded: %s", weights)

def run(mini_batch):
    print(f"run method start: {__file__}, run({mini_batch})")
    found = []
    for path in mini_batch:
        number = int(open(path).read())
        if number != 13:
            found.append(f"{os.path.basename(path)}: {number * factor}")
    return found
""")

batch_env = Environment(name="batch_environment")
batch_env.python.conda_dependencies = CondaDependencies.create(pip_packages=["azureml-defaults"])

parallel_run_config = ParallelRunConfig(
    source_directory="batch",
    entry_script="digits.py",
    mini_batch_size=PipelineParameter(name="batch_size_param", default_value="5"),
    error_threshold=10,
    output_action="append_row",
    append_row_file_name="mnist_outputs.txt",
    environment=batch_env,
    compute_target=compute_target,
    process_count_per_node=PipelineParameter(name="process_count_param", default_value=2),
    node_count=2,
    run_invocation_timeout=60,
)
output_dir = PipelineData(name="inferences", datastore=store)
parallelrun_step = ParallelRunStep(
    name="predict-digits-mnist",
    parallel_run_config=parallel_run_config,
    inputs=[mnist_ds.as_named_input("mnist")],
    output=output_dir,
    arguments=["--factor", PipelineParameter(name="factor", default_value=2)],
    allow_reuse=False,
)
pipeline = Pipeline(workspace=ws, steps=[parallelrun_step])
experiment = Experiment(ws, "digit_identification")
pipeline_run = experiment.submit(pipeline)
assert pipeline_run.wait_for_completion(show_output=True) == "Finished"

batch_run = next(pipeline_run.get_children())
batch_output = batch_run.get_output_data("inferences")
batch_output.download(local_path="inference_results")
result_file = None
for root, dirs, files in os.walk("inference_results"):
    for file in files:
        if file.endswith("mnist_outputs.txt"):
            result_file = os.path.join(root, file)
import pandas as pd

df = pd.read_csv(result_file, delimiter=":", header=None)
df.columns = ["Filename", "Prediction"]
assert len(df) == 24
assert dict(zip(df.Filename, df.Prediction))["07.txt"] == 14
assert "model loaded: weights" in batch_run.get_details_with_logs()["logFiles"]["logs/user.txt"]

# Other data and other parameters, the same pipeline.
again = experiment.submit(pipeline, pipeline_parameters={"batch_size_param": "25", "factor": 3})
again.wait_for_completion()
step_run = again.find_step_run("predict-digits-mnist")[0]
step_run.get_output_data("inferences").download("again")
(line,) = [
    l for l in open(next(f"{r}/{n}" for r, _, names in os.walk("again") for n in names)) if l.startswith("07")
]
assert line == "07.txt: 21\n"

# Rows of a table; a mini-batch does not go beyond its file.
for name in ("a", "b"):
    pd.DataFrame({"x": range(3), "y": [10, 20, 30]}).to_csv(f"{name}.csv", index=False)
store.upload_files(["a.csv", "b.csv"], target_path="iris", show_progress=False)
iris = Dataset.Tabular.from_delimited_files(path=[(store, "iris/*.csv")])
with open("batch/rows.py", "w") as f:
    f.write("""
def run(mini_batch):
    assert len(mini_batch) == 3, mini_batch
    mini_batch["sum"] = mini_batch.x + mini_batch.y
    return mini_batch
""")
destination = OutputFileDatasetConfig(name="sums", destination=(store, "sums"))
config = ParallelRunConfig(
    environment=batch_env,
    entry_script="rows.py",
    source_directory="batch",
    mini_batch_size="1MB",
    error_threshold=-1,
    output_action="append_row",
    compute_target=compute_target,
    node_count=1,
)
step = ParallelRunStep(
    name="sum-rows", parallel_run_config=config, inputs=[iris.as_named_input("iris")], output=destination
)
run = experiment.submit(Pipeline(ws, [step]))
run.wait_for_completion()
store.download("here", prefix="sums")
sums = pd.read_csv("here/sums/parallel_run_step.txt", delimiter=" ", header=None)
assert sums.values.tolist() == [[0, 10, 10], [1, 20, 21], [2, 30, 32]] * 2

# Too many errors: the run fails, with the script's own words.
with open("batch/broken.py", "w") as f:
    f.write("def run(mini_batch):\n    raise ValueError(f'cannot read {len(mini_batch)} files')\n")
config = ParallelRunConfig(
    environment=batch_env,
    entry_script="broken.py",
    source_directory="batch",
    mini_batch_size="5",
    error_threshold=10,
    output_action="summary_only",
    compute_target=compute_target,
    node_count=1,
    run_max_try=1,
)
run = experiment.submit(
    Pipeline(ws, [ParallelRunStep("broken", config, inputs=[mnist_ds], output=PipelineData("none", store))])
)
try:
    run.wait_for_completion()
except Exception as error:
    assert "15 items have failed, more than error_threshold 10" in str(error), error
    assert "ValueError: cannot read 5 files" in str(error)
else:
    raise AssertionError("it should have failed")
assert run.get_status() == "Failed"

# All that cannot be is told together.
try:
    ParallelRunConfig(
        batch_env,
        "digits.py",
        -2,
        "print",
        compute_target,
        1,
        mini_batch_size="many",
        run_max_try=0,
        source_directory="batch",
        append_row_file_name="a/b",
        allowed_failed_percent=101,
    )
except UserErrorException as error:
    for words in (
        "error_threshold -2",
        "output_action 'print'",
        "mini_batch_size 'many'",
        "run_max_try 0",
        "append_row_file_name 'a/b'",
        "allowed_failed_percent 101",
    ):
        assert words in str(error), (words, str(error))
else:
    raise AssertionError("nothing of this can be")
