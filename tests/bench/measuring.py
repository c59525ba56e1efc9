"""What every section of the bench needs: photographs, results, tables; it measures nothing."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import math
import os
import platform
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from PIL import Image

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
MEGABYTE = 1_000_000
BYTES_A_PIXEL = 0.42
"""Of the photographs' noise at JPEG's quality 85, as of a camera's."""

Row = dict[str, Any]
T = TypeVar("T")


@dataclass
class Section:
    """One table: what was done, its rows (all with the same columns), who was left out, and what
    is to be said of it.
    """

    title: str
    work: str
    rows: list[Row] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def show(self) -> str:
        """The table in Markdown."""
        lines = [f"### {self.title}", "", self.work, ""]
        if self.rows:
            columns = list(self.rows[0])
            lines += [
                "| " + " | ".join(columns) + " |",
                "| " + " | ".join("---" for _ in columns) + " |",
            ]
            lines += [
                "| " + " | ".join(_cell(row.get(name)) for name in columns) + " |"
                for row in self.rows
            ]
        if self.left_out:
            lines += ["", "Left out: " + "; ".join(self.left_out) + "."]
        for remark in self.remarks:
            lines += ["", f"{remark[0].upper()}{remark[1:]}."]
        return "\n".join([*lines, ""])


def _cell(value: object) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float) and math.isnan(value):
        return "-"
    if isinstance(value, float):
        places = 0 if abs(value) >= 100 else 1 if abs(value) >= 1 else 2
        return f"{value:.{places}f}"
    return "-" if value is None else str(value)


@dataclass(frozen=True)
class Scale:
    """How much is measured: `runs` of each contender, interleaved, `images` in each."""

    images: int = 1000
    runs: int = 3
    rows: tuple[int, ...] = (10_000, 100_000)
    images_held: tuple[int, ...] = (10_000, 100_000, 1_000_000)


def make_photos(folder: Path, count: int, *, bytes_each: int = 0) -> list[str]:
    """`count` different whole JPEGs like a dealer's photographs, of 190 KB or about so many bytes:
    the larger have as many more pixels, as from a camera.
    """
    width, quality = 1200, 50
    if bytes_each:
        width, quality = math.isqrt(round(bytes_each / BYTES_A_PIXEL * 4 / 3)), 85
    size = (width, width * 3 // 4)
    image = Image.linear_gradient("L").resize(size)
    photo = Image.merge("RGB", (image, Image.effect_noise(size, 30), image.rotate(180)))
    file = io.BytesIO()
    photo.save(file, "JPEG", quality=quality)
    base = file.getvalue()
    names = []
    for number in range(count):
        # Behind JFIF's own header, where every reader of image files expects a comment.
        body = base[:20] + _comment(f"photograph {number} ".encode())
        while len(body) + len(base) < bytes_each:
            body += _comment(b"x" * min(60_000, bytes_each - len(body) - len(base)))
        names.append(f"{number:05d}.jpg")
        (folder / names[-1]).write_bytes(body + base[20:])
    return names


def _comment(note: bytes) -> bytes:
    note = note[:65_000]
    return b"\xff\xfe" + (len(note) + 2).to_bytes(2, "big") + note


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def interleaved(
    contenders: Sequence[str],
    runs: int,
    measure: Callable[[str], Row],
    section: Section,
    work: str = "",
) -> dict[str, list[Row]]:
    """Every contender in turn, so many times: what disturbs one round disturbs all of them.

    One that fails twice in a row is left out from then on, by name and with its last words.
    """
    results: dict[str, list[Row]] = {name: [] for name in contenders}
    for number in range(runs):
        for name in list(results):
            print(f"  {name}, run {number + 1} of {runs} ...", file=sys.stderr, flush=True)
            try:
                results[name].append(twice(functools.partial(measure, name)))
            except Exception as error:
                del results[name]
                section.left_out.append(f"{name}{work}, which failed twice ({last_line(error)})")
    return results


def twice(measure: Callable[[], T]) -> T:
    """What it gives, if not at the first try then at the second."""
    try:
        return measure()
    except Exception as error:
        print(f"  failed, once more: {last_line(error)}", file=sys.stderr, flush=True)
        return measure()


def last_line(error: Exception) -> str:
    """The last words of a failure, which say what it was."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def median(results: list[dict[str, Any]], name: str) -> float:
    return statistics.median(float(result[name]) for result in results)


def spread(results: list[dict[str, Any]], name: str = "seconds") -> str:
    """The distance between the best and the worst run, in percent of the median."""
    values = [float(result[name]) for result in results]
    if len(values) == 1:
        return "-"
    percent = 100 * (max(values) - min(values)) / statistics.median(values)
    return f"{percent:.0f} %"


def cpu_s_of(pid: int) -> float:
    """What a process has spent so far, by the nanosecond where its scheduler counts them."""
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    with contextlib.suppress(OSError):
        user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
    return float("nan")


def machine() -> dict[str, Any]:
    """Where this was measured."""
    cpu = "unknown"
    with contextlib.suppress(OSError, StopIteration):
        text = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next(line.partition(":")[2].strip() for line in text if line.startswith("model name"))
    return {
        "system": platform.platform(),
        "python": platform.python_version(),
        "cpu": cpu,
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
    }
