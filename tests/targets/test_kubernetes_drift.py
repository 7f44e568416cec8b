"""Fields that somebody else has changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from mlmagic.targets.kubernetes.drift import words_of


def by(manager: str, *, subresource: str = "", **fields: Any) -> Mapping[str, Any]:
    return {
        "manager": manager,
        "subresource": subresource,
        "fieldsV1": {f"f:{k}": v for k, v in fields.items()},
    }


def server(**fields: Any) -> Mapping[str, Any]:
    container = {".": {}, "f:name": {}, **fields}
    return {"f:template": {"f:spec": {"f:containers": {'k:{"name":"server"}': container}}}}


IMAGE = {"f:template": {"f:spec": {"f:containers": {'k:{"name":"server"}': {"f:image": {}}}}}}
PORT = {"f:ports": {'k:{"containerPort":5001,"protocol":"TCP"}': {"f:name": {}}}}
RESTARTED = {"f:template": {"f:metadata": {"f:annotations": {"f:kubectl.kubernetes.io/restartedAt": {}}}}}


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([], ""),
        ([by("mlmagic", spec=IMAGE), by("kube-controller-manager", spec={"f:replicas": {}}, status={})], ""),
        ([by("kubectl-rollout", spec=RESTARTED)], ""),
        ([by("autoscaler", subresource="scale", spec={"f:replicas": {}})], ""),
        ([by("kubectl-label", metadata={"f:labels": {"f:team": {}}})], ""),
        (
            [by("mlmagic", spec=IMAGE), by("kubectl-set", spec=IMAGE)],
            "kubectl-set changed spec.template.spec.containers[server].image",
        ),
        (
            [by("kubectl-edit", spec={"f:replicas": {}, **server(**PORT)})],
            "kubectl-edit changed spec.replicas, spec.template.spec.containers[server].name and 1 more field",
        ),
        (
            [by("helm", spec={"f:paused": {}}), by("k9s", spec={"f:strategy": {"f:type": {}}})],
            "helm changed spec.paused and k9s changed spec.strategy.type",
        ),
    ],
)
def test_who_changed_what(entries: list[Any], words: str) -> None:
    assert words_of({"metadata": {"managedFields": entries}}) == words


def test_an_object_without_managed_fields_was_not_changed() -> None:
    assert words_of({"metadata": {}}) == ""
