"""Deployment configurations and compute targets; what cannot be is told."""

import json
import os

os.environ["DOCKER_HOST"] = "unix:///nowhere/docker.sock"
import mlmagic.azureml
from azureml.core import Workspace

ws = Workspace.create("documents", exist_ok=True)

from azureml.core.compute import AksCompute, ComputeTarget
from azureml.core.model import InferenceConfig, Model
from azureml.core.webservice import AciWebservice, AksEndpoint, AksWebservice, LocalWebservice
from azureml.exceptions import ComputeTargetException, UserErrorException, WebserviceException

aci = AciWebservice.deploy_configuration(cpu_cores=1, memory_gb=1, tags={"a": "b"}, description="d")
assert (aci.cpu_cores, aci.auth_enabled, aci.effective["memory_gb"]) == (1, None, 1)
aks = AksWebservice.deploy_configuration(
    cpu_cores=1, memory_gb=1, autoscale_enabled=True, autoscale_max_replicas=3
)
AksEndpoint.deploy_configuration(cpu_cores=0.1, memory_gb=0.2, version_name="a", traffic_percentile=20)
try:
    AksWebservice.deploy_configuration(cpu_cores=0, memory_gb=-1, num_replicas=0)
except WebserviceException as error:
    assert all(name in error.message for name in ("cpu_cores", "memory_gb", "num_replicas")), error.message
else:
    raise AssertionError("three values cannot be")

try:
    target = ComputeTarget(workspace=ws, name="myaks")
except ComputeTargetException:
    pass
try:
    ComputeTarget.attach(ws, "myaks", AksCompute.attach_configuration("group", "cluster"))
except ComputeTargetException as error:
    assert "aks cannot run here" in str(error) and '%config MLMagic.compute = {"aks": "local"}' in str(
        error
    ), error
else:
    raise AssertionError("a cluster that cannot be reached is not attached")
os.environ["MLMAGIC_COMPUTE"] = "aks=local"
target = ComputeTarget.attach(ws, "myaks", AksCompute.attach_configuration("group", "cluster"))
target.wait_for_completion(show_output=True)
del os.environ["MLMAGIC_COMPUTE"]
assert target.provisioning_state == "Failed" and "cannot run here" in str(target.provisioning_errors)
assert list(ws.compute_targets) == ["myaks"] and type(target) is AksCompute
try:
    AksCompute.provisioning_configuration(agent_count=2, vm_size="Standard_D3_v2")
except ComputeTargetException as error:
    assert "times the 4 vCPUs of Standard_D3_v2 must be at least 12" in str(error), error
else:
    raise AssertionError("8 cores are no cluster for production")
AksCompute.provisioning_configuration(agent_count=1, cluster_purpose=AksCompute.ClusterPurpose.DEV_TEST)

script = InferenceConfig("score.py", source_directory="source_dir")
for config, place in ((aci, None), (aks, target), (None, target)):
    try:
        Model.deploy(ws, "faraway", [], script, config, place)
    except WebserviceException as error:
        assert any(words in str(error) for words in ("no Kubernetes cluster", "no Docker engine")), error
        assert "local" in str(error), error
    else:
        raise AssertionError("there is no such target yet")
try:
    Model.deploy(ws, "nothing", [])
except UserErrorException as error:
    assert "no inference_config" in str(error)
