-- Which listings are next: due, free, reachable, and in a fair order among dealers.
--
-- Every function for runners returns one jsonb value (the data API cuts rows at 1,000), takes scalars and arrays
-- only, uses the database's clock, and answers expected cases instead of raising.

-- ------------------------------------------------------------------------------------------------------ is_wanted
-- Called by: claims_of, preview_claims.
--
-- Is this image one to work on now? The one place where due times and --retry-failed are read.
create or replace function listing_mirror.is_wanted(p_image public.listing_images, p_retry_failed boolean)
returns boolean
language sql
stable
as $$
  select case
    when p_retry_failed and p_image.state in ('failed', 'gone', 'rejected')
      then listing_mirror.may_be_retried(p_image)
    when p_retry_failed then p_image.state = 'pending' and p_image.due_at <= now()
    else p_image.state in ('pending', 'failed', 'stored') and p_image.due_at <= now()
  end;
$$;

-- -------------------------------------------------------------------------------------------------------- is_free
-- Called by: lane_listings, claimable, claim_listings, preview_claims.
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

-- ------------------------------------------------------------------------------------------------------ due_lanes
-- Called by: open_lanes.
--
-- The lanes (dealer and host) that have listings due in this priority: one look into an index for each.
create or replace function listing_mirror.due_lanes(p_priority smallint)
returns table (dealer_id bigint, host text)
language sql
stable
security definer
set search_path = ''
set jit = off
as $$
  with recursive lanes as (
    (
      select h.dealer_id, h.host
      from public.image_queue_hosts as h
      where h.priority = p_priority
        and h.next_due_at is not null
      order by h.dealer_id, h.host
      limit 1
    )
    union all
    select n.dealer_id, n.host
    from lanes as l
    cross join lateral (
      select h.dealer_id, h.host
      from public.image_queue_hosts as h
      where h.priority = p_priority
        and h.next_due_at is not null
        and (h.dealer_id, h.host) > (l.dealer_id, l.host)
      order by h.dealer_id, h.host
      limit 1
    ) as n
  )
  select l.dealer_id, l.host from lanes as l;
$$;

-- ------------------------------------------------------------------------------------------------ retryable_lanes
-- Called by: open_lanes.
--
-- The same for --retry-failed.
create or replace function listing_mirror.retryable_lanes(p_priority smallint)
returns table (dealer_id bigint, host text)
language sql
stable
security definer
set search_path = ''
set jit = off
as $$
  with recursive lanes as (
    (
      select h.dealer_id, h.host
      from public.image_queue_hosts as h
      where h.priority = p_priority
        and h.is_retryable
      order by h.dealer_id, h.host
      limit 1
    )
    union all
    select n.dealer_id, n.host
    from lanes as l
    cross join lateral (
      select h.dealer_id, h.host
      from public.image_queue_hosts as h
      where h.priority = p_priority
        and h.is_retryable
        and (h.dealer_id, h.host) > (l.dealer_id, l.host)
      order by h.dealer_id, h.host
      limit 1
    ) as n
  )
  select l.dealer_id, l.host from lanes as l;
$$;

-- -------------------------------------------------------------------------------------------------- is_left_alone
-- Called by: open_lanes, claimable, waiting_claims, claims_of.
create or replace function listing_mirror.is_left_alone(p_host text, p_dealer_id bigint)
returns boolean
language sql
stable
as $$
  select exists (
    select
    from public.hosts_left_alone as a
    where a.host = p_host
      and a.dealer_id in (0, p_dealer_id)
      and a.next_look_at > now()
  );
$$;

-- ----------------------------------------------------------------------------------------------------- open_lanes
-- Called by: claimable.
--
-- The lanes of this priority from which something may be handed out. --retry-failed also takes what waits for hosts
-- that are left alone: that is how they are asked at once.
create or replace function listing_mirror.open_lanes(
  p_priority smallint,
  p_dealer_ids bigint[],
  p_retry_failed boolean,
  p_skip_hosts text[]
)
returns table (dealer_id bigint, host text, is_retry boolean, is_look boolean)
language plpgsql
stable
security definer
set search_path = ''
set jit = off
as $$
begin
  if p_retry_failed then
    return query
    select r.dealer_id, r.host, true, false
    from listing_mirror.retryable_lanes(p_priority) as r
    where (p_dealer_ids is null or r.dealer_id = any (p_dealer_ids))
      and (p_skip_hosts is null or r.host <> all (p_skip_hosts));

    if not exists (select from public.hosts_left_alone) then
      return;
    end if;
  end if;

  return query
  select
    d.dealer_id,
    d.host,
    false,
    exists (select from public.hosts_left_alone as a where a.host = d.host and a.dealer_id in (0, d.dealer_id))
  from listing_mirror.due_lanes(p_priority) as d
  where (p_dealer_ids is null or d.dealer_id = any (p_dealer_ids))
    and (p_skip_hosts is null or d.host <> all (p_skip_hosts))
    and case
      when p_retry_failed then exists (
        select from public.hosts_left_alone as a where a.host = d.host and a.dealer_id in (0, d.dealer_id)
      )
      else not listing_mirror.is_left_alone(d.host, d.dealer_id)
    end;
end $$;

-- -------------------------------------------------------------------------------------------------- lane_listings
-- Called by: claimable.
--
-- The first listings in one lane that this run may take, or the last ones, from one short range of an index.
create or replace function listing_mirror.lane_listings(
  p_run_id bigint,
  p_priority smallint,
  p_dealer_id bigint,
  p_host text,
  p_is_retry boolean,
  p_is_far boolean,
  p_depth integer
)
returns table (listing_id bigint, place_at timestamptz)
language plpgsql
stable
security definer
set search_path = ''
set jit = off
as $$
begin
  -- A statement for each way through an index.
  if p_is_retry then
    return query
    select h.listing_id, h.place_at
    from public.image_queue_hosts as h
    join public.image_queue as q on q.listing_id = h.listing_id
    where h.priority = p_priority
      and h.dealer_id = p_dealer_id
      and h.host = p_host
      and h.is_retryable
      and listing_mirror.is_free(q, p_run_id)
    order by h.place_at, h.listing_id
    limit case when not p_is_far then p_depth else 0 end;
  elsif p_is_far then
    return query
    select h.listing_id, h.place_at
    from public.image_queue_hosts as h
    join public.image_queue as q on q.listing_id = h.listing_id
    where h.priority = p_priority
      and h.dealer_id = p_dealer_id
      and h.host = p_host
      and h.next_due_at is not null
      and h.place_at <= now()
      and listing_mirror.is_free(q, p_run_id)
    order by h.place_at desc, h.listing_id desc
    limit p_depth;
  else
    return query
    select h.listing_id, h.place_at
    from public.image_queue_hosts as h
    join public.image_queue as q on q.listing_id = h.listing_id
    where h.priority = p_priority
      and h.dealer_id = p_dealer_id
      and h.host = p_host
      and h.next_due_at is not null
      and h.place_at <= now()
      and listing_mirror.is_free(q, p_run_id)
    order by h.place_at, h.listing_id
    limit p_depth;
  end if;
end $$;

-- ------------------------------------------------------------------------------------------------------ claimable
-- Called by: claim_listings, preview_claims.
--
-- The listings that could be claimed now, in the order they should be: images never tried before repeats, those
-- before re-checks, what may vanish before steady ones, then one listing of each dealer in turn, the one that waits
-- longest first but for one now and then (see below). At least p_wanted of them where there are so many. Reads about as many rows as it returns, and one
-- index entry for each lane: how much waits for a host that is passed over costs nothing.
create or replace function listing_mirror.claimable(
  p_run_id bigint,
  p_wanted integer,
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
set jit = off
as $$
#variable_conflict use_column
declare
  v_dealers bigint[];
  v_hosts text[];
  v_retries boolean[];
  v_looks boolean[];
  v_depth integer;
  v_found bigint[];
  v_deepest bigint;
  v_all bigint[] := '{}';
begin
  if p_listing_ids is not null then
    return query
    select c.listing_id, row_number() over (order by c.priority, c.turn, c.place_at, c.listing_id)
    from (
      select
        n.*,
        row_number() over (partition by n.dealer_id, n.priority order by n.place_at, n.listing_id) as turn
      from (
        select h.listing_id, min(h.dealer_id) as dealer_id, min(h.priority) as priority, min(h.place_at) as place_at
        from public.image_queue_hosts as h
        join public.image_queue as q on q.listing_id = h.listing_id
        where h.listing_id = any (p_listing_ids)
          and (p_dealer_ids is null or h.dealer_id = any (p_dealer_ids))
          and listing_mirror.is_free(q, p_run_id)
          and (p_skip_hosts is null or h.host <> all (p_skip_hosts))
          and case
            when p_retry_failed then h.is_retryable or h.next_due_at is not null and exists (
              select from public.hosts_left_alone as a where a.host = h.host and a.dealer_id in (0, h.dealer_id)
            )
            else h.next_due_at <= now() and not listing_mirror.is_left_alone(h.host, h.dealer_id)
          end
        group by h.listing_id
      ) as n
    ) as c;
    return;
  end if;

  for v_priority in 0 .. 5 loop
    exit when cardinality(v_all) >= p_wanted;
    select array_agg(o.dealer_id), array_agg(o.host), array_agg(o.is_retry), array_agg(o.is_look),
      ceil(1.0 * (p_wanted - cardinality(v_all)) / greatest(count(distinct o.dealer_id), 1))
    into v_dealers, v_hosts, v_retries, v_looks, v_depth
    from listing_mirror.open_lanes(v_priority::smallint, p_dealer_ids, p_retry_failed, p_skip_hosts) as o;
    continue when v_dealers is null;

    -- A dealer may have fewer than its share, and listings in several lanes: then the others are asked for more.
    loop
      with lanes as (
        select d.*
        from unnest(v_dealers, v_hosts, v_retries, v_looks) as d (dealer_id, host, is_retry, is_look)
      ),
      found as (
        select
          d.dealer_id,
          d.is_look,
          e.is_far,
          f.listing_id,
          f.place_at,
          f.nth,
          row_number() over (
            partition by d.dealer_id, e.is_far
            order by case when e.is_far then f.nth end, f.place_at, f.listing_id
          ) as place
        from lanes as d
        cross join (values (false), (true)) as e (is_far)
        cross join lateral listing_mirror.lane_listings(
          p_run_id, v_priority::smallint, d.dealer_id, d.host, d.is_retry, e.is_far,
          case when not e.is_far then v_depth when d.is_look then v_depth / 2 else v_depth / 4 end
        ) with ordinality as f (listing_id, place_at, nth)
        where f.listing_id <> all (v_all)
      ),
      ranked as (
        select
          f.listing_id,
          min(f.place_at) as place_at,
          max(f.nth) filter (where not f.is_far) as nth,
          -- Every fourth comes from the other end of the line, of a host that was left alone every other one: dead
          -- images often stand together, and those at its head are not to hide that the others are to be had.
          min(case
            when f.is_look and f.is_far then 2 * f.place - 1
            when f.is_look then 2 * f.place
            when f.is_far then 4 * f.place
            else f.place + (f.place - 1) / 3
          end) as turn
        from found as f
        group by f.listing_id
      )
      select array_agg(r.listing_id order by r.turn, r.place_at, r.listing_id), coalesce(max(r.nth), 0)
      into v_found, v_deepest
      from ranked as r;
      exit when cardinality(v_all) + coalesce(cardinality(v_found), 0) >= p_wanted or v_deepest < v_depth;
      v_depth := v_depth * 4;
    end loop;
    v_all := v_all || coalesce(v_found, '{}');
  end loop;

  return query
  select a.listing_id, a.rank
  from unnest(v_all) with ordinality as a (listing_id, rank);
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
set jit = off
as $$
  with held as (
    select
      q.leased_until,
      q.leased_until >= now() as is_live,
      q.next_due_at <= now() and exists (
        select
        from public.image_queue_hosts as h
        where h.listing_id = q.listing_id
          and h.next_due_at <= now()
          and not listing_mirror.is_left_alone(h.host, h.dealer_id)
      ) as is_due
    from public.image_queue as q
    where q.claim_token is not null
      and q.claimed_by_run is distinct from p_run_id
      and q.last_run_id is distinct from p_run_id
      and (p_dealer_ids is null or q.dealer_id = any (p_dealer_ids))
      and (p_listing_ids is null or q.listing_id = any (p_listing_ids))
  )
  select jsonb_build_object(
    'listings', count(*) filter (where h.is_live),
    'seconds', coalesce(extract(epoch from max(h.leased_until) filter (where h.is_live) - now()), 0)::double precision,
    -- A dead runner's lease only grows shorter; a live one's is renewed.
    'stale_seconds',
    coalesce(extract(epoch from min(h.leased_until) filter (where h.is_live) - now()), 0)::double precision,
    'lapsed', count(*) filter (where not h.is_live and h.is_due)
  )
  from held as h;
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
set jit = off
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
    'left_alone', listing_mirror.left_alone_as_json(p_dealer_ids),
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
