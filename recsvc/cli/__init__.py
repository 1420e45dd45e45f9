"""The command line. Every command except `serve` and `worker` is a client of the HTTP API."""


def main() -> None:
    """Run `recsvc`.

    The import is late because the processes that `serve` starts need none of the commands.
    """
    from recsvc.cli.app import run

    run()
