"""Sizes of swords and fittings from a specification; absent rather than guessed.

Read line by line: patterns that crossed lines once gave a blade of 2.0 cm and another sword's
kasane.
"""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal

from scraper.pages.listing import Measurements
from scraper.parsing.lengths import count, dimensions_cm, length_cm, weight_g
from scraper.parsing.text import fold

_MAX_LINE = 2_000
_MAX_LINES = 2_000
_MAX_VALUE_TEXT = 120

# Label -> field. `length` and `thickness` are settled at the end: what they measure depends on
# the rest.
_LABELS = {
    "nagasa": r"blade[ -]?length|length of (?:the )?blade|(?:blade )?nagasa|cutting edge(?: "
    r"length)?|刃長|刃渡り?|刀身長",
    "sori": r"sori|curvature|反り|反(?=[\s:]?\d)",
    "motohaba": r"moto-? ?haba|width at (?:the )?(?:hamachi|base)(?: \(motohaba\))?|base "
    r"width|width of (?:the )?base|元幅|元巾",
    "sakihaba": r"saki-? ?haba|width at (?:the )?(?:kissaki|tip|yokote)(?: \(sakihaba\))?"
    r"|tip width|width of (?:the )?tip|先幅|先巾",
    "saki_kasane": r"saki-? ?kasane|thickness at (?:the )?tip|先重ね?",
    "kasane": r"(?:thickness of (?:the )?rim|rim thickness|thickness)(?: at (?:the )?base)? "
    r"?\((?:moto-?)?kasane\)|moto-? ?kasane|kasane|元重ね?|棟重ね?|重ね(?:厚)?",
    "rim": r"thickness of (?:the )?rim|rim thickness|耳厚|切羽台厚さ?|厚さ?(?=[\s:]*\d)",
    "thickness": r"thickness",
    "nakago": r"nakago length|length of (?:the )?nakago|tang length|nakago nagasa|nakago"
    r"|茎長|中心長",
    "weight": r"(?:blade )?weight(?: of (?:the )?blade)?|重量|刀身重量|裸身重量|目方|重さ",
    "mekugi": r"mekugi[ -]?ana|mekugi[ -]?holes?|peg[ -]?holes?|mekugi|目釘[穴孔]",
    "size": r"size|dimensions?|measurements?|length ?\d|寸法|大きさ|法量",
    "height": r"height|縦|高さ",
    "width": r"width|横|幅(?=[\s:]*\d)",
    "length": r"length|長さ",
}
_ANY_LABEL = re.compile("|".join(f"(?P<{field}>{pattern})" for field, pattern in _LABELS.items()))
# Words before a label that make it another thing's: shirasaya length, 柄長さ, weight of the
# koshirae.
_NOT_BEFORE = re.compile(r"(?:[a-z]-?|['柄鞘全総茎腰先中小刀拵箱])$")
_FIELD_START = re.compile(
    r"(?:^|[,;/|、。・()\[\]:>*•●■◆◇○□※【】~+]|\d|cm|mm|個|\bg|grams?|inches)[\s\-–—.]*$"
)
_ANSWERED = re.compile(r"\s*(?:\([^()]{0,30}\)\s*)?[:：=]")

# Labels that need to be told what of; a second name in brackets says it.
_WIDE = frozenset({"size", "height", "width", "length", "thickness"})
# "(with koshirae): 900 g", ": 900 g (with saya)": not of the blade alone.
_OF_MORE = re.compile(
    r"[^()]{0,30}\((?:(?!without|excl)[^()]){0,20}?"
    r"(?:(?:with|in|incl\w*\.?) (?:the )?(?:shira)?(?:saya|koshirae|mount|habaki|tsuka|fittings)"
    r"|overall|total|whole|[鞘拵][^払()]{0,4}(?:込|付|入)|総長|全長)"
)

_BOUNDS: dict[str, tuple[Decimal, Decimal]] = {
    "nagasa": (Decimal(5), Decimal(250)),
    "sori": (Decimal(0), Decimal(15)),
    "motohaba": (Decimal("0.5"), Decimal(8)),
    "sakihaba": (Decimal("0.3"), Decimal(8)),
    "kasane": (
        Decimal("0.1"),
        Decimal("1.49"),
    ),  # a "thickness" of 1.96 cm was a width under a wrong label
    "rim": (Decimal("0.03"), Decimal(3)),
    "thickness": (Decimal("0.03"), Decimal(3)),
    "nakago": (Decimal(2), Decimal(100)),
    "weight": (Decimal(1), Decimal(40_000)),
    "height": (Decimal("0.3"), Decimal(250)),
    "width": (Decimal("0.3"), Decimal(250)),
    "length": (Decimal(12), Decimal(250)),
}


def parse_measurements(text: str, *, decimal_comma: bool = False) -> Measurements:
    """Return the sizes that the text states behind a label, in cm, g and mm; None for what it
    does not state.

    Args:
        text: one fact a line, or several with separators between; the first statement of a size
        counts.
        decimal_comma: the dealer writes 59,7 for 59.7; then `1,515 cm` is 1.515 and not 1515.
    """
    found: dict[str, Decimal] = {}
    holes: int | None = None
    for line in text.splitlines()[:_MAX_LINES]:
        for field, value_text in _labelled(fold(line[:_MAX_LINE])):
            if field == "mekugi":
                holes = count(value_text) if holes is None else holes
            else:
                _note(found, field, value_text, decimal_comma)
    return replace(_settled(found), mekugi_ana=holes)


def _labelled(line: str) -> list[tuple[str, str]]:
    """Return (field, text behind its label up to the next label) for each label that opens a
    statement."""
    opened: list[tuple[str, int, int]] = []  # field, where the label begins, where its value does
    for hit in _ANY_LABEL.finditer(line):
        follows = bool(opened) and not line[opened[-1][2] : hit.start()].strip()
        if not follows and not _opens(line, hit):
            continue
        field, value_at = hit.lastgroup or "", hit.end()
        if opened and (second := _second_name(line, opened[-1][2], hit)) is not None:
            first, begin, _ = opened.pop()
            field, hit_at, value_at = (field if first in _WIDE else first), begin, second
        else:
            hit_at = hit.start()
        opened.append((field, hit_at, value_at))
    ends = [begin for _, begin, _ in opened[1:]] + [len(line)]
    found = [
        (field, line[value_at : min(end, value_at + _MAX_VALUE_TEXT)])
        for (field, _, value_at), end in zip(opened, ends, strict=False)
    ]
    return [(field, text) for field, text in found if not _OF_MORE.match(text)]


def _second_name(line: str, value_at: int, hit: re.Match[str]) -> int | None:
    """Return where the value begins when `hit` is the label before it once more, in brackets:
    "Blade length (nagasa): 70 cm".
    """
    closing = re.compile(r"\s?\)").match(line, hit.end())
    return closing.end() if closing and line[value_at : hit.start()].strip() == "(" else None


def _opens(line: str, hit: re.Match[str]) -> bool:
    """Say whether a label stands where a statement begins, so that prose about other swords does
    not count."""
    before = line[max(0, hit.start() - 40) : hit.start()]
    if re.match(r"[a-z]", line[hit.end() :]) and hit[0][-1].isascii():
        return False
    if _FIELD_START.search(before):
        return True
    stripped = before.rstrip()
    if _NOT_BEFORE.search(before) or re.search(
        r"(?:saya|koshirae|tsuka|total|overall|whole|habaki|tsuba|box)$", stripped
    ):
        return False
    return _ANSWERED.match(line, hit.end()) is not None


def _note(found: dict[str, Decimal], field: str, value_text: str, decimal_comma: bool) -> None:
    """Record the value behind a label where it is sane and none was recorded before."""
    if field in ("size", "height", "length", "rim") and (
        sizes := dimensions_cm(value_text, decimal_comma=decimal_comma)
    ):
        for name, size in zip(("height", "width", "rim"), sizes, strict=False):
            _keep(found, name, size)
        return
    read = weight_g if field == "weight" else length_cm
    _keep(found, field, read(value_text, decimal_comma=decimal_comma))


def _keep(found: dict[str, Decimal], field: str, value: Decimal | None) -> None:
    low, high = _BOUNDS.get(field, (None, None))
    if value is None or low is None or high is None:
        return
    if low <= value <= high:
        found.setdefault(field, value)


def _settled(found: dict[str, Decimal]) -> Measurements:
    """Give the ambiguous labels their meaning: a bare length beside a curvature is a blade's."""
    is_blade = bool(found.keys() & {"nagasa", "sori", "motohaba", "sakihaba", "nakago"})
    if is_blade and "sori" in found and "length" in found:
        found.setdefault("nagasa", found["length"])
    kasane = found.get("kasane")
    low, high = _BOUNDS["kasane"]
    if kasane is None and is_blade and low <= found.get("thickness", Decimal(0)) <= high:
        kasane = found["thickness"]
    is_fitting = not is_blade and bool(found.keys() & {"height", "width", "rim", "thickness"})
    rim = found.get("rim", found.get("thickness")) if is_fitting else None
    return Measurements(
        nagasa_cm=found.get("nagasa"),
        sori_cm=found.get("sori"),
        motohaba_cm=found.get("motohaba"),
        sakihaba_cm=found.get("sakihaba"),
        kasane_cm=kasane,
        nakago_cm=found.get("nakago"),
        weight_g=found.get("weight"),
        height_cm=found.get("height") if is_fitting else None,
        width_cm=found.get("width") if is_fitting and "height" in found else None,
        thickness_mm=rim * 10 if rim is not None else None,
    )
