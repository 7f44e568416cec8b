"""Monitoring with Prometheus and Grafana: service discovery, metrics of the workspace, a dashboard."""
