"""What is seen in a browser: the dashboard at `/`, and the API's documentation at `/docs`."""

from fastapi import APIRouter

from recsvc.api.dashboard import docs, pages

router = APIRouter(include_in_schema=False)
router.include_router(pages.router)
router.include_router(docs.router)
