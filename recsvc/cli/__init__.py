"""The command line. Commands are clients of the HTTP API.

`serve` and `worker` start processes. Those of `commands.maintenance` open the database directly,
because they must work where no service can start (decision 0081).
"""


def main() -> None:
    """Run `recsvc`.

    The import is late because the processes that `serve` starts need none of the commands.
    """
    from recsvc.cli.app import run

    run()
