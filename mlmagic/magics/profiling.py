"""`%profile`, `%profiles`: how fast a service is, at which size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.magic import line_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments
from IPython.display import display

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.profile import Profile, ProfileState
from mlmagic.errors import UsageError
from mlmagic.magics.arguments import Arguments, data, kept, number, thing
from mlmagic.magics.choice import chosen_script, script_options
from mlmagic.magics.datasets import requests_of
from mlmagic.magics.notes import show_note
from mlmagic.magics.objects import model_references
from mlmagic.magics.running import SessionMagics, parsed

if TYPE_CHECKING:
    from mlmagic.engine.profiles.profiles import Progress


@magics_class
class ProfilingMagics(SessionMagics):
    """The profiles' magics."""

    @line_magic
    @parsed
    @magic_arguments()
    @argument("model", nargs="*", type=thing, help="NAME or NAME:VERSION; may be several.")
    @script_options
    @argument(
        "-d",
        "--dataset",
        type=data,
        metavar="{EXPRESSION}",
        help="Request bodies: a dataset or DataFrame of one column of strings, a list of samples, or a file "
        "(default: the model's sample).",
    )
    @argument("--traffic", metavar="SERVICE", help="In place of -d: what this service was asked (--record).")
    @argument("--name", help="What the profile is called (default: the model's name).")
    @argument("--cpu", metavar="CORES", help="Sizes to try, such as 0.5,1,2 (default: up to this machine's).")
    @argument("--memory", metavar="GB", help="Sizes to try, such as 0.5,1 (default: what is free).")
    @argument("--p99", metavar="50ms", help="What 99 of 100 requests are to be answered within.")
    @argument("--rps", type=number("rps", above=0), help="Requests per second that are to be answered.")
    @argument("--core-price", type=number("core price"), help="Of an hour of a core.")
    @argument("--gb-price", type=number("gigabyte price"), help="Of an hour of a gigabyte.")
    @argument(
        "--seconds",
        type=number("seconds", above=0),
        default=2.0,
        help="Of each load, in sum over its turns (default 2); more give narrower intervals.",
    )
    @argument("--target", metavar="TARGET", help="Where it runs (default: %%config MLMagic.target).")
    @argument("--batch", action="store_true", help="Call run() once for all requests that have arrived.")
    @argument("--tag", action="store_true", help="Write the recommendation to the models' tags.")
    @kept("the profile")
    def profile(self, args: Arguments) -> Any:
        """Measure a service under load at several sizes, and recommend one. It can be interrupted.

        Sizes and loads take turns, and rates and percentiles have 95 % intervals that include how far the
        machine was not the same from turn to turn: in profile.record.
        """
        from mlmagic.sdk.profile import ModelProfile, planned
        from mlmagic.sdk.request_bodies import bodies, dataset_id_of
        from mlmagic.sdk.workspace import Workspace

        engine = self.session.engine
        references = model_references(args.model)
        if not references and not (args.script or args.entry_script):
            raise UsageError("nothing to profile", hint="For example %profile MODEL -d SAMPLES.")
        name = args.name or (references[0].name if references else str(args.script or args.entry_script))
        inference, which = chosen_script(self.session, name, references, args)
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
        if which:
            show_note(which)
        board = ProgressBoard()
        made = engine.profiles.measure(
            plan,
            references,
            inference,
            bodies(given),
            config=DeploymentConfig(target, batch=args.batch),
            dataset_id=dataset_id_of(given),
            watching=board.draw,
            notify=show_note,
        )
        if args.tag and made.recommendation is not None:
            engine.profiles.tag_models(made)
        return self.keep_as(args.out, ModelProfile.of(Workspace.over(engine), made))

    @line_magic
    @parsed
    @magic_arguments()
    @argument("names", nargs="*", metavar="NAME", help="Only these; one alone is shown whole.")
    @kept("the list")
    def profiles(self, args: Arguments) -> Any:
        """List the profiles, show one, or set several beside each other."""
        from mlmagic.sdk.profile import ModelProfile
        from mlmagic.sdk.workspace import Workspace
        from mlmagic.widgets.profiles import profile_card, profiles_listing

        engine = self.session.engine
        found = [engine.profiles.get(name) for name in args.names] or engine.profiles.list()
        workspace = Workspace.over(engine)
        handles = [ModelProfile.of(workspace, each) for each in found]
        if len(args.names) == 1:
            display(profile_card(found[0]))
            self.keep_as(args.out, handles[0])
            return None
        return self.keep_as(args.out, profiles_listing(found, handles))


class ProgressBoard:
    """Where the cell shows how far a profile is; in the end, the profile."""

    def __init__(self) -> None:
        self._handle: Any = None

    def draw(self, progress: Progress, profile: Profile) -> None:
        """Show this in place of what was shown before."""
        from mlmagic.widgets.profiles import profile_card, progress_card

        over = profile.state is not ProfileState.RUNNING
        card = profile_card(profile) if over else progress_card(progress, profile)
        if self._handle is None:
            self._handle = display(card, display_id=True)
        else:
            self._handle.update(card)
