"""What most people write first: a server that encodes each request by itself, with our encoder.

    python -m benchmarks.plain_server PORT COLLECTION

FastAPI and uvicorn with one route for texts and pictures and one for searches, each a plain
function that FastAPI runs in a thread; the same model on the same runtime, and the same search.
"""

import base64
import sys

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from sensorium import Collection, load_encoder
from sensorium.media import Text, as_media


class Embed(BaseModel):
    """A text, or a picture as a data: URL."""

    input: str


class Search(BaseModel):
    """What is sought."""

    query: str
    k: int = 10


def app(collection: str) -> FastAPI:
    """The server over one collection."""
    encoder = load_encoder("mini")
    library = Collection(collection, encoder, create=False)
    server = FastAPI()

    @server.post("/embed")
    def embed(asked: Embed) -> dict[str, list[float]]:
        if asked.input.startswith("data:"):
            media = as_media(base64.b64decode(asked.input.partition(",")[2]))
        else:
            media = Text(asked.input)
        return {"embedding": encoder.encode([media])[0].tolist()}

    @server.post("/search")
    def search(asked: Search) -> list[dict[str, object]]:
        return [
            {"path": hit.path, "score": hit.score, "probability": hit.probability}
            for hit in library.search(Text(asked.query), asked.k)
        ]

    return server


if __name__ == "__main__":
    uvicorn.run(app(sys.argv[2]), port=int(sys.argv[1]), log_level="warning")
