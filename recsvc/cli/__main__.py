"""Run the command line: `python -m recsvc.cli` is `recsvc`."""

from recsvc.cli import main

if __name__ == "__main__":
    main()
