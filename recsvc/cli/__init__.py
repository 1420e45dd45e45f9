"""The command line: a file a noun. Every command but `serve` and `worker` speaks HTTP."""


def main() -> None:
    """Run `recsvc`. Imported late, because the processes that `serve` starts need none of it."""
    from recsvc.cli.app import run

    run()
