-- Which listings are next: due, free, reachable, and in a fair order among dealers.
--
-- Every function for runners returns one jsonb value (the data API cuts rows at 1,000), takes scalars and arrays
-- only, uses the database's clock, and answers expected cases instead of raising.

-- ------------------------------------------------------------------------------------------------------ is_wanted
-- Called by: has_reachable, claims_of, preview_claims.
--
-- Is this image one to work on now? The one place where due times and --retry-failed are read.
create or replace function listing_mirror.is_wanted(p_image public.listing_images, p_retry_failed boolean)
returns boolean
language sql
stable
as $$
  select case
    when p_retry_failed
      then p_image.state in ('failed', 'gone', 'rejected') and listing_mirror.may_be_retried(p_image)
    else p_image.state in ('pending', 'failed', 'stored') and p_image.due_at <= now()
  end;
$$;

-- -------------------------------------------------------------------------------------------------------- is_free
-- Called by: claimable, claim_listings, preview_claims.
--
-- May this run take the listing? One without a live claim, that it did not take before; a null run is anybody's.
create or replace function listing_mirror.is_free(p_queued public.image_queue, p_run_id bigint)
returns boolean
language sql
stable
as $$
  select (p_queued.claim_token is null or p_queued.leased_until < now())
    and (p_run_id is null or p_queued.last_run_id is distinct from p_run_id);
$$;

-- -------------------------------------------------------------------------------------------------- has_reachable
-- Called by: claimable.
--
-- Does the listing hold an image to work on now whose host is not to be left alone? A copy inside the
-- bucket needs no host.
create or replace function listing_mirror.has_reachable(p_listing_id bigint, p_retry_failed boolean, p_skip_hosts text[])
returns boolean
language sql
stable
as $$
  select exists (
    select 1
    from public.listing_images as i
    where i.listing_id = p_listing_id
      and listing_mirror.is_wanted(i, p_retry_failed)
      and (
        i.copy_from is not null
        or coalesce(listing_mirror.host_of(i.source_url), '') <> all (p_skip_hosts)
      )
  );
$$;

-- ------------------------------------------------------------------------------------------------- queued_dealers
-- Called by: claimable.
--
-- The dealers with listings in the queue, from the queue itself: one look into an index a dealer. A listing may
-- have none (0), or one that is no longer in dealers.
create or replace function listing_mirror.queued_dealers(p_retry_failed boolean, p_dealer_ids bigint[])
returns setof bigint
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_dealer bigint;
  v_after bigint := -9223372036854775808;
begin
  loop
    if p_retry_failed then
      select min(q.dealer_id) into v_dealer
      from public.image_queue as q
      where q.is_retryable
        and q.dealer_id > v_after;
    else
      select min(q.dealer_id) into v_dealer
      from public.image_queue as q
      where q.next_due_at is not null
        and q.dealer_id > v_after;
    end if;
    exit when v_dealer is null;
    if p_dealer_ids is null or v_dealer = any (p_dealer_ids) then
      return next v_dealer;
    end if;
    v_after := v_dealer;
  end loop;
end $$;

-- ------------------------------------------------------------------------------------------------------ claimable
-- Called by: claim_listings, preview_claims.
--
-- The listings that could be claimed now, in the order they should be: images never tried before repeats, those
-- before re-checks, what may vanish before steady ones, then one listing of each dealer in turn, oldest first.
-- Reads at most p_depth listings a dealer and priority, each from one short range of an index; at most 1,000 when
-- some are passed over for their host, so that a dead dealer's thousands do not cost each claim of the others.
create or replace function listing_mirror.claimable(
  p_run_id bigint,
  p_depth integer,
  p_dealer_ids bigint[],
  p_listing_ids bigint[],
  p_retry_failed boolean,
  p_skip_hosts text[]
)
returns table (listing_id bigint, rank bigint)
language plpgsql
stable
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
  v_scan integer := case when p_skip_hosts is null then p_depth else greatest(p_depth, 1000) end;
begin
  -- The three ways in are three statements, so that each has its own plan.
  if p_listing_ids is not null then
    return query
    select c.listing_id, row_number() over (order by c.priority, c.turn, c.next_due_at, c.listing_id)
    from (
      select
        q.listing_id,
        q.priority,
        q.next_due_at,
        row_number() over (partition by q.dealer_id, q.priority order by q.next_due_at, q.listing_id) as turn
      from public.image_queue as q
      where q.listing_id = any (p_listing_ids)
        and (p_dealer_ids is null or q.dealer_id = any (p_dealer_ids))
        and (case when p_retry_failed then q.is_retryable else q.next_due_at <= now() end)
        and listing_mirror.is_free(q, p_run_id)
        and (p_skip_hosts is null or listing_mirror.has_reachable(q.listing_id, p_retry_failed, p_skip_hosts))
    ) as c;
  elsif p_retry_failed then
    return query
    select c.listing_id, row_number() over (order by c.priority, c.turn, c.listing_id)
    from (
      select
        n.listing_id,
        n.priority,
        row_number() over (partition by n.dealer_id, n.priority order by n.listing_id) as turn
      from listing_mirror.queued_dealers(p_retry_failed, p_dealer_ids) as d (id)
      cross join generate_series(0, 5) as p (priority)
      cross join lateral (
        select f.listing_id, f.dealer_id, f.priority
        from (
          select q.listing_id, q.dealer_id, q.priority
          from public.image_queue as q
          where q.dealer_id = d.id
            and q.priority = p.priority::smallint
            and q.is_retryable
            and listing_mirror.is_free(q, p_run_id)
          order by q.listing_id
          limit v_scan
        ) as f
        where p_skip_hosts is null or listing_mirror.has_reachable(f.listing_id, true, p_skip_hosts)
        order by f.listing_id
        limit p_depth
      ) as n
    ) as c;
  else
    return query
    select c.listing_id, row_number() over (order by c.priority, c.turn, c.next_due_at, c.listing_id)
    from (
      select
        n.listing_id,
        n.priority,
        n.next_due_at,
        row_number() over (partition by n.dealer_id, n.priority order by n.next_due_at, n.listing_id) as turn
      from listing_mirror.queued_dealers(p_retry_failed, p_dealer_ids) as d (id)
      cross join generate_series(0, 5) as p (priority)
      cross join lateral (
        select f.listing_id, f.dealer_id, f.priority, f.next_due_at
        from (
          select q.listing_id, q.dealer_id, q.priority, q.next_due_at
          from public.image_queue as q
          where q.dealer_id = d.id
            and q.priority = p.priority::smallint
            and q.next_due_at <= now()
            and listing_mirror.is_free(q, p_run_id)
          order by q.next_due_at, q.listing_id
          limit v_scan
        ) as f
        where p_skip_hosts is null or listing_mirror.has_reachable(f.listing_id, false, p_skip_hosts)
        order by f.next_due_at, f.listing_id
        limit p_depth
      ) as n
    ) as c;
  end if;
end $$;

-- ------------------------------------------------------------------------------------------------- waiting_claims
-- Called by: a runner that found nothing to claim while others hold claims.
--
-- What this run could still get if the others give it back or die: is it worth waiting?
create or replace function public.waiting_claims(p_run_id bigint, p_dealer_ids bigint[], p_listing_ids bigint[])
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select jsonb_build_object(
    'listings', count(*),
    'seconds', coalesce(extract(epoch from max(q.leased_until) - now()), 0)::double precision,
    -- A dead runner's lease only grows shorter; a live one's is renewed.
    'stale_seconds', coalesce(extract(epoch from min(q.leased_until) - now()), 0)::double precision
  )
  from public.image_queue as q
  where q.claim_token is not null
    and q.leased_until >= now()
    and q.claimed_by_run is distinct from p_run_id
    and (p_dealer_ids is null or q.dealer_id = any (p_dealer_ids))
    and (p_listing_ids is null or q.listing_id = any (p_listing_ids));
$$;

-- ------------------------------------------------------------------------------------------------- preview_claims
-- Called by: `migrate --dry-run`.
--
-- What a run would take, without taking it.
create or replace function public.preview_claims(
  p_limit integer,
  p_dealer_ids bigint[],
  p_listing_ids bigint[],
  p_retry_failed boolean
)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  with due as (
    select q.listing_id
    from public.image_queue as q
    where listing_mirror.is_free(q, null)
      and (case when coalesce(p_retry_failed, false) then q.is_retryable else q.next_due_at <= now() end)
      and (p_dealer_ids is null or q.dealer_id = any (p_dealer_ids))
      and (p_listing_ids is null or q.listing_id = any (p_listing_ids))
  ),
  wanted as (
    select split_part(i.source_url, '/', 1) || '//' || split_part(i.source_url, '/', 3) as origin, count(*) as images
    from due as d
    join public.listing_images as i on i.listing_id = d.listing_id
    where listing_mirror.is_wanted(i, coalesce(p_retry_failed, false))
    group by 1
  ),
  shown as (
    select c.listing_id, c.rank
    from listing_mirror.claimable(
      null, greatest(coalesce(p_limit, 50), 0), p_dealer_ids, p_listing_ids, coalesce(p_retry_failed, false), null
    ) as c
    order by c.rank
    limit greatest(coalesce(p_limit, 50), 0)
  )
  select jsonb_build_object(
    'listings', (
      select coalesce(
        jsonb_agg(
          jsonb_build_object(
            'listing_id', s.listing_id,
            'dealer', d.name,
            'title', l.title,
            'images', (
              select count(*)
              from public.listing_images as i
              where i.listing_id = s.listing_id
                and listing_mirror.is_wanted(i, coalesce(p_retry_failed, false))
            )
          )
          order by s.rank
        ),
        '[]'::jsonb
      )
      from shown as s
      join public.listings as l on l.id = s.listing_id
      left join public.dealers as d on d.id = l.dealer_id
    ),
    'listings_total', (select count(*) from due),
    'images_total', (select coalesce(sum(w.images), 0) from wanted as w),
    'hosts', (
      select coalesce(jsonb_agg(jsonb_build_object('host', h.host, 'images', h.images) order by h.images desc, h.host), '[]'::jsonb)
      from (
        -- A host is worked out once for each of the few beginnings of addresses, not for a million images.
        select listing_mirror.host_of(w.origin) as host, sum(w.images) as images
        from wanted as w
        group by 1
      ) as h
    )
  );
$$;
