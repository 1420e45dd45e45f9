"""What is seen in a browser: the dashboard at `/`, and the API's documentation at `/docs`."""

from recsvc.api.dashboard import docs, pages
from recsvc.api.routing import Router

router = Router(include_in_schema=False)
router.include_router(pages.router)
router.include_router(docs.router)
