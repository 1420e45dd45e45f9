"""Pages for browsers: the dashboard at `/`, and the documentation of the API at `/docs`."""

from recsvc.api.access.requirements import OPEN
from recsvc.api.concurrency.router import Router
from recsvc.api.dashboard import page, swagger

router = Router(include_in_schema=False, requirement=OPEN)
router.include_router(page.router)
router.include_router(swagger.router)
