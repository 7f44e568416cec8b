"""A cluster, a service with autoscaling, and an endpoint with two versions, from the creation to the deletion."""

import mlmagic.azureml
from azureml.core import Model, Workspace
from azureml.core.compute import AksCompute, ComputeTarget
from azureml.core.compute_target import ComputeTargetException
from azureml.core.model import InferenceConfig
from azureml.core.webservice import AksEndpoint, AksWebservice, Webservice

ws = Workspace.create("documents", exist_ok=True)
model = Model.register(ws, model_path="model.onnx", model_name="ranking", tags={"area": "search"})

aks_name = "myaks"
try:
    aks_target = ComputeTarget(workspace=ws, name=aks_name)
except ComputeTargetException:
    attach_config = AksCompute.attach_configuration(resource_group="group", cluster_name="cluster")
    aks_target = ComputeTarget.attach(ws, aks_name, attach_config)
    aks_target.wait_for_completion(show_output=True)
print(aks_target.provisioning_state, aks_target.provisioning_errors)

inference_config = InferenceConfig(entry_script="score.py", source_directory="source_dir")

# One service, scaled with its load.
aks_config = AksWebservice.deploy_configuration(
    autoscale_enabled=True,
    autoscale_target_utilization=30,
    autoscale_min_replicas=1,
    autoscale_max_replicas=4,
    auth_enabled=True,
)
aks_service = Model.deploy(
    workspace=ws,
    name="ranking-svc",
    models=[model],
    inference_config=inference_config,
    deployment_config=aks_config,
    deployment_target=aks_target,
)
aks_service.wait_for_deployment(show_output=True)
assert aks_service.state == "Healthy", aks_service.get_logs()
assert aks_service.run('{"data": [1, 1]}') == 1 + 1
primary, secondary = aks_service.get_keys()
aks_service.update(tags={"stage": "production"}, autoscale_enabled=False, num_replicas=2)
aks_service.wait_for_deployment(show_output=True)
assert aks_service.num_replicas == 2 and aks_service.autoscaler.autoscale_enabled is False

# An endpoint: the first version gets everything, whatever its percentage.
endpoint_deployment_config = AksEndpoint.deploy_configuration(
    cpu_cores=0.1,
    memory_gb=0.2,
    enable_app_insights=False,
    tags={"sectionTag": "A"},
    description="ranking",
    version_name="versiona",
    traffic_percentile=20,
)
endpoint = Model.deploy(ws, "ranking-end", [model], inference_config, endpoint_deployment_config, aks_target)
endpoint.wait_for_deployment(True)
assert endpoint.state == "Healthy" and endpoint.compute_type == "AKSENDPOINT"
assert endpoint.versions["versiona"].is_default and endpoint.versions["versiona"].traffic_percentile == 20
assert endpoint.run('{"data": [2, 1]}') == 2 + 1

# A second version, and then more traffic for it.
endpoint.create_version(
    version_name="versionb",
    inference_config=inference_config,
    models=[model],
    tags={"modelVersion": "b"},
    description="my second version",
    traffic_percentile=10,
)
endpoint.wait_for_deployment(True)
endpoint.update_version(
    version_name="versionb",
    description="my second version update",
    traffic_percentile=40,
    is_default=True,
    is_control_version_type=True,
)
endpoint.wait_for_deployment(True)
versions = endpoint.versions
assert [versions[each].is_default for each in ("versiona", "versionb")] == [False, True]
assert versions["versionb"].version_type == AksEndpoint.VersionType.control.value
assert versions["versiona"].version_type == AksEndpoint.VersionType.treatment.value
assert versions["versionb"].description == "my second version update"
assert endpoint.run('{"data": [3, 1]}') == 3 + 1
first, second = endpoint.get_keys()
endpoint.regen_key("Primary")
assert endpoint.get_keys()[0] != first and endpoint.run('{"data": [4, 1]}') == 4 + 1

assert {each.name for each in Webservice.list(ws)} == {"ranking-svc", "ranking-end"}
assert [each.name for each in Webservice.list(ws, compute_type="AKSENDPOINT")] == ["ranking-end"]
serialized = endpoint.versions["versionb"].serialize()
assert serialized["trafficPercentile"] == 40 and serialized["versionType"] == "Control"

endpoint.delete_version(version_name="versiona")
assert list(endpoint.versions) == ["versionb"]
endpoint.update(description="one version left", tags={"sectionTag": "B"})
endpoint.wait_for_deployment()
assert endpoint.description == "one version left" and endpoint.run('{"data": [5, 1]}') == 5 + 1

endpoint.delete()
aks_service.delete()
model.delete()
aks_target.detach()
assert ws.webservices == {} and ws.compute_targets == {}
