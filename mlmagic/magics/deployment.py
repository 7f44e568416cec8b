"""`%deploy`, `%update` and `%rollback`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.magic import line_magic, magics_class

from mlmagic.core.arguments import Group
from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.deployments import changed_fields, with_arguments
from mlmagic.core.model import ModelDescription
from mlmagic.core.names import ModelReference, check_service_name
from mlmagic.errors import UsageError
from mlmagic.magics.base import parsed
from mlmagic.magics.deployment_options import deployment_options, given_arguments
from mlmagic.magics.environments import environment_of_line, environment_options
from mlmagic.magics.following import FollowingMagics, no_wait, timeout
from mlmagic.magics.messages import noted_in, show_message
from mlmagic.magics.model_arguments import find_model, model_references, read_sample
from mlmagic.magics.options import (
    Arguments,
    argument,
    data,
    models,
    number,
    out,
    parse_line,
    thing,
)
from mlmagic.magics.script_selection import (
    captured_scripts_hint,
    choose_inference,
    chosen_script,
    script_options,
)

if TYPE_CHECKING:
    from mlmagic.core.webservice import Webservice


@magics_class
class DeploymentMagics(FollowingMagics):
    """The magics that deploy and update services."""

    @line_magic
    @parsed
    @argument(
        "what",
        nargs="?",
        type=thing,
        metavar="NAME",
        help="The service: 3 to 32 lower-case letters, digits, dashes. With --name: a model (a variable, "
        "{expression} or path), which is registered under the service's name.",
    )
    @models("NAME or NAME:VERSION; may repeat.", Group.MODELS)
    @argument("--name", metavar="SERVICE", help="The service, if NAME is a model.", group=Group.MODELS)
    @argument(
        "--sample",
        type=data,
        metavar="EXPRESSION",
        help="With --name: a sample input, such as X[:3].",
        group=Group.MODELS,
    )
    @script_options
    @environment_options
    @argument(
        "--target",
        metavar="TARGET",
        help="The compute target. Default: %config MLMagic.target.",
        group=Group.RESOURCES,
    )
    @deployment_options
    @argument("--overwrite", action="store_true", help="Replace the service of that name.", group=Group.RUN)
    @no_wait
    @timeout
    @out("the service", Group.RUN)
    def deploy(self, args: Arguments) -> Any:
        """Deploy a script, or models without a script, as a live web service.
        Without arguments, show a form.

        Examples:
          %deploy diabetes-svc -m diabetes:1
          %deploy churn-svc -m churn --script churn --target docker --auth
          %deploy {model} --name quick --sample X[:3]
        """
        if not _is_given(args, parse_line(self.deploy.parser, "", {})):
            from mlmagic.magics.form import show_form

            self.assign(args.out, show_form(self.session))
            return None
        name = _service_of(args)
        references = model_references(args.model)
        config = with_arguments(DeploymentConfig(args.target or self.session.target), given_arguments(args))
        inference, message = chosen_script(
            self.session, name, references or ([ModelReference(name)] if args.name else []), args
        )
        engine = self.session.engine
        if config.nearest is not None and args.environment is None:
            raise UsageError("--nearest and --exact need an environment", hint="Name one with -e NAME.")
        notes = [message] if message else []
        options: dict[str, Any] = {
            "overwrite": args.overwrite,
            "notify": noted_in(notes),
            **environment_of_line(engine, args),
        }

        def deploy() -> Webservice:
            if args.name is None:
                return engine.services.deploy(name, references, inference, config, **options)
            from mlmagic.engine.models.notebook_definitions import definitions_of

            namespace = self.session.namespace
            model, _ = find_model(args.what, namespace)
            details = ModelDescription(
                name,
                sample_input=read_sample(args.sample, namespace),
                definitions=definitions_of(
                    model, self.session.namespace, self.session.history(), show_message
                ),
            )
            return engine.services.deploy_object(name, model, details, inference, config, **options)[0]

        try:
            return self.follow(deploy, notes, args)
        except UsageError as error:
            hint = "" if args.no_code else captured_scripts_hint(self.session.script_names)
            if type(error) is UsageError and "without a script" in error.message and hint:
                raise UsageError(error.message, hint=f"{error.hint} {hint}".strip()) from None
            raise

    @line_magic
    @parsed
    @argument("name", help="The service.", metavar="NAME")
    @models("The new models, NAME or NAME:VERSION; may repeat.", Group.MODELS)
    @argument("-s", "--script", metavar="NAME", help="The new captured script.", group=Group.MODELS)
    @argument("--entry-script", metavar="FILE", help="The new script file.", group=Group.MODELS)
    @argument(
        "--source-directory",
        metavar="DIR",
        help="The folder of --entry-script. All its files are included.",
        group=Group.MODELS,
    )
    @environment_options
    @deployment_options
    @no_wait
    @timeout
    @out("the service", Group.RUN)
    def update(self, args: Arguments) -> Any:
        """Change a service's models, script or settings. What is not named stays.
        The old revision answers until the new one is healthy.

        Examples:
          %update diabetes-svc -m diabetes:2
          %update diabetes-svc --script diabetes --cpu 0.5
          %update diabetes-svc --auth --tag stage=prod
        """
        engine = self.session.engine
        references = model_references(args.model) if args.model else None
        notes: list[str] = []
        inference = None
        if args.script or args.entry_script or args.source_directory:
            inference, message = choose_inference(
                self.session,
                args.name,
                references or [],
                script=args.script,
                entry_script=args.entry_script,
                source_directory=args.source_directory,
            )
            notes.append(message)
        given = given_arguments(args)
        return self.follow(
            lambda: engine.services.update(
                args.name,
                model_names=references,
                inference=inference,
                config_changes=changed_fields(
                    engine.services.revision(engine.services.get(args.name)).config, given
                ),
                notify=noted_in(notes),
                **environment_of_line(engine, args),
            ),
            notes,
            args,
        )

    @line_magic
    @parsed
    @argument("name", help="The service.", metavar="NAME")
    @argument(
        "revision",
        nargs="?",
        type=number("revision", int, above=0),
        metavar="REVISION",
        help="The number of the revision, see %revisions. Default: the last one before the present revision "
        "that was Healthy and differs from it.",
    )
    @no_wait
    @timeout
    @out("the service", Group.RUN)
    def rollback(self, args: Arguments) -> Any:
        """Go back to the models, script, environment and settings of an earlier revision of a service.
        They become a new revision. The present one answers until that is healthy. Tags and keys stay.

        Examples:
          %rollback diabetes-svc
          %rollback diabetes-svc 3
        """
        notes: list[str] = []
        return self.follow(
            lambda: (
                self.session.engine.services.rollback(args.name, args.revision, notify=notes.append).service
            ),
            notes,
            args,
        )

    @line_magic
    @parsed
    @argument("name", help="The service.", metavar="NAME")
    @argument("replicas", type=number("replicas", int), metavar="REPLICAS", help="How many are to run.")
    @no_wait
    @timeout
    @out("the service", Group.RUN)
    def scale(self, args: Arguments) -> Any:
        """Set how many replicas of a service share its requests. Callers get answers all the while.
        An update or a rollback keeps the number. Not with the target's autoscaling, which ends with it.

        Examples:
          %scale diabetes-svc 4
        """
        replicas = self.session.engine.replicas
        return self.follow(lambda: replicas.set(args.name, args.replicas), [], args, wait=replicas.wait)


def _is_given(args: Arguments, nothing: Arguments) -> bool:
    """Whether the line of a `%deploy` says anything but ``-o``."""
    return {**vars(args), "out": None} != vars(nothing)


def _service_of(args: Arguments) -> str:
    """The name of the service to deploy. Raises `UsageError` for options that exclude each other."""
    from mlmagic.sdk.model import Model

    if args.what is None:
        raise UsageError(
            "%deploy: NAME is missing",
            hint="%deploy alone shows a form; %deploy --help lists the options.",
        )
    if args.name is not None:
        if isinstance(args.what, Model) or args.model:
            raise UsageError(
                "with --name, the first argument is a model that is not registered yet",
                hint=f"For registered models: %deploy {args.name} -m MODEL.",
            )
        return check_service_name(args.name)
    if args.sample is not None:
        raise UsageError(
            "--sample is of a model that is deployed with --name",
            hint="For a registered model, give it at the registration: %register MODEL --sample EXPRESSION.",
        )
    if not isinstance(args.what, str | int):
        raise UsageError(
            f"the service's name is a {type(args.what).__name__}",
            hint="To deploy an object, name the service: %deploy {model} --name NAME.",
        )
    return check_service_name(str(args.what))
