"""The `recsvc` application: its commands and the output of errors."""

import sys
from http import HTTPStatus
from typing import Annotated

import typer
from pydantic import ValidationError

import recsvc
from recsvc.cli.commands import (
    demo,
    diagnose,
    evaluate,
    import_files,
    jobs,
    keys,
    models,
    recommend,
    serve,
    sweep,
    train,
    worker,
)
from recsvc.cli.commands.maintenance import backup, doctor, prune, upgrade
from recsvc.client import KEY_VARIABLE, ApiError, ClientError
from recsvc.errors import RecsvcError

app = typer.Typer(
    name="recsvc",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("serve")(serve.serve)
app.command("worker")(worker.worker)
app.command("import")(import_files.import_files)
app.command("train")(train.train)
app.add_typer(jobs.app, name="jobs")
app.add_typer(sweep.app, name="sweep")
app.command("recommend")(recommend.recommend)
app.add_typer(models.app, name="models")
app.add_typer(keys.app, name="keys")
app.command("evaluate")(evaluate.evaluate)
app.command("diagnose")(diagnose.diagnose)
app.command("demo")(demo.demo)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.command("upgrade")(upgrade.upgrade)
app.command("downgrade")(upgrade.downgrade)
app.command("prune")(prune.prune)
app.command("doctor")(doctor.doctor)


def _show_version(requested: bool) -> None:
    if requested:
        typer.echo(f"recsvc {recsvc.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Train recommenders on ratings with Restricted Boltzmann Machines, and serve them.

    `recsvc demo` runs every step on generated data in half a minute. `recsvc serve` starts the
    service. `backup`, `restore`, `upgrade`, `downgrade`, `prune` and `doctor` open its data
    directly. The other commands send requests to the service at --url or RECSVC_URL. Without an
    address, each starts a temporary service on the data in RECSVC_HOME (or RECSVC_DATABASE_URL).
    """


def run() -> None:
    """Run the requested command; print an error as one line on stderr and exit with status 1."""
    try:
        app()
    except (ClientError, RecsvcError) as error:
        detail = error.detail_with_cause() if isinstance(error, RecsvcError) else str(error)
        _fail(f"{detail}{_key_hint(error)}")
    except ValidationError as error:  # raised by Settings, the only model of the command line
        _fail(doctor.describe_settings(error))
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))


def _key_hint(error: Exception) -> str:
    """Return how a command gets its key, after a response that the key is missing or invalid."""
    if isinstance(error, ApiError) and error.status == HTTPStatus.UNAUTHORIZED:
        return f" Commands send the key of {KEY_VARIABLE}."
    return ""


def _fail(text: str) -> None:
    typer.echo("error: " + " ".join(text.split()), err=True)
    sys.exit(1)
