"""Typing errors in the Chinese words that carry a request: characters that sound the same.

Input methods write by sound, so an error is another character of the same sound. Only words of the
request's own classes are mended, and only where the wrong one means nothing there.
"""

from __future__ import annotations

import re

_MENDED = (
    (re.compile(r"时侯|时后"), "时候"),
    (re.compile(r"[神甚]么(?!人|话|圣)|什麽|甚麽|什莫"), "什么"),
    (re.compile(r"(?<=[拍照摄录])得(?=$|[？?。！!，,])"), "的"),
    (re.compile(r"(?<=[一二两三四五六七八九十几少这那])[章涨账帐](?=$"
        r"|[图照相片的是在有和跟，,？?。])(?!的?内容)"), "张"),
    (re.compile(r"照偏|召片|照骗"), "照片"),
    (re.compile(r"途片|图偏"), "图片"),
    (re.compile(r"视屏|示频"), "视频"),
    (re.compile(r"录因|路音"), "录音"),
    (re.compile(r"(?<=最)候(?=一|那|\\d)"), "后"),
    (re.compile(r"(?<=[上里]面)[邪谢](?=[着了])"), "写"),
    (re.compile(r"再那里(?=拍)|在那里(?=拍的[？?])"), "在哪里"),
)  # fmt: skip


def corrected(text: str) -> str:
    """A request with the misspelt words of its own classes mended."""
    for wrong, right in _MENDED:
        text = wrong.sub(right, text)
    return text
