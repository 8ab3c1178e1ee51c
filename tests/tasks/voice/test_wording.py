"""Texts as they are read aloud."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.tasks.voice.chinese_wording import chinese
from sensorium.tasks.voice.numbers import cardinal, number, ordinal, year
from sensorium.tasks.voice.sentences import sentences
from sensorium.tasks.voice.wording import english


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("It cost $3.50.", "It cost three dollars and fifty cents."),
        ("A coin of 1 euro (1 €).", "A coin of one euro (one euro)."),
        ("a dime ($.10)", "a dime (ten cents)"),
        ("$2 million", "two million dollars"),
        ("In 1905, 1999, 2024.", "In nineteen oh five, nineteen ninety-nine, twenty twenty-four."),
        ("the 1990s", "the nineteen nineties"),
        ("on 2024-05-01", "on May first, twenty twenty-four"),
        ("at 10:05 and 9:00", "at ten oh five and nine o'clock"),
        ("the 22nd of 3 cats", "the twenty-second of three cats"),
        ("1,234.50", "one thousand two hundred thirty-four point five zero"),
        ("or -5 °C", "or minus five degrees Celsius"),
        ("5 km/h, 1 kg", "five kilometers an hour, one kilogram"),
        ("35.5% of 1/2 & 3/4", "thirty-five point five percent of one half and three quarters"),
        ("Dr. Li vs. Mrs. Wu, e.g. No. 7", "doctor Li versus missus Wu, for example number seven"),
        ("A US dollar for us", "A U S dollar for us"),
        ("pages 3-4", "pages three to four"),
        ("agent 007", "agent zero zero seven"),
        # money
        ("$1,234.50", "one thousand two hundred thirty-four dollars and fifty cents"),
        ("$1,234.5, $1.00", "one thousand two hundred thirty-four point five dollars, one dollar"),
        ("-$5, $5-10", "minus five dollars, five to ten dollars"),
        ("US$20, A$5, £1.01",
         "twenty U S dollars, five Australian dollars, one pound and one penny"),
        ("$1.5M, $3bn", "one point five million dollars, three billion dollars"),
        ("€1.234,50", "one thousand two hundred thirty-four euros and fifty cents"),
        ("5 USD at $2/kg", "five U S dollars at two dollars per kilogram"),
        # dates
        ("2024-03-05", "March fifth, twenty twenty-four"),
        ("2024-03-05T10:05:00Z", "March fifth, twenty twenty-four, ten oh five"),
        ("on March 5, 2024.", "on March fifth, twenty twenty-four."),
        ("Mar. 5; Monday, Mar 5", "March fifth; Monday, March fifth"),
        ("on 5 March 2024", "on the fifth of March, twenty twenty-four"),
        ("the 5th of March", "the fifth of March"),
        ("5/3/2024, 13/3/2024",
         "May third, twenty twenty-four, March thirteenth, twenty twenty-four"),
        ("3/14/24, 3/14/99",
         "March fourteenth, twenty twenty-four, March fourteenth, nineteen ninety-nine"),
        ("05.03.2024", "March fifth, twenty twenty-four"),
        ("on 2024-13-45", "on twenty twenty-four to thirteen to forty-five"),
        ("May 2024", "May twenty twenty-four"),
        ("I met Jan. She left.", "I met Jan. She left."),
        # times
        ("10:05 am, 9:00 AM", "ten oh five A M, nine A M"),
        ("from 9am to 5 p.m. He left", "from nine A M to five P M. He left"),
        ("7:30PM and 23:15:30", "seven thirty P M and twenty-three fifteen and thirty seconds"),
        ("00:30", "zero thirty"),
        # years
        ("In 1066 and 1500", "In ten sixty-six and fifteen hundred"),
        ("the '90s, the 80s, 1980's, 2000s",
         "the nineties, the eighties, nineteen eighties, two thousands"),
        ("1939–1945", "nineteen thirty-nine to nineteen forty-five"),
        ("44 BC, class of '99", "forty-four B C, class of ninety-nine"),
        # order and fractions
        ("1st, 2nd, 11th, 1,000th", "first, second, eleventh, one thousandth"),
        ("1 1/2 cups, 2½, 7/3", "one and a half cups, two and a half, seven thirds"),
        ("open 24/7", "open twenty-four seven"),
        ("Henry VIII, World War II.", "Henry the eighth, World War two."),
        ("Elizabeth I think", "Elizabeth I think"),
        # units
        ("3.5 GHz, 100 kWh, 50 Mbps",
         "three point five gigahertz, one hundred kilowatt hours, fifty megabits a second"),
        ("10 m², 5 m/s, 77°F",
         "ten square meters, five meters a second, seventy-seven degrees Fahrenheit"),
        ("5'10\" or 6 ft 2 in", "five feet ten inches or six feet two inches"),
        ("5-10 km at 25-30 °C", "five to ten kilometers at twenty-five to thirty degrees Celsius"),
        ("1920x1080", "one thousand nine hundred twenty by one thousand eighty"),
        ("two 5 lb. bags", "two five pounds bags"),
        # abbreviations
        ("St. John of Main St. met Dr. Smith", "saint John of Main street met doctor Smith"),
        ("Elm Dr. is long", "Elm drive is long"),
        ("Mr Jones, Dr Li, St John, Gen Z", "mister Jones, doctor Li, saint John, Gen Z"),
        ("the no. 5, 5%-10%", "the number five, five percent to ten percent"),
        ("Gen. Lee, Sgt. Pepper, Inc.", "general Lee, sergeant Pepper, incorporated"),
        ("pp. 5-7, vol. 2", "pages five to seven, volume two"),
        ("the U.S. Army, a Ph.D., AT&T", "the U S Army, a P H D, A T and T"),
        # telephones and codes
        ("call 555-1234", "call five five five, one two three four"),
        ("from 500-1200 people", "from five hundred to twelve hundred people"),
        ("(555) 123-4567", "five five five, one two three, four five six seven"),
        ("+44 20 7946 0958", "plus four four, two zero, seven nine four six, zero nine five eight"),
        ("1-800-555-1234", "one, eight zero zero, five five five, one two three four"),
        ("CA 90210-1234", "CA nine zero two one zero, one two three four"),
        ("Flight 370, Room 101", "Flight three seventy, Room one oh one"),
        # addresses
        ("See https://www.example.com/a-b?c=1.",
         "See w w w dot example dot com slash a dash b question mark c equals one."),
        ("example.org, foo_b@bar.co.uk", "example dot org, foo underscore b at bar dot co dot uk"),
        ("192.168.0.1:80", "one nine two dot one six eight dot zero dot one colon eight zero"),
        ("v1.2.3, README.md", "version one point two point three, README dot md"),
        # sums and signs
        ("2+2=4, 3-1=2, -5", "two plus two equals four, three minus one equals two, minus five"),
        ("6.02e23, 10^5, .5",
         "six point zero two times ten to the twenty-third, ten to the fifth, point five"),
        ("16:9, C#, #MeToo", "sixteen to nine, C sharp, hashtag MeToo"),
        ("COVID-19, MP3", "COVID nineteen, MP three"),
        ("π ≥ 3, αβ", "pi at least three, alpha beta"),
        ("Ａ１ and ⅷ", "A one and viii"),
    ],
)  # fmt: skip
def test_what_english_reads_otherwise(written: str, spoken: str) -> None:
    assert english(written) == spoken


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("2024年5月1日", "二零二四年五月一日"),
        ("1,200人", "一千二百人"),
        ("占35.5%", "占百分之三十五点五"),
        ("10005只", "一万零五只"),
        ("110个", "一百一十个"),
        ("12岁", "十二岁"),
        ("10:30", "十点三十分"),
        ("100000", "十万"),
        ("-5度", "负五度"),
        # money
        ("$1,234.50", "一千二百三十四美元五十美分"),
        ("￥12.04、¥1,234.50、¥0.80", "十二元零四分、一千二百三十四元五角、八角"),
        ("HK$5，€2，$3万", "五港元，两欧元，三万美元"),
        ("$5-10", "五到十美元"),
        # dates and times
        ("2024-03-05和2024/3/5", "二零二四年三月五日和二零二四年三月五日"),
        ("5/3/2024", "二零二四年五月三日"),
        ("1990-1995、2024～2025年", "一九九零到一九九五、二零二四到二零二五年"),
        ("2000年前", "两千年前"),
        ("10:05，10:00，2:00", "十点零五分，十点，两点"),
        ("9:05 AM", "上午九点零五分"),
        ("10:30:15", "十点三十分十五秒"),
        ("9:00-17:00", "九点到十七点"),
        # two
        ("2个人，2只猫，第2天，2年级", "两个人，两只猫，第二天，二年级"),
        ("20000，2200，200", "两万，两千二百，二百"),
        # units and parts
        ("5km，100km/h，10㎡", "五公里，一百公里每小时，十平方米"),
        ("25℃，3.5GHz，500ml", "二十五摄氏度，三点五吉赫，五百毫升"),
        ("气温-3%或-5℃", "气温负百分之三或负五摄氏度"),
        ("1/2，3/4杯，10-15%", "二分之一，四分之三杯，百分之十到百分之十五"),
        ("3-5天，3~5天", "三到五天，三到五天"),
        # telephones, rooms and codes
        ("13812345678", "幺三八幺二三四五六七八"),
        ("010-12345678", "零幺零，幺二三四五六七八"),
        ("+86 138 1234 5678", "加八六，幺三八，幺二三四，五六七八"),
        ("拨打110", "拨打幺幺零"),
        ("201室，京A12345，007", "二零一室，京A一二三四五，零零七"),
        ("航海者-2，COVID-19", "航海者二，COVID十九"),
        # addresses
        ("www.baidu.com", "w w w 点 baidu 点 com"),
        ("foo@bar.com", "foo 艾特 bar 点 com"),
        # signs
        ("1+1=2，5-3=2，5×3", "一加一等于二，五减三等于二，五乘三"),
        ("比分3-2，16:9，No.1，#1", "比分三比二，十六比九，第一，一号"),
        ("≥5，v1.2.3，〇", "大于等于五，v一点二点三，零"),
        ("数字６", "数字六"),
    ],
)
def test_what_chinese_reads_otherwise(written: str, spoken: str) -> None:
    assert chinese(written) == spoken


_BITS = [
    *"0125-–/:.,$€¥%@()+^eE#'x× aAIVX\n", "31", "2024", "007", "1,234", "1" * 20, "٣", "½", "²",
    "°C", "km", "am", " p.m.", "St.", "Dr.", "Mar ", "May ", "th", "s", ".com", "http://", "US",
    "bn", "年",
    "月", "个", "元", "第", "Ⅷ", "α", "Chapter ", "Henry ", "Room ",
]  # fmt: skip


@given(st.lists(st.sampled_from(_BITS), max_size=12).map("".join))
def test_no_digit_is_left_whatever_stands_around_it(text: str) -> None:
    for words in (english(text), chinese(text)):
        assert not re.search(r"\d", words), words


def _value(words: str) -> int:
    """A whole number of its words, by another way than they were made."""
    small = {cardinal(n): n for n in range(100)}
    scales = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
    total = group = 0
    for word in words.split():
        if word in scales:
            total, group = total + group * scales[word], 0
        elif word == "hundred":
            group *= 100
        else:
            group += small[word]
    return total + group


@given(st.integers(0, 10**15 - 1))
def test_numbers_are_told_in_full(value: int) -> None:
    assert _value(cardinal(value)) == value
    assert _value(number(f"{value:,}")) == value


@given(st.integers(1, 10**6))
def test_ordinals_end_as_such(value: int) -> None:
    assert re.search(r"(first|second|third|th)$", ordinal(value))


def test_years() -> None:
    told = [year(n) for n in (1066, 1900, 1907, 2000, 2004, 2010)]
    assert told == [
        "ten sixty-six", "nineteen hundred", "nineteen oh seven", "two thousand",
        "two thousand four", "twenty ten",
    ]  # fmt: skip


@given(st.text(st.sampled_from("ab .!?,。，\n9\"'"), max_size=400), st.integers(5, 60))
def test_sentences_are_the_text_in_short_pieces(text: str, longest: int) -> None:
    parts = list(sentences(text, longest))
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert all(part and part == part.strip() and len(part) <= longest for part in parts)


def test_sentences_end_where_people_end_them() -> None:
    text = "Mr. Smith paid 3.5 euros. He left! 你好。我是他。"
    assert [*sentences(text)] == [
        "Mr. Smith paid 3.5 euros.", "He left!", "你好。", "我是他。",
    ]  # fmt: skip
