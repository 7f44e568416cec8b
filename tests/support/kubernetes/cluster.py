"""Kubernetes 1.20 with two nodes, each a kubelet with a Docker engine of its own: started and ended here."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.kubernetes import network
from tests.support.kubernetes.certificates import Authority, write_signing_key
from tests.support.kubernetes.network import ADDRESSES, FIRST_SERVICE, PODS, SERVICES
from tests.support.kubernetes.processes import Processes

PAUSE_IMAGE = "mlmagic-tests-pause:1"
_CONTROLLERS = ("cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "systemd")
_CGROUPS = Path("/sys/fs/cgroup")
_HOST = ADDRESSES[1]
# A machine without CAP_SYS_RESOURCE cannot set a negative oom_score_adj, which the kubelet gives to pause.
_RUNC = """#!/bin/bash
before=""
for word in "$@"; do
  if [ "$before" = --bundle ] && [ -f "$word/config.json" ]; then
    sed -i 's/"oomScoreAdj":-[0-9]*/"oomScoreAdj":0/' "$word/config.json"
  fi
  before="$word"
done
exec runc "$@"
"""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that runs."""

    folder: Path
    binaries: Path
    processes: Processes
    api_port: int

    @property
    def kubeconfig(self) -> Path:
        """The configuration of its administrator."""
        return self.folder / "admin.kubeconfig"

    @property
    def sockets(self) -> dict[int, str]:
        """The address of each node's Docker engine, as DOCKER_HOST has it."""
        return {number: f"unix://{self.folder}/docker{number}.sock" for number in ADDRESSES}

    def kubectl(self, *words: str, given: str | None = None, check: bool = True) -> str:
        """What kubectl prints; ``given`` is its standard input."""
        done = subprocess.run(
            [str(self.binaries / "kubectl"), "--kubeconfig", str(self.kubeconfig), *words],
            input=given,
            capture_output=True,
            text=True,
        )
        if check and done.returncode:
            raise RuntimeError(f"kubectl {' '.join(words)}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def get(self, *words: str) -> Any:
        """An object or a list of objects, as the API has it."""
        return json.loads(self.kubectl("get", *words, "-o", "json"))

    def docker(self, node: int, *words: str, given: bytes | None = None) -> str:
        """What the command line client of a node's Docker engine prints."""
        command = ["docker", "--host", self.sockets[node], *words]
        done = subprocess.run(command, input=given, capture_output=True, check=True)
        return done.stdout.decode()


@contextmanager
def running(binaries: Path) -> Iterator[Cluster]:
    """A cluster with two nodes that are ready; its processes and files are removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="mlmagic-k8s-"))  # the path of a socket has to be short
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        stack.callback(_unmount, folder)
        stack.callback(_remove_cgroups)
        stack.enter_context(network.network())
        processes = Processes(folder / "log", str(binaries))
        ports = dict(zip(_PORTS, _free_ports(len(_PORTS)), strict=True))
        cluster = Cluster(folder, binaries, processes, ports["api"])
        stack.callback(_clean_proxy, cluster)
        stack.callback(processes.end)
        stack.callback(_remove_containers, cluster)
        _write_identities(cluster)
        _start(cluster, ports)
        yield cluster
        _stop_kubelets(cluster)


POD_LOGS = Path("/var/log/pods")
_PORTS = ("api", "etcd", "peers", "controllers", "scheduler", "proxy", "proxy health")
_PORTS += tuple(f"{what} {number}" for number in ADDRESSES for what in ("kubelet", "kubelet health"))


def _start(cluster: Cluster, ports: dict[str, int]) -> None:
    folder, binaries, processes = cluster.folder, cluster.binaries, cluster.processes
    for number, address in cluster.sockets.items():
        processes.start(f"dockerd{number}", _docker_command(folder, number, address))
    client, peers = (f"http://127.0.0.1:{ports[each]}" for each in ("etcd", "peers"))
    etcd = [str(binaries / "etcd"), "--data-dir", str(folder / "etcd"), "--unsafe-no-fsync"]
    etcd += ["--listen-client-urls", client, "--advertise-client-urls", client]
    etcd += ["--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers]
    processes.start("etcd", [*etcd, "--initial-cluster", f"default={peers}"])
    processes.start("kube-apiserver", _api_server(cluster, client))
    processes.wait_for(
        lambda: cluster.kubectl("get", "--raw", "/readyz", check=False) == "ok", "the API server"
    )
    processes.start("kube-controller-manager", _controllers(cluster, ports["controllers"]))
    scheduler = [*_component(cluster, "kube-scheduler"), "--leader-elect=false", "--port=0"]
    processes.start("kube-scheduler", [*scheduler, f"--secure-port={ports['scheduler']}"])
    for number in ADDRESSES:
        processes.wait_for(
            lambda number=number: _docker_answers(cluster, number), "the nodes' Docker engines"
        )
        _load_pause(cluster, number)
        _make_cgroups(number)
        processes.start(f"kubelet{number}", _kubelet(cluster, number, ports))
    proxy = [str(binaries / "kube-proxy"), f"--kubeconfig={folder}/proxy.kubeconfig"]
    proxy += ["--hostname-override=node1", f"--cluster-cidr={PODS}", "--proxy-mode=iptables"]
    proxy += ["--conntrack-max-per-core=0", f"--metrics-bind-address=127.0.0.1:{ports['proxy']}"]
    processes.start("kube-proxy", [*proxy, f"--healthz-bind-address=127.0.0.1:{ports['proxy health']}"])
    processes.wait_for(lambda: _ready_nodes(cluster) == len(ADDRESSES), "the nodes")
    processes.wait_for(
        lambda: cluster.kubectl("get", "serviceaccount", "default", check=False), "the service account"
    )


def _docker_command(folder: Path, number: int, address: str) -> list[str]:
    wrapper, settings = folder / "runc-wrapper", folder / "docker.json"
    if not wrapper.exists():
        wrapper.write_text(_RUNC)
        wrapper.chmod(0o755)
        settings.write_text("{}")
    command = ["dockerd", "--host", address, "--data-root", f"{folder}/docker{number}"]
    command += ["--exec-root", f"{folder}/exec{number}", "--pidfile", f"{folder}/docker{number}.pid"]
    command += ["--bridge", network.bridge_of(number), "--iptables=false", "--ip6tables=false"]
    command += ["--ip-masq=false", "--config-file", str(settings)]
    return [*command, "--add-runtime", f"tests={wrapper}", "--default-runtime", "tests"]


def _api_server(cluster: Cluster, etcd: str) -> list[str]:
    pki = cluster.folder
    settings = {
        "etcd-servers": etcd,
        "secure-port": cluster.api_port,
        "bind-address": "0.0.0.0",
        "advertise-address": _HOST,
        "service-cluster-ip-range": SERVICES,
        "tls-cert-file": f"{pki}/api.crt",
        "tls-private-key-file": f"{pki}/api.key",
        "client-ca-file": f"{pki}/ca.crt",
        "authorization-mode": "Node,RBAC",
        "enable-admission-plugins": "NodeRestriction",
        "service-account-issuer": "https://kubernetes.default.svc",
        "service-account-key-file": f"{pki}/tokens.key",
        "service-account-signing-key-file": f"{pki}/tokens.key",
        "kubelet-client-certificate": f"{pki}/kubelet-client.crt",
        "kubelet-client-key": f"{pki}/kubelet-client.key",
        "kubelet-certificate-authority": f"{pki}/ca.crt",
        "kubelet-preferred-address-types": "InternalIP",
        "requestheader-client-ca-file": f"{pki}/front.crt",
        "requestheader-allowed-names": "front-proxy-client",
        "requestheader-extra-headers-prefix": "X-Remote-Extra-",
        "requestheader-group-headers": "X-Remote-Group",
        "requestheader-username-headers": "X-Remote-User",
        "proxy-client-cert-file": f"{pki}/front-client.crt",
        "proxy-client-key-file": f"{pki}/front-client.key",
        "enable-aggregator-routing": "true",
    }
    program = str(cluster.binaries / "kube-apiserver")
    return [program, *(f"--{name}={value}" for name, value in settings.items())]


def _component(cluster: Cluster, name: str) -> list[str]:
    config = f"{cluster.folder}/{name}.kubeconfig"
    command = [str(cluster.binaries / name), f"--kubeconfig={config}"]
    return [*command, f"--authentication-kubeconfig={config}", f"--authorization-kubeconfig={config}"]


def _controllers(cluster: Cluster, port: int) -> list[str]:
    pki = cluster.folder
    return [
        *_component(cluster, "kube-controller-manager"),
        "--leader-elect=false",
        "--port=0",
        f"--secure-port={port}",
        f"--service-account-private-key-file={pki}/tokens.key",
        f"--root-ca-file={pki}/ca.crt",
        f"--cluster-signing-cert-file={pki}/ca.crt",
        f"--cluster-signing-key-file={pki}/ca.key",
        "--use-service-account-credentials=true",
        "--allocate-node-cidrs=true",
        f"--cluster-cidr={PODS}",
        f"--service-cluster-ip-range={SERVICES}",
        # The autoscaler decides often, so that the tests need not wait.
        "--horizontal-pod-autoscaler-sync-period=3s",
        "--horizontal-pod-autoscaler-downscale-stabilization=10s",
        "--horizontal-pod-autoscaler-initial-readiness-delay=1s",
        "--horizontal-pod-autoscaler-cpu-initialization-period=5s",
        "--node-monitor-period=2s",
        "--node-monitor-grace-period=16s",
    ]


def _kubelet(cluster: Cluster, number: int, ports: dict[str, int]) -> list[str]:
    folder = cluster.folder
    settings = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "port": ports[f"kubelet {number}"],
        "healthzPort": ports[f"kubelet health {number}"],
        "readOnlyPort": 0,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{folder}/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": f"{folder}/node{number}.crt",
        "tlsPrivateKeyFile": f"{folder}/node{number}.key",
        "cgroupDriver": "cgroupfs",
        "failSwapOn": False,
        "hairpinMode": "hairpin-veth",
        "resolvConf": "/etc/resolv.conf",
        "nodeStatusUpdateFrequency": "4s",
        "serializeImagePulls": False,
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
    }
    config = folder / f"kubelet{number}.json"
    config.write_text(json.dumps(settings))
    docker = cluster.sockets[number]
    root = folder / f"kubelet{number}"
    root.mkdir()
    # What the kubelet mounts below it is to be seen by the Docker engine, which is outside of its namespace.
    for options in (["--bind", str(root), str(root)], ["--make-shared", str(root)]):
        subprocess.run(["mount", *options], check=True)
    logs = folder / f"pod-logs{number}"
    logs.mkdir()
    return [
        *_with_own_pod_logs(logs),
        str(cluster.binaries / "kubelet"),
        f"--config={config}",
        f"--kubeconfig={folder}/node{number}.kubeconfig",
        f"--hostname-override=node{number}",
        f"--node-ip={ADDRESSES[number]}",
        f"--root-dir={root}",
        "--container-runtime=docker",
        f"--docker-endpoint={docker}",
        f"--docker={docker}",
        # Its default is one folder for all: then each kubelet clears away the sandboxes of the other.
        f"--experimental-dockershim-root-directory={root}/dockershim",
        f"--pod-infra-container-image={PAUSE_IMAGE}",
        f"--cert-dir={folder}",
        f"--cgroup-root=/{_cgroup(number)}",
    ]


def _with_own_pod_logs(logs: Path) -> list[str]:
    """What runs a kubelet with a /var/log/pods of its own.

    That path is fixed. In a folder for all, each kubelet deletes the logs of the other's pods once a minute.
    """
    POD_LOGS.mkdir(parents=True, exist_ok=True)
    own = f'mount --make-private / && mount --bind {logs} {POD_LOGS} && exec "$@"'
    return ["unshare", "--mount", "--propagation", "unchanged", "sh", "-c", own, "sh"]


def _write_identities(cluster: Cluster) -> None:
    """The certificates, and a kubeconfig for each user."""
    folder = cluster.folder
    authority, front = Authority(folder, "ca"), Authority(folder, "front")
    local = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost", "127.0.0.1")
    authority.sign("api", "kube-apiserver", hosts=(*local, FIRST_SERVICE, _HOST))
    authority.sign("kubelet-client", "kube-apiserver-kubelet-client", "system:masters")
    front.sign("front-client", "front-proxy-client")
    write_signing_key(folder / "tokens.key")
    users = {
        "admin": ("admin", "system:masters", ()),
        "kube-controller-manager": ("system:kube-controller-manager", "", ()),
        "kube-scheduler": ("system:kube-scheduler", "", ()),
        "proxy": ("system:kube-proxy", "", ()),
    }
    for number, address in ADDRESSES.items():
        users[f"node{number}"] = (f"system:node:node{number}", "system:nodes", (f"node{number}", address))
    for file, (user, group, hosts) in users.items():
        authority.sign(file, user, group, hosts)
        _write_kubeconfig(cluster, file)


def _write_kubeconfig(cluster: Cluster, file: str) -> None:
    folder, name = cluster.folder, "tests"
    server = {"server": f"https://127.0.0.1:{cluster.api_port}", "certificate-authority": f"{folder}/ca.crt"}
    user = {"client-certificate": f"{folder}/{file}.crt", "client-key": f"{folder}/{file}.key"}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": server}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }
    (folder / f"{file}.kubeconfig").write_text(json.dumps(config))


def _ready_nodes(cluster: Cluster) -> int:
    lines = cluster.kubectl("get", "nodes", "--no-headers", check=False).splitlines()
    return sum(line.split()[1] == "Ready" for line in lines)


def _docker_answers(cluster: Cluster, number: int) -> bool:
    command = ["docker", "--host", cluster.sockets[number], "version"]
    return subprocess.run(command, capture_output=True).returncode == 0


def _load_pause(cluster: Cluster, number: int) -> None:
    program = cluster.folder / "pause"
    if not program.exists():
        source = Path(__file__).with_name("pause.c")
        subprocess.run(["gcc", "-static", "-O2", "-o", str(program), str(source)], check=True)
    archive = subprocess.run(
        ["tar", "-C", str(cluster.folder), "-cf", "-", "pause"], capture_output=True, check=True
    ).stdout
    cluster.docker(number, "import", "--change", 'ENTRYPOINT ["/pause"]', "-", PAUSE_IMAGE, given=archive)


def _cgroup(number: int) -> str:
    return f"mlmagic-tests-node{number}"


def _make_cgroups(number: int) -> None:
    """The control groups (version 1) of a node's pods."""
    for controller in _CONTROLLERS:
        (_CGROUPS / controller / _cgroup(number)).mkdir(exist_ok=True)
    for file in ("cpuset.cpus", "cpuset.mems"):
        content = (_CGROUPS / "cpuset" / file).read_text()
        (_CGROUPS / "cpuset" / _cgroup(number) / file).write_text(content)


def _remove_cgroups() -> None:
    for controller in _CONTROLLERS:
        for number in ADDRESSES:
            top = _CGROUPS / controller / _cgroup(number)
            for folder in [*sorted((each for each in top.rglob("*") if each.is_dir()), reverse=True), top]:
                if folder.is_dir():
                    subprocess.run(["rmdir", str(folder)], capture_output=True)


def _stop_kubelets(cluster: Cluster) -> None:
    """First of all, as they would start again what is removed."""
    for number in ADDRESSES:
        cluster.processes.stop(f"kubelet{number}")


def _remove_containers(cluster: Cluster) -> None:
    _stop_kubelets(cluster)
    for number in ADDRESSES:
        if _docker_answers(cluster, number):
            found = cluster.docker(number, "ps", "--all", "--quiet").split()
            if found:
                cluster.docker(number, "rm", "--force", *found)


def _clean_proxy(cluster: Cluster) -> None:
    """Remove the proxy's rules of the firewall."""
    command = [str(cluster.binaries / "kube-proxy"), "--cleanup"]
    path = f"{cluster.binaries}:{network.SBIN}"
    subprocess.run(command, env={"PATH": path}, capture_output=True, timeout=60)


def _unmount(folder: Path) -> None:
    points = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for point in sorted((each for each in points if each.startswith(f"{folder}/")), reverse=True):
        subprocess.run(["umount", "--lazy", point], capture_output=True)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()
