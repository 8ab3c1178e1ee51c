"""A few encoders of the model hub that are worth trying, and what is known of them."""

from __future__ import annotations

from dataclasses import dataclass

from sensorium.encoders.hub_cache import is_whole, snapshot_of


@dataclass(frozen=True)
class Listed:
    """A model of the hub.

    Attributes
    ----------
    name : str
        What `sensorium.load_encoder` takes.
    modalities, languages : str
    license : str
    parameters : int
        In millions; in float32 each takes 4 MB, in bfloat16 2.
    dimension : str
        Of a vector, and what it can be cut to.
    score : str
        A published figure and where it stands; empty where none was found that can be compared.
    """

    name: str
    modalities: str
    languages: str
    license: str
    parameters: int
    dimension: str
    score: str = ""

    @property
    def megabytes(self) -> int:
        """Of its weights in float32."""
        return self.parameters * 4

    @property
    def is_installed(self) -> bool:
        """Whether its files lie in the hub's cache on this machine."""
        folder = snapshot_of(self.name)
        return folder is not None and is_whole(folder)


CATALOGUE = (
    Listed(
        "openai/clip-vit-base-patch32", "image, text", "English", "MIT", 151, "512",
        "ImageNet zero-shot 63.2% (Radford et al. 2021, table 11)",
    ),
    Listed(
        "google/siglip2-base-patch16-256", "image, text", "109", "Apache-2.0", 375, "768",
        "ImageNet zero-shot 79.1%, COCO text to image R@1 53.2% (Tschannen et al. 2025, table 1)",
    ),
    Listed(
        "google/embeddinggemma-2", "audio, image, text, video", "over 100", "Apache-2.0", 740,
        "768, 512, 256 or 128",
        "MMEB v2 59.0, multilingual MTEB 61.4 (Google's model card, October 2026)",
    ),
    Listed(
        "Qwen/Qwen3-VL-Embedding-2B", "image, text, video", "over 30", "Apache-2.0", 2127,
        "2048, or less from 64 on",
        "MMEB v2 73.2 (Qwen3-VL-Embedding, README of its repository)",
    ),
    Listed(
        "laion/clap-htsat-unfused", "audio, text", "English", "Apache-2.0", 153, "512",
        "ESC-50 zero-shot 91.6% (measured, pymill.com/docs/reproducibility/esc50)",
    ),
    Listed(
        "sentence-transformers/all-MiniLM-L6-v2", "text", "English", "Apache-2.0", 23, "384",
        "MTEB 56.3 (Muennighoff et al. 2023, table 1)",
    ),
    Listed(
        "intfloat/multilingual-e5-small", "text", "94", "MIT", 118, "384",
        "MTEB 57.9 (Wang et al. 2024, Multilingual E5)",
    ),
)  # fmt: skip
