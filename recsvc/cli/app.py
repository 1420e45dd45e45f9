"""`recsvc` put together, and how it says what went wrong."""

import sys
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
    models,
    recommend,
    serve,
    sweep,
    train,
    worker,
)
from recsvc.client import ClientError
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
app.command("evaluate")(evaluate.evaluate)
app.command("diagnose")(diagnose.diagnose)
app.command("demo")(demo.demo)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"recsvc {recsvc.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Say the version."),
    ] = False,
) -> None:
    """Ratings in, a Restricted Boltzmann Machine, recommendations out.

    `recsvc demo` shows the whole way in half a minute. `recsvc serve` starts the
    service; the other commands speak to it at --url or RECSVC_URL. Without an address they start
    a service of their own for as long as the command takes, on the data in RECSVC_HOME (or
    RECSVC_DATABASE_URL).
    """


def run() -> None:
    """Run the command that was asked for; an error is one line on stderr and exit status 1."""
    try:
        app()
    except (ClientError, RecsvcError) as error:
        _fail(str(error))
    except ValidationError as error:  # of Settings: the only model that the command line fills
        _fail("; ".join(_setting(fault["loc"], fault["msg"]) for fault in error.errors()))
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))


def _setting(location: tuple[int | str, ...], message: str) -> str:
    name = "_".join(map(str, location)).upper()
    return f"RECSVC_{name} cannot be used: {message}"


def _fail(text: str) -> None:
    typer.echo("error: " + " ".join(text.split()), err=True)
    sys.exit(1)
