"""One rule cuts what is stored and what is asked: who asks for a text's words finds the text."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sensorium.collection import sqlite
from sensorium.collection.words.cutting import words
from sensorium.collection.words.folding import fold
from sensorium.collection.words.full_text import MAX_TEXT, SCHEMA, describe
from sensorium.collection.words.query import match_expression


class Shelf:
    """Texts in an index of words."""

    def __init__(self) -> None:
        self.db = sqlite.Connection(":memory:")
        self.db.execute(SCHEMA[0])

    def put(self, texts: list[str]) -> None:
        self.db.execute("DELETE FROM words")
        for number, text in enumerate(texts):
            name, said = describe(f"/x/{number}x.jpg", {"caption": text})
            self.db.execute("INSERT INTO words VALUES (?, ?)", ("", said or name))

    def ask(self, query: str) -> list[int]:
        expression = match_expression(query)
        if expression is None:
            return []
        sql = "SELECT rowid - 1 FROM words WHERE words MATCH ? ORDER BY bm25(words), rowid"
        return [row[0] for row in self.db.execute(sql, (expression,))]


@pytest.fixture(scope="module")
def shelf() -> Iterator[Shelf]:
    made = Shelf()
    yield made
    made.db.close()


FOUND = {
    # names and numbers
    "DSC01273": "1273|01273|DSC|dsc01273|DSC01273|Dsc 1273|DSC012|127",
    "IMG1234": "IMG1234|img|1234|IMG_1234|img-1234",
    "IMG_5678-edited": "5678|img_5678|IMG5678|edited",
    "iPhone12": "iPhone12|iphone12|IPHONE 12|iphone|phone|12|iPhone",
    "RE16 TGK": "TGK|RE16|re 16|16 TGK|RE16TGK|re16 tgk",
    "redBird blue_car": "red|redbird|red bird|redBird|red_bird|blueCar|blue car|car|bird",
    "HTMLPage of DVDs": "html|page|HTML|htmlpage|dvd|DVDs",
    "IMG_20230501_142233": "2023|20230501|2023-05-01|202305|142233|2023_05",
    "the year 2023-05-01": "2023|20230501|2023/05/01|2023-05|2023/5/1|2023.05.01",
    "taken 2019-08-22T12:07:31.5+02:00": "2019-08-22|2019|201908|taken",
    "1984": "1984|198",
    "20231301": "20231301|2023",
    "क\u094d\u200cया क\u094d\u200dया": "क्या",
    "1,000 metres, 3.14": "1000|1,000|3.14",
    "٢٠٢٣ and ۱۲۳ and ２０２４": "2023|123|2024|٢٠٢٣",
    # Latin letters
    "Łódź, Đà Nẵng, Ærøskøbing": "lodz|LODZ|Łódź|da nang|aeroskobing|Ærøskøbing",
    "Straße STRASSE weiß": "strasse|straße|STRASSE|weiss",
    "İstanbul ısırgan Iğdır": "istanbul|İSTANBUL|ISTANBUL|isirgan|ISIRGAN|igdir|IĞDIR",
    "cafe\u0301 na\u00efve": "cafe|café|CAFÉ|naive",
    "Ｃａｆé ﬁsh ²": "cafe|fish|2",
    "col·lecció d'art": "colleccio|art|d'art",
    "horti\u00adcultural zero\u200bwidth\u2060s \ufeffmark": "horticultural|zerowidths|mark",
    "the dogs are running": "dog|dogs|run|dog's|running",
    # other alphabets
    "ёлка и мой домой": "елка|ёлка|ЕЛКА|мой|МОЙ|домой",
    "за\u0301мок": "замок",
    "м'яч": "м'яч|м’яч|мʼяч",
    "Ο σοφός ΆΝΘΡΩΠΟΣ ᾳδω": "σοφος|ΣΟΦΟΣ|σοφόσ|άνθρωπος|ανθρωπος|αδω",
    "שָׁלוֹם עוֹלָם": "שלום|עולם|שָׁלוֹם",
    "החתול בבית": "חתול|החתול|בית|הבית",
    'צה"ל': 'צהל|צה״ל|צה"ל',
    "كِتَـــابٌ الأحمر إلى": "كتاب|الكتاب|احمر|الاحمر|أحمر|إلي",
    "کتاب‌های فارسی": "كتابهاى|کتابهای|فارسي|کتاب|کتاب‌های|کتاب های",
    "एक पुरानी किताब": "किताब|पुरानी",
    "हिन्दी सम्बन्ध लड़का चाँद": "हिंदी|संबंध|लडका|चांद|हिन्दी",
    "ஒரு புத்தகம்": "புத்தகம்",
    "বাংলা বই": "বাংলা|বই",
    "കിൻഡർ": "കിൻഡർ|കിന്\u200dഡര്\u200d",
    "თბილისი ՀԱՅԱՍՏԱՆ": "თბილისი|ᲗᲑᲘᲚᲘᲡᲘ|Հայաստան",
    "ሰላም፡ዓለም": "ሰላም|ዓለም",
    # without spaces
    "海边的狗在跑": "海边的狗|狗 海边|狗和海|狗在海边|一只狗",
    "她穿着和服": "和服",
    "世界和平": "和平|世界和平",
    "旅行的目的地": "目的地|目的",
    "２０２３年５月的雪": "2023年5月|2023年的雪|雪",
    "黒い猫が庭で眠る": "猫|黒い猫|庭の猫|眠る猫|猫と犬",
    "スカイツリーとﾗｰﾒﾝ": "スカイツリー|ツリー|ラーメン",
    "りんごとネコ": "リンゴ|りんご|ねこ|ネコ|ﾈｺ",
    "が行": "が行|か\u3099行",
    "แมวสีดำนอนบนเก้าอี้": "แมว|เก้าอี้|แมวบนเก้าอี้|แมวสีดํา",
    "ភ្លៀង\u200bធ្លាក់": "ភ្លៀង|ភ្លៀងធ្លាក់",
    "မြန်မာ စာ": "မြန်မာ",
    "고양이는 의자에서 잔다": "고양이|고양이가|의자|의자의",
    "검은고양이 사진": "고양이|검은고양이|사진",
    "개가 해변에서 달린다": "개|개는|해변",
    "用iPhone12拍的猫": "iphone12|猫|iPhone",
    "LG전자 2023년 3월": "전자|LG|2023년|LG전자|3월",
}
"""By text what finds it, with bars in between."""

NOT_FOUND = {
    "taken 2019-08-22T12:07:31": ["12", "8", "22", "7"],
    "DSC 99 and 01273 IMG": ["DSC01273"],
    "海边的衣服": ["和服"],
    "平底锅": ["和平"],
    "眼目 地面": ["目的地"],
    "कबूतर बतख तोता": ["किताब"],
    "мои": ["мой"],
    "かき": ["がき"],
    "개구리 무지개": ["개"],
    "the evening windmill": ['"windmill evening"', "submarine"],
    "bird, red": ['"red bird"'],
    "הר": ["ר"],
}


@pytest.mark.parametrize("text", FOUND)
def test_a_text_is_found_by_its_words(shelf: Shelf, text: str) -> None:
    shelf.put(["nothing of it", text, "another 999"])
    lost = [query for query in FOUND[text].split("|") if shelf.ask(query) != [1]]
    assert not lost


@pytest.mark.parametrize("text", NOT_FOUND)
def test_a_text_is_not_found_by_parts_that_are_other_words(shelf: Shelf, text: str) -> None:
    shelf.put([text])
    assert [query for query in NOT_FOUND[text] if shelf.ask(query)] == []


@pytest.mark.parametrize(
    ("texts", "query"),
    [
        (["DSC 5", "DSC01274", "DSC01273"], "DSC01273"),
        (["12739", "1273 and other things of all kinds"][::-1], "1273"),
        (["海边的船", "山上的狗", "海边的狗"], "海边的狗"),
        (["고양시 지도", "개구리", "고양이는 잔다"], "고양이"),
        (["의자와 탁자", "검은고양이 사진", "고양이는 의자에서 잔다"], "의자 위 고양이"),
        (["หมาสีดำ", "แมวสีขาว", "แมวสีดำ"], "แมวสีดำ"),
    ],
)
def test_what_holds_all_of_it_comes_first(shelf: Shelf, texts: list[str], query: str) -> None:
    shelf.put(texts)
    expected = 0 if query == "1273" else len(texts) - 1
    assert shelf.ask(query)[0] == expected


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(st.text(max_size=30))
@example("İI\u0307ſK")
@example("\u0345ᾳ\u0f0bก\u0e33")
@example('צ"א "a b')
def test_every_text_is_found_by_itself(shelf: Shelf, text: str) -> None:
    stored = words(text)
    assert stored == stored.casefold() and stored == " ".join(stored.split())
    shelf.db.execute("DELETE FROM words")
    shelf.db.execute("INSERT INTO words VALUES ('', ?)", (stored,))
    assert bool(shelf.ask(text)) == bool(stored)


@settings(max_examples=150)
@given(st.text(max_size=30))
def test_normalization_changes_no_word(text: str) -> None:
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert fold(unicodedata.normalize(form, text)) == fold(text)  # type: ignore[arg-type]


def test_a_pasted_page_is_asked_by_its_beginning(shelf: Shelf) -> None:
    shelf.put(["风车", "windmill"])
    for page in ("windmill " + "never said before " * 5000, "风车" + "永远没有说过" * 5000):
        assert len(shelf.ask(page)) == 1
    assert len(describe("/x", {"caption": "木" * 3 * MAX_TEXT})[1]) <= 2 * MAX_TEXT
