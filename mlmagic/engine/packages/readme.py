"""The README of a package folder: how to build, run and call the service, without knowing mlmagic."""

from __future__ import annotations

from collections.abc import Sequence

FILE = "README.md"


def readme(
    name: str, label: str, base_image: str, models: Sequence[str], requirements: Sequence[str], more: str = ""
) -> str:
    """The README's text; ``more`` are further list items."""
    image = f"{name}:{label}"
    packages = "".join(f"* `{line}`\n" for line in requirements)
    held = ", ".join(f"`{model}`" for model in models) or "none"
    return f"""# {name}

A web service that scores a model: a Dockerfile, the entry script, its models and the server. Building it
needs Docker, the base image `{base_image}` and a Python package index.

    docker build -t {image} .
    docker run --rm --read-only --tmpfs /tmp -p 6789:5001 {image}

    curl -X POST http://localhost:6789/score -H 'Content-Type: application/json' -d '{{"data": [[1, 2, 3]]}}'

`GET /` is the health check, `GET /swagger.json` describes the input, `GET /docs` is a page to try requests.

* Models: {held}, below `azureml-models/`
* The script and its folder: `azureml-app/`
* To use a mirror of the package index, set it in `access/index.env`, which only the first build stage reads
* Behind a company's certificate authority (CA), put its certificates (PEM) into `access/certificates.pem`,
  and set `PIP_CERT` and `SSL_CERT_FILE` to `/access/certificates.pem` in `access/index.env`. A proxy is
  `HTTPS_PROXY` there
* To use another base image, with the same minor version of Python, change `FROM {base_image}`
* `sbom.cdx.json` is the software bill of materials (CycloneDX)
{more}
## Packages

{packages}"""
