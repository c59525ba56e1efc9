-- Runs and claims: who works on which listing, and until when.
--
-- A claim is a token and a lease on one row of image_queue. Every function returns one jsonb value (the data
-- API cuts rows at 1,000), takes scalars and arrays only, uses the database's clock, and answers expected
-- cases instead of raising. No function here touches listings or waits for a row somebody else has locked.

create or replace function public.schema_version()
returns jsonb
language sql
immutable
security definer
set search_path = ''
as $$
  select jsonb_build_object('version', 1);
$$;

create or replace function public.start_run(p_run_type text, p_dealer_id bigint, p_runner text)
returns jsonb
language sql
security definer
set search_path = ''
as $$
  -- A migration that was killed never says so, and neither does one whose start was asked for twice.
  with ended as (
    update public.scrape_runs as r
    set status = 'failed', error_message = 'it ended without a word', completed_at = now()
    where p_run_type = 'migrate'
      and r.run_type = 'migrate'
      and r.status = 'running'
      and r.started_at < now() - interval '10 minutes'
      and not exists (
        select from public.image_queue as q
        where q.claimed_by_run = r.id and q.leased_until > now()
      )
    returning r.id
  ),
  started as (
    insert into public.scrape_runs (run_type, dealer_id, runner, status, started_at)
    values (p_run_type, p_dealer_id, p_runner, 'running', now())
    returning id
  )
  select jsonb_build_object('run_id', s.id) from started as s;
$$;

create or replace function public.finish_run(
  p_run_id bigint,
  p_status text,
  p_error_message text,
  p_urls_processed integer,
  p_new_listings integer,
  p_updated_listings integer,
  p_errors integer,
  p_counts text
)
returns jsonb
language sql
security definer
set search_path = ''
as $$
  with finished as (
    update public.scrape_runs as r
    set
      status = p_status,
      error_message = p_error_message,
      urls_processed = coalesce(p_urls_processed, 0),
      new_listings = coalesce(p_new_listings, 0),
      updated_listings = coalesce(p_updated_listings, 0),
      errors = coalesce(p_errors, 0),
      counts = coalesce(nullif(p_counts, '')::jsonb, '{}'::jsonb),
      completed_at = now()
    where r.id = p_run_id
    returning r.id
  ),
  -- A claim whose answer was lost on its way to the runner is known to nobody: it is free now.
  held as (
    select q.listing_id
    from public.image_queue as q
    where q.claimed_by_run = p_run_id
      and q.claim_token is not null
    for update skip locked
  ),
  freed as (
    update public.image_queue as q
    set claim_token = null, claimed_by_run = null, claimed_at = null, leased_until = null
    from held as h
    where q.listing_id = h.listing_id
    returning q.listing_id
  )
  select jsonb_build_object('finished', exists (select 1 from finished));
$$;

-- ------------------------------------------------------------------------------------------- holds

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

-- ------------------------------------------------------------------------------------------ claims

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

-- May this run take the listing? One without a live claim, that it did not take before; a null run is anybody's.
create or replace function listing_mirror.is_free(p_queued public.image_queue, p_run_id bigint)
returns boolean
language sql
stable
as $$
  select (p_queued.claim_token is null or p_queued.leased_until < now())
    and (p_run_id is null or p_queued.last_run_id is distinct from p_run_id);
$$;

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

-- What a runner needs to work on claimed listings; null token: a look without a claim.
create or replace function listing_mirror.claims_of(p_listing_ids bigint[], p_retry_failed boolean)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select coalesce(
    jsonb_agg(
      jsonb_build_object(
        'listing_id', l.id,
        'token', q.claim_token,
        'dealer_id', l.dealer_id,
        'dealer', coalesce(d.name, ''),
        -- A project's own slugs may be spelled otherwise; what we store must be known as ours by its name.
        'slug', coalesce(nullif(listing_mirror.slugify(d.slug), ''), 'dealer-' || coalesce(l.dealer_id, 0)),
        'page_url', l.url,
        'dealer_settings', coalesce(s.settings, '{}'::jsonb),
        'excluded_sha256', (
          select coalesce(jsonb_agg(distinct x.sha256), '[]'::jsonb)
          from public.image_exclusions as x
          where x.sha256 is not null
            and (x.dealer_id is null or x.dealer_id = l.dealer_id)
        ),
        'images', (
          select coalesce(
            jsonb_agg(
              jsonb_build_object(
                'position', i.position,
                'source_url', i.source_url,
                'state', i.state,
                'attempts', i.attempts,
                'error_kind', i.error_kind,
                'etag', i.etag,
                'last_modified', i.last_modified,
                'copy_from', case when not doubted.is_due then coalesce(i.copy_from, twin.storage_path) end,
                'sha256', coalesce(i.sha256, twin.sha256),
                'content_type', coalesce(i.content_type, twin.content_type),
                'bytes', coalesce(i.bytes, twin.bytes),
                'width', coalesce(i.width, twin.width),
                'height', coalesce(i.height, twin.height)
              )
              order by i.position
            ),
            '[]'::jsonb
          )
          from public.listing_images as i
          -- The same address stands at another place of this listing, and is stored there.
          left join lateral (
            select t.storage_path, t.sha256, t.content_type, t.bytes, t.width, t.height
            from public.listing_images as t
            where t.listing_id = i.listing_id
              and t.source_url = i.source_url
              and t.state = 'stored'
              and t.due_at is null
              and i.state <> 'stored'
              and i.copy_from is null
            order by t.position
            limit 1
          ) as twin on true
          -- Or its copy there is re-checked by this very claim: then the source is asked for both.
          cross join lateral (
            select exists (
              select 1
              from public.listing_images as t
              where t.listing_id = i.listing_id
                and t.source_url = i.source_url
                and t.state = 'stored'
                and listing_mirror.is_wanted(t, p_retry_failed)
            ) as is_due
          ) as doubted
          where i.listing_id = l.id
            and listing_mirror.is_wanted(i, p_retry_failed)
        ),
        'stored', (
          select coalesce(
            jsonb_agg(
              jsonb_build_object(
                'position', i.position,
                'source_url', i.source_url,
                'storage_path', i.storage_path,
                'public_url', i.public_url,
                'sha256', i.sha256,
                'content_type', i.content_type,
                'bytes', i.bytes,
                'width', i.width,
                'height', i.height,
                'etag', i.etag,
                'last_modified', i.last_modified
              )
              order by i.position
            ),
            '[]'::jsonb
          )
          from public.listing_images as i
          where i.listing_id = l.id
            and i.state = 'stored'
        )
      )
      order by w.place
    ),
    '[]'::jsonb
  )
  from unnest(p_listing_ids) with ordinality as w (listing_id, place)
  join public.image_queue as q on q.listing_id = w.listing_id
  join public.listings as l on l.id = w.listing_id
  left join public.dealers as d on d.id = l.dealer_id
  left join public.dealer_settings as s on s.dealer_id = l.dealer_id;
$$;

-- Takes up to p_limit listings for p_lease_s seconds. Rows that somebody else is taking or changing at this
-- moment are passed over; the condition is checked again on each row as it is locked, so two runners can
-- not take the same one. Should others have emptied the whole list between reading and locking, it looks again.
create or replace function public.claim_listings(
  p_run_id bigint,
  p_limit integer,
  p_lease_s integer,
  p_dealer_ids bigint[],
  p_listing_ids bigint[],
  p_retry_failed boolean,
  p_skip_hosts text[]
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_limit integer := least(greatest(coalesce(p_limit, 50), 0), 1000);
  v_retry_failed boolean := coalesce(p_retry_failed, false);
  v_skip_hosts text[] := nullif(array(select lower(h) from unnest(p_skip_hosts) as h where h is not null), '{}');
  v_claimed bigint[] := '{}';
  v_more bigint[];
  v_saw_any boolean;
begin
  for v_round in 1 .. 5 loop
    with candidates as materialized (
      select c.listing_id, c.rank
      from listing_mirror.claimable(
        p_run_id, v_limit * 2, p_dealer_ids, p_listing_ids, v_retry_failed, v_skip_hosts
      ) as c
    ),
    locked as (
      select q.listing_id, c.rank
      from candidates as c
      join public.image_queue as q on q.listing_id = c.listing_id
      where (case when v_retry_failed then q.is_retryable else q.next_due_at <= now() end)
        and listing_mirror.is_free(q, p_run_id)
      order by c.rank
      limit v_limit - cardinality(v_claimed)
      for update of q skip locked
    ),
    claimed as (
      update public.image_queue as q
      set
        claim_token = gen_random_uuid(),
        claimed_by_run = p_run_id,
        claimed_at = now(),
        leased_until = now() + make_interval(secs => greatest(coalesce(p_lease_s, 30), 1)),
        last_run_id = coalesce(p_run_id, q.last_run_id),
        finished_token = null
      from locked as k
      where q.listing_id = k.listing_id
      returning q.listing_id, k.rank
    )
    select
      (select array_agg(c.listing_id order by c.rank) from claimed as c),
      exists (select 1 from candidates)
    into v_more, v_saw_any;

    v_claimed := v_claimed || coalesce(v_more, '{}');
    exit when not v_saw_any or cardinality(v_claimed) > 0 or v_limit = 0;
  end loop;

  return jsonb_build_object(
    'claims', listing_mirror.claims_of(v_claimed, v_retry_failed),
    'holds', listing_mirror.holds()
  );
end $$;

-- A row somebody is changing at this moment is passed over and extended next time: a runner holding many
-- claims never waits for a writer, so the two can not lock each other out.
create or replace function public.extend_claims(p_tokens uuid[], p_lease_s integer)
returns jsonb
language sql
security definer
set search_path = ''
as $$
  with held as (
    select q.listing_id
    from public.image_queue as q
    where q.claim_token = any (p_tokens)
    for update skip locked
  ),
  extended as (
    update public.image_queue as q
    set leased_until = now() + make_interval(secs => greatest(coalesce(p_lease_s, 30), 1))
    from held as h
    where q.listing_id = h.listing_id
  )
  select jsonb_build_object(
    'lost',
    coalesce(jsonb_agg(distinct t.token), '[]'::jsonb),
    'holds', listing_mirror.holds()
  )
  from unnest(p_tokens) as t (token)
  where t.token is not null
    and not exists (select 1 from public.image_queue as q where q.claim_token = t.token)
    -- Finished at this very moment is not lost.
    and not exists (select 1 from public.image_queue as q where q.finished_token = t.token);
$$;

-- Gives listings back as they are. A row locked by a writer is left to its lease.
create or replace function public.release_claims(p_tokens uuid[])
returns jsonb
language sql
security definer
set search_path = ''
as $$
  with held as (
    select q.listing_id
    from public.image_queue as q
    where q.claim_token = any (p_tokens)
    for update skip locked
  ),
  released as (
    update public.image_queue as q
    set claim_token = null, claimed_by_run = null, claimed_at = null, leased_until = null
    from held as h
    where q.listing_id = h.listing_id
    returning q.listing_id
  )
  select jsonb_build_object('released', (select count(*) from released));
$$;

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
