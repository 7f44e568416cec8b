"""What axe-core finds wrong with what mlmagic has drawn."""

from __future__ import annotations

from typing import Any

OURS = ".jp-OutputArea"
"""The outputs of cells: what is around them is Jupyter's."""
_SERIOUS = ("serious", "critical")


def violations(page: Any, where: str = OURS) -> list[str]:
    """The serious ones in ``where`` (CSS), each with its rule and the first element that breaks it."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, context=where).response["violations"]
    return [
        f"{each['id']} ({each['impact']}): {each['nodes'][0]['html'][:300]}"
        for each in found
        if each["impact"] in _SERIOUS
    ]
