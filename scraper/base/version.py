"""The version of this program, written here and nowhere else; it knows nothing."""

VERSION = "0.1.0"
AGENT = f"listing-mirror/{VERSION}"
"""How we call ourselves to dealers and to Supabase."""
