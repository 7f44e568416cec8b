"""A real Kubernetes cluster of two nodes for the tests; see `tests.support.kubernetes_cluster`."""
