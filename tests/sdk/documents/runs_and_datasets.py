"""Registering from a run; datasets by name."""

import json
import mlmagic.azureml
from azureml.core import Workspace

ws = Workspace.create("documents", exist_ok=True)

from azureml.core import Dataset, Datastore, Experiment, Run
from azureml.core.model import Model
import pandas

run = Experiment(ws, "train").start_logging()
run.log("alpha", 0.1)
run.upload_file("outputs/model.onnx", "model.onnx")
for name, score in (("a", 0.5), ("b", 0.9)):
    child = run.child_run(name)
    child.log("accuracy", score)
    child.complete()
run.complete()
assert run.get_metrics() == {"alpha": 0.1} and run.get_status() == "Completed"
assert run.get_best_child("accuracy").id == "b"
model = run.register_model("fromrun", model_path="outputs/model.onnx", tags={"a": "b"})
assert (model.run_id, model.experiment_name) == (run.id, "train")
assert [m.id for m in Model.list(ws, run_id=run.id)] == ["fromrun:1"]
Run.get_context().log("printed", 1)

store = ws.get_default_datastore()
pandas.DataFrame({"body": ['{"data": [1]}', '{"data": [2]}']}).to_csv("rows.csv", index=False)
store.upload_files(["rows.csv"], target_path="sample", overwrite=True)
rows = Dataset.Tabular.from_delimited_files(path=[(store, "sample/rows.csv")], separator=",")
kept = rows.register(ws, name="sample_request_data", create_new_version=True)
again = Dataset.get_by_name(ws, "sample_request_data")
assert (again.version, len(again.to_pandas_dataframe()), len(again.take(1).to_pandas_dataframe())) == (
    1,
    2,
    1,
)
files = Dataset.File.from_files((store, "sample"))
assert files.to_path() == ["/rows.csv"], files.to_path()
assert list(ws.datasets) == ["sample_request_data"]
