"""`%package`: a service to take away."""

from __future__ import annotations

from typing import Any

from IPython.core.magic import line_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments
from IPython.display import display

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.package import DEFAULT_NAME, PackageKind, check_image_label, check_image_name
from mlmagic.magics.arguments import Arguments, kept, thing
from mlmagic.magics.choice import chosen_script, script_options
from mlmagic.magics.notes import show_note
from mlmagic.magics.objects import model_references
from mlmagic.magics.running import SessionMagics, parsed


@magics_class
class PackagingMagics(SessionMagics):
    """The packages' magics."""

    @line_magic
    @parsed
    @magic_arguments()
    @argument("model", nargs="*", type=thing, help="NAME or NAME:VERSION; may be several.")
    @script_options
    @argument("--kind", default="folder", help="image, folder, zip, iot-edge or kubernetes (default folder).")
    @argument("--name", help="What the image is, or will be, called (default: package).")
    @argument("--label", help="Its label (default: the beginning of the content's digest).")
    @argument("--save", metavar="DIR", help="Copy the files there.")
    @argument("--push", metavar="REPOSITORY", help="Push the image, such as to registry.example/team/name.")
    @kept("the package")
    def package(self, args: Arguments) -> Any:
        """Make a package of a script and its models: an image, a folder with a Dockerfile, or one file."""
        from mlmagic.sdk.package import ModelPackage
        from mlmagic.sdk.workspace import Workspace

        engine = self.session.engine
        references = model_references(args.model)
        name = check_image_name(args.name or DEFAULT_NAME)
        inference, which = chosen_script(self.session, name, references, args)
        kind = PackageKind.parse(args.kind)
        if args.label is not None:
            check_image_label(args.label)
        if which:
            show_note(which)
        board = BuildBoard()
        made = engine.packages.create(
            references,
            inference,
            kind=kind,
            image_name=name,
            image_label=args.label,
            config=DeploymentConfig(),
            report=board.tell,
            notify=show_note,
        )
        handle = ModelPackage.of(Workspace.over(engine), made)
        if args.save:
            handle.save(args.save)
        if args.push:
            handle.push(args.push)
        return self.keep_as(args.out, handle)


class BuildBoard:
    """The builder's last line, in place of the one before."""

    def __init__(self) -> None:
        self._handle: Any = None

    def tell(self, line: str) -> None:
        """Show this line."""
        shown = {"text/plain": line}
        if self._handle is None:
            self._handle = display(shown, raw=True, display_id=True)
        else:
            self._handle.update(shown, raw=True)
