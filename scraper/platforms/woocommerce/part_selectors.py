"""Where WooCommerce's themes of all ages put the parts of a product; selectors only."""

TITLES = (  # the surest first
    "h1.product_title",
    "h1.wp-block-post-title, .wp-block-woocommerce-product-title",
    ".product_title",
    "h1.entry-title",
    "[itemprop=name]",
)
TITLE = ", ".join(TITLES)
PRICES = (  # WooCommerce's own element first: a bar or a box repeats it in others
    "p.price, .wp-block-woocommerce-product-price, .wc-block-components-product-price, "
    ".elementor-widget-woocommerce-product-price .price",
    ".product-price .price, .summary .price, div.price, span.price",
)
PRICE = ", ".join(PRICES)
GALLERIES = (
    ".wp-block-woocommerce-product-gallery, .wc-block-product-gallery, "
    ".woocommerce-product-gallery",
    ".wp-block-woocommerce-product-image-gallery, .product-gallery, .product-images, "
    "[class*='product-gallery'], "
    "[class*='product_gallery'], [class*='woo-variation-gallery'], div.images, .flexslider",
    ".wp-block-post-featured-image, .wp-block-woocommerce-product-image, "
    ".wc-block-components-product-image",
)
DESCRIPTION = (
    "#tab-description, .woocommerce-Tabs-panel--description, .wc-tab#tab-description, "
    "[data-block-name='woocommerce/product-description'], "
    ".wp-block-woocommerce-product-description, "
    ".elementor-widget-woocommerce-product-content, .product-description, #description, "
    ".wp-block-post-content, "
    "[itemprop=description]"
)
SHORT = (
    ".woocommerce-product-details__short-description, .wp-block-post-excerpt, "
    ".wp-block-woocommerce-product-summary, "
    ".wc-block-components-product-summary"
)
META = (
    ".product_meta, .posted_in, .taxonomy-product_cat, .sku_wrapper, "
    ".wp-block-woocommerce-product-sku"
)
