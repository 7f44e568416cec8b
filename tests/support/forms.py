"""Forms that tests deploy in each way: usual ones, and ones with values that need care."""

from __future__ import annotations

from mlmagic.widgets.form.values import FormValues, Script, ScriptKind

CAPTURED = Script(ScriptKind.CAPTURED, "wine")
AWKWARD = 'it\'s "so" {x} ${y} $who [1] \\n %deploy # = --port 1 ?\nend'
FORMS = {
    "plain": FormValues("wine-svc", ("wine:1",), CAPTURED),
    "no code": FormValues("wine-svc", ("onnx:1",)),
    "no code, in an environment": FormValues("wine-svc", ("onnx:1",), environment="mlmagic-onnx:1"),
    "file": FormValues(
        "wine-svc",
        (),
        Script(ScriptKind.FILE, "score_it.py", "my $rc {x}"),
        settings={"cpu_cores": 1.5, "memory_gb": 2.0, "batch": True, "live": True},
    ),
    "file alone": FormValues("wine-svc", ("wine:1", "onnx:1"), Script(ScriptKind.FILE, "score.py")),
    "environment": FormValues(
        "wine-svc", ("wine:1",), CAPTURED, "mine:1", nearest=True, settings={"auth_enabled": True}
    ),
    "awkward": FormValues(
        "wine-svc",
        ("wine:1", "wine:2"),
        CAPTURED,
        settings={
            "description": AWKWARD,
            "tags": {"plain": "text", "a b": AWKWARD, "empty": ""},
            "properties": {"é": "ünï\u2028x"},
            "environment_variables": {"MODE": "fast", "QUOTES": "'\"", "BRACES": "{}", "DOLLAR": "$HOME"},
            "cors_origins": "https://a.example, https://b.example",
            "token_auth_enabled": True,
        },
    ),
    "one awkward": FormValues(
        "wine-svc", ("wine:1",), CAPTURED, settings={"description": "-x", "tags": {"a": "b=c"}}
    ),
    "timeouts": FormValues(
        "wine-svc",
        ("wine:1",),
        CAPTURED,
        settings={
            "port": 50123,
            "scoring_timeout_ms": 1000,
            "max_request_wait_time": 20,
            "replica_max_concurrent_requests": 1,
            "recorded_requests": 100,
        },
        overwrite=True,
    ),
    "container": FormValues(
        "wine-svc",
        ("wine:1",),
        CAPTURED,
        target="docker",
        settings={
            "cpu_cores": 0.5,
            "port": 50124,
            "ssl_cert_pem_file": "/tls/my cert.pem",
            "ssl_key_pem_file": "/tls/key.pem",
            "ssl_cname": "wine.example",
            "collect_model_data": True,
        },
    ),
    "a target of somebody else's": FormValues(
        "wine-svc", ("wine:1",), CAPTURED, target="mine", settings={"memory_gb": 1.0}
    ),
    "elsewhere's settings": FormValues(
        "wine-svc", ("wine:1",), CAPTURED, settings={"ssl_cname": "h", "num_replicas": 2}
    ),
}
ON_A_CLUSTER = FormValues(
    "wine-svc",
    ("wine:1",),
    CAPTURED,
    target="kubernetes",
    settings={
        "auth_enabled": False,
        "autoscale_enabled": True,
        "autoscale_min_replicas": 2,
        "autoscale_max_replicas": 5,
        "autoscale_target_utilization": 60,
        "collect_model_data": True,
    },
)
