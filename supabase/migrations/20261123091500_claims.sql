-- Claims: who works on which listing, and until when.
--
-- A claim is a token and a lease on one row of image_queue. No function here touches listings or waits for a row
-- somebody else has locked.

-- ------------------------------------------------------------------------------------------------------ claims_of
-- Called by: claim_listings.
--
-- What a runner needs to work on claimed listings; null token: a look without a claim.
create or replace function listing_mirror.claims_of(p_listing_ids bigint[], p_retry_failed boolean)
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
                'height', coalesce(i.height, twin.height),
                'placeholder', coalesce(i.placeholder, twin.placeholder),
                'average_color', coalesce(i.average_color, twin.average_color),
                'phash', coalesce(i.phash, twin.phash),
                'defect', coalesce(i.defect, twin.defect),
                'damaged_sha256', i.damaged_sha256,
                'damaged_s_ago', extract(epoch from now() - i.damaged_at),
                'is_wanted', i.keep_at is not null
              )
              order by i.position
            ),
            '[]'::jsonb
          )
          from public.listing_images as i
          -- The same address stands at another place of this listing, and is stored there.
          left join lateral (
            select
              t.storage_path, t.sha256, t.content_type, t.bytes, t.width, t.height, t.placeholder, t.average_color,
              t.phash, t.defect
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
            -- What waits for a host that is left alone waits on, unless somebody asked for it.
            and (
              p_retry_failed
              or i.copy_from is not null
              or not listing_mirror.is_left_alone(
                coalesce(listing_mirror.host_of(i.source_url), ''), coalesce(l.dealer_id, 0)
              )
            )
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
                'placeholder', i.placeholder,
                'average_color', i.average_color,
                'phash', i.phash,
                'defect', i.defect,
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

-- ------------------------------------------------------------------------------------------------- claim_listings
-- Called by: a runner, each time that it wants work.
--
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
set jit = off
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
      where (case when v_retry_failed then q.is_retryable or q.next_due_at <= now() else q.next_due_at <= now() end)
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
        last_claimed_at = now(),
        finished_token = null
      from locked as k
      where q.listing_id = k.listing_id
      returning q.listing_id, k.rank
    ),
    behind as (
      update public.image_queue_hosts as h
      set place_at = greatest(h.place_at, now())
      from claimed as c
      where h.listing_id = c.listing_id
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
    'holds', listing_mirror.holds(),
    'left_alone', listing_mirror.left_alone_as_json(p_dealer_ids)
  );
end $$;

-- -------------------------------------------------------------------------------------------------- extend_claims
-- Called by: a runner's heartbeat.
--
-- A row somebody is changing at this moment is passed over and extended next time: a runner holding many
-- claims never waits for a writer, so the two can not lock each other out.
create or replace function public.extend_claims(p_tokens uuid[], p_lease_s integer)
returns jsonb
language sql
security definer
set search_path = ''
set jit = off
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

-- ------------------------------------------------------------------------------------------------- release_claims
-- Called by: a runner that stops before it is done.
--
-- Gives listings back as they are. A row locked by a writer is left to its lease.
create or replace function public.release_claims(p_tokens uuid[])
returns jsonb
language sql
security definer
set search_path = ''
set jit = off
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
