"""Check a commit's subject: `python scripts/check_commit.py [FILE]`, by default that of HEAD.

The subject is `component: imperative`, at most 72 characters, without a full stop. A commit of
several parents is not checked.
"""

import re
import subprocess
import sys
from pathlib import Path

MOST_CHARACTERS = 72
SUBJECT = re.compile(r"[A-Za-z][\w./-]*(, [A-Za-z][\w./-]*)*: [a-z]\S*( \S+)*[^.\s]")


def issue(subject: str) -> str | None:
    """Return the reason why a subject is refused, None if it is accepted."""
    if len(subject) > MOST_CHARACTERS:
        return f"has {len(subject)} characters, at most {MOST_CHARACTERS}"
    if not SUBJECT.fullmatch(subject):
        return "is not `component: imperative` in lower case, without a full stop"
    return None


def subject_of_head() -> str | None:
    """Return the subject of HEAD; None for a merge, or outside a repository."""
    command = ["git", "log", "-1", "--no-merges", "--format=%s%x00%P", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    subject, _, parents = done.stdout.strip().partition("\0")
    return subject if done.returncode == 0 and len(parents.split()) == 1 else None


def main(arguments: list[str]) -> int:
    """Check the subject in a file, or that of HEAD; return the exit status."""
    if arguments:
        lines = Path(arguments[0]).read_text(encoding="utf-8").splitlines()
        subject = lines[0] if lines else ""
        if subject.startswith("Merge "):
            return 0
    else:
        head = subject_of_head()
        if head is None:
            return 0
        subject = head
    reason = issue(subject)
    if reason:
        sys.stderr.write(f"The commit subject {subject!r} {reason}.\n")
    return int(reason is not None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
