"""A real Kubernetes cluster of two nodes on this machine, for the tests; see `tests.support.kubernetes_cluster`."""
