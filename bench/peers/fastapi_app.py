"""The same answers from FastAPI: in memory, by its models, on uvicorn with its fastest parts.

Run as `python -m bench.peers.fastapi_app PORT FILE`: FILE has the JSON that `/api/services/` answers.
"""

import importlib
import json
import sys
from pathlib import Path


def application(services: list[dict[str, object]]) -> object:
    """`/api/services/` and `/health`."""
    app = importlib.import_module("fastapi").FastAPI()

    async def listed() -> list[dict[str, object]]:
        return services

    async def health() -> dict[str, str]:
        return {"status": "healthy", "service": "WatchHamster Backend", "version": "1.0.0"}

    app.get("/api/services/")(listed)
    app.get("/health")(health)
    return app


if __name__ == "__main__":
    importlib.import_module("uvicorn").run(
        application(json.loads(Path(sys.argv[2]).read_bytes())),
        port=int(sys.argv[1]),
        log_level="warning",
        access_log=False,
        loop="uvloop",
        http="httptools",
    )
