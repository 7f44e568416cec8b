"""Images of services: what goes in, and how it is put together.

context      the files, with one digest for the same content
dockerfile   the recipe
ignoring     what .dockerignore leaves out
lock         requirements pinned to what is installed here
builder      a Docker engine's own build, told line by line
"""
