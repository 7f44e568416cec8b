"""`%drift`: whether inputs and predictions of a service still have the distribution of a baseline."""

from __future__ import annotations

from typing import Any

from IPython.core.magic import line_magic, magics_class
from IPython.display import display

from mlmagic.core.drift_arguments import GROUP, ROWS, has_baseline
from mlmagic.errors import UsageError
from mlmagic.magics.base import SessionMagics, parsed
from mlmagic.magics.datasets import data_or_place
from mlmagic.magics.messages import show_message
from mlmagic.magics.options import Arguments, argument, out, with_rows


@magics_class
class DriftMagics(SessionMagics):
    """The magic of drift checks."""

    @line_magic
    @parsed
    @argument("name", nargs="?", metavar="NAME", help="The service. Without it: list the newest checks.")
    @with_rows(ROWS, GROUP)
    @argument("--stop", action="store_true", help="Stop the checks on a schedule.", group=GROUP)
    @out("the check, or the list of checks,", GROUP)
    def drift(self, args: Arguments) -> Any:
        """Compare the inputs and predictions that a service has collected with a baseline, column by column.
        Without a baseline, show the newest check. Collect data with: %update NAME --collect

        Examples:
          %drift diabetes-svc --baseline {frame} --prediction score --since 24h -o check
          %drift diabetes-svc --baseline-since 14d --since 7d
          %drift diabetes-svc --baseline train --every 1d --threshold 0.25
        """
        from mlmagic.sdk.drift_check import DriftCheck
        from mlmagic.sdk.workspace import Workspace
        from mlmagic.widgets.drift import drift_card, reports_listing

        workspace = Workspace.over(self.session.engine)
        options = {row.name: getattr(args, row.name) for row in ROWS}
        given = [row.options[0] for row in ROWS if options[row.name] is not None]
        is_check = has_baseline(options)
        if given and not is_check:
            raise UsageError(
                f"{given[0]} needs --baseline", hint="For example %drift NAME --baseline DATASET."
            )
        if args.stop and given:
            raise UsageError(f"--stop and {given[0]} exclude each other")
        if args.name is None:
            if args.stop or given:
                option = "--stop" if args.stop else given[0]
                raise UsageError(f"{option} needs a service", hint=f"Use: %drift NAME {option}")
            checks = DriftCheck.list(workspace)
            listing = reports_listing([check.report for check in checks], checks)
            display(listing)
            self.assign(args.out, listing)
            return
        if args.stop:
            DriftCheck.stop_schedule(workspace, args.name)
            show_message(f"Stopped the scheduled drift checks of {args.name}.")
            return
        baseline, every = options.pop("baseline"), options.pop("every")
        if baseline is not None:
            baseline = data_or_place(baseline, self.session.namespace)
        if every is not None:
            DriftCheck.schedule(workspace, args.name, baseline, every, **options)
            show_message(
                f"Checking {args.name} for drift every {every}. Stop with: %drift {args.name} --stop"
            )
            return
        if is_check:
            check = DriftCheck.run(workspace, args.name, baseline, **options)
        else:
            check = DriftCheck(workspace, args.name)
        display(drift_card(check.report))
        self.assign(args.out, check)
