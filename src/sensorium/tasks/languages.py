"""What languages are called: by people, by ISO 639-1, and by multilingual translation models."""

from __future__ import annotations

import re
from typing import Any

from sensorium.errors import UsageError

_TABLE = """
af Afrikaans afr_Latn
am Amharic amh_Ethi
ar Arabic arb_Arab
az Azerbaijani azj_Latn
be Belarusian bel_Cyrl
bg Bulgarian bul_Cyrl
bn Bengali ben_Beng
bs Bosnian bos_Latn
ca Catalan cat_Latn
cs Czech ces_Latn
cy Welsh cym_Latn
da Danish dan_Latn
de German deu_Latn
el Greek ell_Grek
en English eng_Latn
eo Esperanto epo_Latn
es Spanish spa_Latn
et Estonian est_Latn
eu Basque eus_Latn
fa Persian pes_Arab
fi Finnish fin_Latn
fr French fra_Latn
ga Irish gle_Latn
gl Galician glg_Latn
gu Gujarati guj_Gujr
ha Hausa hau_Latn
he Hebrew heb_Hebr
hi Hindi hin_Deva
hr Croatian hrv_Latn
hu Hungarian hun_Latn
hy Armenian hye_Armn
id Indonesian ind_Latn
is Icelandic isl_Latn
it Italian ita_Latn
ja Japanese jpn_Jpan
ka Georgian kat_Geor
kk Kazakh kaz_Cyrl
km Khmer khm_Khmr
kn Kannada kan_Knda
ko Korean kor_Hang
lo Lao lao_Laoo
lt Lithuanian lit_Latn
lv Latvian lvs_Latn
mk Macedonian mkd_Cyrl
ml Malayalam mal_Mlym
mn Mongolian khk_Cyrl
mr Marathi mar_Deva
ms Malay zsm_Latn
my Burmese mya_Mymr
ne Nepali npi_Deva
nl Dutch nld_Latn
no Norwegian nob_Latn
pa Punjabi pan_Guru
pl Polish pol_Latn
ps Pashto pbt_Arab
pt Portuguese por_Latn
ro Romanian ron_Latn
ru Russian rus_Cyrl
si Sinhala sin_Sinh
sk Slovak slk_Latn
sl Slovenian slv_Latn
so Somali som_Latn
sq Albanian als_Latn
sr Serbian srp_Cyrl
sv Swedish swe_Latn
sw Swahili swh_Latn
ta Tamil tam_Taml
te Telugu tel_Telu
th Thai tha_Thai
tl Tagalog tgl_Latn
tr Turkish tur_Latn
uk Ukrainian ukr_Cyrl
ur Urdu urd_Arab
uz Uzbek uzn_Latn
vi Vietnamese vie_Latn
xh Xhosa xho_Latn
yo Yoruba yor_Latn
zh Chinese zho_Hans
zu Zulu zul_Latn
"""
"""ISO 639-1, English name, and the code of FLORES-200, which NLLB uses."""

_ROWS = [line.split() for line in _TABLE.strip().splitlines()]
NAMES = {code: name for code, name, _ in _ROWS}
"""English name of a language by its two letters."""

_FLORES = {code: flores for code, _, flores in _ROWS}
_CODES = (
    {name.casefold(): code for code, name, _ in _ROWS}
    | {flores.casefold(): code for code, _, flores in _ROWS}
    | {flores.partition("_")[0]: code for code, _, flores in _ROWS}
)


def two_letters(language: str) -> str:
    """The two letters of a language that a person named; "" for one that is not in the table."""
    small = language.strip().casefold()
    if small in _CODES:
        return _CODES[small]
    head = re.split(r"[-_@]", small)[0]
    return head if head in NAMES else ""


def name_of(language: str) -> str:
    """A language as a model on a server is told it: its English name, or what was said."""
    code = two_letters(language)
    if code == "zh" and re.search(r"hant|tw|hk|traditional", language, re.IGNORECASE):
        return "Traditional Chinese"
    return NAMES.get(code, language.strip())


def code_of(tokenizer: Any, language: str) -> str:
    """A language as a multilingual model's tokenizer calls it.

    Parameters
    ----------
    tokenizer : PreTrainedTokenizer
        Of NLLB ("deu_Latn"), M2M-100 ("de"), mBART ("de_DE"), or Marian for several languages
        ("deu").
    language : str
        A code of that tokenizer, ISO 639-1, or the English name.

    Raises
    ------
    UsageError
        When it knows no such language.
    """
    known = codes_of(tokenizer)
    language = language.strip()
    if language in known:
        return language
    code = two_letters(language)
    flores = _FLORES.get(code, "")
    exact = (flores, code, flores.partition("_")[0])
    for wanted in exact:
        if wanted and wanted in known:
            return wanted
    starts = tuple(f"{one}_" for one in (code, flores.partition("_")[0]) if one)
    for one in sorted(known):
        if starts and one.startswith(starts):
            return one
    shown = ", ".join(sorted(known)[:12])
    more = f" and {len(known) - 12} more" if len(known) > 12 else ""
    raise UsageError(f"this model's tokenizer knows no language {language!r}; it has {shown}{more}")


_CODE = re.compile(r"[a-z]{2,3}(?:_[A-Z][A-Za-z]{1,3})?")


def codes_of(tokenizer: Any) -> frozenset[str]:
    """The codes of languages that a tokenizer knows; empty where it knows none."""
    marian = getattr(tokenizer, "supported_language_codes", None)
    if marian:
        return frozenset(code.strip("><") for code in marian)
    m2m = getattr(tokenizer, "lang_code_to_token", None)
    if m2m:
        return frozenset(m2m)
    if not hasattr(tokenizer, "src_lang"):
        return frozenset()
    return frozenset(word for word in tokenizer.get_added_vocab() if _CODE.fullmatch(word))
