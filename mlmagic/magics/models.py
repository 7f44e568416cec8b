"""`%register`, `%models`, `%workspace`: what is kept, and where."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from IPython.core.magic import line_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments

from mlmagic.core.configuration import ResourceConfiguration
from mlmagic.core.model import ModelDescription, ModelFilter
from mlmagic.magics.arguments import Arguments, data, kept, labels, number, pairs, thing
from mlmagic.magics.notes import show_note
from mlmagic.magics.objects import find_model, read_sample
from mlmagic.magics.running import SessionMagics, parsed
from mlmagic.magics.shown import show_models
from mlmagic.targets.local import zygote


@magics_class
class ModelMagics(SessionMagics):
    """The registry's magics."""

    @line_magic
    @parsed
    @magic_arguments()
    @argument("model", type=thing, help="A variable that holds a model, or the path of a file or folder.")
    @argument("--name", help="Name to register under (default: the variable's or file's own).")
    @labels("--tag", "A tag, or {dict}; may change later.")
    @labels("--property", "A property, or {dict}; never changes.")
    @argument("--description", default="", help="What it is.")
    @argument("--framework", help="ScikitLearn, Onnx, TensorFlow, PyTorch, XGBoost, ...")
    @argument("--framework-version", help="The framework's version.")
    @argument("--child-path", action="append", metavar="PATH", help="Only this file or folder of the folder.")
    @argument("--sample", type=data, metavar="{EXPRESSION}", help="A sample input, such as {X[:3].tolist()}.")
    @argument("--sample-output", type=data, metavar="{EXPRESSION}", help="What the sample gives.")
    @argument("--cpu", type=number("cpu"), help="Cores it asks for where it is served.")
    @argument("--memory", type=number("memory"), help="Gigabytes it asks for where it is served.")
    @argument("--gpu", type=number("gpu", int), help="GPUs it asks for where it is served.")
    @kept("the model")
    def register(self, args: Arguments) -> Any:
        """Register a model: a live object, a file or a folder becomes the next version of its name."""
        from mlmagic.sdk.workspace import Workspace

        model, default_name = find_model(args.model, self.session.namespace)
        resources = None
        if args.cpu is not None or args.memory is not None or args.gpu is not None:
            resources = ResourceConfiguration(args.cpu, args.memory, args.gpu)
        details = ModelDescription(
            name=args.name or default_name,
            tags=pairs("--tag", args.tag),
            properties=pairs("--property", args.property),
            description=args.description,
            framework=args.framework,
            framework_version=args.framework_version,
            sample_input=read_sample(args.sample, self.session.namespace),
            sample_output=read_sample(args.sample_output, self.session.namespace),
            resource_configuration=resources,
        )
        engine = self.session.engine
        record = engine.models.register(model, details, child_paths=args.child_path, notify=show_note)
        zygote.warm(record.details.modules)
        return self.keep_as(args.out, Workspace.over(engine).model_of(record))

    @line_magic
    @parsed
    @magic_arguments()
    @argument("name", nargs="?", help="Only this name.")
    @argument("--tag", action="append", default=[], metavar="KEY[=VALUE]", help="Only with this tag.")
    @argument(
        "--property", action="append", default=[], metavar="KEY[=VALUE]", help="Only with this property."
    )
    @argument("--framework", help="Only of this framework.")
    @argument("--latest", action="store_true", help="Only the newest version of each name.")
    @kept("the list")
    def models(self, args: Arguments) -> Any:
        """List the registered models.

        In a notebook they can be looked through above the list, and their tags changed.
        """
        from mlmagic.sdk.workspace import Workspace
        from mlmagic.widgets.cards import models_listing

        engine = self.session.engine
        wanted = ModelFilter(args.name, tuple(args.tag), tuple(args.property), args.framework, args.latest)
        found, users = engine.models.with_users(wanted)
        show_models(self.session, wanted)
        listing = models_listing(
            found, Workspace.over(engine).model_of, lambda model: users.get(model.id, [])
        )
        return self.keep_as(args.out, listing)

    @line_magic
    @parsed
    @magic_arguments()
    @argument(
        "which",
        nargs="?",
        type=thing,
        help="A workspace's name, folder, database URL or configuration file to use from now on.",
    )
    @kept("the workspace")
    def workspace(self, args: Arguments) -> Any:
        """Show which workspace is in use and where it lies, or use another."""
        from mlmagic.sdk.workspace import Workspace

        if args.which is None:
            return self.keep_as(args.out, Workspace(self.session.engine.location))
        chosen = args.which if isinstance(args.which, Workspace) else _workspace_called(str(args.which))
        self.session.use(chosen.engine)
        return self.keep_as(args.out, chosen)


def _workspace_called(text: str) -> Any:
    from mlmagic.sdk.workspace import Workspace
    from mlmagic.workspace.location import Location, read_config, with_files

    if "://" in text:
        return Workspace(with_files(Location.of_url(text, found_by="%workspace")))
    path = Path(text).expanduser()
    if path.is_file():
        return Workspace(with_files(read_config(path)))
    if path.is_dir() or os.sep in text:
        return Workspace(with_files(Location.of_folder(path, found_by="%workspace")))
    return Workspace.get(text)
