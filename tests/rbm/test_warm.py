"""Compiling ahead of time."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# In a process of its own: here, other tests may have compiled what is looked for.
SCRIPT = """
import shutil, sys
from pathlib import Path
from recsvc.rbm import kernels
from recsvc.rbm.warm import compile_kernels

def compiled():
    return {name: len(kernel.signatures) for name, kernel in vars(kernels).items()
            if hasattr(kernel, "signatures")}

compile_kernels()
before = compiled()

from recsvc.db.session import Database
from recsvc.service.explaining import add_reasons, stored_ratings
from recsvc.service.recommending import Known, predict, recommend
from recsvc.service.serving import Serving
from tests.service.shop import Shop, two_camps

shop = Shop(Database(f"sqlite:///{sys.argv[1]}"), Path(sys.argv[2]))
shop.rate(two_camps())
serving = Serving(shop.context)
for model_kind in ("user_rbm", "item_rbm", "joint_rbm"):
    shop.train(model_kind=model_kind)
    shop.train(model_kind=model_kind, publish="always", warm_start=True, seed=1)
    serving.look()
    answering = serving.answering()
    for user_id in ("u03", "nobody"):
        history = serving.histories.of(user_id)
        known = Known.stored(answering, history)
        ranked = recommend(answering, user_id, known, n=5)
        add_reasons(answering, known, stored_ratings(answering, history), ranked)
        predict(answering, user_id, known, ["i03", "i04", "unknown"])
    recommend(answering, None, Known.given(answering, {"i00": 5.0}), n=5)
assert sum(before.values()) > 0
print({name: (n, before[name]) for name, n in compiled().items() if n != before[name]})
"""


def test_after_compiling_ahead_neither_training_nor_answering_compiles_anything(
    migrated_sqlite, tmp_path
):
    place = tmp_path / "recsvc.sqlite3"
    place.write_bytes(migrated_sqlite.read_bytes())

    told = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT, place, tmp_path / "home"],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip

    assert told.returncode == 0, told.stderr
    assert told.stdout.splitlines()[-1] == "{}"
