"""`%profile`, `%profiles`: load tests of a service with several amounts of CPU and memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.magic import line_magic, magics_class

from mlmagic.core.arguments import Group
from mlmagic.core.configuration import DeploymentConfig
from mlmagic.errors import UsageError
from mlmagic.magics.base import SessionMagics, parsed
from mlmagic.magics.cell_lines import cells_of_script, naming_cells
from mlmagic.magics.datasets import requests_of
from mlmagic.magics.live_widgets import show_profiles
from mlmagic.magics.messages import show_message
from mlmagic.magics.model_arguments import model_references
from mlmagic.magics.options import Arguments, argument, data, number, out, thing
from mlmagic.magics.script_selection import chosen_script, script_options

if TYPE_CHECKING:
    pass


@magics_class
class ProfilingMagics(SessionMagics):
    """The profiles' magics."""

    @line_magic
    @parsed
    @argument("model", nargs="*", type=thing, metavar="MODEL", help="NAME or NAME:VERSION; may be several.")
    @script_options
    @argument("--name", metavar="NAME", help="The profile's name. Default: the model's.", group=Group.MODELS)
    @argument(
        "-d",
        "--dataset",
        type=data,
        metavar="EXPRESSION",
        help="Request bodies: a dataset or DataFrame of one column of strings, a list of samples, or a file. "
        "Default: the model's sample.",
        group="Requests",
    )
    @argument(
        "--traffic",
        metavar="SERVICE",
        help="The requests that this service has recorded, instead of -d.",
        group="Requests",
    )
    @argument(
        "--target",
        metavar="TARGET",
        help="The compute target. Default: %config MLMagic.target.",
        group=Group.RESOURCES,
    )
    @argument(
        "--cpu",
        metavar="CORES",
        help="CPU cores to try, such as 0.5,1,2. Default: up to this machine's.",
        group=Group.RESOURCES,
    )
    @argument(
        "--memory",
        metavar="GB",
        help="Memory to try, such as 0.5,1. Default: the free memory.",
        group=Group.RESOURCES,
    )
    @argument(
        "--p99", metavar="50ms", help="Longest latency of 99 % of the requests.", group="Goal and prices"
    )
    @argument(
        "--rps",
        type=number("rps", above=0),
        metavar="COUNT",
        help="Requests per second to reach.",
        group="Goal and prices",
    )
    @argument(
        "--core-price",
        type=number("core price"),
        metavar="PRICE",
        help="Price of a core for an hour.",
        group="Goal and prices",
    )
    @argument(
        "--gb-price",
        type=number("gigabyte price"),
        metavar="PRICE",
        help="Price of a gigabyte for an hour.",
        group="Goal and prices",
    )
    @argument(
        "--batch",
        action="store_true",
        help="Call run() once for all concurrent requests (dynamic batching).",
        group="Measurement and result",
    )
    @argument(
        "--seconds",
        type=number("seconds", above=0),
        metavar="SECONDS",
        help="Total time of each load. More time gives narrower intervals. "
        "Default: 1 to 2, as short as the intervals allow.",
        group="Measurement and result",
    )
    @argument(
        "--tag",
        action="store_true",
        help="Write the recommendation to the models' tags.",
        group="Measurement and result",
    )
    @out("the profile", "Measurement and result")
    def profile(self, args: Arguments) -> Any:
        """Measure a service under load with several amounts of CPU and memory, and recommend one.
        Rates and percentiles have 95 % intervals (profile.record). It can be interrupted.

        Examples:
          %profile diabetes
          %profile diabetes --cpu 0.5,1,2 --p99 50ms --rps 200
          %profile diabetes --traffic diabetes-svc --tag
        """
        from mlmagic.sdk.profile import ModelProfile, planned
        from mlmagic.sdk.request_bodies import bodies, dataset_id_of
        from mlmagic.sdk.workspace import Workspace
        from mlmagic.widgets.profiles import ProfileOutput

        engine = self.session.engine
        references = model_references(args.model)
        if not references and not (args.script or args.entry_script):
            raise UsageError("there is nothing to profile", hint="For example %profile MODEL -d SAMPLES.")
        name = args.name or (references[0].name if references else str(args.script or args.entry_script))
        inference, message = chosen_script(self.session, name, references, args)
        target = args.target or self.session.target
        plan = planned(
            name,
            cpu=args.cpu,
            memory=args.memory,
            p99=args.p99,
            rps=args.rps,
            core_price=args.core_price,
            gb_price=args.gb_price,
            seconds=args.seconds,
            target=target,
        )
        given = requests_of(self.session, args.dataset, references, args.traffic)
        if message:
            show_message(message)
        progress = ProfileOutput()
        with naming_cells(cells_of_script(self.session, inference)):
            made = engine.profiles.measure(
                plan,
                references,
                inference,
                bodies(given),
                config=DeploymentConfig(target, batch=args.batch),
                dataset_id=dataset_id_of(given),
                watching=progress.draw,
                notify=show_message,
            )
        if args.tag and made.recommendation is not None:
            engine.profiles.tag_models(made)
        return self.assign(args.out, ModelProfile.of(Workspace.over(engine), made))

    @line_magic
    @parsed
    @argument("names", nargs="*", metavar="NAME", help="Only these profiles; one alone is shown in full.")
    @out("the list")
    def profiles(self, args: Arguments) -> Any:
        """List the profiles, show one, or compare several.

        Examples:
          %profiles
          %profiles diabetes
          %profiles diabetes churn
        """
        from mlmagic.sdk.profile import ModelProfile
        from mlmagic.sdk.workspace import Workspace
        from mlmagic.widgets.profiles import ProfileOutput, profiles_listing

        engine = self.session.engine
        found = [engine.profiles.get(name) for name in args.names] or engine.profiles.list()
        workspace = Workspace.over(engine)
        handles = [ModelProfile.of(workspace, each) for each in found]
        if len(args.names) == 1:
            ProfileOutput().draw_result(found[0])
            self.assign(args.out, handles[0])
            return None
        if not args.names:
            show_profiles(self.session)
        return self.assign(args.out, profiles_listing(found, handles))
