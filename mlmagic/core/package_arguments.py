"""The arguments of a package: the options of `%package` and of ``mlmagic model package``, from one table."""

from __future__ import annotations

from mlmagic.core import advice
from mlmagic.core.arguments import ARGUMENTS, Argument
from mlmagic.core.option_rows import OptionRow
from mlmagic.core.package import PackageKind
from mlmagic.errors import Advice, UsageError

GROUP = "Package"


TABLE = (
    OptionRow(
        "kind",
        ("--kind",),
        f"{', '.join(list(PackageKind)[:-1])} or {list(PackageKind)[-1]}. "
        "Default: folder with --save, else image.",
        "KIND",
    ),
    OptionRow("generate_dockerfile", ("--generate-dockerfile",), "The same as --kind folder."),
    OptionRow(
        "image_name", ("-n", "--name", "--image-name", "--in"), "The image's name. Default: package.", "NAME"
    ),
    OptionRow(
        "image_label",
        ("--label", "--image-label", "--il"),
        "The image's label. Default: the start of the content's digest.",
        "LABEL",
    ),
    OptionRow(
        "folder", ("--save", "--output-path"), "Copy the package's files to this folder.", "DIR", ("-o",)
    ),
    OptionRow(
        "repository",
        ("--push",),
        "Push the image, for example to registry.example/team/name.",
        "REPOSITORY",
    ),
    OptionRow("test", ("--test",), "Start the package once, in a clean environment, before it is written."),
)
DEPLOYMENT: tuple[Argument, ...] = tuple(
    ARGUMENTS[name]
    for name in (
        "cpu_cores",
        "memory_gb",
        "num_replicas",
        "idle_timeout_seconds",
        "replica_max_concurrent_requests",
        "compile",
        "auth_enabled",
        "environment_variables",
    )
)
"""The deployment arguments that a package takes too: its manifests have them, and its image the variables."""


def chosen_kind(
    kind: str | None, *, generate_dockerfile: bool, folder: str | None, repository: str | None
) -> PackageKind:
    """The kind of package that a line asks for. Raises `UsageError` for options that exclude each other."""
    wanted = PackageKind.parse(kind) if kind else None
    if generate_dockerfile and wanted is PackageKind.IMAGE:
        raise UsageError("kind image excludes a generated Dockerfile", hint="Leave one out.")
    if wanted is None:
        wanted = PackageKind.FOLDER if generate_dockerfile or folder else PackageKind.IMAGE
    if folder and wanted is PackageKind.IMAGE:
        raise UsageError(
            f"an image has no files to save in {folder!r}",
            hint=Advice(
                "Choose {kind} folder, or leave out {save} and write the image to a file with docker save.",
                kind=advice.argument("package_kind"),
                save=advice.argument("save"),
            ),
        )
    if repository and wanted is not PackageKind.IMAGE:
        raise UsageError(
            f"a package of kind {wanted} cannot be pushed to {repository!r}: only images are pushed",
            hint=Advice(
                "Choose {kind} image, and leave out {save}.",
                kind=advice.argument("package_kind"),
                save=advice.argument("save"),
            ),
        )
    return wanted
