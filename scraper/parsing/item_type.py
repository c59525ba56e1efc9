"""What kind of thing a title names, in the stored vocabulary; it reads no URL, a `katana-` slug
may hold a tachi."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from scraper.parsing.text import fold

_MAX_TITLE = 1_000
_BLADES = frozenset({"katana", "wakizashi", "tanto", "tachi", "kodachi", "naginata", "yari", "ken"})

_ROMAN = {
    "katana": r"katana|uchigatana",
    "wakizashi": r"(?:[ok]-|o |ko-?)?waki[zs]ashi",
    "tanto": r"(?:sun-?nobi )?(?:o-)?tantou?|yoroi[- ]?do(?:o|u)?shi(?: tantou?)?",
    "kodachi": r"kodachi|ko-tachi",
    "tachi": r"(?:o-|o)?tachi|odachi|nodachi",
    "naginata": r"naginata",
    "yari": r"yari|su-yari|jumonji-yari",
    "ken": r"ken(?=\s*(?:[:：\[(,|]|$))",
    "tsuba": r"tsubas?",
    "menuki": r"menuki",
    "kozuka": r"kozuka",
    "kogai": r"ko(?:u)?gai",
    "fuchi-kashira": r"fuchi ?[-/&,・]? ?(?:and )?kashira|fuchigashira",
    "koshirae": r"koshirae",
    "armor": r"armou?r|yoroi|gusoku|o-yoroi",
    "kabuto": r"kabuto|helmet",
    "menpo": r"me[nm]po|mengu|somen",
}
_KANJI = {
    "wakizashi": r"脇[差指]",
    "tanto": r"短刀|鎧通し?",
    "kodachi": r"小太刀",
    "tachi": r"(?<!小)太刀",
    "naginata": r"[薙長]刀(?<=薙刀)",
    "yari": r"[槍鑓]",
    "tsuba": r"[鍔鐔]",
    "menuki": r"目貫",
    "kozuka": r"小柄",
    "kogai": r"笄",
    "fuchi-kashira": r"縁[・ ]?頭",
    "koshirae": r"拵え?",
    "armor": r"甲冑|鎧(?!通)|具足",
    "kabuto": r"兜",
    "menpo": r"面[頬頰具]|[惣総]面",
    # Standing alone: neither 刀剣, 保存刀剣, 短刀, 太刀, 日本刀 nor 刀掛.
    "katana": r"打刀|(?<![\u4e00-\u9fff々])刀(?![\u4e00-\u9fff])"
    r"|(?<![\u4e00-\u9fff々])刀(?=無?銘|拵)",
    "ken": r"(?<![\u4e00-\u9fff々])剣(?![\u4e00-\u9fff])",
}
_ROMAN_WORD = re.compile(
    r"(?<![a-z0-9])(?<![a-z]-)(?:"
    + "|".join(f"(?P<{k.replace('-', '_')}>{v})" for k, v in _ROMAN.items())
    + r")(?![a-z0-9])"
)
_KANJI_WORD = re.compile("|".join(f"(?P<{k.replace('-', '_')}>{v})" for k, v in _KANJI.items()))

# A word behind the type that makes it something else: Katana-Makura, tachi-mei, naginata-naoshi,
# 拵付, 太刀銘.
_OTHER_THING = re.compile(
    r"[- ]?(?:makura|kake|stand|rack|bag|box(?:es)?|bukuro|display|pillow|book|oil|kit|case"
    r"|holder|mei\b|naoshi|hairpin|style|shaped?|zu\b|design"
    r"|gane|ji\b)|\(?(?:japanese )?hairpin|直[しシ]|銘|掛|袋|枕|箱|付|入り?|図|造|形",
)
_WITH = re.compile(
    r"(?:\bwith|\bfor|\bin|\bw/|\bof|付き?|入り?)\s*(?:an?|the|matching|original)?\s*$"
)
_AND = re.compile(r"(?:\band|&|\+|/)\s*$")  # a koshirae that comes along is not the item
_OPENING = re.compile(
    r"(?:japanese|antique|samurai|exceptional|fine|rare|important|authentic|old|an?|the|sun-?nobi|edo|koto|shinto|shinshinto|iron|sukashi|handachi)"
)
_OPENING_RUN = re.compile(rf"(?:[^a-z\u3040-\u9fff]|\d|{_OPENING.pattern}(?![a-z]))*+")
_BRACKETED_PAPER = re.compile(r"【[^】]{0,60}】|\[(?:sold|hold|reserved)\]")
_STOCK_CODE = re.compile(r"(?<![a-z0-9])(?:[a-z]{1,3}-?\d{4,8}|\d{2}-\d{4})(?!\d)")
_BRACKETS = re.compile(r"\([^()]{0,200}\)|\[[^\[\]]{0,200}\]|「[^」]{0,100}」")


class _Word(NamedTuple):
    type: str
    start: int
    end: int


def item_type_of(title: str, *, categories: Sequence[str] = ()) -> str | None:
    """Return the type that a title names, else the one its categories agree on, else None: never
    a guess.

    A type that opens the title wins ("Katana in shirasaya with koshirae"), then the only one
    outside brackets, then the one that opens
    the last bracket ("… (Tachi : Sukemura)"). Titles that name several on equal terms have none.
    """
    if found := _of_title(title):
        return found
    agreed = {found for category in categories if (found := _of_title(category))}
    return agreed.pop() if len(agreed) == 1 else None


def _of_title(title: str) -> str | None:
    plain = _STOCK_CODE.sub(" ", _BRACKETED_PAPER.sub(" ", fold(title[:_MAX_TITLE])))
    words = _heads(plain, _words(plain))
    if not words:
        return None
    opening = _OPENING_RUN.match(plain)
    if opening and words[0].start <= opening.end() and _is_opening_bracket_free(plain, words[0]):
        return words[0].type
    flat = _BRACKETS.sub(lambda hit: " " * len(hit[0]), plain)
    outside = {word.type for word in words if flat[word.start] != " "}
    if len(outside) == 1:
        return outside.pop()
    if len(outside) > 1:
        return None
    last = plain.rfind("(")
    in_last = [word for word in words if last != -1 and plain[last + 1 : word.start].strip() == ""]
    if in_last:
        return in_last[0].type
    inside = {word.type for word in words}
    return inside.pop() if len(inside) == 1 else None


def _is_opening_bracket_free(plain: str, word: _Word) -> bool:
    return not re.search(r"[(\[「]", plain[: word.start])


def _words(plain: str) -> list[_Word]:
    """Return the type words of a title that really name a thing, in order."""
    found = []
    for pattern in (_ROMAN_WORD, _KANJI_WORD):
        for hit in pattern.finditer(plain):
            if _OTHER_THING.match(plain, hit.end()) and not _is_signed(plain, hit):
                continue
            if _WITH.search(plain[max(0, hit.start() - 20) : hit.start()]):
                continue
            if hit.lastgroup == "koshirae" and _AND.search(
                plain[max(0, hit.start() - 8) : hit.start()]
            ):
                continue
            found.append(_Word((hit.lastgroup or "").replace("_", "-"), hit.start(), hit.end()))
    return sorted(found, key=lambda word: word.start)


def _is_signed(plain: str, hit: re.Match[str]) -> bool:
    """Say whether 刀銘 opens the title: "刀銘 …" is a signed katana, a 太刀銘 in brackets is a
    kind of signature."""
    return (
        hit[0] == "刀"
        and hit.start() == len(plain) - len(plain.lstrip())
        and plain[hit.end()] in "銘無"
    )


def _heads(plain: str, words: list[_Word]) -> list[_Word]:
    """Of a compound keep the head, which stands last: "Tanto koshirae" is a koshirae, "Katana
    tsuba" a tsuba."""
    kept: list[_Word] = []
    for word in words:
        if kept and kept[-1].type in _BLADES and word.type not in _BLADES:
            between = plain[kept[-1].end : word.start]
            if between in ("", " ", "-", "・"):
                kept.pop()
        kept.append(word)
    return kept
