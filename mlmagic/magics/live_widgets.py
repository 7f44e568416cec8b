"""The live widgets that magics show with their plain cards and tables; a terminal shows none."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from IPython.display import display

from mlmagic.magics.script_selection import newest_captured

if TYPE_CHECKING:
    from mlmagic.core.model import ModelFilter
    from mlmagic.core.webservice import Webservice
    from mlmagic.magics.session import MLMagic


def live_card_of(session: MLMagic, service: Webservice) -> Any:
    """The live card of a service: the same widget in every cell that shows it."""
    from mlmagic.widgets.service_card.card import ServiceCard

    captured = partial(newest_captured, session)
    return session.live_widget(service.id, lambda: ServiceCard(session.engine, service, captured))


def show_live_card(session: MLMagic, service: Webservice) -> None:
    """Show the live card of a service."""
    _show(session, lambda: live_card_of(session, service))


def show_services(session: MLMagic, services: Iterable[Webservice]) -> None:
    """Show the live table of services."""

    def table() -> Any:
        from mlmagic.widgets.services_grid.grid import ServicesGrid

        card = partial(live_card_of, session)
        return session.live_widget("services", lambda: ServicesGrid(session.engine, services, card))

    _show(session, table)


def show_models(session: MLMagic, wanted: ModelFilter) -> None:
    """Show the live table of the model registry."""

    def table() -> Any:
        from mlmagic.widgets.models_grid.grid import ModelsGrid

        return session.live_widget(wanted, lambda: ModelsGrid(session.engine, wanted))

    _show(session, table)


def show_profiles(session: MLMagic) -> None:
    """Show the live table of profiles."""

    def table() -> Any:
        from mlmagic.widgets.profiles_grid.grid import ProfilesGrid

        return session.live_widget("profiles", lambda: ProfilesGrid(session.engine))

    _show(session, table)


def _show(session: MLMagic, widget: Callable[[], Any]) -> None:
    if session.has_kernel:
        display(widget())
