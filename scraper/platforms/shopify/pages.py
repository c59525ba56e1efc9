"""Shopify's markup by the element names of the common themes; it knows no data and no shop."""

from __future__ import annotations

from dataclasses import fields, replace

from scraper.pages.dealer import Dealer
from scraper.pages.document import Document
from scraper.pages.listing import Status
from scraper.pages.readings import Markup, Picture, Reading
from scraper.platforms.shopify.pictures import is_product_file, whole_picture
from scraper.reading.images import is_picture_url, pictures_in

_TITLE = (
    ".product__title h1",
    ".product__title",
    ".product-single__title",
    "h1.product-title",
    ".product-meta__title",
    "h1",
)
_PRICE = (
    ".price--on-sale .price-item--sale",
    ".price__regular .price-item--regular",
    ".price-item--sale",
    ".price-item--regular",
    "[data-product-price]",
    ".product-single__price",
    ".product__price",
    ".product-price",
)
_DESCRIPTION = (".product__description", ".product-single__description", ".product-description")
_SOLD = (
    ".price--sold-out .price__badge-sold-out, form[action*='/cart/add'] [name=add][disabled], "
    ".product-form__submit[disabled], .product__badge--sold-out"
)
_GALLERIES = (
    ".product__media-list, .product__media-wrapper, media-gallery",
    ".product-single__photos, .product-single__media-group, .product-single__thumbnails, "
    "#ProductThumbs",
    ".product-gallery, .product__gallery, .product-images, .product__images",
    ".product__photo, .product-single__photo, .product__media",
)


def read_page(document: Document, dealer: Dealer, data: Reading | None) -> Markup:
    """Return what the cut page says; what its own data say comes first."""
    shown = _markup(document, dealer)
    if data is None:
        return Markup(shown, _gallery(document))
    stated = {f.name: value for f in fields(data) if (value := getattr(data, f.name)) is not None}
    if data.out_of_stock is not None:  # a disabled button may belong to the variant that is shown
        stated["status"] = None
    gallery = _gallery(document) if data.images is None else None
    return Markup(replace(shown, **stated), gallery)


def _markup(document: Document, dealer: Dealer) -> Reading:
    title = document.preferred(*_TITLE)
    price = document.preferred(*_PRICE)
    description = document.preferred(*_DESCRIPTION)
    return Reading(
        title=document.text_of(title).replace("\n", " ") if title is not None else None,
        price=dealer.price(document.text_of(price)) if price is not None else None,
        description=document.text_of(description) or None if description is not None else None,
        status=Status.SOLD if document.first(_SOLD) is not None else None,
    )


def _gallery(document: Document) -> tuple[Picture, ...] | None:
    for selector in _GALLERIES:
        if scope := document.all(selector):
            found = pictures_in(document, scope)
            return tuple(Picture(whole_picture(p.url), True) for p in found)
    return _product_files(document)


def _product_files(document: Document) -> tuple[Picture, ...] | None:
    """Return the shop's own files in the main part of a page whose theme names no gallery, without
    those that lead to other products; None for none.
    """
    main = document.preferred("#MainContent", "main, [role=main]")
    if main is None:
        return None
    away = {
        id(image)
        for link in main.select("a[href*='/products/'], a[href*='/collections/']")
        if not is_picture_url(str(link["href"]))
        for image in link.select("img")
    }
    images = [image for image in main.select("img") if id(image) not in away]
    found = (whole_picture(p.url) for p in pictures_in(document, images))
    own = dict.fromkeys(url for url in found if is_product_file(url))
    return tuple(Picture(url, True) for url in own) or None
