"""The target docker: services as containers of a Docker engine, here or elsewhere."""
