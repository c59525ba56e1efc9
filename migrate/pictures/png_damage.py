"""What a PNG lacks, by its chunks and by how far the decoder came; it decodes nothing itself."""

from __future__ import annotations

from migrate.pictures.damage import Damage, Extent
from migrate.pictures.file_reader import Reader
from migrate.pictures.png_chunks import PngChunks, has_whole_data


def damage_of_png(reader: Reader, found: PngChunks, of_decoder: Damage | None) -> Damage | None:
    """What a PNG lacks; the decoder stumbles at a wrong checksum behind the last row, too."""
    losses = [of_decoder] if of_decoder else []
    if found.bad_data or of_decoder:
        is_whole, fits = has_whole_data(reader, found)
        if found.bad_data and fits:
            losses = [Damage(Extent.NOTHING_SEEN, "a checksum inside the PNG does not fit (IDAT)")]
        elif found.bad_data and found.ends_in_zeros(reader):
            losses = [Damage(Extent.LARGE, "the end of the PNG was never filled in")]
        elif found.bad_data and is_whole:
            losses = [Damage(Extent.SMALL, "no checksum of the PNG's picture fits")]
        elif is_whole and not (of_decoder and of_decoder.extent is Extent.LARGE):
            losses = [Damage(Extent.NOTHING_SEEN, "the checksum of the PNG's picture does not fit")]
    if found.bad_frames or found.frames < found.frames_promised:
        losses.append(Damage(Extent.LARGE, "frames of the animated PNG are damaged or missing"))
    if not found.has_end and not losses:
        losses.append(Damage(Extent.NOTHING_SEEN, "the PNG lacks its end"))
    return max(losses, key=lambda one: list(Extent).index(one.extent), default=None)
