#!/usr/bin/env bash
# mlmagic beside its peers, from a bare Debian or Ubuntu machine with Python 3.11 or 3.12:
#   bash tests/benchmarks/peers.sh                        Ridge, all servers: under 12 minutes, once installed
#   bash tests/benchmarks/peers.sh --quick                the same in a few, to see that it works
#   bash tests/benchmarks/peers.sh --model mlp cnn        other models; --help lists the options
#   PEERS_SCIKIT_LEARN=1.9.1 bash tests/benchmarks/peers.sh      another version than the pinned one
# Environments are kept under ~/.cache/mlmagic-tests/peers, keyed by what they hold.
set -euo pipefail
cd "$(dirname "$0")/../.."

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

find_python() {
  local candidate
  for candidate in "${PYTHON:-}" python3.11 python3.12 python3; do
    [ -n "$candidate" ] || continue
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  echo "peers.sh: no Python 3.11 or newer; install one (apt-get install python3) or set PYTHON" >&2
  exit 1
}

system_packages() {
  local wanted=() package
  # bjoern is built here: it needs a compiler, Python's headers and libev.
  for package in wrk libev-dev gcc libc6-dev python3-dev python3-venv util-linux; do
    dpkg -s "$package" >/dev/null 2>&1 || wanted+=("$package")
  done
  [ "${#wanted[@]}" = 0 ] && return
  echo "peers.sh: installing ${wanted[*]}"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${wanted[@]}" >/dev/null
}

system_packages
python="$(find_python)"
unset VIRTUAL_ENV PYTHONHOME MLMAGIC_WORKSPACE
export PYTHONPATH="$PWD"
harness="$("$python" -m tests.benchmarks.peers.environments)"
exec "$harness/bin/python" -m tests.benchmarks.peers "$@"
