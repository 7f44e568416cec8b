"""The same verbs in a shell. Data goes to standard output, words for people to standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlmagic import __version__, cli_events
from mlmagic.core.configuration import DEFAULT_TARGET
from mlmagic.core.settings import FLAGS, LABELS, NUMBERS, TEXTS
from mlmagic.errors import InvalidConfig, MLMagicError, UsageError

if TYPE_CHECKING:
    from mlmagic.core.configuration import InferenceConfig
    from mlmagic.core.model import Model
    from mlmagic.core.webservice import Webservice
    from mlmagic.engine.engine import Engine


def _settings(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give ``command`` the settings of a service; read them with `_given`."""
    options = [
        click.option(each.option, *each.aliases, each.field, type=each.convert, help=each.help)
        for each in NUMBERS
    ]
    options += [
        click.option(f"{each.option}/{each.opposite}", each.field, default=None, help=each.help)
        for each in FLAGS
    ]
    options += [click.option(each.option, each.field, metavar=each.metavar, help=each.help) for each in TEXTS]
    options += [
        click.option(each.option, each.field, multiple=True, metavar="KEY=VALUE", help=each.help)
        for each in LABELS
    ]
    for option in reversed(options):
        command = option(command)
    return command


class Commands(click.Group):
    """Turns our errors into one line and exit code 1; anything else is a fault of ours and shows itself."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except MLMagicError as error:
            click.echo(f"{type(error).__name__}: {error}", err=True)
            ctx.exit(1)


def main() -> None:
    """The entry point of the ``mlmagic`` command."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(line_buffering=True)
    cli(prog_name="mlmagic")


@click.group(cls=Commands)
@click.version_option(__version__, prog_name="mlmagic")
def cli() -> None:
    """Models and live web services: the same as the magics, in a shell."""


@cli.command()
@click.option("--keep", is_flag=True, help="Leave the two services running.")
def demo(keep: bool) -> None:
    """Register, deploy and score two real models, with the time of each step."""
    from mlmagic.demo import run_demo

    run_demo(click.echo, keep=keep)


@cli.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def serve(arguments: Sequence[str]) -> None:
    """Serve an entry script by hand, without a workspace (serve --help lists the options)."""
    from mlmagic.scoring.__main__ import main as serve_script

    sys.exit(serve_script(list(arguments)))


@cli.command()
def workspace() -> None:
    """Show which workspace is in use, and where it lies."""
    from sqlalchemy import make_url

    from mlmagic.workspace.location import locate

    location = locate()
    database = make_url(location.database_url).render_as_string(hide_password=True)
    click.echo(f"{location.name}\n  folder    {location.folder}\n  database  {database}")
    click.echo(f"  found by  {location.found_by}")


@cli.group(cls=Commands)
def model() -> None:
    """The model registry."""


@model.command("register")
@click.option("-n", "--name", required=True)
@click.option("-p", "--model-path", "path", required=True, help="A file or folder.")
@click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE")
@click.option("--property", "properties", multiple=True, metavar="KEY=VALUE")
@click.option("--description", default="")
@click.option("--model-framework", "framework")
@click.option("--model-framework-version", "framework_version")
@click.option("--child-path", "child_paths", multiple=True)
def register_model(
    name: str,
    path: str,
    tags: Sequence[str],
    properties: Sequence[str],
    description: str,
    framework: str | None,
    framework_version: str | None,
    child_paths: Sequence[str],
) -> None:
    """Register a file or folder as the next version of a model."""
    from mlmagic.core.model import ModelDescription

    details = ModelDescription(
        name,
        tags=_pairs("--tag", tags),
        properties=_pairs("--property", properties),
        description=description,
        framework=framework,
        framework_version=framework_version,
    )
    with _engine() as engine:
        registered = engine.register(path, details, child_paths=child_paths or None, notify=_say)
    click.echo(registered.id)


@model.command("list")
@click.option("-n", "--name")
@click.option("--tag", "tags", multiple=True, metavar="KEY[=VALUE]")
@click.option("--property", "properties", multiple=True, metavar="KEY[=VALUE]")
@click.option("--model-framework", "framework")
@click.option("-l", "--latest", is_flag=True)
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table")
def list_models(
    name: str | None,
    tags: Sequence[str],
    properties: Sequence[str],
    framework: str | None,
    latest: bool,
    output: str,
) -> None:
    """List models."""
    from mlmagic.core.model import ModelFilter
    from mlmagic.sdk.model import Model as Handle
    from mlmagic.widgets.cards import models_listing

    with _engine() as engine:
        found = engine.models(ModelFilter(name, tuple(tags), tuple(properties), framework, latest))
        if output == "json":
            _print_json([_model_record(one) for one in found])
            return
        listing = models_listing(found, lambda m: Handle(engine, m), lambda m: engine.model_users(m.id))
    click.echo(repr(listing))


@model.command("download")
@click.option("-i", "--model-id", "reference", required=True, metavar="NAME:VERSION")
@click.option("-t", "--target-dir", "folder", default=".")
@click.option("--overwrite", is_flag=True)
def download_model(reference: str, folder: str, overwrite: bool) -> None:
    """Copy a model's files into a folder."""
    with _engine() as engine:
        click.echo(engine.download_model(reference, Path(folder), exist_ok=overwrite))


@model.command("delete")
@click.option("-i", "--model-id", "reference", required=True, metavar="NAME:VERSION")
def delete_model(reference: str) -> None:
    """Forget a model version that no service uses."""
    with _engine() as engine:
        _say(f"deleted {engine.delete_model(reference).id}")


@model.command("deploy")
@click.option("-n", "--name", required=True, help="The service.")
@click.option("-m", "--model", "models", multiple=True, metavar="NAME[:VERSION]")
@click.option("--entry-script", help="A script file; without one the models are served as they are.")
@click.option("--source-directory", metavar="DIR")
@click.option("--ct", "--compute-target", "target", default=DEFAULT_TARGET, show_default=True)
@_settings
@click.option("--overwrite", is_flag=True)
@click.option("--no-wait", is_flag=True)
def deploy_model(
    name: str,
    models: Sequence[str],
    entry_script: str | None,
    source_directory: str | None,
    target: str,
    overwrite: bool,
    no_wait: bool,
    **settings: Any,
) -> None:
    """Deploy an entry script with its models, or models without a script, as a service."""
    from mlmagic.core.configuration import DeploymentConfig

    config = DeploymentConfig(target, **_given(settings))
    inference = _inference(entry_script, source_directory)
    _follow(
        lambda engine: engine.deploy(name, list(models), inference, config, overwrite=overwrite, notify=_say),
        wait=not no_wait,
    )


@cli.group(cls=Commands)
def service() -> None:
    """Live services."""


cli.add_command(cli_events.events)
service.add_command(cli_events.follow)
service.add_command(cli_events.unfollow)


@service.command("list")
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table")
def list_services(output: str) -> None:
    """List services."""
    from mlmagic.sdk.webservice import Webservice as Handle
    from mlmagic.widgets.cards import services_listing

    with _engine() as engine:
        found = engine.services()
        if output == "json":
            _print_json([_service_record(one) for one in found])
            return
        listing = services_listing(found, lambda record: Handle(engine, record))
    click.echo(repr(listing))


@service.command("show")
@click.option("-n", "--name", required=True)
def show_service(name: str) -> None:
    """Show one service as JSON."""
    with _engine() as engine:
        _print_json(_service_record(engine.service(name)))


@service.command("run")
@click.option("-n", "--name", required=True)
@click.option("-d", "--input-data", "data", required=True, help="The request body, or @FILE.")
def run_service(name: str, data: str) -> None:
    """Score: send a request body, print the answer as JSON."""
    body: str | bytes = data
    if data.startswith("@"):
        path = Path(data[1:])
        if not path.is_file():
            raise InvalidConfig("--input-data", data, "names a file that is not there")
        body = path.read_bytes()
    with _engine() as engine:
        _print_json(engine.invoke(name, body))


@service.command("logs")
@click.option("-n", "--name", required=True)
@click.option("-l", "--num-lines", "lines", type=int, default=5000, show_default=True)
@click.option("-f", "--follow", is_flag=True)
@click.option("--events", "events", is_flag=True, help="What happened to it, instead of what it wrote.")
def service_logs(name: str, lines: int, follow: bool, events: bool) -> None:
    """Print what a service wrote."""
    from mlmagic.widgets.cards import event_line

    with _engine() as engine:
        if events:
            engine.service(name)
            for event in engine.events(service=name)[-lines:]:
                click.echo(event_line(event))
            return
        for line in engine.logs(name, tail=lines, follow=follow):
            click.echo(line)


@service.command("update")
@click.option("-n", "--name", required=True)
@click.option("-m", "--model", "models", multiple=True, metavar="NAME[:VERSION]")
@click.option("--entry-script")
@click.option("--source-directory", metavar="DIR")
@_settings
@click.option("--no-wait", is_flag=True)
def update_service(
    name: str,
    models: Sequence[str],
    entry_script: str | None,
    source_directory: str | None,
    no_wait: bool,
    **settings: Any,
) -> None:
    """Change a service's models, script or settings; it answers all the while."""
    inference = _inference(entry_script, source_directory)
    _follow(
        lambda engine: engine.update(
            name,
            model_names=list(models) or None,
            inference=inference,
            config_changes=_given(settings),
            notify=_say,
        ),
        wait=not no_wait,
    )


@service.command("get-keys")
@click.option("-n", "--name", required=True)
def service_keys(name: str) -> None:
    """Print the two keys of a service as JSON."""
    with _engine() as engine:
        _print_keys(engine.get_keys(name))


@service.command("regen-key")
@click.option("-n", "--name", required=True)
@click.option("-k", "--key", "which", required=True, metavar="Primary|Secondary")
def regenerate_key(name: str, which: str) -> None:
    """Make one of the two keys anew; callers that use the other notice nothing."""
    with _engine() as engine:
        _print_keys(engine.regen_key(name, which))


@service.command("get-access-token")
@click.option("-n", "--name", required=True)
def service_access_token(name: str) -> None:
    """Print a token for a service as JSON, with the time to ask for the next."""
    with _engine() as engine:
        token = engine.get_access_token(name)
    _print_json(
        {
            "accessToken": token.access_token,
            "tokenType": token.token_type,
            "refreshAfter": token.refresh_after.isoformat(),
            "expiryOn": token.expiry_on.isoformat(),
        }
    )


@service.command("delete")
@click.option("-n", "--name", required=True)
def delete_service(name: str) -> None:
    """End a service and forget it."""
    with _engine() as engine:
        engine.delete(name)
    _say(f"deleted {name}")


def _inference(entry_script: str | None, source_directory: str | None) -> InferenceConfig | None:
    """The script that a line names; None if it names none."""
    from mlmagic.core.configuration import InferenceConfig

    if entry_script:
        return InferenceConfig(entry_script, source_directory=source_directory)
    if source_directory:
        raise UsageError(
            f"--source-directory {source_directory!r} needs --entry-script",
            hint="Name the script in that folder, such as --entry-script score.py.",
        )
    return None


def _engine() -> closing[Engine]:
    """A command ends soon: the keeper looks after the services, not this process."""
    from mlmagic.engine.engine import Engine

    return closing(Engine(supervise=False))


def _follow(verb: Callable[[Engine], Webservice], *, wait: bool) -> None:
    """Do it, tell each change on standard error, print the scoring URI."""
    from mlmagic.widgets.cards import service_text

    last = ""

    def tell(record: Webservice) -> None:
        nonlocal last
        text = service_text(record)
        if text != last:
            last = text
            _say(text)

    with _engine() as engine:
        record = verb(engine)
        if wait:
            record = engine.wait_or_withdraw(record, watching=tell)
            click.echo(record.scoring_uri)
        else:
            tell(record)


def _say(text: str) -> None:
    click.echo(text, err=True)


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, default=str))


def _print_keys(keys: tuple[str, str]) -> None:
    _print_json({"primaryKey": keys[0], "secondaryKey": keys[1]})


def _pairs(option: str, given: Sequence[str]) -> dict[str, str]:
    from mlmagic.core.model import parse_labels

    return parse_labels(option, given)


def _given(settings: dict[str, Any]) -> dict[str, Any]:
    """What the line sets, by the names of `DeploymentConfig`."""
    given = {each.field: settings[each.field] for each in (*NUMBERS, *FLAGS, *TEXTS)}
    for label in LABELS:
        words = settings[label.field]
        given[label.field] = _pairs(label.option, words) if words else None
    return {field: value for field, value in given.items() if value is not None}


def _model_record(record: Model) -> dict[str, Any]:
    values = asdict(record.details)
    files = [file.path for file in record.files]
    return {"id": record.id, "version": record.version, **values, "files": files, "size": record.size}


def _service_record(record: Webservice) -> dict[str, Any]:
    hidden = ("handle", "candidate_handle", "retiring")
    values = {key: value for key, value in asdict(record).items() if key not in hidden}
    return {**values, "scoring_uri": record.scoring_uri, "swagger_uri": record.swagger_uri}
