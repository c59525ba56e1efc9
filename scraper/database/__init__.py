"""The only door to Supabase: tables, functions, bucket, record of runs; it knows no listing."""
