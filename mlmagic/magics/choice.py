"""Which script a deploy serves, when the line does not name it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.magic_arguments import argument

from mlmagic.core.configuration import InferenceConfig
from mlmagic.core.names import ModelReference
from mlmagic.errors import NotFound, UsageError

if TYPE_CHECKING:
    from mlmagic.capture.script import CapturedScript
    from mlmagic.core.webservice import Revision, Webservice
    from mlmagic.magics.session import MLMagic


def choose_script(
    asked: str | None, service: str, models: Sequence[str], captured: Sequence[str], *, or_last: bool = True
) -> tuple[str, str] | None:
    """The captured script to serve, and why it is that one; None to serve the models without one.

    The one asked for; else the one named like the service; else like a model; else (``or_last``) the one
    captured last. ``captured`` is in the order of capture. Raises `NotFound` or `UsageError`.
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
    if captured and or_last:
        return captured[-1], "captured last"
    if models:
        return None
    raise UsageError(
        f"no script for {service!r}",
        hint="Capture one with %%score_script NAME, name a file with --entry-script, or name a model with "
        "-m to serve it without a script.",
    )


def choose_inference(
    session: MLMagic,
    service: str,
    models: Sequence[ModelReference],
    *,
    script: str | None,
    entry_script: str | None,
    source_directory: str | None,
    no_code: bool = False,
    or_last: bool = True,
) -> tuple[InferenceConfig | None, str]:
    """The script to serve as the engine takes it, and a line that says which it is.

    None for models without a script: the engine says which they are.
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
    chosen = choose_script(script, service, names, session.script_names, or_last=or_last)
    if chosen is None:
        return None, ""
    name, why = chosen
    return inference_of(session.script(name)), f"Serving script {name} ({why})."


def script_options(magic: Callable[..., Any]) -> Callable[..., Any]:
    """Give ``magic`` the options that name a script; read them with `chosen_script`."""
    for option in (
        argument("--source-directory", metavar="DIR", help="The folder that --entry-script lies in."),
        argument("--entry-script", metavar="FILE", help="A script file, instead of a captured one."),
        argument("--no-code", action="store_true", help="The models without a script."),
        argument("-s", "--script", metavar="NAME", help="The captured script (default: as %%deploy does)."),
    ):
        magic = option(magic)
    return magic


def chosen_script(
    session: MLMagic, name: str, models: Sequence[ModelReference], args: Any
) -> tuple[InferenceConfig | None, str]:
    """`choose_inference` for the options of `script_options`."""
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
    """Which of the ``captured`` scripts this revision of ``service`` serves; None if it is none of them.

    Where the name was not recorded yet, it is the script named like the service, else like a model.
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
    """The captured script that ``service`` would be updated to, and what it is called.

    None for one that serves a file, models without a script, or a script that is not captured here.
    """
    name = served_script(service.name, session.engine.services.revision(service), session.script_names)
    if name is None:
        return None
    return inference_of(session.script(name)), f"{name!r} as it was captured last"


def inference_of(script: CapturedScript) -> InferenceConfig:
    """A captured script as the engine takes it."""
    return InferenceConfig(
        Path(script.file_name).name,
        script_text=script.source,
        captured_as=script.name,
        assets=dict(script.assets),
        requirements=script.requirements,
    )
