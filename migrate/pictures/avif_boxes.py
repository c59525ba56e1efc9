"""What an AVIF's boxes say of its picture, and a plain AVIF made of it for the decoder; no pixels.

ISO 14496-12 and 23008-12 (HEIF). Browsers read more than libavif does when it is strict: several
property tables (ipma), brands of early writers. The decoder is then given a file of the simplest
form with the same coded picture, so that the picture itself is judged all the same.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

LARGEST_META = 1 << 20
_CONTAINERS = {b"iprp", b"ipco", b"iref"}
_KEPT_PROPERTIES = frozenset({b"ispe", b"pixi", b"av1C", b"colr"})
_MUST_BE_ESSENTIAL = frozenset({b"irot", b"imir", b"clap"})
_QUARTER_TURNS = frozenset({1, 3})
_MOST_ITEMS = 1000


@dataclass
class AvifBoxes:
    """The primary picture: its size as coded, its turn, its coded data (from, length) and boxes."""

    primary: int = 0
    kinds: dict[int, bytes] = field(default_factory=dict)
    places: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    properties: list[tuple[bytes, bytes]] = field(default_factory=list)
    owned: dict[int, list[int]] = field(default_factory=dict)
    essential: set[int] = field(default_factory=set)

    @property
    def has_loose_turns(self) -> bool:
        """Whether a turn, a mirror or a crop is said to be of no matter, which is an error."""
        return any(
            kind in _MUST_BE_ESSENTIAL and number not in self.essential
            for number, (kind, _) in enumerate(self.properties, start=1)
        )

    @property
    def own_properties(self) -> list[tuple[bytes, bytes]]:
        """The properties of the primary picture, each once, in the order of the file."""
        numbers = dict.fromkeys(self.owned.get(self.primary, ()))
        return [self.properties[n - 1] for n in numbers if 0 < n <= len(self.properties)]

    @property
    def size(self) -> tuple[int, int] | None:
        for kind, body in self.own_properties:
            if kind == b"ispe" and len(body) >= 12:
                width, height = struct.unpack_from(">II", body, 4)
                return int(width), int(height)
        return None

    @property
    def is_plain(self) -> bool:
        """Whether nothing in it is what browsers refuse: only then its form may be put aside."""
        pictures = [item for item, kind in self.kinds.items() if kind == b"av01"]
        return (
            self.kinds.get(self.primary) == b"av01"
            and self.size is not None
            and b"tmap" not in self.kinds.values()
            and not self.has_loose_turns
            and all(b"ispe" in self._kinds_of(item) for item in pictures)
        )

    def _kinds_of(self, item: int) -> set[bytes]:
        known = range(1, len(self.properties) + 1)
        return {self.properties[n - 1][0] for n in self.owned.get(item, ()) if n in known}

    @property
    def is_turned(self) -> bool:
        """Whether it is shown on its side."""
        return any(
            kind == b"irot" and body[:1] and body[0] & 3 in _QUARTER_TURNS
            for kind, body in self.own_properties
        )


def read_boxes(meta: bytes) -> AvifBoxes:
    """Read the body of a `meta` box; what is odd in it is passed over."""
    found = AvifBoxes()
    _read_into(found, meta[4:])
    return found


def _read_into(found: AvifBoxes, data: bytes) -> None:
    for kind, body in boxes(data):
        try:
            if kind in _CONTAINERS and kind != b"iref":
                if kind == b"ipco":
                    found.properties = list(boxes(body))
                else:
                    _read_into(found, body)
            elif kind == b"pitm":
                found.primary = _number(body, 4, 2 if not body[0] else 4)
            elif kind == b"iinf":
                _read_kinds(found, body)
            elif kind == b"iloc":
                _read_places(found, body)
            elif kind == b"ipma":
                _read_owned(found, body)
        except (struct.error, IndexError):
            continue


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The boxes in `data`: kind and body."""
    at = 0
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        start = at + 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, start) if start + 8 <= len(data) else (0,)
            start += 8
        end = at + length if length else len(data)
        if end < start or end > len(data):
            return
        yield kind, data[start:end]
        at = end


def _number(data: bytes, at: int, size: int) -> int:
    if at + size > len(data):
        raise IndexError(at)
    return int.from_bytes(data[at : at + size], "big")


def _read_kinds(found: AvifBoxes, body: bytes) -> None:
    for kind, entry in boxes(body[6:] if not body[0] else body[8:]):
        if kind == b"infe" and entry[0] in (2, 3):
            wide = 2 if entry[0] == 2 else 4
            found.kinds[_number(entry, 4, wide)] = entry[6 + wide : 10 + wide]


def _read_places(found: AvifBoxes, body: bytes) -> None:
    version = body[0]
    offset_size, length_size, base_size = body[4] >> 4, body[4] & 15, body[5] >> 4
    index_size = body[5] & 15 if version in (1, 2) else 0
    wide = 4 if version == 2 else 2
    count, at = _number(body, 6, wide), 6 + wide
    for _ in range(min(count, _MOST_ITEMS)):
        item, at = _number(body, at, wide), at + wide
        method = 0
        if version in (1, 2):
            method, at = _number(body, at, 2) & 15, at + 2
        at += 2
        base, at = _number(body, at, base_size), at + base_size
        extents, at = _number(body, at, 2), at + 2
        places = []
        for _ in range(extents):
            at += index_size
            offset, at = _number(body, at, offset_size), at + offset_size
            length, at = _number(body, at, length_size), at + length_size
            places.append((base + offset, length))
        if method == 0:
            found.places[item] = places


def _read_owned(found: AvifBoxes, body: bytes) -> None:
    wide = 4 if body[0] else 2
    is_wide_index = body[3] & 1
    count, at = _number(body, 4, 4), 8
    for _ in range(min(count, _MOST_ITEMS)):
        item, at = _number(body, at, wide), at + wide
        owned, at = body[at], at + 1
        for _ in range(owned):
            size = 2 if is_wide_index else 1
            told = _number(body, at, size)
            index = told & (0x7FFF if is_wide_index else 0x7F)
            if told != index:
                found.essential.add(index)
            at += size
            found.owned.setdefault(item, []).append(index)


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


def plain_avif(found: AvifBoxes, coded: bytes) -> bytes:
    """An AVIF of the simplest form around the coded primary picture."""
    properties = [one for one in found.own_properties if one[0] in _KEPT_PROPERTIES]
    owned = b"".join(
        bytes((n | (0x80 if kind == b"av1C" else 0),))
        for n, (kind, _) in enumerate(properties, start=1)
    )
    ipma = box(b"ipma", struct.pack(">IIHB", 0, 1, 1, len(owned)) + owned)
    ipco = box(b"ipco", b"".join(box(kind, body) for kind, body in properties))
    hdlr = box(b"hdlr", bytes(8) + b"pict" + bytes(13))
    pitm = box(b"pitm", struct.pack(">IH", 0, 1))
    infe = box(b"infe", struct.pack(">IHH", 2 << 24, 1, 0) + b"av01\0")
    iinf = box(b"iinf", struct.pack(">IH", 0, 1) + infe)
    ftyp = box(b"ftyp", b"avif" + bytes(4) + b"avifmif1miaf")

    def meta(offset: int) -> bytes:
        iloc = box(b"iloc", struct.pack(">IBBHHHHII", 0, 0x44, 0, 1, 1, 0, 1, offset, len(coded)))
        return box(b"meta", bytes(4) + hdlr + pitm + iloc + iinf + box(b"iprp", ipco + ipma))

    offset = len(ftyp) + len(meta(0)) + 8
    return ftyp + meta(offset) + box(b"mdat", coded)
