"""Compiled kernels: ahead of time, from the cache and in any order, they are the same code."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 600

SERVICE = """
import sys
from pathlib import Path
from recsvc.db.session import Database
from recsvc.service.recommendations.reasons import add_reasons, ratings_by_item
from recsvc.service.recommendations.recommend import predict, recommend
from recsvc.service.recommendations.user_history import AnonymousHistory, UserHistory
from recsvc.service.recommendations.model_server import ModelServer
from tests.factories.shop import Shop, two_camps

shop = Shop(Database(f"sqlite:///{sys.argv[1]}"), Path(sys.argv[2]))
server = ModelServer(shop.context)
if sys.argv[3] == "train":
    shop.rate(two_camps())
for version, model_kind in enumerate(("user_rbm", "item_rbm", "joint_rbm"), start=1):
    if sys.argv[3] == "train":
        shop.train(model_kind=model_kind, publish="never")
        shop.train(model_kind=model_kind, publish="never", warm_start=True, seed=1)
    shop.publish(2 * version - (sys.argv[3] == "train"))
    server.refresh()
    answering = server.require_model()
    for user_id in ("u03", "nobody"):
        history = server.histories.read(user_id)
        known = UserHistory.from_store(answering, history)
        ranked = recommend(answering, user_id, known, n=5)
        add_reasons(answering, known, ratings_by_item(answering, history), ranked)
        predict(answering, user_id, known, ["i03", "i04", "unknown"])
    given = UserHistory.from_request(answering, AnonymousHistory({"i00": 5.0}))
    recommend(answering, None, given, n=5)
"""


def start(cache: Path, *arguments: object) -> subprocess.Popen[str]:
    """Start Python with a cache of its own."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"NUMBA_CACHE_DIR": str(cache)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def output_of(process: subprocess.Popen[str]) -> str:
    output, complaints = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, complaints
    return output


def cache_files(cache: Path) -> list[Path]:
    return sorted(path for path in cache.rglob("*") if path.suffix in (".nbi", ".nbc"))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Digests of four processes, and the cache that the first of them compiled ahead."""
    ahead, reverse = (tmp_path_factory.mktemp(name) for name in ("ahead", "reverse"))
    digests = ("-m", "tests.rbm.kernel_digests")
    cold = start(ahead, *digests, "ahead"), start(reverse, *digests, "reversed")
    answers = {
        "cold": output_of(cold[0]),
        "cold, reversed": output_of(cold[1]),
    }
    warm = start(ahead, *digests), start(ahead, *digests, "reversed")
    answers |= {"warm": output_of(warm[0]), "warm, reversed": output_of(warm[1])}
    return {name: json.loads(answer) for name, answer in answers.items()}, ahead


@pytest.mark.slow
@pytest.mark.parametrize("other", ["cold, reversed", "warm", "warm, reversed"])
def test_kernels_have_same_bits_when_compiled_or_cached_in_any_order(runs, other):
    digests, _ = runs
    expected, found = digests["cold"]["digests"], digests[other]["digests"]

    assert len(expected) > 400
    assert [name for name in expected if found[name] != expected[name]] == []


@pytest.mark.slow
@pytest.mark.parametrize("run", ["cold", "warm", "warm, reversed"])
def test_precompiled_kernels_cover_models(runs, run):
    digests, _ = runs

    assert set(digests[run]["compiled"]) <= {"stream", "uniform"}  # only tests call them


@pytest.mark.slow
def test_precompiled_kernels_cover_service(runs, migrated_sqlite, tmp_path):
    _, cache = runs
    before = cache_files(cache)
    place, home = tmp_path / "recsvc.sqlite3", tmp_path / "home"
    place.write_bytes(migrated_sqlite.read_bytes())

    output_of(start(cache, "-c", SERVICE, place, home, "train"))

    assert len(before) > 40
    assert cache_files(cache) == before

    answers = tmp_path / "answers"
    output_of(
        start(
            answers,
            "-c",
            "from recsvc.rbm import precompilation; precompilation.compile_answer_kernels()",
        )
    )
    before = cache_files(answers)
    output_of(start(answers, "-c", SERVICE, place, home, "answer"))

    assert 10 < len(before) < 40
    assert cache_files(answers) == before


def test_kernel_cache_key_changes_with_other_kernel_file(tmp_path):
    shutil.copytree(
        ROOT / "recsvc", tmp_path / "recsvc", ignore=shutil.ignore_patterns("__pycache__")
    )
    constants = tmp_path / "recsvc" / "rbm" / "kernels" / "scalars.py"

    before = a_key(tmp_path)
    again = a_key(tmp_path)
    constants.write_text(constants.read_text().replace("0x9E3779B97F4A7C15", "0x1"))

    assert again == before
    assert a_key(tmp_path) != before


def a_key(folder: Path) -> str:
    """Return a key of `learning.stream`, to which `scalars` contributes a constant."""
    script = f"""
import sys
sys.path.insert(0, {str(folder)!r})
from recsvc.rbm import kernels
print(kernels.stream(1, 2, 3))
"""
    return output_of(start(folder / "cache", "-c", script))
