"""The script that a deploy serves: one that the line names, or one named like the service or a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmagic.core.arguments import Group
from mlmagic.core.configuration import InferenceConfig
from mlmagic.core.names import ModelReference
from mlmagic.errors import NotFound, UsageError
from mlmagic.magics.options import argument

if TYPE_CHECKING:
    from mlmagic.capture.script import CapturedScript
    from mlmagic.core.webservice import Revision, Webservice
    from mlmagic.magics.session import MLMagic


def choose_script(
    wanted: str | None, service: str, models: Sequence[str], captured: Sequence[str]
) -> tuple[str, str] | None:
    """The captured script to serve and the reason; None to serve the models without a script.

    The script that the line names; else the one named like the service; else the one named like a model. No
    other script is ever served. Raises `NotFound` or `UsageError`.
    """
    if wanted is not None:
        if wanted not in captured:
            raise NotFound("captured script", wanted, captured)
        return wanted, "named with --script"
    if service in captured:
        return service, "named like the service"
    for model in models:
        if model in captured:
            return model, "named like the model"
    if models:
        return None
    raise UsageError(
        f"no script is named like the service {service!r}",
        hint=captured_scripts_hint(captured)
        or "Capture one with %%score_script NAME, name a file with --entry-script, or name a model with -m "
        "to serve it without a script.",
    )


def captured_scripts_hint(captured: Sequence[str]) -> str:
    """The captured scripts and how to name one; empty if there is none."""
    if not captured:
        return ""
    names = ", ".join(map(repr, captured))
    return f"Captured scripts: {names}. Name one, for example: --script {captured[-1]}."


def choose_inference(
    session: MLMagic,
    service: str,
    models: Sequence[ModelReference],
    *,
    script: str | None,
    entry_script: str | None,
    source_directory: str | None,
    no_code: bool = False,
) -> tuple[InferenceConfig | None, str]:
    """The script to serve as the engine's `InferenceConfig`, and a message that names it.

    None for models without a script, which the engine names itself.
    """
    if no_code:
        if given := script or entry_script or source_directory:
            raise UsageError(f"--no-code and the script {given!r} exclude each other")
        return None, ""
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
    names = [model.name for model in models]
    chosen = choose_script(script, service, names, session.script_names)
    if chosen is None:
        return None, ""
    name, why = chosen
    return inference_of(session.script(name)), f"Serving script {name} ({why})."


def script_options(magic: Callable[..., Any]) -> Callable[..., Any]:
    """Give ``magic`` the options that name a script; read them with `chosen_script`."""
    options = (
        argument(
            "-s",
            "--script",
            metavar="NAME",
            help="The captured script. Default: the one named like the service, else like a model.",
            group=Group.MODELS,
        ),
        argument("--no-code", action="store_true", help="Use no script, only models.", group=Group.MODELS),
        argument("--entry-script", metavar="FILE", help="A script file instead.", group=Group.MODELS),
        argument(
            "--source-directory",
            metavar="DIR",
            help="The folder of --entry-script. All its files are included.",
            group=Group.MODELS,
        ),
    )
    for option in reversed(options):
        magic = option(magic)
    return magic


def chosen_script(
    session: MLMagic, name: str, models: Sequence[ModelReference], args: Any
) -> tuple[InferenceConfig | None, str]:
    """The script that a line with `script_options` names; see `choose_inference`."""
    return choose_inference(
        session,
        name,
        models,
        script=args.script,
        entry_script=args.entry_script,
        source_directory=args.source_directory,
        no_code=args.no_code,
    )


def served_script(service: str, revision: Revision, captured: Sequence[str]) -> str | None:
    """The ``captured`` script that this revision of ``service`` serves; None if it is none of them.

    Old revisions did not record the name: then it is the script named like the service, else like a model.
    """
    served = revision.inference
    if served.captured_as is not None:
        names = [served.captured_as]
    elif served.no_code or served.taken_from is not None:
        names = []
    else:
        names = [service, *(ModelReference.parse(model).name for model in revision.models)]
    return next((name for name in names if name in captured), None)


def newest_captured(session: MLMagic, service: Webservice) -> tuple[InferenceConfig, str] | None:
    """The captured script to which ``service`` would be updated, and its description.

    None for a service of a script file, of models alone, or of a script not captured in this notebook.
    """
    name = served_script(service.name, session.engine.services.revision(service), session.script_names)
    if name is None:
        return None
    return inference_of(session.script(name)), f"{name!r} as it was captured last"


def inference_of(script: CapturedScript) -> InferenceConfig:
    """A captured script as an `InferenceConfig`."""
    return InferenceConfig(
        Path(script.file_name).name,
        script_text=script.source,
        captured_as=script.name,
        assets=dict(script.assets),
        requirements=script.requirements,
    )
