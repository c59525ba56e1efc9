-- Records compared with the bucket, copies nothing needs, and images an operator does not want.

-- The copies our records name, in pages by (listing, position).
create or replace function public.recorded_copies(
  p_after_listing bigint,
  p_after_position integer,
  p_limit integer,
  p_dealer_ids bigint[],
  p_listing_ids bigint[]
)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select coalesce(jsonb_agg(to_jsonb(c) order by c.listing_id, c.position), '[]'::jsonb)
  from (
    select i.listing_id, i.position, i.storage_path, i.public_url, i.bytes, i.sha256, i.content_type, i.source_url
    from public.listing_images as i
    join public.listings as l on l.id = i.listing_id
    where i.state = 'stored'
      and (i.listing_id, i.position) > (coalesce(p_after_listing, 0), coalesce(p_after_position, -1))
      and (p_dealer_ids is null or l.dealer_id = any (p_dealer_ids))
      and (p_listing_ids is null or i.listing_id = any (p_listing_ids))
    order by i.listing_id, i.position
    limit least(greatest(coalesce(p_limit, 1000), 1), 5000)
  ) as c;
$$;

-- Is there a table of the bucket's objects, and do we see all of its rows? One with policies that hide some
-- from the functions' owner would make every copy look missing.
create or replace function listing_mirror.sees_objects()
returns boolean
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return to_regclass('storage.objects') is not null and not row_security_active('storage.objects');
exception
  when insufficient_privilege then
    return false;
end $$;

-- The objects of a bucket in pages by name. Where we cannot read such a table: {"available": false}.
create or replace function public.bucket_objects(p_bucket text, p_prefix text, p_after text, p_limit integer)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_objects jsonb;
begin
  if not listing_mirror.sees_objects() then
    return jsonb_build_object('available', false);
  end if;
  execute $query$
    select coalesce(
      jsonb_agg(
        jsonb_build_object('name', o.name, 'bytes', o.bytes, 'created_at', o.created_at, 'updated_at', o.updated_at)
        order by o.name
      ),
      '[]'::jsonb
    )
    from (
      select s.name collate "C" as name, (s.metadata ->> 'size')::bigint as bytes, s.created_at, s.updated_at
      from storage.objects as s
      where s.bucket_id = $1
        and starts_with(s.name, $2)
        and s.name collate "C" > $3
      order by s.name collate "C"
      limit $4
    ) as o
  $query$
  into v_objects
  using p_bucket, coalesce(p_prefix, ''), coalesce(p_after, ''), least(greatest(coalesce(p_limit, 1000), 1), 5000);
  return v_objects;
exception
  when insufficient_privilege or undefined_column or undefined_table then
    return jsonb_build_object('available', false);
end $$;

-- Copies that are not in the bucket any more: due now, nobody blamed. An item whose row names another copy
-- by now is passed over. Listings somebody is changing at this moment are left for the next verification.
create or replace function public.report_missing_copies(p_items text)
returns jsonb
language sql
security definer
set search_path = ''
as $$
  with items as (
    select r.listing_id, r.position, r.storage_path, r.reason
    from jsonb_to_recordset(p_items::jsonb) as r (listing_id bigint, "position" integer, storage_path text, reason text)
  ),
  locked as materialized (
    select k.listing_id
    from unnest(listing_mirror.lock_listings(array(select distinct i.listing_id from items as i), null)) as k (listing_id)
  ),
  mended as (
    update public.listing_images as i
    set
      state = 'failed',
      error_kind = 'other',
      error_detail = coalesce(m.reason, 'the copy is not in the bucket'),
      due_at = now(),
      storage_path = null,
      public_url = null,
      stored_at = null,
      etag = null,
      last_modified = null
    from items as m
    where i.listing_id = m.listing_id
      and i.position = m.position
      and i.storage_path = m.storage_path
      and i.state = 'stored'
      and i.listing_id in (select k.listing_id from locked as k)
    returning i.listing_id, i.position, i.source_url, i.error_detail, m.storage_path
  ),
  -- A copy that moved rows were to be made from is missing for them too.
  forgotten as (
    update public.listing_images as i
    set copy_from = null, copy_url = null, recheck_after_copy = false
    from items as m
    where i.listing_id = m.listing_id
      and i.copy_from = m.storage_path
      and i.position <> m.position
      and i.listing_id in (select k.listing_id from locked as k)
    returning i.position
  ),
  noted as (
    insert into public.listing_image_events (listing_id, position, source_url, event, state, error_kind, error_detail, storage_path)
    select m.listing_id, m.position, m.source_url, 'copy missing', 'failed', 'other', m.error_detail, m.storage_path
    from mended as m
    returning id
  )
  select jsonb_build_object(
    'images', (select count(*) from mended),
    'listings', (select count(distinct m.listing_id) from mended as m),
    'forgotten', (select count(*) from forgotten)
  );
$$;

-- Is this the name of a copy of ours? The new layout by its shape; the old one, which other programs' files
-- share, only when our records once named that very path.
create or replace function listing_mirror.is_our_copy(p_name text)
returns boolean
language sql
stable
security definer
set search_path = ''
as $$
  select case
    when p_name ~ '^[a-z0-9][a-z0-9-]*/L[0-9]{5,}/[0-9a-f]{12}/[0-9]{2}\.[a-z]+$' then true
    when p_name ~ '^[^/]+/L[0-9]{5,}/[0-9]{2}\.[A-Za-z]+$' then exists (
      select 1 from public.listing_image_events as e where e.storage_path = p_name
    )
    else false
  end;
$$;

-- Copies nothing refers to, older than p_min_age_s, in pages by name. {"names": […], "after": …, "done": …}:
-- a page may hold no name at all and not be the last.
create or replace function public.unreferenced_copies(
  p_bucket text,
  p_after text,
  p_limit integer,
  p_min_age_s integer,
  p_dealer_ids bigint[],
  p_listing_ids bigint[]
)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_page integer := least(greatest(coalesce(p_limit, 1000), 1), 5000);
  v_answer jsonb;
begin
  if not listing_mirror.sees_objects() then
    return jsonb_build_object('available', false);
  end if;
  execute $query$
    with page as (
      select s.name collate "C" as name, (s.metadata ->> 'size')::bigint as bytes, s.created_at, s.updated_at
      from storage.objects as s
      where s.bucket_id = $1
        and s.name collate "C" > $2
      order by s.name collate "C"
      limit $3
    ),
    ours as (
      select p.*, substring(p.name from '/L([0-9]{1,18})/')::bigint as listing_id
      from page as p
      where listing_mirror.is_our_copy(p.name)
        and coalesce(p.updated_at, p.created_at) <= now() - make_interval(secs => $4)
    ),
    unreferenced as (
      select o.name, o.bytes, o.created_at, o.updated_at, o.listing_id
      from ours as o
      left join public.listings as l on l.id = o.listing_id
      where not exists (select 1 from public.listing_images as i where i.storage_path = o.name)
        and not exists (select 1 from public.listing_images as i where i.copy_from = o.name)
        -- Whatever a listing's list shows stays, whoever wrote it; names begin with the listing's number.
        and not exists (
          select 1
          from listing_mirror.copy_entries(l.stored_images) as c
          where c.storage_path = o.name or right(c.public_url, length(o.name) + 1) = '/' || o.name
        )
        -- A runner that holds the listing may have just written the copy and not recorded it yet.
        and not exists (
          select 1 from public.image_queue as q where q.listing_id = o.listing_id and q.leased_until >= now()
        )
        and ($5 is null or l.dealer_id = any ($5)
          or (l.id is null and split_part(o.name, '/', 1) in (select d.slug from public.dealers as d where d.id = any ($5))))
        and ($6 is null or o.listing_id = any ($6))
    )
    select jsonb_build_object(
      'available', true,
      'copies', (
        select coalesce(
          jsonb_agg(
            jsonb_build_object(
              'name', u.name, 'bytes', u.bytes, 'listing_id', u.listing_id,
              'created_at', u.created_at, 'updated_at', u.updated_at
            )
            order by u.name
          ),
          '[]'::jsonb
        )
        from unreferenced as u
      ),
      'after', (select max(p.name collate "C") from page as p),
      'done', (select count(*) from page) < $3
    )
  $query$
  into v_answer
  using
    p_bucket, coalesce(p_after, ''), v_page, greatest(coalesce(p_min_age_s, 86400), 0)::double precision,
    p_dealer_ids, p_listing_ids;
  return v_answer;
end $$;

-- Makes stored copies due, so that the next run compares them with their source. At most p_limit listings a call,
-- from the one after p_after on; those that somebody is writing at the moment are passed over ("busy").
create or replace function public.recheck_copies(
  p_after bigint,
  p_limit integer,
  p_dealer_ids bigint[],
  p_listing_ids bigint[],
  p_dry_run boolean
)
returns jsonb
language sql
security definer
set search_path = ''
as $$
  with page as materialized (
    select l.id
    from public.listings as l
    where l.id > coalesce(p_after, 0)
      and (p_dealer_ids is null or l.dealer_id = any (p_dealer_ids))
      and (p_listing_ids is null or l.id = any (p_listing_ids))
      and exists (
        select 1 from public.listing_images as i where i.listing_id = l.id and i.state = 'stored' and i.due_at is null
      )
    order by l.id
    limit least(greatest(coalesce(p_limit, 200), 1), 1000)
  ),
  locked as materialized (
    select k.listing_id
    from unnest(listing_mirror.lock_listings(
      array(select p.id from page as p where not coalesce(p_dry_run, false)), null
    )) as k (listing_id)
  ),
  found as (
    select i.listing_id
    from public.listing_images as i
    where coalesce(p_dry_run, false)
      and i.listing_id in (select p.id from page as p)
      and i.state = 'stored'
      and i.due_at is null
  ),
  made_due as (
    update public.listing_images as i
    set due_at = now(), attempts = 0
    where i.listing_id in (select k.listing_id from locked as k)
      and i.state = 'stored'
      and i.due_at is null
    returning i.listing_id
  ),
  chosen as (
    select f.listing_id from found as f
    union all
    select m.listing_id from made_due as m
  )
  select jsonb_build_object(
    'listings', (select count(distinct c.listing_id) from chosen as c),
    'copies', (select count(*) from chosen as c),
    'busy', (select count(*) from page as p where p.id not in (select c.listing_id from chosen as c)),
    'after', (select max(p.id) from page as p)
  );
$$;

-- Every path a copy of ours ever had is kept in the history, so that the old layout can be told from other
-- programs' files after the copy was replaced.
create or replace function listing_mirror.remember_paths()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  insert into public.listing_image_events (listing_id, position, source_url, event, state, storage_path)
  select g.listing_id, g.position, g.source_url, 'copy dropped', g.state, g.storage_path
  from gone as g
  where g.storage_path is not null
    and g.storage_path !~ '/L[0-9]{5,}/[0-9a-f]{12}/'
    and exists (select 1 from public.listings as l where l.id = g.listing_id)
    and not exists (
      select 1 from public.listing_images as i
      where i.listing_id = g.listing_id and i.position = g.position and i.storage_path = g.storage_path
    );
  return null;
end $$;

drop trigger if exists listing_mirror_path_replaced on public.listing_images;
create trigger listing_mirror_path_replaced
  after update on public.listing_images
  referencing old table as gone
  for each statement execute function listing_mirror.remember_paths();

drop trigger if exists listing_mirror_path_removed on public.listing_images;
create trigger listing_mirror_path_removed
  after delete on public.listing_images
  referencing old table as gone
  for each statement execute function listing_mirror.remember_paths();

-- ------------------------------------------------------------------------------------------ exclusions

-- Excludes a digest or a URL pattern, for one dealer or (null) for all, past copies included: those leave
-- stored_images at once and become unreferenced. At most 2,000 listings a call, and those locked at this
-- moment are passed over: call again while "remaining" is not 0. An empty or all-matching pattern is refused.
create or replace function public.exclude_image(p_dealer_id bigint, p_sha256 text, p_url_pattern text, p_reason text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_sha256 text := nullif(lower(btrim(p_sha256)), '');
  v_pattern text := nullif(btrim(p_url_pattern), '');
  v_id bigint;
  v_hits bigint[];
  v_locked bigint[];
  v_images bigint;
begin
  if v_sha256 is null and v_pattern is null then
    return jsonb_build_object('error', 'name a digest or a URL pattern');
  end if;
  if v_sha256 is not null and v_sha256 !~ '^[0-9a-f]{64}$' then
    return jsonb_build_object('error', 'a digest is the 64 hexadecimal digits of a SHA-256');
  end if;
  if v_pattern is not null and length(regexp_replace(v_pattern, '^https?://|\*|/', '', 'g')) < 3 then
    return jsonb_build_object('error', 'the pattern would match nearly every image');
  end if;

  insert into public.image_exclusions as x (dealer_id, sha256, url_pattern, reason)
  values (p_dealer_id, v_sha256, v_pattern, p_reason)
  on conflict (coalesce(dealer_id, 0), coalesce(sha256, ''), coalesce(url_pattern, '')) do update
  set reason = coalesce(excluded.reason, x.reason)
  returning x.id into v_id;

  select array_agg(distinct i.listing_id) into v_hits
  from public.listing_images as i
  join public.listings as l on l.id = i.listing_id
  where (i.sha256 = v_sha256 or i.source_url like listing_mirror.like_pattern(v_pattern))
    and (p_dealer_id is null or l.dealer_id = p_dealer_id)
    and i.exclusion_id is null
    and listing_mirror.may_be_retried(i);

  v_locked := listing_mirror.lock_listings(v_hits, 2000);

  with excluded_now as (
    update public.listing_images as i
    set
      state = 'rejected',
      error_kind = 'other',
      error_detail = 'excluded by an operator: ' || coalesce(p_reason, 'no reason given'),
      due_at = null,
      storage_path = null,
      public_url = null,
      stored_at = null,
      copy_from = null,
      copy_url = null,
      recheck_after_copy = false,
      exclusion_id = v_id
    where i.listing_id = any (v_locked)
      and (i.sha256 = v_sha256 or i.source_url like listing_mirror.like_pattern(v_pattern))
      and i.exclusion_id is null
      and listing_mirror.may_be_retried(i)
    returning i.listing_id, i.position, i.source_url, i.error_detail
  ),
  noted as (
    insert into public.listing_image_events (listing_id, position, source_url, event, state, error_kind, error_detail)
    select e.listing_id, e.position, e.source_url, 'excluded', 'rejected', 'other', e.error_detail
    from excluded_now as e
    returning id
  )
  select count(*) into v_images from noted;

  return jsonb_build_object(
    'exclusion_id', v_id,
    'listings', cardinality(v_locked),
    'images', v_images,
    'remaining', coalesce(cardinality(v_hits), 0) - cardinality(v_locked)
  );
end $$;

-- Takes an exclusion back: its images are due again, unless another exclusion holds for them too. In portions
-- like exclude_image; the exclusion itself goes when "remaining" is 0.
create or replace function public.include_image(p_dealer_id bigint, p_sha256 text, p_url_pattern text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_id bigint;
  v_hits bigint[];
  v_locked bigint[];
  v_remaining bigint;
  v_is_free boolean;
  v_images bigint;
begin
  select x.id into v_id
  from public.image_exclusions as x
  where x.dealer_id is not distinct from p_dealer_id
    and x.sha256 is not distinct from nullif(lower(btrim(p_sha256)), '')
    and x.url_pattern is not distinct from nullif(btrim(p_url_pattern), '');
  if not found then
    return jsonb_build_object('error', 'there is no such exclusion');
  end if;
  -- A writer whose images fall under it holds it until he commits; waiting for him with listings locked that he may
  -- want next would lock both out.
  perform 1 from public.image_exclusions as x where x.id = v_id for update skip locked;
  v_is_free := found;

  select array_agg(distinct i.listing_id) into v_hits
  from public.listing_images as i
  where i.exclusion_id = v_id;
  v_locked := listing_mirror.lock_listings(v_hits, 2000);

  with others as (
    select i.listing_id, i.position, (
      select x.id
      from public.image_exclusions as x
      join public.listings as l on l.id = i.listing_id
      where x.id <> v_id
        and (x.dealer_id is null or x.dealer_id = l.dealer_id)
        and (x.sha256 = i.sha256 or i.source_url like listing_mirror.like_pattern(x.url_pattern))
      order by x.id
      limit 1
      for key share of x skip locked -- another one that is being taken back
    ) as other_id
    from public.listing_images as i
    where i.listing_id = any (v_locked)
      and i.exclusion_id = v_id
  ),
  moved as (
    update public.listing_images as i
    set exclusion_id = o.other_id
    from others as o
    where i.listing_id = o.listing_id
      and i.position = o.position
      and o.other_id is not null
    returning i.position
  ),
  included as (
    update public.listing_images as i
    set
      state = 'pending',
      error_kind = null,
      error_detail = null,
      http_status = null,
      attempts = 0,
      absences = 0,
      first_absent_at = null,
      due_at = now(),
      exclusion_id = null
    from others as o
    where i.listing_id = o.listing_id
      and i.position = o.position
      and o.other_id is null
    returning i.listing_id, i.position, i.source_url
  ),
  noted as (
    insert into public.listing_image_events (listing_id, position, source_url, event, state)
    select n.listing_id, n.position, n.source_url, 'included again', 'pending'
    from included as n
    returning id
  )
  select count(*) into v_images from noted;

  v_remaining := coalesce(cardinality(v_hits), 0) - cardinality(v_locked);
  if v_remaining = 0 and v_is_free then
    delete from public.image_exclusions as x where x.id = v_id;
  end if;

  return jsonb_build_object(
    'listings', cardinality(v_locked),
    'images', v_images,
    'remaining', case when v_is_free then v_remaining else greatest(v_remaining, 1) end
  );
end $$;

create or replace function public.list_exclusions()
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select coalesce(
    jsonb_agg(
      jsonb_build_object(
        'id', x.id,
        'dealer_id', x.dealer_id,
        'dealer', d.name,
        'sha256', x.sha256,
        'url_pattern', x.url_pattern,
        'reason', x.reason,
        'created_at', x.created_at,
        'images', (select count(*) from public.listing_images as i where i.exclusion_id = x.id)
      )
      order by x.id
    ),
    '[]'::jsonb
  )
  from public.image_exclusions as x
  left join public.dealers as d on d.id = x.dealer_id;
$$;
