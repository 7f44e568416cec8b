"""`%register`, `%models`, `%workspace`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from IPython.core.magic import line_magic, magics_class

from mlmagic.core.arguments import Group
from mlmagic.core.configuration import ResourceConfiguration
from mlmagic.core.model import ModelDescription, ModelFilter
from mlmagic.core.registration_arguments import TABLE
from mlmagic.magics.base import SessionMagics, parsed
from mlmagic.magics.live_widgets import show_models
from mlmagic.magics.messages import show_message
from mlmagic.magics.model_arguments import find_model, read_sample
from mlmagic.magics.options import (
    OPTIONS,
    Arguments,
    argument,
    data,
    labels,
    number,
    out,
    pairs,
    thing,
    with_rows,
)
from mlmagic.targets.local import zygote

_NEEDS = "Resources"


@magics_class
class ModelMagics(SessionMagics):
    """The magics of the model registry and the workspace."""

    @line_magic
    @parsed
    @argument(
        "model",
        type=thing,
        metavar="MODEL",
        help="A variable that holds a model, the path of a file or folder, or runs:/ and models:/ of MLflow.",
    )
    @argument("--name", metavar="NAME", help="The name. Default: that of the variable or file.")
    @argument(
        "--child-path",
        action="append",
        metavar="PATH",
        help="Register only this file or folder of the folder; may repeat.",
    )
    @argument(
        "--framework",
        metavar="NAME",
        help="ScikitLearn, Onnx, TensorFlow, PyTorch, XGBoost, ...",
    )
    @argument("--framework-version", metavar="VERSION", help="The framework's version.")
    @argument("--description", default="", metavar="TEXT", help="The description.", group=Group.LABELS)
    @labels("--tag", help="A tag; it may change later. A {dict} too; may repeat.", group=Group.LABELS)
    @labels("--property", help="A property; it never changes. A {dict} too; may repeat.", group=Group.LABELS)
    @argument(
        "--sample",
        type=data,
        metavar="EXPRESSION",
        help="A sample input, such as {X[:3].tolist()}.",
        group="Samples",
    )
    @argument(
        "--sample-output", type=data, metavar="EXPRESSION", help="The output for the sample.", group="Samples"
    )
    @argument(
        "--cpu",
        type=number("cpu"),
        metavar="CORES",
        help="CPU cores that a service of it gets.",
        group=_NEEDS,
    )
    @argument(
        "--memory",
        type=number("memory"),
        metavar="GB",
        help="Memory that a service of it gets.",
        group=_NEEDS,
    )
    @argument("--gpu", type=number("gpu", int), metavar="COUNT", help="GPUs that it needs.", group=_NEEDS)
    @with_rows(TABLE, OPTIONS)
    @out("the model")
    def register(self, args: Arguments) -> Any:
        """Register a model: a live object, a file or a folder becomes the next version of its name.

        Examples:
          %register model --name diabetes --tag area=health
          %register outputs/net.onnx --name iris --sample {X[:3].tolist()}
          %register runs:/2f3a/model --name churn
        """
        from mlmagic.engine.models.notebook_definitions import definitions_of
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
            definitions=definitions_of(model, self.session.namespace, self.session.history(), show_message),
            compile=args.compile,
        )
        engine = self.session.engine
        record = engine.models.register(model, details, child_paths=args.child_path, notify=show_message)
        zygote.warm(record.details.modules)
        return self.assign(args.out, Workspace.over(engine).model_of(record))

    @line_magic
    @parsed
    @argument("name", nargs="?", metavar="NAME", help="Only models of this name.")
    @argument("--tag", action="append", default=[], metavar="KEY[=VALUE]", help="Only models with this tag.")
    @argument(
        "--property",
        action="append",
        default=[],
        metavar="KEY[=VALUE]",
        help="Only models with this property.",
    )
    @argument("--framework", metavar="NAME", help="Only models of this framework.")
    @argument("--latest", action="store_true", help="Only the newest version of each name.")
    @out("the list")
    def models(self, args: Arguments) -> Any:
        """List the registered models.
        In a notebook a browser is shown too, in which tags can be changed.

        Examples:
          %models
          %models diabetes --latest
          %models --tag stage=prod -o models
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
        return self.assign(args.out, listing)

    @line_magic
    @parsed
    @argument(
        "which",
        nargs="?",
        type=thing,
        metavar="WORKSPACE",
        help="The name, folder, database URL or configuration file of the workspace to switch to.",
    )
    @out("the workspace")
    def workspace(self, args: Arguments) -> Any:
        """Show the current workspace and its location, or switch to another.

        Examples:
          %workspace
          %workspace team
          %workspace ./experiments
        """
        from mlmagic.sdk.workspace import Workspace

        if args.which is None:
            return self.assign(args.out, Workspace(self.session.engine.location))
        chosen = args.which if isinstance(args.which, Workspace) else _workspace_called(str(args.which))
        self.session.use(chosen.engine)
        return self.assign(args.out, chosen)


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
