"""Which countries may do what (docs/tiktok-api.md 7). ISO 3166 alpha-2."""

# fmt: off
# Writers from here reach the business only as `im_receive_msg_eu`, without content.
WITHHELD = frozenset({
    "AT", "BE", "BG", "HR", "CY", "CZ", "DK", "EE", "FI", "FR", "DE", "GR", "HU", "IS", "IE", "IT", "LV",
    "LI", "LT", "LU", "MT", "NL", "NO", "PL", "PT", "RO", "SK", "SI", "ES", "SE", "CH", "GB",
})

# Neither side may be here for images to be sent: the EU, the UK and these.
WITHOUT_IMAGES = WITHHELD - {"IS", "LI", "NO", "CH"} | {
    "AU", "CO", "IN", "IR", "JP", "NG", "KP", "PH", "RU", "KR", "TR", "UA", "US",
}
# fmt: on


def images_possible(business_country: str, customer_country: str) -> bool:
    """Whether both countries allow images in direct messages (docs/tiktok-api.md 3.6)."""
    return not {business_country, customer_country} & WITHOUT_IMAGES
