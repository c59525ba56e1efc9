-- Hosts that asked to be left alone for a while.

-- ------------------------------------------------------------------------------------------------------ hold_host
-- Called by: a runner whose host sent a Retry-After.
create or replace function public.hold_host(p_host text, p_seconds double precision, p_reason text)
returns jsonb
language sql
security definer
set search_path = ''
as $$
  with held as (
    insert into public.host_holds as h (host, held_until, reason)
    values (
      lower(p_host),
      -- Nobody is held for more than a week, whatever a Retry-After says.
      now() + make_interval(secs => greatest(0, least(coalesce(p_seconds, 0), 604800))),
      p_reason
    )
    on conflict (host) do update
    set
      held_until = greatest(h.held_until, excluded.held_until),
      reason = case when excluded.held_until >= h.held_until then excluded.reason else h.reason end,
      set_at = now()
    returning h.host, h.held_until
  )
  select jsonb_build_object(
    'host', h.host,
    'seconds', extract(epoch from h.held_until - now())::double precision
  )
  from held as h;
$$;

-- ---------------------------------------------------------------------------------------------------------- holds
-- Called by: claim_listings, extend_claims, finish_listing.
create or replace function listing_mirror.holds()
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select coalesce(
    jsonb_agg(
      jsonb_build_object(
        'host', h.host,
        'seconds', extract(epoch from h.held_until - now())::double precision,
        'reason', h.reason
      )
      order by h.host
    ),
    '[]'::jsonb
  )
  from public.host_holds as h
  where h.held_until > now();
$$;
