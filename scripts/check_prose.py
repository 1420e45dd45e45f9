"""Check docstrings against docs/contributing/style.md: `python scripts/check_prose.py [--rates]`.

Reports words that the project does not use, first words that are no verb of the list for
functions, and sentences of more than 30 words. `--rates` prints the frequency of the words per
1,000 words of docstrings.
"""

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LONGEST_SENTENCE = 30
# Words that no docstring may have.
FORBIDDEN = re.compile(
    r"\b(tells?|told|telling|nobody|somebody|anybody|whoever|beside|of which|of whose|lets?"
    r"|letting)\b",
    re.IGNORECASE,
)
# Words with a bound on their frequency per 1,000 words of docstrings.
RATES = {
    "tell/told": (r"\b(tells?|told|telling)\b", 0.3),
    "give": (r"\b(gives?|given|giving|gave)\b", 1.5),
    "what is": (r"\bwhat (is|was|are|were)\b", 0.5),
    "say, let, hold, beside, nobody": (
        r"\b(says?|said|saying|lets?|letting|holds?|held|holding|beside|nobody|somebody|anybody)\b",
        1.0,
    ),
}
HELD_OUT = re.compile(r"\bheld[ -]out\b", re.IGNORECASE)  # the field's term
# First words that are no instruction: "Tell", "Give" and their like.
NO_FIRST_WORD = {
    "Tell",
    "Give",
    "Say",
    "Let",
    "Hold",
    "Take",
    "Put",
    "Look",
    "Do",
    "Go",
    "Stand",
    "Spell",
    "Have",
    "Keep",
    "Bring",
    "Leave",
}


def docstrings(tree: ast.Module) -> Iterator[tuple[int, str, bool]]:
    """Yield line, text and whether it is a function's, for each docstring of a module."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(tree):
        if isinstance(node, kinds) and (text := ast.get_docstring(node)):
            line = getattr(node, "lineno", 1)
            yield line, text, isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))


def prose(text: str) -> str:
    """Return a docstring without formulas: indented lines and code between backticks."""
    lines = [line for line in text.splitlines() if not line.startswith("    ")]
    return re.sub(r"``?[^`]*``?", "x", "\n".join(lines))


def sentences(text: str) -> Iterator[str]:
    """Yield the sentences of a docstring; a blank line or a list entry ends one, too."""
    for block in re.split(r"\n\s*\n|\n(?=[\w.*`…]+  )", prose(text)):
        yield from re.split(r"(?<=[.:;?!])\s+", " ".join(block.split()))


def issues(file: str, tree: ast.Module) -> Iterator[str]:
    """Yield what is reported of a module's docstrings."""
    for line, text, is_function in docstrings(tree):
        for match in FORBIDDEN.finditer(prose(text)):
            yield f"{file}:{line}: docstring has {match.group(0)!r}"
        first = re.match(r"\w+", text)
        if is_function and first and first.group(0) in NO_FIRST_WORD:
            yield f"{file}:{line}: docstring begins with {first.group(0)!r}"
        for sentence in sentences(text):
            if len(sentence.split()) > LONGEST_SENTENCE:
                yield f"{file}:{line}: sentence of {len(sentence.split())} words: {sentence[:60]}…"


def rates(trees: list[ast.Module]) -> tuple[int, Counter[str]]:
    """Return the number of words of all docstrings and how often each bounded word occurs."""
    n_words, counts = 0, Counter[str]()
    for tree in trees:
        for _, text, _ in docstrings(tree):
            plain = HELD_OUT.sub("x", prose(text))
            n_words += len(plain.split())
            for name, (pattern, _) in RATES.items():
                counts[name] += len(re.findall(pattern, plain, re.IGNORECASE))
    return n_words, counts


def main(show_rates: bool) -> int:
    """Report all issues and exceeded rates; return the exit status."""
    files = sorted(ROOT.glob("recsvc/**/*.py"))
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in files]
    found = []
    for path, tree in zip(files, trees, strict=True):
        file = path.relative_to(ROOT).as_posix()
        if not file.startswith("recsvc/errors/"):  # a docstring is a problem's title there
            found += issues(file, tree)
    n_words, counts = rates(trees)
    for name, (_, most) in RATES.items():
        rate = 1000 * counts[name] / n_words
        if show_rates:
            sys.stdout.write(f"{name}: {rate:.1f} per 1,000 words, at most {most}\n")
        if rate > most:
            found.append(f"{name}: {rate:.1f} per 1,000 words of docstrings, at most {most}")
    sys.stdout.writelines(f"{issue}\n" for issue in found)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main("--rates" in sys.argv))
