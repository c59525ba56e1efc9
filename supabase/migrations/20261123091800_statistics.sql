-- The numbers, counted by the database over every row, never over a read that may be cut.
--
-- A listing that was here before us and is not adopted yet has no rows of its own; it is counted by what
-- adoption would make of it (an image with a copy at its position is stored, the others are pending), and
-- the number of such listings is said as "not_adopted".

-- -------------------------------------------------------------------------------------------------------- percent
-- Called by: image_statistics, mirror_history.
create or replace function listing_mirror.percent(p_part bigint, p_total bigint)
returns numeric
language sql
immutable
as $$
  -- Never 100 while something is missing, and null where there is nothing to store: 100 % of nothing says nothing.
  select trunc(100.0 * coalesce(p_part, 0) / nullif(p_total, 0), 1);
$$;

-- ----------------------------------------------------------------------------------------------- image_statistics
-- Called by: `migrate stats`, `migrate check`, `migrate report`; record_coverage.
create or replace function public.image_statistics(p_dealer_ids bigint[], p_listing_ids bigint[])
returns jsonb
language sql
stable
security definer
set search_path = ''
set jit = off
as $$
  -- Of everything each table is read in one plain pass; of some dealers or listings, by the listing: `limit` and
  -- `offset` keep the planner from reading it all, for it cannot know how few they are. Only one of the two is done.
  with chosen_rows as (
    select l.*, q.listing_id is not null as is_adopted
    from listing_mirror.chosen_listings(null, null) as l
    left join public.image_queue as q on q.listing_id = l.id
    where p_dealer_ids is null
      and p_listing_ids is null
    union all
    select l.*, q.listing_id is not null as is_adopted
    from listing_mirror.chosen_listings(p_dealer_ids, p_listing_ids) as l
    left join lateral (select q.listing_id from public.image_queue as q where q.listing_id = l.id limit 1) as q on true
    where p_dealer_ids is not null
      or p_listing_ids is not null
  ),
  chosen as materialized (
    select
      l.id,
      coalesce(l.dealer_id, 0) as dealer_id,
      l.first_seen_at,
      l.last_scraped_at,
      l.is_adopted,
      l.url,
      case when not l.is_adopted then l.images end as images,
      case when not l.is_adopted then l.stored_images end as stored_images
    from chosen_rows as l
  ),
  unadopted as materialized (
    select
      c.id as listing_id,
      c.first_seen_at as created_at,
      case
        when e.problem is not null or e.position > 99 then 'rejected'::public.image_state
        when k.position is not null then 'stored'
        else 'pending'
      end as state,
      case
        when e.problem is not null then 'bad_url'::public.image_error_kind
        when e.position > 99 then 'other'
      end as error_kind
    from chosen as c
    cross join lateral listing_mirror.image_entries(c.images, c.url) as e
    left join lateral (
      select k.position
      from listing_mirror.copy_entries(c.stored_images) as k
      where k.position = e.position and not k.is_spare
    ) as k on true
    where not c.is_adopted
  ),
  counted as (
    select i.listing_id, i.state, i.created_at, i.due_at, i.exclusion_id, i.defect is not null as is_damaged,
      i.placeholder is null as is_unmeasured
    from public.listing_images as i
    where p_dealer_ids is null
      and p_listing_ids is null
    union all
    select i.listing_id, i.state, i.created_at, i.due_at, i.exclusion_id, i.defect is not null as is_damaged,
      i.placeholder is null as is_unmeasured
    from chosen as c
    cross join lateral (select i.* from public.listing_images as i where i.listing_id = c.id offset 0) as i
    where p_dealer_ids is not null
      or p_listing_ids is not null
    union all
    select u.listing_id, u.state, u.created_at, null, null, false, true
    from unadopted as u
  ),
  images as materialized (
    select
      n.listing_id,
      count(*) as total,
      count(*) filter (where n.state = 'stored') as stored,
      count(*) filter (where n.state = 'pending') as pending,
      count(*) filter (where n.state = 'failed') as failed,
      count(*) filter (where n.state = 'gone') as gone,
      count(*) filter (where n.state = 'rejected') as rejected,
      count(*) filter (
        where n.state = 'stored' and n.due_at is not null and (not n.is_damaged or n.due_at <= now())
      ) as rechecks,
      count(*) filter (where n.state = 'stored' and n.is_damaged) as damaged,
      count(*) filter (where n.state = 'stored' and n.is_unmeasured) as unmeasured,
      count(*) filter (where n.state = 'failed' and n.due_at is null) as given_up,
      count(n.exclusion_id) filter (where n.state = 'rejected') as excluded,
      count(*) filter (where n.state <> 'stored' and n.due_at <= now()) as due_now,
      count(*) filter (where n.state <> 'stored' and n.due_at > now()) as due_later,
      min(n.due_at) filter (where n.state <> 'stored' and n.due_at > now()) as next_due,
      min(n.created_at) filter (where n.state not in ('stored', 'gone')) as oldest_missing,
      min(n.created_at) filter (where n.state = 'failed') as oldest_failed,
      min(n.created_at) filter (where n.state = 'pending') as oldest_pending
    from counted as n
    group by n.listing_id
  ),
  listings as materialized (
    select
      c.id,
      c.dealer_id,
      c.first_seen_at,
      c.last_scraped_at,
      c.is_adopted,
      n.oldest_pending,
      n.oldest_missing,
      n.oldest_failed,
      n.next_due,
      coalesce(n.due_now, 0) as due_now,
      coalesce(n.due_later, 0) as due_later,
      coalesce(n.given_up, 0) as given_up,
      coalesce(n.excluded, 0) as excluded,
      coalesce(n.rechecks, 0) as rechecks,
      coalesce(n.damaged, 0) as damaged,
      coalesce(n.unmeasured, 0) as unmeasured,
      coalesce(n.total, 0) as total,
      coalesce(n.stored, 0) as stored,
      coalesce(n.pending, 0) as pending,
      coalesce(n.failed, 0) as failed,
      coalesce(n.gone, 0) as gone,
      coalesce(n.rejected, 0) as rejected,
      case
        when n.pending > 0 then 'pending'
        when coalesce(n.stored, 0) = coalesce(n.total, 0) then 'completed'
        when n.stored > 0 then 'partial'
        else 'failed'
      end as status
    from chosen as c
    left join images as n on n.listing_id = c.id
  ),
  totals as (
    select
      count(*) as listings,
      count(*) filter (where l.total = 0) as without_images,
      coalesce(sum(l.total), 0)::bigint as total,
      coalesce(sum(l.stored), 0)::bigint as stored,
      coalesce(sum(l.pending), 0)::bigint as pending,
      coalesce(sum(l.failed), 0)::bigint as failed,
      coalesce(sum(l.gone), 0)::bigint as gone,
      coalesce(sum(l.rejected), 0)::bigint as rejected,
      coalesce(sum(l.rechecks), 0)::bigint as rechecks,
      coalesce(sum(l.damaged), 0)::bigint as damaged,
      coalesce(sum(l.unmeasured), 0)::bigint as unmeasured,
      coalesce(sum(l.given_up), 0)::bigint as given_up,
      coalesce(sum(l.excluded), 0)::bigint as excluded,
      count(*) filter (where l.due_now > 0) as listings_due_now,
      coalesce(sum(l.due_now), 0)::bigint as images_due_now,
      count(*) filter (where l.due_now = 0 and l.due_later > 0) as listings_due_later,
      coalesce(sum(l.due_later), 0)::bigint as images_due_later,
      min(l.next_due) as next_due,
      min(l.oldest_pending) as oldest_pending,
      min(l.oldest_failed) as oldest_failed,
      count(*) filter (where not l.is_adopted) as not_adopted,
      extract(epoch from now() - min(l.oldest_pending))::bigint as oldest_pending_s
    from listings as l
  ),
  dealers as (
    select
      l.dealer_id,
      count(*) as listings,
      sum(l.total)::bigint as images,
      sum(l.stored)::bigint as stored,
      (sum(l.total) - sum(l.stored))::bigint as missing,
      sum(l.pending)::bigint as pending,
      sum(l.failed)::bigint as failed,
      sum(l.gone)::bigint as gone,
      sum(l.rejected)::bigint as rejected,
      sum(l.excluded)::bigint as excluded,
      sum(l.given_up)::bigint as given_up,
      min(l.oldest_pending) as oldest_pending,
      min(l.oldest_missing) as oldest_missing,
      max(l.last_scraped_at) as last_scraped_at,
      jsonb_build_object(
        'pending', count(*) filter (where l.status = 'pending'),
        'completed', count(*) filter (where l.status = 'completed'),
        'partial', count(*) filter (where l.status = 'partial'),
        'failed', count(*) filter (where l.status = 'failed')
      ) as by_status
    from listings as l
    group by l.dealer_id
  ),
  faults as (
    select i.listing_id, i.state, i.error_kind
    from public.listing_images as i
    where p_dealer_ids is null
      and p_listing_ids is null
      and i.state <> 'stored'
    union all
    select i.listing_id, i.state, i.error_kind
    from chosen as c
    cross join lateral (select i.* from public.listing_images as i where i.listing_id = c.id offset 0) as i
    where (p_dealer_ids is not null or p_listing_ids is not null)
      and i.state <> 'stored'
    union all
    select u.listing_id, u.state, u.error_kind
    from unadopted as u
    where u.state <> 'stored'
  ),
  -- Every missing image has one reason, so the reasons add up to what is missing; one never tried has met no error yet.
  reasons as materialized (
    select
      l.dealer_id,
      coalesce(f.error_kind::text, case when f.state = 'pending' then 'pending' else 'other' end) as kind,
      count(*) as images
    from faults as f
    join listings as l on l.id = f.listing_id
    group by l.dealer_id, 2
  ),
  errors as (
    select r.kind, sum(r.images)::bigint as images, count(*) as dealers
    from reasons as r
    group by r.kind
  ),
  scrapes as (
    select r.dealer_id, max(r.completed_at) as completed_at
    from public.scrape_runs as r
    where r.run_type <> 'migrate'
      and r.status = 'completed'
    group by r.dealer_id
  ),
  months as (
    select
      to_char(l.first_seen_at at time zone 'UTC', 'YYYY-MM') as month,
      count(*) as listings_missing,
      sum(l.total - l.stored)::bigint as images_missing
    from listings as l
    where l.total > l.stored
    group by to_char(l.first_seen_at at time zone 'UTC', 'YYYY-MM')
  ),
  -- Nearly every digest stands once; only the few that repeat are worth a look at their dealers.
  repeated as materialized (
    select i.sha256
    from public.listing_images as i
    where p_dealer_ids is null
      and p_listing_ids is null
      and i.sha256 is not null
    group by i.sha256
    having count(*) >= 5
    union all
    select i.sha256
    from chosen as c
    cross join lateral (select i.* from public.listing_images as i where i.listing_id = c.id offset 0) as i
    where (p_dealer_ids is not null or p_listing_ids is not null)
      and i.sha256 is not null
    group by i.sha256
    having count(*) >= 5
  ),
  left_alone as materialized (
    select a.* from listing_mirror.left_alone(p_dealer_ids) as a
  ),
  suspects as (
    select
      l.dealer_id,
      i.sha256,
      count(distinct i.listing_id) as listings,
      count(*) as images,
      min(i.source_url) as sample_url,
      min(i.public_url) as sample_copy
    from repeated as r
    cross join lateral (
      select i.* from public.listing_images as i where i.sha256 = r.sha256 and i.state = 'stored' offset 0
    ) as i
    join listings as l on l.id = i.listing_id
    group by l.dealer_id, i.sha256
    having count(distinct i.listing_id) >= 5
  )
  select jsonb_build_object(
    'schema', 1,
    'images', jsonb_build_object(
      'total', t.total,
      'stored', t.stored,
      'pending', t.pending,
      'failed', t.failed,
      'gone', t.gone,
      'rejected', t.rejected,
      'missing', t.total - t.stored,
      'lost_for_ever', t.gone,
      'given_up', t.given_up,
      'excluded', t.excluded,
      'coverage_percent', listing_mirror.percent(t.stored, t.total)
    ),
    'listings', jsonb_build_object(
      'total', t.listings,
      'without_images', t.without_images,
      'by_status', (
        select jsonb_object_agg(s.status, (select count(*) from listings as l where l.status = s.status))
        from (values ('pending'), ('completed'), ('partial'), ('failed')) as s (status)
      )
    ),
    'dealers', (
      select coalesce(
        jsonb_agg(
          jsonb_build_object(
            'dealer', coalesce(d.name, ''),
            'dealer_id', nullif(n.dealer_id, 0),
            'domain', d.domain,
            'listings', n.listings,
            'images', n.images,
            'stored', n.stored,
            'pending', n.pending,
            'failed', n.failed,
            'gone', n.gone,
            'rejected', n.rejected,
            'missing', n.missing,
            'lost_for_ever', n.gone,
            'given_up', n.given_up,
            'excluded', n.excluded,
            'coverage_percent', listing_mirror.percent(n.stored, n.images),
            'by_status', n.by_status,
            'reasons', (
              select coalesce(jsonb_object_agg(r.kind, r.images), '{}'::jsonb)
              from reasons as r
              where r.dealer_id = n.dealer_id
            ),
            'oldest_pending_seconds', extract(epoch from now() - n.oldest_pending)::bigint,
            'missing_since', n.oldest_missing,
            'last_scrape_at', greatest(s.completed_at, n.last_scraped_at),
            'left_alone', (
              select coalesce(
                jsonb_agg(
                  jsonb_build_object(
                    'host', a.host, 'since', a.since, 'kind', a.kind, 'detail', a.detail, 'next_look', a.next_look_at
                  )
                  order by a.since, a.host
                ),
                '[]'::jsonb
              )
              from left_alone as a
              where n.dealer_id = any (a.dealer_ids)
            )
          )
          order by n.missing desc, d.name
        ),
        '[]'::jsonb
      )
      from dealers as n
      left join public.dealers as d on d.id = n.dealer_id
      left join scrapes as s on s.dealer_id = n.dealer_id
    ),
    'errors', (
      select coalesce(
        jsonb_agg(jsonb_build_object('kind', e.kind, 'images', e.images, 'dealers', e.dealers) order by e.images desc, e.kind),
        '[]'::jsonb
      )
      from errors as e
    ),
    'months', (
      select coalesce(
        jsonb_agg(
          jsonb_build_object('month', m.month, 'listings_missing', m.listings_missing, 'images_missing', m.images_missing)
          order by m.month
        ),
        '[]'::jsonb
      )
      from months as m
    ),
    'suspects', (
      select coalesce(
        jsonb_agg(
          jsonb_build_object(
            'dealer', coalesce(d.name, ''),
            'sha256', s.sha256,
            'listings', s.listings,
            'images', s.images,
            'sample_url', s.sample_url,
            'sample_copy', s.sample_copy
          )
          order by s.listings desc, s.sha256
        ),
        '[]'::jsonb
      )
      from suspects as s
      left join public.dealers as d on d.id = s.dealer_id
    ),
    'due', jsonb_build_object(
      'listings_now', t.listings_due_now,
      'images_now', t.images_due_now,
      'listings_later', t.listings_due_later,
      'images_later', t.images_due_later,
      'next_at', t.next_due,
      'next_in_seconds', extract(epoch from t.next_due - now())::bigint
    ),
    -- When the last run of each kind ended well: whether anybody still works. Of the chosen dealers, or of all at once.
    'last_runs', (
      select coalesce(
        jsonb_object_agg(
          k.run_type,
          jsonb_build_object(
            'completed_at', k.completed_at,
            'seconds', extract(epoch from now() - k.completed_at)::bigint
          )
        ),
        '{}'::jsonb
      )
      from (
        select r.run_type::text as run_type, max(r.completed_at) as completed_at
        from public.scrape_runs as r
        where r.status = 'completed'
          and r.completed_at is not null
          and (p_dealer_ids is null or r.dealer_id is null or r.dealer_id = any (p_dealer_ids))
        group by r.run_type
      ) as k
    ),
    'as_of', now(),
    'oldest_pending_at', t.oldest_pending,
    'oldest_failed_at', t.oldest_failed,
    'not_adopted', t.not_adopted,
    'rechecks_due', t.rechecks,
    'kept_though_damaged', t.damaged,
    'unmeasured', t.unmeasured,
    'oldest_pending_seconds', t.oldest_pending_s,
    'hosts_left_alone', listing_mirror.left_alone_as_json(p_dealer_ids),
    'host_holds', (
      select coalesce(
        jsonb_agg(
          jsonb_build_object(
            'host', h.host,
            'seconds', ceil(extract(epoch from h.held_until - now())),
            'reason', h.reason
          )
          order by h.held_until desc, h.host
        ),
        '[]'::jsonb
      )
      from public.host_holds as h
      where h.held_until > now()
    ),
    'exclusions', (select count(*) from public.image_exclusions)
  )
  from totals as t;
$$;
