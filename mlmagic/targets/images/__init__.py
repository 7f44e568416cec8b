"""What an image of a service is built from: a Dockerfile, files, and access to the package index."""
