"""`%package`: a service as an image, a folder or a file."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from IPython.core.magic import line_magic, magics_class
from IPython.display import display

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.deployments import with_arguments
from mlmagic.core.package import DEFAULT_NAME, check_image_label, check_image_name
from mlmagic.core.package_arguments import DEPLOYMENT, chosen_kind
from mlmagic.errors import UsageError
from mlmagic.magics.base import SessionMagics, parsed
from mlmagic.magics.deployment_options import given_arguments, nearest_option, package_options
from mlmagic.magics.environments import environment_of_line, environment_options
from mlmagic.magics.messages import show_message
from mlmagic.magics.model_arguments import model_references
from mlmagic.magics.options import Arguments, argument, out, thing
from mlmagic.magics.script_selection import chosen_script, script_options


@magics_class
class PackagingMagics(SessionMagics):
    """The packages' magics."""

    @line_magic
    @parsed
    @argument("model", nargs="*", type=thing, metavar="MODEL", help="NAME or NAME:VERSION; may be several.")
    @script_options
    @environment_options
    @nearest_option
    @package_options
    @out("the package", "Package")
    def package(self, args: Arguments) -> Any:
        """Package a script and its models: an image, a folder with a Dockerfile, or one file.

        Examples:
          %package diabetes --save build --test
          %package diabetes --kind image --name diabetes --push registry.example/team/diabetes
          %package diabetes --kind zip -e mine:2 --nearest
        """
        from mlmagic.sdk.package import ModelPackage
        from mlmagic.sdk.workspace import Workspace

        engine = self.session.engine
        references = model_references(args.model)
        kind = chosen_kind(
            args.kind,
            generate_dockerfile=args.generate_dockerfile,
            folder=args.folder,
            repository=args.repository,
        )
        name = check_image_name(args.image_name or DEFAULT_NAME)
        inference, message = chosen_script(self.session, name, references, args)
        if args.image_label is not None:
            check_image_label(args.image_label)
        given = given_arguments(args, DEPLOYMENT)
        named = environment_of_line(engine, args)
        if args.nearest is not None and not named:
            raise UsageError("--nearest and --exact need an environment", hint="Name one with -e NAME.")
        if named:
            inference = replace(inference or engine.scripts.no_code(references), **named)
        if message:
            show_message(message)
        progress = BuildProgress()
        made = engine.packages.create(
            references,
            inference,
            kind=kind,
            image_name=name,
            image_label=args.image_label,
            config=with_arguments(DeploymentConfig(nearest=args.nearest), given),
            test=args.test,
            report=progress.show,
            notify=show_message,
        )
        handle = ModelPackage.of(Workspace.over(engine), made)
        if args.folder:
            handle.save(args.folder)
        if args.repository:
            handle.push(args.repository)
        return self.assign(args.out, handle)


class BuildProgress:
    """The last line of the builder, updated in place."""

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, line: str) -> None:
        """Show this line."""
        shown = {"text/plain": line}
        if self._handle is None:
            self._handle = display(shown, raw=True, display_id=True)
        else:
            self._handle.update(shown, raw=True)
