"""COCO: the 80 kinds of things that many detectors know, and the format of its annotations."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sensorium.errors import UsageError
from sensorium.folders import is_folder, named_file
from sensorium.plain import as_utf8

if TYPE_CHECKING:
    from sensorium.tasks.detection import Detection

NAMES = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat",
    "traffic light", "fire hydrant", "", "stop sign", "parking meter", "bench", "bird", "cat",
    "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe", "", "backpack",
    "umbrella", "", "", "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard",
    "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard",
    "tennis racket", "bottle", "", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana",
    "apple", "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake",
    "chair", "couch", "potted plant", "bed", "", "dining table", "", "", "toilet", "", "tv",
    "laptop", "mouse", "remote", "keyboard", "cell phone", "microwave", "oven", "toaster", "sink",
    "refrigerator", "", "book", "clock", "vase", "scissors", "teddy bear", "hair drier",
    "toothbrush",
)  # fmt: skip
"""By their numbers from 1; the ten numbers without a name were never annotated."""

CHINESE = (
    "人", "自行车", "汽车", "摩托车", "飞机", "公共汽车", "火车", "卡车", "船", "红绿灯",
    "消防栓", "停车标志", "停车计时器", "长椅", "鸟", "猫", "狗", "马", "羊", "牛", "大象", "熊",
    "斑马", "长颈鹿", "背包", "雨伞", "手提包", "领带", "行李箱", "飞盘", "滑雪板", "单板滑雪",
    "球", "风筝", "棒球棒", "棒球手套", "滑板", "冲浪板", "网球拍", "瓶子", "酒杯", "杯子", "叉子",
    "刀", "勺子", "碗", "香蕉", "苹果", "三明治", "橙子", "西兰花", "胡萝卜", "热狗", "披萨",
    "甜甜圈", "蛋糕", "椅子", "沙发", "盆栽", "床", "餐桌", "马桶", "电视", "笔记本电脑", "鼠标",
    "遥控器", "键盘", "手机", "微波炉", "烤箱", "烤面包机", "水槽", "冰箱", "书", "时钟", "花瓶",
    "剪刀", "泰迪熊", "吹风机", "牙刷",
)  # fmt: skip
"""Of those with a name, in the same order."""

OTHER_NAMES = {
    "people": "person", "persons": "person", "human": "person", "humans": "person",
    "bike": "bicycle", "motorbike": "motorcycle", "plane": "airplane", "aeroplane": "airplane",
    "ship": "boat", "sofa": "couch", "television": "tv", "doughnut": "donut",
    "mobile phone": "cell phone", "smartphone": "cell phone", "phone": "cell phone",
    "hair dryer": "hair drier", "fridge": "refrigerator", "teddy": "teddy bear",
    "racket": "tennis racket", "computer mouse": "mouse", "remote control": "remote",
    "houseplant": "potted plant",
}  # fmt: skip
"""Words that mean the same; narrower ones ("child" for a person) are left out."""

KNOWN = tuple(name for name in NAMES if name)


def known_name(word: str) -> str | None:
    """The COCO name of a word in English or Chinese, singular or plural; None of any other."""
    word = " ".join(word.casefold().split())
    if word in CHINESE:
        return KNOWN[CHINESE.index(word)]
    for article in ("a ", "an ", "the "):
        word = word.removeprefix(article)
    for form in (word, word.removesuffix("s"), word.removesuffix("es")):
        if form in KNOWN:
            return form
        if form in OTHER_NAMES:
            return OTHER_NAMES[form]
    return None


def as_annotations(detections: Iterable[Detection], folder: Path | None = None) -> dict[str, Any]:
    """Detections as COCO has annotations, which annotation tools and evaluators read.

    Parameters
    ----------
    detections : iterable of Detection
        Those with an error are left out.
    folder : Path, optional
        File names are relative to it where they lie below it.

    Returns
    -------
    dict
        ``images``, ``annotations`` (with ``score``, as its files of results have) and
        ``categories``; COCO's own names keep their numbers, others follow from 91 on.
    """
    found = [one for one in detections if not one.error]
    labels = dict.fromkeys(box.label for one in found for box in one.boxes)
    others = [label for label in labels if label not in KNOWN]
    numbers = {label: NAMES.index(label) + 1 for label in labels if label in KNOWN}
    numbers |= {label: len(NAMES) + 1 + n for n, label in enumerate(others)}
    images: list[dict[str, Any]] = []
    made: list[dict[str, Any]] = []
    for number, one in enumerate(found, 1):
        images.append(
            {
                "id": number,
                "file_name": _relative(one.path, folder),
                "width": one.width,
                "height": one.height,
            }
        )
        for box in one.boxes:
            made.append(
                {
                    "id": len(made) + 1,
                    "image_id": number,
                    "category_id": numbers[box.label],
                    "bbox": list(box.box),
                    "area": round(box.box[2] * box.box[3], 2),
                    "iscrowd": 0,
                    "segmentation": [],
                    "score": box.probability,
                    "model": str(box.origin),
                }
            )
    categories = [
        {"id": number, "name": label, "supercategory": ""}
        for label, number in sorted(numbers.items(), key=lambda pair: pair[1])
    ]
    return {"images": images, "annotations": made, "categories": categories}


def save(
    detections: Sequence[Any],
    path: str | os.PathLike[str],
    annotations: Callable[[Sequence[Any], Path], dict[str, Any]] = as_annotations,
) -> None:
    """Write annotations into a file, with names relative to its folder.

    Parameters
    ----------
    detections : sequence of Detection, or of what `annotations` takes
    path : str or Path
    annotations : callable
        Makes them, given a folder.

    Raises
    ------
    UsageError, WriteError
        When the path is a folder; when it cannot be written.
    """
    file = Path(path)
    require_file(file)
    content = as_utf8(annotations(detections, file.parent.absolute()))
    with named_file(file) as part:
        part.write_text(content + "\n", "utf-8")


def require_file(path: Path) -> None:
    """Refuse a folder in place of a file of annotations, before anything is looked at.

    Raises
    ------
    UsageError
    """
    if is_folder(path):
        raise UsageError(f"{path} is a folder: name a file for the annotations")


def _relative(path: str, folder: Path | None) -> str:
    try:
        return Path(path).absolute().relative_to(folder or "").as_posix()
    except ValueError:
        return path
