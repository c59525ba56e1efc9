"""The only door to Supabase: tables, functions, bucket, record of runs; it knows no listing."""

import sys

# httpx would load its own command line, with rich and pygments, and goes on without it.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
