"""Which address of a picture is its full size; pure rules about links, srcset and names, nothing
fetched.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from urllib.parse import unquote, urlsplit

from bs4 import Tag

from scraper.pages import theme_names
from scraper.pages.document import Document
from scraper.pages.readings import Picture
from scraper.parsing.status import drawn_mark

_PICTURE = re.compile(r"\.(?:jpe?g|jpe|jfif|png|gif|webp|avif|tiff?|bmp|heic)$", re.IGNORECASE)
_SIZE = re.compile(r"-(\d{2,4})x(\d{2,4})(?=\.[A-Za-z0-9]{2,5}$)")
_EDITED = re.compile(r"-(?:scaled|rotated)(?=\.[A-Za-z0-9]{2,5}$)")
_PLACEHOLDER = re.compile(
    r"\b[a-z]+-placeholder\b[^/]*$|/assets/images/placeholder|/placeholder\.(?:png|jpe?g|svg|webp)|"
    r"no[-_]?image|noimage|nowprinting|now[-_]printing|/(?:spacer|blank|pixel|loading|ajax-loader|"
    r"clear|dot|transparent)\."
    r"|//(?:i\.ytimg|img\.youtube|i\.vimeocdn)\.com/|/preview_images/"  # of videos and 3D models
    rf"|{theme_names.FURNITURE_FOLDERS}|(?:secure\.)?gravatar\.com|/emoji/",
    re.IGNORECASE,
)
_OF_A_SERIES = re.compile(r"\d\.(?:jpe?g|webp|avif)$", re.IGNORECASE)  # "hold-01.jpg": a photograph
_STATED = (
    "data-large_image",
    "data-zoom-image",
    "data-full",
    "data-full-url",
    "data-large-image",
    "data-zoom",
    "data-orig-file",
    "data-large-file",
    "data-o_data-large_image",
    "data-fancybox-href",
    "data-mfp-src",
    "data-hires",
    "data-original-src",
    "data-image-url",
    "data-large",
    "data-large-src",
    "data-src-large",
    "data-full-src",
    "data-full-image",
    "data-full-size-image-url",
    "data-zoom-src",
    "data-high-res-src",
    "data-highres",
    "data-big",
    "data-magnify-src",
    "data-lightbox-src",
)
_LOADED = (
    "data-src",
    "data-lazy-src",
    "data-original",
    "data-lazy",
    "data-echo",
    "data-srcimg",
    "src",
)
_SRCSETS = ("srcset", "data-srcset", "data-lazy-srcset")
_PHOTON = re.compile(r"https?://i\d\.wp\.com/([^/?]+[.:][^/?]+/.+)")
_SERVED_WHOLE = re.compile(r"https?://[^?]+?/(https?://[^?]+\.\w{3,4})(?:\?.*)?$")


def original_of(url: str) -> str:
    """Return the shop's own file behind the address of an image service that scales it.

    Photon (Jetpack) names host and path; Optimole, ShortPixel and Cloudflare the whole address.
    """
    if whole := _SERVED_WHOLE.match(url):
        return whole[1]
    if photon := _PHOTON.match(url):
        place, _, query = photon[1].partition("?")
        is_https = "ssl=1" in query
        return f"{'https' if is_https else 'http'}://{place}"
    return url


def is_picture_url(url: str) -> bool:
    return _PICTURE.search(_path(url)) is not None


def is_placeholder(url: str) -> bool:
    plain = unquote(url)
    is_drawn = drawn_mark(plain) is not None and _OF_A_SERIES.search(plain) is None
    return is_drawn or _PLACEHOLDER.search(plain) is not None


def stem_of(url: str) -> str:
    """Return the name that all sizes of one upload share; numeric tails (`-1`) stay."""
    host, path = _host_and_path(url)
    return host + _EDITED.sub("", _SIZE.sub("", path))


def uploads_of(urls: Iterable[str]) -> set[str]:
    """Return the names of the uploads behind addresses of several sizes.

    A name that looks like a size (`photo-1024x768.jpg`) is the upload's own where others are sizes
    of it (`photo-1024x768-300x225.jpg`).
    """
    named = [("".join(_host_and_path(url)), stem_of(url)) for url in urls]
    stems = {_file(stem) for own, stem in named if own != stem}
    return {_file(own) if _file(own) in stems else _file(stem) for own, stem in named}


def file_name(url: str) -> str:
    """Return the name of the file at an address."""
    return _file("".join(_host_and_path(url)))


def _file(path: str) -> str:
    return path.rsplit("/", 1)[-1]


def is_sized(url: str) -> bool:
    return _SIZE.search(_path(url)) is not None


def _path(url: str) -> str:
    return _host_and_path(url)[1]


def _host_and_path(url: str) -> tuple[str, str]:
    """Return both without percent escapes; a torn address ("http://[img") has no host."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", url
    return parts.netloc, unquote(parts.path)


_NO_PICTURES = (  # of a video, or a 3D model
    "video, model-viewer, [data-media-type=video], [data-media-type=external_video], "
    "[data-media-type=model], [data-type=video], .product-media--video, .is-video"
)
_PLACES = (
    "img, a[href], [style*='url('], [data-bg], [data-background-image], [data-background], "
    "[data-image-url], [onclick]"
)
_IN_STYLE = re.compile(r"background(?:-image)?\s*:[^;]*?url\(\s*['\"]?([^'\")]+)", re.IGNORECASE)
_IN_SCRIPT = re.compile(
    r"['\"]([^'\"<>]+?\.(?:jpe?g|png|gif|webp|avif|tiff?|bmp)(?:\?[^'\"]*)?)['\"]", re.IGNORECASE
)


def pictures_in(document: Document, scope: Iterable[Tag]) -> list[Picture]:
    """Return the pictures below `scope` in page order, each with its largest known address."""
    found: list[Picture] = []
    for tag in scope:
        seen_links: set[int] = set()
        apart = {id(each) for each in tag.select(_NO_PICTURES)}
        for node in [tag] if tag.name == "img" else tag.select(_PLACES):
            if apart and any(id(parent) in apart for parent in (node, *node.parents)):
                continue
            if node.name == "img":
                picture = _picture(document, node, seen_links)
            elif node.find("img") is None:
                picture = _behind(document, node)
            else:
                picture = None
            if picture is not None:
                found.append(replace(picture, url=original_of(picture.url)))
    return found


def _behind(document: Document, tag: Tag) -> Picture | None:
    """Return the picture that an element without one leads to, or shows as its background."""
    if (url := _led_to(document, tag)) is not None:
        return Picture(url, True)
    shown = _IN_STYLE.search(str(tag.get("style") or ""))
    named = [tag.get(name) for name in ("data-image-url", "data-bg", "data-background-image")]
    for text in (*named, tag.get("data-background"), shown[1] if shown else None):
        url = document.absolute(re.sub(r"^url\(['\"]?|['\"]?\)$", "", str(text or "")))
        if url and is_picture_url(url) and not is_placeholder(url):
            return Picture(url, not is_sized(url))
    return None


def _led_to(document: Document, link: Tag) -> str | None:
    """Return the picture that a link opens, by itself or by a script (`openWin('a.jpg')`)."""
    href = str(link.get("href") or "")
    url = document.absolute(href)
    if url and is_picture_url(url):
        return url
    for script in (href if href.lower().startswith("javascript:") else "", link.get("onclick")):
        for name in _IN_SCRIPT.findall(unquote(str(script or ""))):
            url = document.absolute(name)
            if url and is_picture_url(url) and not is_placeholder(url):
                return url
    return None


def _picture(document: Document, image: Tag, seen_links: set[int]) -> Picture | None:
    if any(name.endswith("-placeholder") for name in image.get("class") or []) and not any(
        image.get(name) for name in _LOADED[:-1]
    ):
        return None
    for link in (image.find_parent("a", href=True), image):
        if link is not None and id(link) not in seen_links and (url := _led_to(document, link)):
            seen_links.add(id(link))
            return Picture(url, True)
    for name in _STATED:
        url = document.absolute(str(image.get(name) or ""))
        if url and not is_placeholder(url):
            return Picture(url, True)
    return _largest(document, image)


def _largest(document: Document, image: Tag) -> Picture | None:
    """Return the largest of srcset and src; an unsized name beside sized ones of its stem is the
    upload itself.
    """
    sized = [pair for name in _SRCSETS for pair in _srcset(document, str(image.get(name) or ""))]
    for source in (
        image.parent.select("source[srcset]")
        if image.parent and image.parent.name == "picture"
        else []
    ):
        sized += _srcset(document, str(source["srcset"]))
    loaded = [url for name in _LOADED if (url := document.absolute(str(image.get(name) or "")))]
    loaded = [url for url in loaded if not is_placeholder(url)]
    stems = {stem_of(url) for url in (*loaded, *(url for url, _ in sized)) if is_sized(url)}

    def is_whole(url: str) -> bool:
        return not is_sized(url) or "".join(_host_and_path(url)) in stems

    same = [pair for pair in sized if not loaded or len(uploads_of((pair[0], loaded[0]))) == 1]
    same = same or sized
    whole = [url for url, _ in same if is_whole(url)] + [url for url in loaded if is_whole(url)]
    if whole and same:
        best = max(same, key=lambda pair: pair[1])
        return Picture(best[0] if is_whole(best[0]) else whole[0], True)
    if same:
        return Picture(max(same, key=lambda pair: pair[1])[0], False)
    return Picture(loaded[0], not is_sized(loaded[0])) if loaded else None


def _srcset(document: Document, text: str) -> list[tuple[str, float]]:
    pairs = []
    for match in re.finditer(
        r"(\S+?)(?:\s+([\d.]+)[wx])?\s*(?:,\s+|,?$|,(?=https?:|/))", text.strip()
    ):
        url = document.absolute(match[1].rstrip(","))
        if url and not is_placeholder(url):
            pairs.append((url, float(match[2] or 1)))
    return pairs


def settle(
    pictures: Iterable[Picture],
    *,
    known_full: Iterable[str] = (),
    full_size: Callable[[str], str] = lambda url: url,
    limit: int = 100,
) -> tuple[str, ...]:
    """Return each picture once, in order, under its full-size address.

    A sized name (`-300x300`) gives way only to a full size that the page itself stated somewhere
    (`known_full`: JSON-LD, Open Graph, another link); it is never shortened by guess.
    """
    listed = [p for p in pictures if not is_placeholder(p.url)]
    full = {stem_of(p.url): p.url for p in reversed(listed) if p.stated and not is_sized(p.url)}
    for url in (*(p.url for p in listed if p.stated), *known_full):
        if is_sized(url):  # the upload's own name, if anything is a size of it
            full.setdefault("".join(_host_and_path(url)), url)
        else:
            full.setdefault(stem_of(url), url)
    kept: dict[str, str] = {}
    stems: set[str] = set()
    for picture in listed:
        stated_whole = picture.stated and not is_sized(picture.url)
        url = picture.url if stated_whole else full.get(stem_of(picture.url), picture.url)
        url = full_size(url)
        if picture.stated or stem_of(url) not in stems:
            stems.add(stem_of(kept.setdefault(unquote(url), url)))
    return tuple(kept.values())[:limit]


_SIZE_WORDS = {
    **dict.fromkeys(("original", "orig", "org", "full", "master", "zoom", "xxl"), 9_000),
    **dict.fromkeys(("xl", "xlarge", "big", "large", "lg", "ll", "l", "limg", "llimg"), 8_000),
    **dict.fromkeys(("middle", "medium", "md", "mid", "m"), 4_000),
    **dict.fromkeys(("small", "sm", "compact", "preview", "s"), 3_000),
    **dict.fromkeys(("thumb", "thumbs", "thumbnail", "thumbnails", "tn", "mini"), 2_000),
}
_UNSIZED = 6_000
_NAMED_SIZE = re.compile(
    rf"[_-]({'|'.join(sorted(_SIZE_WORDS, key=len, reverse=True))}|\d{{2,4}}w|\d{{2,4}}x\d{{0,4}})"
    r"(?=\.\w{3,4}$)",
    re.IGNORECASE,
)
_SIZED_FOLDER = re.compile(
    r"(?:w|h|width|height|size|resize|fit)[_=-]?\d+\S*|\d+x\d*", re.IGNORECASE
)
_SIZE_IN_QUERY = re.compile(r"(?:w|h|width|height|size|sz|imwidth)=(\d+)")
_MADE_FOR_SIZE = re.compile(
    r"(?:^|&)(?:w|h|width|height|size|sz|imwidth|q|quality|v|fit|crop|format|auto|dpr)=[^&]*"
)


def one_of_each_size(urls: Iterable[str]) -> list[str]:
    """Return each picture once, in order, in the largest of the sizes that its addresses name: by a
    word behind its name, by a folder, or in the query.
    """
    groups: dict[str, list[tuple[str, int, str]]] = {}  # word of the size, how large, address
    for url in dict.fromkeys(urls):
        key, word, size = _picture_and_size(url)
        groups.setdefault(key, []).append((word, size, url))
    wanted: list[str] = []
    for group in groups.values():
        words = {word for word, _, _ in group}
        has_larger = bool(words & {"l", "ll", ""}) and words != {"m", ""}
        if words & {"s", "m"} and not has_larger:  # alone they name parts of the item
            wanted += [url for _, _, url in group]
        else:
            wanted.append(max(group, key=lambda sized: sized[1])[2])
    return wanted


def _picture_and_size(url: str) -> tuple[str, str, int]:
    """Return what all sizes of a picture have in common, the word of its size, and how large."""
    host, path = _host_and_path(url)
    word, size = "", _UNSIZED
    if (named := _NAMED_SIZE.search(path)) is not None:
        word = named[1].lower()
        size = _SIZE_WORDS[word] if word in _SIZE_WORDS else int(re.findall(r"\d+", word)[0])
        path = path[: named.start()] + path[named.end() :]
    *folders, name = path.split("/")
    kept = []
    for folder in folders:
        if folder.lower() in _SIZE_WORDS:
            word, size = folder.lower() * 2, _SIZE_WORDS[folder.lower()]
        elif _SIZED_FOLDER.fullmatch(folder):
            word, size = folder, int(re.findall(r"\d+", folder)[0])
        else:
            kept.append(folder)
    query = url.partition("?")[2].partition("#")[0]
    if (asked := _SIZE_IN_QUERY.search(query)) is not None:
        word, size = "query", int(asked[1])
    return "/".join([host, *kept, name]) + _MADE_FOR_SIZE.sub("", query), word, size
