-- Images that an operator does not want: a banner, a placeholder, by digest or by pattern of the address.

-- -------------------------------------------------------------------------------------------------- url_exclusion
-- Called by: adopt, follow_images, adopt_report.
--
-- The exclusion a URL falls under, if any.
create or replace function listing_mirror.url_exclusion(p_dealer_id bigint, p_url text)
returns bigint
language sql
stable
as $$
  select min(x.id)
  from public.image_exclusions as x
  where x.url_pattern is not null
    and (x.dealer_id is null or x.dealer_id = p_dealer_id)
    and p_url like listing_mirror.like_pattern(x.url_pattern);
$$;

-- --------------------------------------------------------------------------------------------- has_url_exclusions
-- Called by: adopt, follow_images.
--
-- Is there any, for any dealer? Without one no address of a bulk load needs to be held against them.
create or replace function listing_mirror.has_url_exclusions()
returns boolean
language sql
stable
as $$
  select exists (select 1 from public.image_exclusions as x where x.url_pattern is not null);
$$;

-- ------------------------------------------------------------------------------------------------- hold_exclusion
-- Called by: adopt, follow_images.
--
-- The same exclusion, held so that nobody takes it back before we commit; null when somebody just did. A row that
-- named it then would make the writer's statement fail.
create or replace function listing_mirror.hold_exclusion(p_id bigint)
returns bigint
language sql
strict
as $$
  select x.id from public.image_exclusions as x where x.id = p_id for key share;
$$;

-- ---------------------------------------------------------------------------------------------- exclusion_problem
-- Called by: exclude_image, preview_exclusion.
--
-- Why this can not be excluded; null: it can.
create or replace function listing_mirror.exclusion_problem(p_sha256 text, p_url_pattern text)
returns text
language sql
immutable
as $$
  select case
    when p_sha256 is null and p_url_pattern is null then 'name a digest or a URL pattern'
    when p_sha256 !~ '^[0-9a-f]{64}$' then 'a digest is the 64 hexadecimal digits of a SHA-256'
    when length(regexp_replace(p_url_pattern, '^https?://|\*|/', '', 'g')) < 3
      then 'the pattern would match nearly every image'
  end;
$$;

-- ---------------------------------------------------------------------------------------------- preview_exclusion
-- Called by: `migrate exclude`, before it writes anything, and alone with --dry-run.
--
-- What an exclusion would take from a dealer (null: from all) now, out of how many images, and a few of them to look at.
create or replace function public.preview_exclusion(p_dealer_id bigint, p_sha256 text, p_url_pattern text)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
set jit = off
as $$
declare
  v_sha256 text := nullif(lower(btrim(p_sha256)), '');
  v_pattern text := nullif(btrim(p_url_pattern), '');
  v_problem text := listing_mirror.exclusion_problem(v_sha256, v_pattern);
  v_answer jsonb;
begin
  if v_problem is not null then
    return jsonb_build_object('error', v_problem);
  end if;
  with hits as materialized (
    select i.listing_id, i.position, i.source_url, i.state, i.public_url
    from public.listing_images as i
    join public.listings as l on l.id = i.listing_id
    where (i.sha256 = v_sha256 or i.source_url like listing_mirror.like_pattern(v_pattern))
      and (p_dealer_id is null or l.dealer_id = p_dealer_id)
      and i.exclusion_id is null
      and listing_mirror.may_be_retried(i)
  )
  select jsonb_build_object(
    'images', (select count(*) from hits),
    'listings', (select count(distinct h.listing_id) from hits as h),
    'stored', (select count(*) from hits as h where h.state = 'stored'),
    'dealer_images', (
      select count(*)
      from public.listings as l
      join public.listing_images as i on i.listing_id = l.id
      where p_dealer_id is null or l.dealer_id = p_dealer_id
    ),
    'examples', (
      -- Of different listings: what they have in common is what an operator has to judge.
      select coalesce(
        jsonb_agg(
          jsonb_build_object(
            'listing_id', e.listing_id, 'position', e.position, 'source_url', e.source_url, 'copy', e.public_url
          )
          order by e.listing_id
        ),
        '[]'::jsonb
      )
      from (
        select distinct on (h.listing_id) h.*
        from hits as h
        order by h.listing_id, h.position
        limit 5
      ) as e
    )
  )
  into v_answer;
  return v_answer;
end $$;

-- -------------------------------------------------------------------------------------------------- exclude_image
-- Called by: `migrate exclude`.
--
-- Excludes a digest or a URL pattern, for one dealer or (null) for all, past copies included: those leave
-- stored_images at once and are retired, in case it is taken back. At most 2,000 listings a call, and those locked at this
-- moment are passed over: call again while "remaining" is not 0. An empty or all-matching pattern is refused.
create or replace function public.exclude_image(p_dealer_id bigint, p_sha256 text, p_url_pattern text, p_reason text)
returns jsonb
language plpgsql
security definer
set search_path = ''
set jit = off
as $$
declare
  v_sha256 text := nullif(lower(btrim(p_sha256)), '');
  v_pattern text := nullif(btrim(p_url_pattern), '');
  v_id bigint;
  v_hits bigint[];
  v_locked bigint[];
  v_images bigint;
begin
  if listing_mirror.exclusion_problem(v_sha256, v_pattern) is not null then
    return jsonb_build_object('error', listing_mirror.exclusion_problem(v_sha256, v_pattern));
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

-- -------------------------------------------------------------------------------------------------- include_image
-- Called by: `migrate include`.
--
-- Takes an exclusion back, unless another one holds for its images too: those with a retired copy serve it again without
-- asking the dealer, the others are due. In portions like exclude_image; the exclusion itself goes when "remaining" is 0.
create or replace function public.include_image(p_dealer_id bigint, p_sha256 text, p_url_pattern text)
returns jsonb
language plpgsql
security definer
set search_path = ''
set jit = off
as $$
declare
  v_id bigint;
  v_hits bigint[];
  v_locked bigint[];
  v_remaining bigint;
  v_is_free boolean;
  v_images bigint;
  v_restored bigint;
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
  returning_copies as materialized (
    select n.listing_id, n.position, (n.copy).*
    from (
      select o.listing_id, o.position, c as copy, listing_mirror.hold_retired(c.storage_path) as held_path
      from others as o
      join public.listing_images as i on i.listing_id = o.listing_id and i.position = o.position
      cross join lateral (
        select r.*
        from public.retired_copies as r
        where r.listing_id = i.listing_id
          and r.source_url = i.source_url
        order by (listing_mirror.position_in(r.public_url) = i.position) desc, r.retired_at desc
        limit 1
      ) as c
      where o.other_id is null
    ) as n
    where n.held_path is not null
  ),
  included as (
    update public.listing_images as i
    set
      state = case when c.fits then 'stored'::public.image_state else 'pending' end,
      error_kind = null,
      error_detail = null,
      http_status = null,
      attempts = 0,
      absences = 0,
      first_absent_at = null,
      due_at = case when c.fits and not c.was_in_doubt then null else now() end,
      storage_path = case when c.fits then c.storage_path end,
      public_url = case when c.fits then c.public_url end,
      stored_at = case when c.fits then coalesce(c.stored_at, now()) end,
      copy_from = case when not c.fits then c.storage_path end,
      copy_url = case when not c.fits then c.public_url end,
      recheck_after_copy = coalesce(not c.fits and c.was_in_doubt, false),
      content_type = coalesce(c.content_type, i.content_type),
      bytes = coalesce(c.bytes, i.bytes),
      width = coalesce(c.width, i.width),
      height = coalesce(c.height, i.height),
      sha256 = coalesce(c.sha256, i.sha256),
      placeholder = coalesce(c.placeholder, i.placeholder),
      average_color = coalesce(c.average_color, i.average_color),
      phash = coalesce(c.phash, i.phash),
      defect = coalesce(c.defect, i.defect),
      exclusion_id = null
    from others as o
    left join (
      select r.*, listing_mirror.position_in(r.public_url) = r.place as fits
      from returning_copies as r (
        listing_id, place, storage_path, public_url, of_listing, of_position, source_url, content_type, bytes, width,
        height, sha256, placeholder, average_color, phash, defect, stored_at, etag, last_modified, was_in_doubt, retired_at
      )
    ) as c on c.listing_id = o.listing_id and c.place = o.position
    where i.listing_id = o.listing_id
      and i.position = o.position
      and o.other_id is null
    returning i.listing_id, i.position, i.source_url, i.state, i.storage_path
  ),
  noted as (
    insert into public.listing_image_events (listing_id, position, source_url, event, state, storage_path)
    select n.listing_id, n.position, n.source_url, 'included again', n.state, n.storage_path
    from included as n
    returning state
  )
  select count(*), count(*) filter (where n.state = 'stored')
  into v_images, v_restored
  from noted as n;

  v_remaining := coalesce(cardinality(v_hits), 0) - cardinality(v_locked);
  if v_remaining = 0 and v_is_free then
    delete from public.image_exclusions as x where x.id = v_id;
  end if;

  return jsonb_build_object(
    'listings', cardinality(v_locked),
    'images', v_images,
    'restored', v_restored,
    'remaining', case when v_is_free then v_remaining else greatest(v_remaining, 1) end
  );
end $$;

-- ------------------------------------------------------------------------------------------------ list_exclusions
-- Called by: `migrate exclude` without a digest or pattern.
create or replace function public.list_exclusions()
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
