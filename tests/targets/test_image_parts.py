"""What an image is made of: its Dockerfile, its files, the way to the package index."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from mlmagic.targets.images import dockerfile
from mlmagic.targets.images.build_plan import build_plan, with_indexes
from mlmagic.targets.images.context import Context
from mlmagic.targets.images.dockerfile import Recipe, Start
from mlmagic.targets.images.package_index import access_files, no_access, variables
from tests.support.specs import spec


class TestDockerfile:
    def test_what_changes_last_comes_last(self) -> None:
        text = dockerfile.whole(
            Recipe("python:3.11-slim", has_models=True), Start(["--entry-script", "s.py"])
        )
        order = ["/opt/uv", "requirements.txt", "server/", "--from=mlmagic-builder", "HEALTHCHECK"]
        order += ["USER 10001", "azureml-models/", "azureml-app/ ", "\nCMD ["]
        places = [text.index(word) for word in order]
        assert places == sorted(places)
        assert text.count("FROM python:3.11-slim") == 2

    def test_all_foundations_of_a_base_share_the_bytecode_of_its_standard_library(self) -> None:
        one, other = (
            dockerfile.foundation(Recipe("python:3.11-slim", extra_steps=steps)).partition(
                "FROM python:3.11-slim AS mlmagic-foundation\n"
            )[2]
            for steps in (None, "RUN apt-get update")
        )
        shared = one.partition("COPY")[0]
        assert "compileall" in shared
        assert other.startswith(shared)

    def test_what_brings_its_packages_is_left_as_it_is(self) -> None:
        text = dockerfile.foundation(
            Recipe("theirs:1", own_packages=True, interpreter="/opt/conda/bin/python")
        )
        assert "--system-site-packages" in text
        assert "requirements.txt" not in text
        assert "/opt/conda/bin/python -m venv" in text

    @pytest.mark.parametrize(
        ("theirs", "stage"),
        [
            ("FROM a\nRUN x", "mlmagic-base"),
            ("FROM a AS one\nFROM b\nRUN y\n", "mlmagic-base"),
            ("FROM --platform=linux/amd64 a as two\n", "two"),
            ("RUN only", "mlmagic-base"),
        ],
    )
    def test_the_users_dockerfile_is_the_base(self, theirs: str, stage: str) -> None:
        text = dockerfile.foundation(Recipe("base:1", base_dockerfile=theirs))
        assert f"FROM {stage} AS mlmagic-builder" in text
        assert f"FROM {stage} AS mlmagic-foundation" in text

    def test_the_folder_is_there_under_its_own_name(self) -> None:
        text = dockerfile.service(Start([], source_name="my source"), upon="x")
        link = "RUN ln -s . '/var/azureml-app/my source'"
        assert f"COPY azureml-app/ /var/azureml-app/\nUSER root\n{link}\nUSER 10001:10001\n" in text
        assert "ln -s" not in dockerfile.service(Start([]), upon="x")

    def test_values_are_taken_as_they_are(self) -> None:
        start = Start([], {"A": 'say "$HOME" \\ twice'}, {"l": "v"})
        text = dockerfile.service(start, upon="x")
        assert 'ENV A="say \\"\\$HOME\\" \\\\ twice"' in text


class TestContext:
    def test_the_same_content_is_the_same_archive_and_digest(self, tmp_path: Path) -> None:
        one, other = tmp_path / "one", tmp_path / "other"
        for file, changed in ((one, 1), (other, 2_000_000_000)):
            file.write_bytes(b"content")
            os.utime(file, (changed, changed))
        archives = []
        for file in (one, other):
            made = io.BytesIO()
            Context({"a/file": file, "b": b"x"}).archive(made)
            archives.append(made.getvalue())
        assert archives[0] == archives[1]
        digests = {Context({"f": content}).digest() for content in (one, other, b"content")}
        assert len(digests) == 1
        assert Context({"g": one}).digest() not in digests

    def test_anybody_may_read_what_only_its_owner_could(self, tmp_path: Path) -> None:
        secret = tmp_path / "model.bin"
        secret.write_bytes(b"x")
        secret.chmod(0o400)
        made = io.BytesIO()
        Context({"m/model.bin": secret}).archive(made)
        made.seek(0)
        with tarfile.open(fileobj=made) as tar:
            assert {(entry.name, entry.mode) for entry in tar} == {("m", 0o755), ("m/model.bin", 0o644)}

    def test_a_folder_is_written_with_one_time(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")
        Context({"a/b": b"x"}).write(tmp_path)
        assert (tmp_path / "a/b").stat().st_mtime == 1_000_000_000


class TestIndex:
    def test_a_companys_index_and_certificates_are_given_along(self, tmp_path: Path) -> None:
        bundle = tmp_path / "ca.pem"
        bundle.write_bytes(b"CERTIFICATE")
        config = tmp_path / "pip.conf"
        config.write_text(
            f"[global]\nindex-url = https://pypi.example/simple\nfind-links = /wheels\ncert = {bundle}\n"
        )
        environment = {"HOME": str(tmp_path), "PIP_CONFIG_FILE": str(config), "PIP_TIMEOUT": "90"}
        files = access_files(environment, system=[str(tmp_path / "wins-not.pem")])
        assert files["access/certificates.pem"] == b"CERTIFICATE"
        said = files["access/index.env"].decode()
        assert "PIP_INDEX_URL=https://pypi.example/simple\n" in said
        assert "UV_DEFAULT_INDEX=https://pypi.example/simple\n" in said
        assert "UV_HTTP_TIMEOUT=90\n" in said
        assert "SSL_CERT_FILE=/access/certificates.pem\n" in said
        assert "wheels" not in said

    def test_files_of_this_machine_are_left_out(self, tmp_path: Path) -> None:
        environment = {"HOME": str(tmp_path), "PIP_CONFIG_FILE": os.devnull}
        environment["PIP_EXTRA_INDEX_URL"] = "file:///srv/wheels https://more.example/simple"
        said = access_files(environment, system=())["access/index.env"].decode()
        assert said == (
            "PIP_EXTRA_INDEX_URL=https://more.example/simple\nUV_INDEX=https://more.example/simple\n"
            "UV_INDEX_STRATEGY=unsafe-best-match\n"
        )

    def test_nothing_is_said_where_nothing_is(self, tmp_path: Path) -> None:
        environment = {"HOME": str(tmp_path), "PIP_CONFIG_FILE": os.devnull}
        assert access_files(environment, system=()) == no_access()
        said = no_access()["access/index.env"].decode()
        assert all(line.startswith("#") for line in said.splitlines())
        assert "# PIP_CERT=/access/certificates.pem\n# SSL_CERT_FILE=/access/certificates.pem\n" in said

    def test_the_systems_certificates_a_proxy_and_uvs_index_are_given_along(self, tmp_path: Path) -> None:
        system = tmp_path / "system.pem"
        system.write_bytes(b"SYSTEM")
        environment = {"HOME": str(tmp_path), "PIP_CONFIG_FILE": os.devnull}
        environment |= {"https_proxy": "http://proxy.example:3128", "HTTP_PROXY": "http://127.0.0.1:3128"}
        environment["UV_DEFAULT_INDEX"] = "https://uv.example/simple"
        files = access_files(environment, system=["/no/such.pem", str(system)])
        assert files["access/certificates.pem"] == b"SYSTEM"
        assert files["access/index.env"].decode().splitlines() == [
            "HTTPS_PROXY=http://proxy.example:3128",  # the other one is on this machine alone
            "UV_DEFAULT_INDEX=https://uv.example/simple",
            "PIP_CERT=/access/certificates.pem",
            "SSL_CERT_FILE=/access/certificates.pem",
        ]

    @pytest.mark.parametrize(
        ("given", "variables_of_uv"),
        [
            ({}, {"SSL_CERT_FILE": "SYSTEM"}),
            ({"PIP_CERT": "OWN"}, {"SSL_CERT_FILE": "OWN"}),
            ({"SSL_CERT_FILE": "OWN"}, {}),
            (
                {"PIP_INDEX_URL": "https://a.example", "UV_DEFAULT_INDEX": "https://b.example"},
                {"SSL_CERT_FILE": "SYSTEM"},
            ),
            (
                {"PIP_INDEX_URL": "https://a.example"},
                {"UV_DEFAULT_INDEX": "https://a.example", "SSL_CERT_FILE": "SYSTEM"},
            ),
        ],
    )
    def test_uv_on_this_machine_gets_what_pip_uses(
        self, tmp_path: Path, given: dict[str, str], variables_of_uv: dict[str, str]
    ) -> None:
        for name in ("SYSTEM", "OWN"):
            (tmp_path / name).touch()

        def placed(values: Mapping[str, str]) -> dict[str, str]:
            return {k: str(tmp_path / v) if v in ("SYSTEM", "OWN") else v for k, v in values.items()}

        environment = {"HOME": str(tmp_path), "PIP_CONFIG_FILE": os.devnull, **placed(given)}
        found = variables(environment, system=[str(tmp_path / "SYSTEM")])
        found = {name: value for name, value in found.items() if name.startswith(("UV_", "SSL_"))}
        assert found == placed(variables_of_uv)


class TestBlueprint:
    def test_the_way_to_the_index_and_the_script_are_no_part_of_the_foundation(self, tmp_path: Path) -> None:
        plan = build_plan(spec(tmp_path, requirements=("six==1.16.0",)), {})
        assert not [name for name in plan.foundation.files if name.startswith(("access/", "azureml-app/"))]
        assert plan.foundation.files["requirements.txt"] == b"six==1.16.0\n"
        assert set(plan.app.files) == {"azureml-app/score.py"}

    @pytest.mark.parametrize(("modules", "words"), [((), []), (("a", "b.c"), ["--preload", "a,b.c"])])
    def test_several_processes_share_the_modules(
        self, tmp_path: Path, modules: tuple[str, ...], words: list[str]
    ) -> None:
        arguments = build_plan(spec(tmp_path, modules=modules), {}).arguments()
        assert arguments == ["--entry-script", "score.py", "--source-directory", dockerfile.APP, *words]

    def test_dockerignore_is_honoured_but_never_for_the_script(self, tmp_path: Path) -> None:
        given = spec(tmp_path)
        (tmp_path / "app/.dockerignore").write_text("*.py\ndata\n")
        (tmp_path / "app/helper.py").touch()
        (tmp_path / "app/data").mkdir()
        (tmp_path / "app/data/a.csv").touch()
        (tmp_path / "app/kept.txt").touch()
        names = {name.removeprefix("azureml-app/") for name in build_plan(given, {}).app.files}
        assert names == {".dockerignore", "kept.txt", "score.py"}

    @pytest.mark.parametrize(
        ("environment", "settings", "base"),
        [
            (None, {"MLMAGIC_BASE_IMAGE": "mine:{python}"}, None),
            ({"python": {"condaDependencies": {"dependencies": ["python=3.12"]}}}, {}, "python:3.12-slim"),
            ({"docker": {"baseImage": "theirs:1"}}, {"MLMAGIC_BASE_IMAGE": "mine"}, "theirs:1"),
            (
                {"docker": {"baseImage": "theirs:1", "baseImageRegistry": {"address": "reg.example"}}},
                {},
                "reg.example/theirs:1",
            ),
        ],
    )
    def test_the_base_image(
        self,
        tmp_path: Path,
        environment: dict[str, object] | None,
        settings: dict[str, str],
        base: str | None,
    ) -> None:
        found = build_plan(spec(tmp_path, environment=environment), settings).recipe.base_image
        assert found == base or (base is None and found.startswith("mine:3."))

    def test_a_build_context_comes_along_with_its_dockerfile(self, tmp_path: Path) -> None:
        context = tmp_path / "context"
        context.mkdir()
        (context / "Dockerfile").write_text("FROM a\nCOPY tools /tools\n")
        (context / "tools").write_text("x")
        environment = {"docker": {"buildContext": {"location": str(context)}}}
        plan = build_plan(spec(tmp_path / "run", environment=environment), {})
        assert plan.foundation.files["tools"] == context / "tools"
        assert plan.recipe.base_dockerfile == "FROM a\nCOPY tools /tools\n"
        (context / "server").mkdir()
        (context / "server/x").touch()
        with pytest.raises(Exception, match="contains server, which the build adds itself"):
            build_plan(spec(tmp_path / "run", environment=environment), {})

    def test_pytorchs_own_builds_come_from_its_index(self) -> None:
        lines = with_indexes(["torch==2.5.1+cpu", "torchvision==0.20+cpu", "numpy==2"])
        assert lines[0] == "--extra-index-url https://download.pytorch.org/whl/cpu"
        assert len(lines) == 4
