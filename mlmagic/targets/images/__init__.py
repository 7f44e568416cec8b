"""What an image of a service is made of, whoever builds it: files, a Dockerfile, the way to the index."""
