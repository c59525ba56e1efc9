"""The two put together: the daily chain, the local Supabase, the demo."""
