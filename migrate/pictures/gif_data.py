"""How many pixels the data of a GIF's frame come to; it needs no decoder and shows nothing."""

from __future__ import annotations

_MOST_CODES = 4096


def gif_data(blocks: bytes) -> bytes:
    """The data of a frame out of its blocks, as far as they go."""
    data = bytearray()
    at = 0
    while at < len(blocks) and (length := blocks[at]):
        data += blocks[at + 1 : at + 1 + length]
        at += 1 + length
    return bytes(data)


def unpacked_pixels(data: bytes, code_bits: int, *, most: int) -> int:
    """The pixels that LZW data stand for; only the lengths of its words are followed."""
    if not 1 <= code_bits <= 11:
        return 0
    clear = 1 << code_bits
    lengths = [1] * clear + [0, 0]
    bits, previous, pixels = code_bits + 1, 0, 0
    buffer = held = 0
    for byte in data:
        buffer |= byte << held
        held += 8
        while held >= bits:
            code = buffer & ((1 << bits) - 1)
            buffer >>= bits
            held -= bits
            if code == clear:
                del lengths[clear + 2 :]
                bits, previous = code_bits + 1, 0
                continue
            if code == clear + 1 or code > len(lengths) or (code == len(lengths) and not previous):
                return pixels
            length = lengths[code] if code < len(lengths) else previous + 1
            pixels += length
            if pixels >= most:
                return most
            if previous and len(lengths) < _MOST_CODES:
                lengths.append(previous + 1)
                if len(lengths) == 1 << bits and bits < 12:
                    bits += 1
            previous = length
    return pixels
