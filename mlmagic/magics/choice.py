"""Which script a deploy serves, when the line does not name it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlmagic.core.configuration import InferenceConfig
from mlmagic.core.names import ModelReference
from mlmagic.errors import NotFound, UsageError

if TYPE_CHECKING:
    from mlmagic.capture.script import CapturedScript
    from mlmagic.magics.session import MLMagic


def choose_script(
    asked: str | None, service: str, models: Sequence[str], captured: Sequence[str]
) -> tuple[str, str]:
    """The captured script to serve, and why it is that one.

    The one asked for; else the one named like the service; else like a model; else the one captured last.
    ``captured`` is in the order of capture. Raises `NotFound` or `UsageError`.
    """
    if asked is not None:
        if asked not in captured:
            raise NotFound("captured script", asked, captured)
        return asked, "as asked"
    if service in captured:
        return service, "named like the service"
    for model in models:
        if model in captured:
            return model, "named like the model"
    if captured:
        return captured[-1], "captured last"
    raise UsageError(
        f"no script for {service!r}",
        hint="Capture one with %%score_script NAME, or name a file with --entry-script.",
    )


def choose_inference(
    session: MLMagic,
    service: str,
    models: Sequence[ModelReference],
    *,
    script: str | None,
    entry_script: str | None,
    source_directory: str | None,
) -> tuple[InferenceConfig, str]:
    """The script to serve as the engine takes it, and a line that says which it is."""
    if entry_script is not None:
        if script is not None:
            raise UsageError(f"--script {script!r} and --entry-script {entry_script!r} exclude each other")
        where = f" in {source_directory}" if source_directory else ""
        return InferenceConfig(
            entry_script, source_directory=source_directory
        ), f"Serving {entry_script}{where}."
    if source_directory is not None:
        raise UsageError(
            f"--source-directory {source_directory!r} needs --entry-script",
            hint="Name the script in that folder, such as --entry-script score.py.",
        )
    name, why = choose_script(script, service, [model.name for model in models], session.script_names)
    return inference_of(session.script(name)), f"Serving script {name} ({why})."


def inference_of(script: CapturedScript) -> InferenceConfig:
    """A captured script as the engine takes it."""
    return InferenceConfig(
        Path(script.file_name).name,
        script_text=script.source,
        assets=dict(script.assets),
        requirements=script.requirements,
    )
