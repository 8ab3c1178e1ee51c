"""The Chinese of replies."""

from __future__ import annotations

from sensorium.collection.telling import clock
from sensorium.dialogue.composing.wording import Words

YEAR = 365.25
"""Days."""

KINDS = {
    "image": "张图片", "video": "个视频", "audio": "段录音", "text": "份文档", "mesh": "个三维模型",
    "": "个项目",
}  # fmt: skip


def sought(subject: str, excluded: tuple[str, ...], after: str, before: str) -> str:
    """What was looked for, in words."""
    told = f"\u201c{subject}\u201d" if subject else ""
    if excluded:
        told += f"(不含{'、'.join(excluded)})"
    if after and before:
        told += f"({after} 至 {before} 之前)"
    elif after or before:
        told += f"({after} 以后)" if after else f"({before} 以前)"
    return told


def apart(days: int) -> str:
    """How far two dates lie apart; see `english.apart`."""
    years = round(days / YEAR)
    return f"相隔约 {years} 年({days} 天)。" if years else f"相隔 {days} 天。"


WORDS = Words(
    kind=lambda modality, count: KINDS[modality],
    sought=sought,
    sentences={
        "found": "找到 {count} {kind}，{sought}：|找到 {count} {kind}：",
        "found more": "找到 {count} {kind}，{sought}，前 {shown} 项："
        "|找到 {count} {kind}，前 {shown} 项：",
        "likely": "可能是{sought}的：|可能的是：",
        "nothing": "这里没有与{sought}相符的内容。|这里没有相符的内容。",
        "nearest": "最接近的是：",
        "counted": "{sought}：共 {count} {kind}。|共 {count} {kind}。",
        "none counted": "一个也没有：这里没有与{sought}相符的内容。|一个也没有。",
        "no more": "没有更多的{sought}了。|没有更多了。",
        "picked": "这是 {name} {mark}。",
        "described": "{name} {mark}：{said}",
        "described by names": "{name} {mark} 最可能显示的是：{said}。",
        "described not": "{name} {mark}：没有说明它显示什么。",
        "yes": "是的，{name} {mark} 很可能有“{label}”({probability})。",
        "no": "不是，{name} {mark} 很可能没有“{label}”({probability})。",
        "cannot tell": "无法判断 {name} {mark} 是否有“{label}”({probability})。",
        "unseen": "无法看出 {name} 是否有“{label}”：没有存储它的图片。",
        "written": "{name} 上写着：",
        "unwritten": "在 {name} 上没有找到文字。",
        "said": "{name} 里说：",
        "unheard": "在 {name} 里没有听到这方面的话。",
        "unsaid": "这里没有人说到{sought}。",
        "told": "关于{sought}：|相关的话：",
        "moment": "在 {name} 里，{places} {marks}。",
        "no moment": "在 {name} 里没有找到{sought}。",
        "which in": "{name} 出现在 {other} 里，{places} {marks}。",
        "not among": "它们都没有出现在 {name} 里。",
        "fact date": "{name} {mark} 的时间是 {date}。",
        "fact place": "{name} {mark} 的地点是 {place}。",
        "fact size": "{name} {mark} 的大小是 {size}。",
        "fact length": "{name} {mark} 的长度是 {length}。",
        "fact": "{name} {mark}：{facts}。",
        "unknown fact": "没有关于 {name} 的这项信息。",
        "undated": "这里没有说明时间，无法判断哪个更早或更晚。",
        "explained": "{name} {mark} 与“{query}”接近，是因为：{because}。",
        "near": "在所有内容中，{name} {mark} 与您给出的最接近。",
        "ranked": "{name} {mark}：",
        "alike": "最相似的是 {pair}(余弦 {cosine})。",
        "answered": "{answer} {mark}",
        "unanswered": "这里的文字和录音没有说到这个。",
        "labelled": "已为“{query}”记住：{names}。",
        "holds": "这个收藏里有 {held}。",
        "which": "您指的是哪一个？",
        "too few": "只显示了 {shown} 个，您指的是哪一个？",
        "nothing shown": "还没有显示过内容，您指的是什么？",
        "none given": "这次对话里没有给过这样的内容：您指的是什么？",
        "given gone": "您给的 {path} 已经不在了，请再给一次。",
        "what": "要找什么？",
        "help": (
            "可以问文件里的内容：“城堡的照片”、“有多少张”、“第二张”、“上面写着什么”、"
            "“关于收成说了什么”、“长颈鹿什么时候出现在影片里”。"
        ),
        "thanks": "不客气。",
    },
    place=lambda page, start, end: (
        f"第 {page} 页" if page is not None else f"{clock(start)}-{clock(end)}"
    ),
    apart=apart,
    joined=lambda parts: "、".join(parts),
)  # fmt: skip
