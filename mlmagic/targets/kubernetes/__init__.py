"""The target kubernetes: services as Deployments of a Kubernetes cluster."""
