"""The model registry."""

import json
import mlmagic.azureml
from azureml.core import Workspace

ws = Workspace.create("documents", exist_ok=True)

from azureml.core.model import Model
from azureml.core.resource_configuration import ResourceConfiguration
from azureml.exceptions import ModelNotFoundException, WebserviceException

one = Model.register(
    ws,
    "model.onnx",
    "net",
    tags={"area": "qa", "n": 3},
    properties={"p": "1"},
    description="d",
    model_framework=Model.Framework.ONNX,
    model_framework_version="1.3",
    resource_configuration=ResourceConfiguration(cpu=1, memory_in_gb=0.5),
)
two = Model.register(ws, model_path="source_dir", model_name="net", child_paths=["score.py"])
assert (one.id, two.id, two.files) == ("net:1", "net:2", ["source_dir/score.py"])
assert one.tags == {"area": "qa", "n": "3"}
assert Model(ws, "net").version == 2 and Model(ws, id="net:1").version == 1
assert Model(ws, "net", tags=[["area", "qa"]]).version == 1
assert [m.id for m in Model.list(ws, tags=["area"])] == ["net:1"]
assert [m.id for m in Model.list(ws, latest=True)] == ["net:2"]
one.add_tags({"area": "x"})
one.remove_tags("n")
one.add_properties({"q": "2"})
assert (one.tags, one.properties) == ({"area": "x"}, {"p": "1", "q": "2"})
try:
    one.add_properties({"q": "3"})
except WebserviceException as error:
    assert "q" in error.message
else:
    raise AssertionError("properties never change")
one.update(tags={"z": "1"}, description="new")
assert (one.tags, one.description) == ({"z": "1"}, "new")
path = one.download(target_dir="here")
assert open(path, "rb").read() == b"weights"
told = one.serialize()
assert (told["framework"], told["frameworkVersion"], told["resourceConfiguration"]["cpu"]) == (
    "Onnx",
    "1.3",
    1,
)
assert Model.deserialize(ws, told).id == "net:1"
assert open(Model.get_model_path("net", 1, ws), "rb").read() == b"weights"
for wrong in (lambda: Model(ws, "nope"), lambda: Model(ws, "net", version=9), lambda: Model(ws)):
    try:
        wrong()
    except WebserviceException as error:
        print(error.message)
        assert "ModelNotFound" in error.message or "neither is given" in error.message
    else:
        raise AssertionError("not found")
try:
    Model.get_model_path("nope")
except ModelNotFoundException as error:
    assert "nope" in str(error)
else:
    raise AssertionError("not found")
