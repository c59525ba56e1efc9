"""The only door to dealers: what may be asked, how it is dialled, how often; it knows no page."""
