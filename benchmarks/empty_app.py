"""A FastAPI application that does nothing: the limit of what a route can reach."""

from fastapi import FastAPI

app = FastAPI()


@app.get("/livez")
async def live() -> dict[str, str]:
    """Say that the server is up."""
    return {}


@app.get("/v1/users/{user_id}/recommendations")
async def nothing(user_id: str) -> dict[str, str]:
    """Do nothing."""
    return {}
