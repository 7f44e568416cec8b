"""The README of a folder: how it is built, run and asked, for somebody who has never heard of us."""

from __future__ import annotations

from collections.abc import Sequence

FILE = "README.md"


def readme(
    name: str, label: str, base_image: str, models: Sequence[str], requirements: Sequence[str], more: str = ""
) -> str:
    """The text."""
    image = f"{name}:{label}"
    packages = "".join(f"* `{line}`\n" for line in requirements)
    held = ", ".join(f"`{model}`" for model in models) or "none"
    return f"""# {name}

A web service that scores a model: a Dockerfile, the entry script, its models and the server. Building it
needs Docker, the base image `{base_image}`, and a package index of Python's.

    docker build -t {image} .
    docker run --rm --read-only --tmpfs /tmp -p 6789:5001 {image}

    curl -X POST http://localhost:6789/score -H 'Content-Type: application/json' -d '{{"data": [[1, 2, 3]]}}'

`GET /` says whether it is healthy, `GET /swagger.json` what it takes, `GET /docs` is a page to try it on.

* Models: {held}, below `azureml-models/`
* The script and its folder: `azureml-app/`
* A mirror of the package index: say so in `access/index.env`, which only the first stage of the build sees
* Another base image: the lines `FROM {base_image}` of the Dockerfile, with the same minor version of Python
* `sbom.cdx.json` lists what is in it (CycloneDX)
{more}
## Packages

{packages}"""
