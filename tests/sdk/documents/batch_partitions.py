# The partitions of a batch job, as the notebooks on ParallelRunStep write them: per folder, and per column.
import os
import tempfile

import mlmagic.azureml
import pandas as pd
from azureml.core import Dataset, Environment, Experiment, Workspace
from azureml.core.compute import AmlCompute, ComputeTarget
from azureml.core.runconfig import CondaDependencies, DEFAULT_CPU_IMAGE
from azureml.pipeline.core import Pipeline, PipelineData
from azureml.pipeline.steps import ParallelRunConfig, ParallelRunStep

ws = Workspace.create("partitions")
datastore = ws.get_default_datastore()
compute_target = ComputeTarget.create(
    ws, "cpu-cluster", AmlCompute.provisioning_configuration(vm_size="STANDARD_D2_V2", max_nodes=2)
)
os.makedirs("Code")
batch_env = Environment(name="batch_environment")
batch_env.python.conda_dependencies = CondaDependencies.create(pip_packages=["azureml-core"])
batch_env.docker.base_image = DEFAULT_CPU_IMAGE


def run_step(name, script, dataset, output_file, **more):
    output_dir = PipelineData(name="inferences", datastore=datastore)
    config = ParallelRunConfig(
        source_directory="Code",
        entry_script=script,
        error_threshold=5,
        output_action="append_row",
        append_row_file_name=output_file,
        environment=batch_env,
        compute_target=compute_target,
        node_count=2,
        run_invocation_timeout=600,
        **more,
    )
    step = ParallelRunStep(
        name=name, inputs=[dataset], output=output_dir, parallel_run_config=config, allow_reuse=False
    )
    pipeline_run = Experiment(ws, name).submit(Pipeline(workspace=ws, steps=[step]))
    pipeline_run.wait_for_completion(show_output=True)
    batch_output = pipeline_run.find_step_run(step.name)[0].get_output_data(output_dir.name)
    target_dir = tempfile.mkdtemp()
    batch_output.download(local_path=target_dir)
    return os.path.join(target_dir, batch_output.path_on_datastore, config.append_row_file_name)


# Per folder.
for place, size in (("user1/winter/disco", 3), ("user1/fall/disco", 5), ("user2/summer/piano", 7)):
    os.makedirs(os.path.dirname(f"files/{place}"), exist_ok=True)
    with open(f"files/{place}.wav", "w") as f:
        f.write("x" * size)
datastore.upload("files", "dataset_partition_test", overwrite=True, show_progress=False)
partitioned_file_dataset = Dataset.File.from_files(
    path=(datastore, "dataset_partition_test/*/*/*.wav"),
    partition_format="dataset_partition_test/{user}/{season}/{genres}.wav",
    validate=False,
)
assert partitioned_file_dataset.partition_keys == ["user", "season", "genres"]
with open("Code/total_file_size.py", "w") as f:
    f.write("""
import os

def init():
    print("Init")

def run(mini_batch, mini_batch_context):
    keys = mini_batch_context.partition_key_value
    assert mini_batch_context.dataset is not None
    sizes = [os.path.getsize(path) for path in mini_batch]
    return [
        ",".join(str(each) for each in (os.path.basename(path), size, keys["user"], keys["genres"], sum(sizes)))
        for path, size in zip(mini_batch, sizes)
    ]
""")
result_file = run_step(
    "summarize-file-size",
    "total_file_size.py",
    partitioned_file_dataset.as_named_input("partitioned_file_input"),
    "file_size_outputs.txt",
    partition_keys=["user", "genres"],
)
df = pd.read_csv(result_file, delimiter=",", header=None)
df.columns = ["File Name", "File Size", "user", "genres", "Total"]
assert df[df.user == "user1"]["Total"].tolist() == [8, 8]
assert df[df.user == "user2"]["Total"].tolist() == [7]

# Per column.
pd.DataFrame(
    {
        "WeekStarting": ["1990-06-14", "1990-06-14", "1990-06-21", "1990-06-21"],
        "Store": [2, 2, 2, 5],
        "Brand": ["dominicks", "tropicana", "dominicks", "dominicks"],
        "INCOME": [10.5, 10.0, 9.5, 11.0],
    }
).to_csv("oj.csv", index=False)
datastore.upload_files(["oj.csv"], ".", "oj_sales_data", overwrite=True, show_progress=False)
dataset = Dataset.Tabular.from_delimited_files(path=(datastore, "oj_sales_data/*.csv"))
partitioned_dataset = dataset.partition_by(
    partition_keys=["Store", "Brand"], target=(datastore, "partition_by_key_res"), name="partitioned_oj_data"
)
assert partitioned_dataset.partition_keys == ["Store", "Brand"]
with open("Code/total_income.py", "w") as f:
    f.write("""
def init():
    print("Init")

def run(mini_batch):
    mini_batch["total_income"] = mini_batch["INCOME"].sum()
    return mini_batch
""")
result_file = run_step(
    "summarize-revenue",
    "total_income.py",
    partitioned_dataset.as_named_input("partitioned_tabular_input"),
    "revenue_outputs.txt",
    partition_keys=["Store", "Brand"],
)
df = pd.read_csv(result_file, delimiter=" ", header=None)
df.columns = ["WeekStarting", "INCOME", "Store", "Brand", "total_income"]
assert df[(df.Store == 2) & (df.Brand == "dominicks")]["total_income"].tolist() == [20.0, 20.0]
assert df[df.Store == 5]["total_income"].tolist() == [11.0]
assert len(Dataset.get_by_name(ws, "partitioned_oj_data").to_pandas_dataframe()) == 4
