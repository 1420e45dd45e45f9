"""Run a ranking on the event loop, or on the thread pool that suits it."""

from collections.abc import Callable

from fastapi import Request

from recsvc.api.concurrency.request_pools import RequestPools
from recsvc.service.recommendations.model_server import (
    ModelServer,
    RecommendationList,
    RecommendationQuery,
)


async def run_ranking(
    request: Request,
    query: RecommendationQuery,
    rank: Callable[[ModelServer], RecommendationList],
) -> RecommendationList:
    """Rank on the event loop if that is quick, otherwise on a thread.

    benchmarks/RESULTS.md has the measurement: the hop to a thread takes longer than a quick
    ranking. A list without a model needs a connection of the pool, so it runs among the reads.
    """
    server: ModelServer = request.app.state.model_server
    if server.is_quick(query):
        return rank(server)
    pools: RequestPools = request.app.state.request_pools
    pool = pools.reads if server.version is None else pools.answers
    return await pool.run(lambda: rank(server))
