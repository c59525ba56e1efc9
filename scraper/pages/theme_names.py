"""Names that the themes of many shop systems give a page's parts; it knows no shop system.

Each was one system's first, but themes, page builders and plugins of others have taken it over, and
a page is read by them also where nobody knows its system: before that is asked (error pages, holes
in the markup) and on hand-made pages. What one system alone writes stands in its folder.
"""

from __future__ import annotations

TITLES = "h1.product_title, h1.entry-title, h1.wp-block-post-title"
TEXT = ".entry-content"
ITEM_PARTS = (
    ".product_title, .entry-summary, [class*='product-gallery'], [class*='product-image-gallery']"
)
ITEM_FRAMES = (
    ".product_title, [class*='product-gallery'], .single-product, .item_detail, .ec-productRole"
)
"""What a page of one item has around it: the words on it are about the item."""

FURNITURE_FOLDERS = r"/wp-includes/|/wp-content/(?:themes|plugins)/"
"""A pattern of addresses under which no item's picture lies."""

DESCRIPTIONS = r"tab-description|--description|post-content|product-description"
"""A pattern of ids and classes around what a dealer writes by hand."""
DESCRIPTION_BEGINS = (
    r"id=.tab-description.|--description[ \"']|wp-block-post-content|"
    r"/product-description|class=.product-description"
)
"""The same in the text of a page, before it is a tree; and where the page goes on behind it."""
DESCRIPTION_ENDS = (
    r"<\w+[^<>]*(?:id=.tab-(?!description|title)|class=.[^\"'<>]*(?:related|upsells))"
    r"|</main|<footer"
)
