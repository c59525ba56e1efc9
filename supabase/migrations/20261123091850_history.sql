-- What was stored and missing on each day, and which runs there were.

-- Kept for good: one small row a dealer and day, as the last run or check of that day found it.
create table if not exists public.coverage_by_day (
  day date not null,                      -- in UTC
  dealer_id bigint not null,              -- 0: listings without a dealer; a dealer that is deleted keeps its history
  listings integer not null,
  images integer not null,
  stored integer not null,
  pending integer not null,
  failed integer not null,
  gone integer not null,
  rejected integer not null,
  reasons jsonb not null default '{}',    -- why images are missing: how many by error kind, 'pending' those never tried
  primary key (dealer_id, day)
);

-- Serves: which days there are, over all dealers.
create index if not exists coverage_by_day_days on public.coverage_by_day (day);

alter table public.coverage_by_day enable row level security;
revoke all on public.coverage_by_day from anon, authenticated;
grant select, insert, update, delete on public.coverage_by_day to service_role;

comment on column public.scrape_runs.run_type is
  'discovery, scrape and daily_scrape read pages; migrate copies images and is no scrape: read the view scrapes for those';

-- -------------------------------------------------------------------------------------------------------- scrapes
-- Called by: the view of that name.
--
-- A function, because a view names the columns it reads, and their table's owner could not change them any more.
create or replace function listing_mirror.scrapes()
returns table (
  id bigint,
  run_type text,
  dealer_id bigint,
  started_at timestamptz,
  completed_at timestamptz,
  urls_processed integer,
  new_listings integer,
  updated_listings integer,
  errors integer,
  status text,
  error_message text
)
language sql
stable
as $$
  select
    r.id::bigint,
    r.run_type::text,
    r.dealer_id::bigint,
    r.started_at::timestamptz,
    r.completed_at::timestamptz,
    r.urls_processed::integer,
    r.new_listings::integer,
    r.updated_listings::integer,
    r.errors::integer,
    r.status::text,
    r.error_message::text
  from public.scrape_runs as r
  where r.run_type::text <> 'migrate';
$$;

-- Serves: a program that wants the newest scrape. A migration stands in the same table, under a kind of its own.
create or replace view public.scrapes with (security_invoker = on) as
  select * from listing_mirror.scrapes();

revoke all on public.scrapes from anon, authenticated;
grant select on public.scrapes to service_role;

-- -------------------------------------------------------------------------------------------------- note_coverage
-- Called by: record_coverage, and `migrate` at the end of a run and of a check, with the dealers of the statistics it
-- has just read.
create or replace function public.note_coverage(p_dealers text)
returns jsonb
language sql
security definer
set search_path = ''
set jit = off
as $$
  with told as (
    select
      coalesce(d.dealer_id, 0) as dealer_id,
      d.listings,
      d.images,
      d.stored,
      d.pending,
      d.failed,
      d.gone,
      d.rejected,
      coalesce(d.reasons, '{}') as reasons
    from jsonb_to_recordset(p_dealers::jsonb) as d (
      dealer_id bigint,
      listings integer,
      images integer,
      stored integer,
      pending integer,
      failed integer,
      gone integer,
      rejected integer,
      reasons jsonb
    )
  ),
  -- Who has no listing any more stands in no statistics, and would count for ever as on its last day.
  emptied as (
    select n.dealer_id
    from (
      select d.id as dealer_id from public.dealers as d
      union all
      select 0
    ) as n
    cross join lateral (
      select c.listings
      from public.coverage_by_day as c
      where c.dealer_id = n.dealer_id
      order by c.day desc
      limit 1
    ) as c
    where c.listings > 0
      and n.dealer_id not in (select t.dealer_id from told as t)
      and not exists (select from public.listings as l where l.dealer_id = nullif(n.dealer_id, 0))
      and (n.dealer_id > 0 or not exists (select from public.listings as l where l.dealer_id is null))
  ),
  noted as (
    insert into public.coverage_by_day as c (
      dealer_id, listings, images, stored, pending, failed, gone, rejected, reasons, day
    )
    select f.*, (now() at time zone 'UTC')::date
    from (
      select t.* from told as t
      union all
      select e.dealer_id, 0, 0, 0, 0, 0, 0, 0, '{}' from emptied as e
    ) as f
    on conflict (dealer_id, day) do update
    set
      listings = excluded.listings,
      images = excluded.images,
      stored = excluded.stored,
      pending = excluded.pending,
      failed = excluded.failed,
      gone = excluded.gone,
      rejected = excluded.rejected,
      reasons = excluded.reasons
    returning c.dealer_id
  )
  select jsonb_build_object('dealers', (select count(*) from noted));
$$;

-- ------------------------------------------------------------------------------------------------ record_coverage
-- Called by: `scrape` at the end of a dealer's run.
create or replace function public.record_coverage(p_dealer_ids bigint[])
returns jsonb
language sql
security definer
set search_path = ''
set jit = off
as $$
  select public.note_coverage((public.image_statistics(p_dealer_ids, null) -> 'dealers')::text);
$$;

-- ------------------------------------------------------------------------------------------------- mirror_history
-- Called by: `migrate history`, `migrate report`.
--
-- A dealer that nobody looked at on a day counts as on the day before: nothing was noted, for nothing changed.
create or replace function public.mirror_history(p_dealer_ids bigint[], p_days integer, p_runs integer)
returns jsonb
language sql
stable
security definer
set search_path = ''
set jit = off
as $$
  with days as materialized (
    select distinct c.day
    from public.coverage_by_day as c
    where c.day > (now() at time zone 'UTC')::date - coalesce(p_days, 30)
      and (p_dealer_ids is null or c.dealer_id = any (p_dealer_ids))
  ),
  dealers as materialized (
    select c.dealer_id
    from public.coverage_by_day as c
    where (p_dealer_ids is null or c.dealer_id = any (p_dealer_ids))
      and (c.dealer_id = 0 or exists (select from public.dealers as d where d.id = c.dealer_id))
    group by c.dealer_id
  ),
  known as materialized (
    select y.day, n.dealer_id, c.listings, c.images, c.stored, c.pending, c.failed, c.gone, c.rejected, c.reasons
    from days as y
    cross join dealers as n
    cross join lateral (
      select c.*
      from public.coverage_by_day as c
      where c.dealer_id = n.dealer_id
        and c.day <= y.day
      order by c.day desc
      limit 1
    ) as c
  ),
  totals as (
    select
      k.day,
      sum(k.listings) as listings,
      sum(k.images) as images,
      sum(k.stored) as stored,
      sum(k.pending) as pending,
      sum(k.failed) as failed,
      sum(k.gone) as gone,
      sum(k.rejected) as rejected
    from known as k
    group by k.day
  ),
  kinds as (
    select k.day, r.key as kind, sum(r.value::bigint) as images
    from known as k
    cross join lateral jsonb_each_text(k.reasons) as r
    group by k.day, r.key
  ),
  reasons as (
    select k.day, jsonb_object_agg(k.kind, k.images) as by_kind
    from kinds as k
    group by k.day
  ),
  runs as (
    select r.*
    from public.scrape_runs as r
    where p_dealer_ids is null or r.dealer_id = any (p_dealer_ids)
    order by r.started_at desc nulls last, r.id desc
    limit coalesce(p_runs, 20)
  )
  select jsonb_build_object(
    'schema', 1,
    'as_of', now(),
    'days', (
      select coalesce(
        jsonb_agg(
          to_jsonb(t) || jsonb_build_object(
            'missing', t.images - t.stored,
            'coverage_percent', listing_mirror.percent(t.stored::bigint, t.images::bigint),
            'reasons', coalesce(y.by_kind, '{}')
          )
          order by t.day
        ),
        '[]'::jsonb
      )
      from totals as t
      left join reasons as y on y.day = t.day
    ),
    'dealers', (
      select coalesce(
        jsonb_agg(
          jsonb_build_object(
            'dealer', coalesce(d.name, ''),
            'dealer_id', nullif(k.dealer_id, 0),
            'coverage_percent', k.coverage_percent
          )
          order by d.name, k.dealer_id
        ),
        '[]'::jsonb
      )
      from (
        select
          k.dealer_id,
          jsonb_object_agg(k.day, listing_mirror.percent(k.stored, k.images) order by k.day) as coverage_percent
        from known as k
        group by k.dealer_id
      ) as k
      left join public.dealers as d on d.id = k.dealer_id
    ),
    'runs', (
      select coalesce(
        jsonb_agg(
          jsonb_build_object(
            'id', r.id,
            'kind', r.run_type,
            'dealer', d.name,
            'dealer_id', r.dealer_id,
            'started_at', r.started_at,
            'completed_at', r.completed_at,
            'seconds', extract(epoch from coalesce(r.completed_at, now()) - r.started_at)::double precision,
            'status', r.status,
            'processed', r.urls_processed,
            'new', r.new_listings,
            'updated', r.updated_listings,
            'errors', r.errors,
            'images', r.counts -> 'images',
            'error_message', r.error_message,
            'runner', r.runner
          )
          order by r.started_at desc nulls last, r.id desc
        ),
        '[]'::jsonb
      )
      from runs as r
      left join public.dealers as d on d.id = r.dealer_id
    )
  );
$$;
