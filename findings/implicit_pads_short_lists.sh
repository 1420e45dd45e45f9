#!/usr/bin/env bash
# implicit 0.7.3 fills a list with items that it was asked to leave out.
#
# recommend(N=4, filter_already_liked_items=True) of a user with one eligible item returns four
# items. The ALS model gives liked and filtered ones the score -3.4e38, the nearest-neighbour model
# gives them 0.0, which is also the score of an eligible item without neighbours. The length of the
# result therefore does not tell how many items passed the filter.
#
# Seen: item 3 is the only eligible one. Exit status 0 means that this is still so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet implicit==0.7.3 numpy scipy

cat > program.py <<'PYTHON'
import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"
import numpy as np
import scipy.sparse
from implicit.als import AlternatingLeastSquares
from implicit.nearest_neighbours import CosineRecommender

likes = scipy.sparse.csr_matrix(
    np.array([[1, 1, 1, 0], [1, 0, 0, 1], [0, 1, 1, 1]], dtype=np.float64)
)
for model in (AlternatingLeastSquares(factors=2, random_state=0, use_gpu=False), CosineRecommender(K=2)):
    model.fit(likes, show_progress=False)
    items, scores = model.recommend(0, likes[0], N=4, filter_already_liked_items=True)
    liked = [bool(likes[0, item]) for item in items]
    print(type(model).__name__, len(items), sum(liked), [f"{score:.1e}" for score in scores[1:]])
PYTHON
venv/bin/python program.py | tee output
diff output - <<'EXPECTED'
AlternatingLeastSquares 4 3 ['-3.4e+38', '-3.4e+38', '-3.4e+38']
CosineRecommender 4 3 ['0.0e+00', '0.0e+00', '0.0e+00']
EXPECTED
