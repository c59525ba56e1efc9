-- Hosts that are left alone for a while: because they asked for it (a hold), or because nothing comes back from them.

-- ------------------------------------------------------------------------------------------------------ hold_host
-- Called by: a runner whose host sent a Retry-After.
create or replace function public.hold_host(p_host text, p_seconds double precision, p_reason text)
returns jsonb
language sql
security definer
set search_path = ''
set jit = off
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
-- Called by: claim_listings, extend_claims, record_images, record_results, finish_listing.
create or replace function listing_mirror.holds()
returns jsonb
language sql
stable
security definer
set search_path = ''
set jit = off
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

-- ----------------------------------------------------------------------------------------------------- look_after
-- Called by: leave_host_alone.
--
-- How long a host is left alone after so many looks at it that ended badly.
create or replace function listing_mirror.look_after(p_tries integer)
returns interval
language sql
immutable
as $$
  select (array[
    interval '15 minutes',
    interval '1 hour',
    interval '4 hours',
    interval '12 hours',
    interval '24 hours'
  ])[least(greatest(p_tries, 1), 5)];
$$;

-- ----------------------------------------------------------------------------------------------- leave_host_alone
-- Called by: a runner that got nothing from a host, or only errors for one dealer there (p_dealer_id).
--
-- Of several runners that say so about the same look only the first makes the pause longer.
create or replace function public.leave_host_alone(
  p_host text,
  p_dealer_id bigint,
  p_kind text,
  p_detail text,
  p_http_status integer
)
returns jsonb
language sql
security definer
set search_path = ''
set jit = off
as $$
  with left_alone as (
    insert into public.hosts_left_alone as a (host, dealer_id, kind, detail, http_status, next_look_at)
    values (
      lower(p_host),
      coalesce(p_dealer_id, 0),
      coalesce(listing_mirror.error_kind_of(p_kind), 'other'),
      left(p_detail, 1000),
      p_http_status,
      now() + listing_mirror.look_after(1)
    )
    on conflict (host, dealer_id) do update
    set
      kind = excluded.kind,
      detail = excluded.detail,
      http_status = excluded.http_status,
      last_look_at = now(),
      tries = case when a.next_look_at <= now() then a.tries + 1 else a.tries end,
      next_look_at = case
        when a.next_look_at <= now() then now() + listing_mirror.look_after(a.tries + 1)
        else a.next_look_at
      end
    returning a.host, a.dealer_id, a.since, a.tries, a.next_look_at
  )
  select jsonb_build_object(
    'host', a.host,
    'dealer_id', nullif(a.dealer_id, 0),
    'since', a.since,
    'tries', a.tries,
    'next_look', a.next_look_at,
    'seconds', extract(epoch from a.next_look_at - now())::double precision
  )
  from left_alone as a;
$$;

-- -------------------------------------------------------------------------------------------------- host_answered
-- Called by: a runner that got an answer from a host which was left alone; p_dealer_id: also for this dealer.
create or replace function public.host_answered(p_host text, p_dealer_id bigint)
returns jsonb
language sql
security definer
set search_path = ''
set jit = off
as $$
  with answered as (
    delete from public.hosts_left_alone as a
    where a.host = lower(p_host)
      and a.dealer_id in (0, coalesce(p_dealer_id, 0))
    returning a.host
  )
  select jsonb_build_object('lifted', (select count(*) from answered));
$$;

-- ---------------------------------------------------------------------------------------------- forget_idle_hosts
-- Called by: start_run.
--
-- What nothing waits for any more (its dealer moved, or every image there was given up) is nobody's business.
create or replace function listing_mirror.forget_idle_hosts()
returns bigint
language sql
security definer
set search_path = ''
set jit = off
as $$
  with idle as (
    delete from public.hosts_left_alone as a
    where not exists (
      select
      from public.image_queue_hosts as h
      where h.host = a.host
        and (a.dealer_id = 0 or h.dealer_id = a.dealer_id)
        and h.waiting > 0
    )
    returning a.host
  )
  select count(*) from idle;
$$;

-- ----------------------------------------------------------------------------------------------------- left_alone
-- Called by: left_alone_as_json, image_statistics.
--
-- The hosts that are left alone and what waits for them, of these dealers (null: of all).
create or replace function listing_mirror.left_alone(p_dealer_ids bigint[])
returns table (
  host text,
  dealer_id bigint,
  dealer text,
  since timestamptz,
  kind text,
  detail text,
  http_status integer,
  tries integer,
  next_look_at timestamptz,
  listings bigint,
  images bigint,
  dealer_ids bigint[]
)
language sql
stable
security definer
set search_path = ''
set jit = off
as $$
  select
    a.host,
    a.dealer_id,
    d.name,
    a.since,
    a.kind::text,
    a.detail,
    a.http_status,
    a.tries,
    a.next_look_at,
    w.listings,
    w.images,
    w.dealer_ids
  from public.hosts_left_alone as a
  left join public.dealers as d on d.id = a.dealer_id
  cross join lateral (
    select
      count(*) as listings,
      coalesce(sum(h.waiting), 0)::bigint as images,
      array_agg(distinct h.dealer_id) as dealer_ids
    from public.image_queue_hosts as h
    where h.host = a.host
      and (a.dealer_id = 0 or h.dealer_id = a.dealer_id)
      and h.waiting > 0
      and (p_dealer_ids is null or h.dealer_id = any (p_dealer_ids))
  ) as w
  where w.listings > 0;
$$;

-- --------------------------------------------------------------------------------------------- left_alone_as_json
-- Called by: claim_listings, preview_claims, image_statistics.
create or replace function listing_mirror.left_alone_as_json(p_dealer_ids bigint[])
returns jsonb
language sql
stable
security definer
set search_path = ''
set jit = off
as $$
  select coalesce(
    jsonb_agg(
      jsonb_build_object(
        'host', a.host,
        'dealer_id', nullif(a.dealer_id, 0),
        'dealer', a.dealer,
        'since', a.since,
        'kind', a.kind,
        'detail', a.detail,
        'http_status', a.http_status,
        'tries', a.tries,
        'next_look', a.next_look_at,
        'seconds', greatest(0, extract(epoch from a.next_look_at - now())::double precision),
        'listings', a.listings,
        'images', a.images
      )
      order by a.since, a.host, a.dealer_id
    ),
    '[]'::jsonb
  )
  from listing_mirror.left_alone(p_dealer_ids) as a;
$$;
