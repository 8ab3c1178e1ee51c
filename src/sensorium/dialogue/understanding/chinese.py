"""Chinese requests: word classes, taken out in turn; what is left over is the subject.

As in English, no sentence is listed. Chinese has no spaces, so each class is taken by its own
characters, the longest first, and what is taken leaves a gap that no other reaches across.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import replace

from sensorium.dialogue.plan import Plan, Reference
from sensorium.dialogue.understanding.dates import Period, take_period
from sensorium.dialogue.understanding.numbers import CHINESE_NUMBER, number_of
from sensorium.dialogue.understanding.scanning import GAP, Scan

KINDS = {
    "image": r"照片|图片|相片|图像|画面|图画|影像|图",
    "video": r"视频|影片|电影|录像|短片|片子",
    "audio": r"录音|音频|声音|音效|歌曲|语音",
    "text": r"文档|文件(?!夹)|文章|PDF|pdf|文本",
    "mesh": r"三维(?:模型|物体)?|3[Dd](?:模型|物体)?|立体模型",
}
_KIND = "|".join(f"(?P<{kind}>{words})" for kind, words in KINDS.items())
_ANY_KIND = "|".join(KINDS.values())
_MEASURE = r"(?:[张个幅段部份条首只头匹座辆件种篇页棵朵位名把架艘间栋家])"
_NUMBER = rf"(?:\d{{1,3}}|{CHINESE_NUMBER})"
_THING = rf"(?:{_MEASURE}?(?:{_ANY_KIND})?)"


def _of(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns))


_CORRECTION = re.compile(
    r"^(?:不+是?(?:这个|那个|这张|那张)?|不对|错了|抱歉|对不起|等等|等一下)?[，,。！!\s]*(?:我(?:的意思)?(?:是说|是指"
    r"|指的是|想说的是|要的是|是想|说的是|问的是|想问的是)|应该是)[，,\s]*"
    r"|^(?:不+是?|不对|错了|不要这个)[，,。！!\s]+"
)
_CONTINUES = re.compile(
    r"^(?:那么?|还有|而|再(?![找看给来])|另外|以及|和)[，,\s]*(?!一?[些张个段部份幅只])"
    r"|^(?=只要|仅|只看)"
)
_TRAILING = re.compile(r"呢[？?。！!\s]*$")
_SAME = _of(
    r"(?:还是)?(?:同样|一样|相同)的?(?:东西|内容|照片|图片|搜索)?[，,]?(?:但是?|不过"
    r"|只是|只要|可是)?"
)
_THANKS = re.compile(
    r"^(?:好的?|太好了|不错|很好|嗯|算了|好吧)?[，,。！!\s]*"
    r"(?:谢谢|多谢|感谢|谢啦|谢了|再见|拜拜|就这样)[^？?]{0,8}$"
)
_GREETING = re.compile(r"^(?:你好|您好|早上好|上午好|下午好|晚上好|早安|嗨|哈喽)[呀啊！!，,。\s]*")
_HELP = _of(r"(?:你|您)(?:能|可以|会)(?:帮我)?(?:做|干)(?:些|点)?(?:什么|啥)", r"(?:怎么"
    r"|如何)(?:使用|用)", r"^帮助",
            r"(?:我)?(?:能|可以)问(?:你|您)?(?:些|点)?什么")  # fmt: skip
_HOLDS = _of(
    r"(?:这个?|我的)?(?:收藏|库|集合|资料库|图库)(?:里面?|中)?(?:都|一共|总共)?有(?:些"
    r"|哪些)?(?:什么|啥|内容)+(?:东西|内容)?",
    r"^(?:这里|你)(?:都|一共)?有(?:些|哪些)?(?:什么|啥)(?:东西|内容|文件)?[？?。]*$",
)
_MORE = re.compile(
    r"^(?:还有(?:更多|别的|其他的?|其它的?)?(?:的|吗|呢|么)*|更多(?:的|呢|一些)?|(?:再|多)(?:来"
    r"|给我|看|显示)?(?:看)?(?:一?些|几[张个]|一点)(?:吗|呢)?|下一页|继续|接着)[？?。！!\s]*$"
)
_COUNT = _of(
    r"(?<![给来找看挑我额价费钱数])(?:一共|总共|共)?(?:有|是)?(?<![给来找看挑我])"
    r"(?:多少|几)(?:" + _MEASURE + r"|(?=照片|图片|视频|录音))?(?!点"
    r"|月|号|年|岁|分|秒|钱|欧元|元)",
    r"(?:的)?(?:数量|数目)(?:是多少)?",
    r"数(?:一)?数",
)
_EXPLAIN = _of(r"为什么|为何|怎么会|凭什么", r"解释(?:一下)?")
_TRANSCRIBE = _of(r"(?:转写|转录|听写|誊写)(?:一下|出来|成文字)?", r"(?:文字稿|逐字稿|全文|字幕)")
_READ = _of(
    r"(?:上面?|里面?|中)?(?:都)?(?:写|印|刻)(?:着|了|的是?|有)*(?:些)?(?:什么|啥)(?:字|文字|内容"
    r"|东西)?",
    r"(?:上面?|里面?|中)?(?:有|是)(?:什么|哪些)(?:字|文字)",
    r"(?:读|念)(?:一下|出来|给我听"
    r"|一读)?(?:上面|里面)?(?:的)?(?:字|文字|内容)?",
    r"(?:上面?|里面?|中)?的?(?:文字|字)是什么",
    r"(?:上面?|里面?|中)?的文字(?:内容)?",
)
_LISTEN = _of(
    r"(?:都)?(?:说|讲|谈|提|聊)(?:到|起|及)?(?:了|过|的是?|的)?(?:些|哪些)?(?:什么|啥)(?:内容|话"
    r"|东西)?",
    r"(?:能|可以)?听(?:到|见)(?:了|的是)?(?:些|哪些)?(?:什么|啥)(?:声音)?",
    r"有没有(?:人)?(?:说"
    r"|讲|谈|提)(?:到|起|过)?",
    r"(?:谁|哪里|哪段(?:录音)?)(?:说|讲|谈|提)(?:到|起|过)?(?:了)?",
    r"(?:说|讲|谈|提)(?:到|起"
    r"|及)(?:了|过)?",
    r"怎么说(?:的)?",
)
_MOMENT = _of(
    r"(?:是)?(?:在|从)?(?:什么时候|何时|几分几秒|第几秒|第几分钟?|(?<=[在从])几(?:秒|分钟?)|哪一?(?:秒|分钟|刻|段)"
    r"|什么时间)(?:出现|看到|看见|听到|说到|提到|讲到|能看到)?(?:的|了)?",
)
_QUOTE = _of(r"原(?:话|句|文)(?:是什么|念给我|读给我|引用)?(?:听)?", r"(?:念|读)给我听?$")
_WHEN = (
    ("after", _of(r"接着(?:后面)?|接下来|后面|(?:在)?(?:那|这)?之后|随后")),
    ("before", _of(r"(?:在)?(?:那|这)?之前|前面(?=说|讲|是|还)")),
    ("at", _of(r"(?:在)?(?:那|这)一?(?:段|刻|时|幕|个时候)(?:旁白|解说)?(?:里面?|中)?")),
    ("start", _of(r"一?开头|(?<!从)开始(?=说|讲|是|的)|最开始")),
    ("end", _of(r"结尾|末尾|最后(?=说|讲|是)")),
)  # fmt: skip
_IN_FILM = re.compile(
    r"出现|看到|看见|听到|说到|提到|讲到|说的|影片|视频|电影|录像|录音|第几?[秒分]|几分几秒"
    r"|[段部片它][里中]面?"
)
_FACTS = (
    ("date", _of(r"(?:是)?(?:在)?(?:什么时候|何时|哪一?年|哪天|几月|几年|哪年哪月)(?:拍摄?|照"
        "|录制?|写)(?:的|下的|摄的)?",
                 r"(?:拍摄|录制)(?:的)?(?:时间|日期)(?:是(?:什么|多少"
                 r"|什么时候))?", r"(?:的)?(?:日期|时间)是(?:什么|多少|什么时候)",
                 r"是(?:哪一?年|什么时候|何时)的")),
    ("place", _of(r"(?:是)?(?:在)?(?:哪里|哪儿|什么地方|何处|哪个城市|哪个国家)(?:拍摄?|照"
        "|录制?)(?:的)?", r"(?:拍摄|录制)(?:的)?地点(?:是(?:哪里|什么))?")),
    ("length", _of(r"(?:有)?多长(?:时间)?", r"(?:时长|长度)(?:是多少)?", r"有?(?:多少|几)页")),
    ("size", _of(r"(?:尺寸|分辨率|像素)(?:是)?(?:多少|多大|什么)?", r"(?:有)?多大")),
    ("author", _of(r"(?:是)?谁(?:拍摄?|照|录制?)(?:的)?", r"(?:的)?(?:作者|摄影师"
        "|拍摄者)(?:是谁)?")),
    ("camera", _of(r"(?:用|是)?(?:什么|哪种|哪个)相机(?:拍的?)?")),
    ("license", _of(r"(?:的)?(?:许可证?|授权|版权)(?:是什么)?")),
    ("name", _of(r"(?:的)?(?:文件名|路径)(?:是什么)?", r"(?:文件|它)(?:保存)?在哪(?:里"
        "|儿)?(?=[？?。]*$)")),
)  # fmt: skip
_WHICH_IN = _of(rf"(?:这些|它们|那些|这几{_MEASURE}|其)(?:里面?|中|之中|当中)?(?:的)?哪(?:一"
    rf"|几)?{_MEASURE}?(?:{_ANY_KIND})?(?:出现)?(?:是)?(?:在)?",
                rf"哪(?:一|几)?{_MEASURE}(?:{_ANY_KIND})?(?:出现)?在(?=.*(?:影片|视频|电影"
                rf"|录像))")  # fmt: skip
_COMPARE = _of(r"(?:有)?(?:什么|哪些)?(?:区别|不同|差别|差异)", r"(?:比较"
    r"|对比)(?:一下)?", r"(?:有多)?(?:像不像|相似吗|一样吗)",
               r"哪(?:一)?" + _MEASURE + r"(?:" + _ANY_KIND + r")?(?:更|最|比较)(?P<more>早|旧"
               r"|老|晚|新|大|小|长|短)")  # fmt: skip
_LOOK = _of(
    r"(?:上面?|里面?|中)?(?:拍|画|显示|展示)(?:的|着|了)*(?:是|些)*(?:什么|啥)",
    r"(?:描述|介绍"
    r"|说明)(?:一下)?",
    r"(?:这|那|它|这个|那个)(?:是|叫)(?:什么|啥|哪(?:种|个|座|里))(?:东西|动物|地方|建筑|鸟|鱼"
    r"|植物)?",
    r"(?:上面?|里面?|中)(?:是|有)(?:些)?(?:什么|啥)(?:东西|内容)?(?=[？?。]*$)",
    r"是什么(?:东西"
    r"|动物|建筑|地方|样子)?(?=[？?。]*$)",
    r"(?:能)?看(?:到|见)(?:了)?(?:些)?什么(?=[？?。]*$)",
    r"是(?:哪种|什么)(?:动物|鸟|鱼|建筑"
    r"|东西)",
)
_IS = re.compile(
    r"^(?P<ref>它|这个?|那个?|(?:这|那"
    r"|第)" + _NUMBER + r"?" + _MEASURE + r"(?:" + _ANY_KIND + r")?|(?:这"
    r"|那)?(?:" + _ANY_KIND + r"))(?:里面?|上面?|中|上)?(?:的)?"
    r"(?:是不是|有没有|是|有)(?:一?" + _MEASURE + r")?(?P<what>[^什么哪谁几多]+?)(?:吗|么"
    r"|没有)?[？?。！!]*$"
)
_ENDS_ASKING = re.compile(r"(?:吗|么|没有)[？?。！!]*$")
_LABEL = re.compile(
    r"(?:^|[，,。！!])(?:请)?(?:记住|标记|记下|标注)|(?P<wrong>不对|错了|不是我要的|不正确"
    r"|不相关)[。！!]*$|(?P<right>是对的|正确|没错)[。！!]*$"
)
_ORDERS = (
    ("newest", _of(r"最新的?|最近的|最晚(?:的|(?=[一那\x1f]|$))")),
    ("oldest", _of(r"最早(?:的|(?=[一那\x1f]|$))|最旧的?|最老的?")),
    ("largest", _of(r"最大的?")), ("smallest", _of(r"最小的?")),
    ("longest", _of(r"最长的?")), ("shortest", _of(r"最短的?")),
)  # fmt: skip
_THANS = (
    ("older", _of(r"(?:比(?:它|这个?|这张|那张))?(?:更|再|要|还)?(?:早|旧|老)(?:一点|一些|些)的?"
        "|更(?:早|旧|老)的?")),
    ("newer", _of(r"(?:比(?:它|这个?|这张|那张))?(?:更|再|要|还)?(?:晚|新)(?:一点|一些|些)的?"
        "|更(?:晚|新)的?|之后的")),
)  # fmt: skip
_SIMILAR = _of(
    r"(?:和|跟|与|同)?(?P<ref>它|这个?|那个?|这张|那张|这些"
    r"|第" + _NUMBER + _MEASURE + r"?)?(?:差不多|相似|类似|相近|很像|像)(?:这样|这个|这张"
    r"|它)?(?:一样)?(?:的)?"
)
_NOT = _of(
    r"(?:里面?|中|上面?)?(?:但|而且|并且)?(?:都)?(?:没有|不含|不包括|不包含|不带|除了|除去|排除"
    r"|去掉|不要|不是|没)(?:有)?(?:任何)?(?P<what>[^\x1f，,。；;？?！!的以吗]+?)(?:以外|之外"
    r"|外)?(?:的(?!时候)|(?=[\x1f，,。；;？?！!]|$))",
)
_BUT_ONE = re.compile(r"^(?:但)?(?:不要|除了|不是|去掉)")
_HAS_NOT = re.compile(r"有没有|是不是")
_ORDINAL = _of(
    rf"(?:倒数)第(?P<back>{_NUMBER}){_MEASURE}?(?:{_ANY_KIND})?",
    rf"第(?P<n>{_NUMBER})(?!年|月|秒|页|天"
    rf"|次)(?P<m>{_MEASURE})?(?P<k>{_ANY_KIND})?",
    r"(?P<d>\d{1,2})号(?!是|有)",
)
_LAST = _of(rf"最后(?:一|那)?(?P<m>{_MEASURE})?(?P<k>{_ANY_KIND})?")
_FIRST_FEW = _of(
    rf"前(?:面)?(?P<n>{_NUMBER}){_MEASURE}(?:{_ANY_KIND})?",
    rf"(?P<both>(?:这"
    rf"|那)?两{_MEASURE}(?:{_ANY_KIND})?|两者)(?:都)?",
)
_BEFORE = _of(
    rf"(?:回到)?(?:前面|之前|刚才|上)(?:的)?(?:那|一)(?:一)?{_MEASURE}(?:{_ANY_KIND})?",
    r"上一?个(?=\W*$)",
)
_TWO_ORDINALS = _of(
    rf"第(?P<one>{_NUMBER}){_MEASURE}?(?:{_ANY_KIND})?(?:和|跟|与|还是|或者?|、)"
    rf"第(?P<other>{_NUMBER}){_MEASURE}?(?:{_ANY_KIND})?"
)
_OTHER = _of(rf"另(?:外)?(?:一|那)?{_MEASURE}(?:{_ANY_KIND})?|其(?:他|它|余)的?(?:{_ANY_KIND})?")
_THOSE = _of(rf"它们|他们|这些|那些|这几{_MEASURE}|那几{_MEASURE}|上面的|刚才(?:的|那些)|其中")
_IT = _of(
    rf"(?:这|那|该|此)(?:一)?(?:{_MEASURE})?(?P<k>{_ANY_KIND})(?:里面?|上面?|中|上)?",
    rf"(?:这"
    rf"|那)(?:一)?{_MEASURE}(?:里面?|上面?|中|上)?",
    r"(?:它|他|她)(?:里面?|上面?|中|上)?",
    r"^(?:这|那)(?=是|有|在)",
    r"^上面?(?=\x1f|$)",
)
_IN_KIND = _of(rf"(?P<k>{_ANY_KIND})(?:里面?|中|上面?|上)(?:的)?")
_KIND_WORD = _of(rf"(?:一些|所有的?|全部的?|任何|每{_MEASURE}|几{_MEASURE})?(?:的)?(?:{_KIND})")
_SEVERAL = _of(r"一些|所有|全部|哪些|几" + _MEASURE, r"们")
_FEW = _of(rf"(?<=[给来找看挑我])几{_MEASURE}")
_MANY = _of(rf"(?<![第前])(?P<n>{_NUMBER}){_MEASURE}(?!月)")
_DEFINITE = re.compile(
    rf"(?:^|(?<=\x1f))(?P<what>[^\x1f，,]*?[^\x1f，,没不第]{{2,}}?)的?(?:那|哪一?){_MEASURE}(?:{_ANY_KIND})?(?=是|[？?。！!\x1f]|在|$)"
)
_ASKING = _of(
    r"请问|请|麻烦(?:你|您)?|帮(?:我|忙)(?:一下)?|给我(?:看看?|找找?|显示)?"
    r"|我(?:的)?(?:女儿|儿子|孩子|妈妈|爸爸|朋友|同事)?(?:想要?|要|需要"
    r"|在)(?:看看?|找找?|知道|听听?|搜索)?|让我(?:看看?|听听?)",
    r"(?:能不能|可以|能|可不可以)(?:帮我|给我)?",
    r"(?:显示|展示|搜索?|查找|寻找|查一?下|找一?找"
    r"|找到|找出|找|看看|看一?下|看|列出|打开|听听|播放|告诉我|挑出|选出)(?:一下|所有|全部)?",
    r"有没有|是否有|有(?:哪些|什么|些什么)|(?:都)?有(?=[^\x1f]*(?:吗|么|没有)?)|哪些|哪里有"
    r"|是不是",
    r"(?:在)?(?:这个?|我的)?(?:收藏|库|集合|资料库|图库|文件夹)(?:里面?|中)?(?:的)?",
    r"换(?:一?[张只个]|个话题)|再来(?:一?[张个])?|拍(?:过|了)(?:些|哪些)?(?:什么|啥)|要(?=[^\x1f]{2})|想(?:看|找|要)?",
    r"呢(?=[，,])|(?:好吧|好的|算了|哈哈)|(?:在)?文件夹(?:里面?)?|(?:的)?(?:说明|简介)",
    r"(?:关于|有关|对于|至于)|(?:有关|相关)(?:的|(?=\x1f)|$)|在不在|总共|一共|单独|还是(?=\x1f)|(?<=\x1f)好(?=[，,。？?\x1f]|$)",
    rf"(?:是|在)?哪一?{_MEASURE}(?:{_ANY_KIND})?(?=[？?。\x1f]|$)",
    r"(?:里|当中|之中)?(?:出现|拍到|看到)(?:了"
    r"|过)?(?:的)?",
    r"(?:我们|我|你们|你|您|大家|人们|人家)",
    r"(?:吗|呢|吧|啊|呀|么|了)(?=[？?。！!\s\x1f]|$)",
    r"只要|仅|只|就|还|也|都|再|又|另外|那么"
    r"|那|一下|一些|所有的?|全部的?|任何",
)
_OPEN = re.compile(
    r"谁|什么时候|何时|多少|几(?:点|月|号|年|岁|分|秒|小时|天)|哪(?:里|儿|个|年|天|月|位|一)"
    r"|什么|怎么|为什么|如何"
)
_EDGES = re.compile(
    r"^(?:的|是|在|和|与|跟|中|里|上|把|被|对|有|一" + _MEASURE + r""
    r"|[\s，,。；;、：:？?！!\x1f])+|(?:的|是|在|和|与|里|中|上|有|呢|吗|了|出现"
    r"|[\s，,。；;、：:？?！!\x1f])+$"
)


def understand(said: str, today: datetime.date, *, given: int = 0) -> Plan:
    """A plan for a Chinese request; see `english.understand`."""
    plain = "".join(said.replace(GAP, " ").split()).lower().replace("时侯", "时候")
    if not plain.strip("？?。！!，,"):
        return Plan(intent="find" if given else "help", given=bool(given), question=said)
    plain = re.sub(r"^(?:这)?里面(?=有|一共|总共|多少|几)", "", _GREETING.sub("", plain))
    if not plain.strip("？?。！!，,") and not given:
        return Plan(intent="help", question=said)
    if _THANKS.match(plain):
        return Plan(intent="thanks", question=said)
    if _HELP.search(plain) and len(plain) < 15:
        return Plan(intent="help", question=said)
    scan = Scan(plain)
    continues = scan.take(_CORRECTION) is not None
    if _HOLDS.search(scan.rest):
        return Plan(intent="holds", question=said)
    if _MORE.match(scan.rest):
        return Plan(intent="more", question=said)
    continues = scan.take(_CONTINUES) is not None or continues
    is_short = scan.take(_TRAILING) is not None
    quoted = scan.take(re.compile(r'["“”「]([^"“”」]+)["“”」]'))
    judged = _IS.match(scan.rest)
    if judged is not None and (_ENDS_ASKING.search(scan.rest) or _HAS_NOT.search(scan.rest)):
        thing = _edged(judged["what"])
        reference, means_given = _reference(Scan(judged["ref"] + "是"), given)
        if thing and (reference is not None or means_given):
            return Plan(intent="is", subject=thing, reference=reference, given=means_given,
                        question=said)  # fmt: skip
    intent, fact, order, relevant = _intent(scan)
    when = ""
    if intent in ("", "listen", "look", "read"):
        when = next((name for name, pattern in _WHEN if scan.take(pattern)), "")
    same = intent != "compare" and scan.take(_SAME) is not None
    similar = scan.take(_SIMILAR)
    period = take_period(scan, "zh", today) or Period()
    than = next((name for name, pattern in _THANS if scan.take(pattern)), "")
    order = order or next((name for name, pattern in _ORDERS if scan.take(pattern)), "")
    definite = _DEFINITE.search(scan.rest) if intent in ("", "facts") else None
    if definite is not None:
        scan.rest = GAP.join(
            [scan.rest[: definite.start()], definite["what"], scan.rest[definite.end() :]]
        )
    reference, means_given = _reference(scan, given)
    if similar is not None and similar["ref"]:
        reference, means_given = _reference(Scan(similar["ref"]), given)
    excluded = _excluded(scan)
    few = scan.take(_FEW) is not None
    match = scan.take(_MANY)
    number = number_of(match["n"]) if match else 0
    is_several = few or _SEVERAL.search(scan.rest) is not None
    modality = _kind(scan)
    if similar is not None and reference is None and not given:
        reference = Reference("it")
    scan.take_all(_ASKING)
    subject = quoted[1] if quoted else _edged(scan.rest)
    but_one = definite is not None and bool(_BUT_ONE.match(plain)) and not subject
    plan = Plan(
        intent=intent or "find", subject=subject, excluded=excluded, modality=modality,
        after=period.after, before=period.before, order=order, than=than, number=number,
        reference=reference, given=means_given, same=same,
        continues=continues or (is_short and not intent), several=number > 1 or is_several,
        fact=fact, relevant=relevant, question=said, when=when,
        definite=definite is not None and not but_one, but_one=but_one,
    )  # fmt: skip
    return _opened(plan, plain, similar is not None, asked=bool(intent))


def _intent(scan: Scan) -> tuple[str, str, str, bool]:
    """What is wanted, the fact or order it is about, and whether a label is right."""
    if (label := _LABEL.search(scan.rest)) is not None:
        wrong = re.compile(r"不对|错了|错的|不是我要的|不正确|不相关|不是")
        is_wrong = scan.take(wrong) is not None
        scan.take(_LABEL)
        scan.take(re.compile(r"是对的|正确的?|没错|对的"))
        del label
        return "label", "", "", not is_wrong
    if scan.take(_WHICH_IN) is not None:
        scan.take(_MOMENT)
        return "moment", "which", "", True
    if (compared := scan.take(_COMPARE)) is not None:
        orders = {"早": "oldest", "旧": "oldest", "老": "oldest", "晚": "newest", "新": "newest",
                  "大": "largest", "小": "smallest", "长": "longest", "短": "shortest"}  # fmt: skip
        return "compare", "", orders.get(compared["more"] or "", ""), True
    for fact, pattern in _FACTS:
        if scan.take(pattern) is not None:
            return "facts", fact, "", True
    if _IN_FILM.search(scan.rest) and scan.take(_MOMENT) is not None:
        scan.take(re.compile(r"出现|看到|看见|听到|说到|提到|讲到"))
        return "moment", "", "", True
    classes = (
        ("quote", _QUOTE), ("count", _COUNT), ("transcribe", _TRANSCRIBE), ("read", _READ),
        ("listen", _LISTEN), ("explain", _EXPLAIN), ("look", _LOOK),
    )  # fmt: skip
    for intent, pattern in classes:
        if (match := pattern.search(scan.rest)) is not None:
            scan.take(pattern)
            # "这是什么" holds what it refers to.
            if intent == "look" and match[0][0] in "这那它":
                scan.rest = match[0][0] + scan.rest
            return intent, "", "", True
    return "", "", "", True


def _reference(scan: Scan, given: int) -> tuple[Reference | None, bool]:
    """See `english._reference`."""
    if scan.take(_BEFORE) is not None:
        return Reference("before"), False
    if (match := scan.take(_FIRST_FEW)) is not None:
        return Reference("first", 2 if match["both"] else number_of(match["n"])), False
    if (match := scan.take(_TWO_ORDINALS)) is not None:
        return Reference("ordinal", number_of(match["one"]), other=number_of(match["other"])), False
    if (match := scan.take(_ORDINAL)) is not None:
        if match["back"]:
            return Reference("last", number_of(match["back"])), False
        return Reference("ordinal", number_of(match["n"] or match["d"]), _named(match["k"])), False
    if (match := scan.take(_LAST)) is not None:
        return Reference("last", 1, _named(match["k"])), False
    if scan.take(_OTHER) is not None:
        return Reference("others", 0), False
    if scan.take(_THOSE) is not None:
        return (None, True) if given > 1 else (Reference("those"), False)
    if (match := scan.take(_IT)) is not None:
        return (None, True) if given else (Reference("it", 1, _named(match["k"])), False)
    if (match := scan.take(_IN_KIND)) is not None and not given:
        return Reference("kind", 1, _named(match["k"])), False
    return None, False


def _named(word: str | None) -> str:
    if not word:
        return ""
    return next((kind for kind, words in KINDS.items() if re.fullmatch(words, word)), "")


def _excluded(scan: Scan) -> tuple[str, ...]:
    if _HAS_NOT.search(scan.rest):
        return ()
    found = []
    for match in scan.take_all(_NOT):
        for part in re.split(r"、|和|或者?|与|以及", match["what"]):
            if thing := _edged(re.sub(rf"^一?{_MEASURE}", "", part) if len(part) > 2 else part):
                found.append(thing)
    return tuple(found)


def _kind(scan: Scan) -> str:
    found = [next(name for name in KINDS if one[name]) for one in scan.take_all(_KIND_WORD)]
    return found[0] if len({*found}) == 1 else ""


def _edged(text: str) -> str:
    before = None
    text = re.sub(rf"[{GAP}]+", GAP, text)
    while before != text:
        before = text
        text = _EDGES.sub("", text)
    return re.sub(rf"的?[{GAP}，,？?。！!]+", " ", text).strip()


def _opened(plan: Plan, plain: str, similar: bool, *, asked: bool) -> Plan:
    if similar:
        return replace(plan, intent="find", fact="similar")
    if plan.when and plan.intent in ("look", "listen"):
        return replace(plan, intent="listen", subject="")
    if asked or plan.same or plan.than or plan.order or plan.definite:
        return plan
    if plan.reference is not None and not plan.subject and not plan.has_conditions:
        return replace(plan, intent="pick")
    if (
        _OPEN.search(plain)
        and plan.subject
        and not re.search(r"有(?:哪些|什么)|哪些|拍(?:过|了)(?:些)?什么", plain)
    ):
        return replace(plan, intent="answer")
    return plan
