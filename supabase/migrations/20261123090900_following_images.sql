-- How the rows of listing_images follow a listing's images and stored_images, for any number of listings at once.
--
-- Callers have locked the listings' rows in image_queue. The settings of planning are those of refresh, for its reasons.

-- ---------------------------------------------------------------------------------------------------------- adopt
-- Called by: listings_inserted, listings_updated, adopt_listings.
--
-- Rows for listings that have none yet, given as lists side by side: its images, each with the copy whose name carries
-- its position. A copy that browsers cannot show is due for a re-check: its source is fetched and converted, and until
-- then it stays. What was known before there was a mirror is kept (p_was_here_before): since when, and the words of the
-- last error. Ends with everything refreshed that follows from the rows.
create or replace function listing_mirror.adopt(
  p_listing_ids bigint[],
  p_images jsonb[],
  p_stored_images jsonb[],
  p_stored_at timestamptz[],
  p_was_here_before boolean
)
returns void
language plpgsql
security definer
set search_path = ''
set jit = off
set enable_seqscan = off
set enable_nestloop = on
set plan_cache_mode = force_generic_plan
as $$
declare
  v_has_patterns boolean := listing_mirror.has_url_exclusions();
  v_bare bigint[];
begin
    with given as materialized (
      select
        g.listing_id,
        g.images,
        g.stored_images,
        g.stored_at,
        l.dealer_id,
        l.url,
        case when p_was_here_before then l.images_upload_error::text end as old_error,
        case when p_was_here_before then least(l.first_seen_at::timestamptz, now()) end as old_date
      from unnest(p_listing_ids, p_images, p_stored_images, p_stored_at) as g (listing_id, images, stored_images, stored_at)
      join public.listings as l on l.id = g.listing_id
    ),
    entries as materialized (
      select
        g.listing_id,
        e.position,
        e.source_url,
        e.problem,
        c.storage_path,
        c.public_url,
        g.stored_at,
        g.old_error,
        g.old_date,
        case
          when v_has_patterns
            then listing_mirror.hold_exclusion(listing_mirror.url_exclusion(g.dealer_id, e.source_url))
        end as exclusion_id
      from given as g
      cross join lateral listing_mirror.image_entries(g.images, g.url) as e
      left join lateral listing_mirror.copy_entries(g.stored_images) as c
        on c.position = e.position and not c.is_spare
    ),
    decided as (
      select
        e.*,
        case
          when e.problem is not null or e.position > 99 or e.exclusion_id is not null then 'rejected'::public.image_state
          when e.public_url is not null then 'stored'
          else 'pending'
        end as state
      from entries as e
    ),
    written as (
      insert into public.listing_images as i (
        listing_id, position, source_url, state, error_kind, error_detail, due_at,
        storage_path, public_url, stored_at, exclusion_id, created_at
      )
      select
        d.listing_id,
        d.position,
        d.source_url,
        d.state,
        case
          when d.problem is not null then 'bad_url'::public.image_error_kind
          when d.state = 'rejected' then 'other'
        end,
        case
          when d.problem is not null then d.problem
          when d.position > 99 then 'a listing can have 100 copies at most'
          when d.state = 'rejected' then 'excluded by an operator'
          when d.state = 'pending' then left(nullif(d.old_error, ''), 1000)
        end,
        case
          when d.state = 'pending' then now()
          when d.state = 'stored' and not listing_mirror.is_shown(d.storage_path) then now()
        end,
        case when d.state = 'stored' then d.storage_path end,
        case when d.state = 'stored' then d.public_url end,
        case when d.state = 'stored' then coalesce(d.stored_at, now()) end,
        case when d.problem is null and d.position < 100 then d.exclusion_id end,
        coalesce(d.old_date, now())
      from decided as d
      on conflict (listing_id, position) do nothing
      returning i.listing_id, i.position, i.source_url, i.state, i.error_detail, i.created_at
    ),
    retired as (
      -- A copy of what an operator excluded leaves stored_images, and serves again when he takes that back.
      insert into public.retired_copies (storage_path, public_url, listing_id, position, source_url, stored_at)
      select d.storage_path, d.public_url, d.listing_id, d.position, d.source_url, coalesce(d.stored_at, now())
      from decided as d
      where d.state = 'rejected'
        and d.exclusion_id is not null
        and d.public_url is not null
        and d.position < 100
      on conflict (storage_path) do nothing
    )
    -- The next failure will have words of its own; explain goes on telling these.
    insert into public.listing_image_events (listing_id, position, source_url, at, event, state, error_detail)
    select w.listing_id, w.position, w.source_url, w.created_at, 'failed before the mirror', 'pending', w.error_detail
    from written as w
    where w.state = 'pending'
      and w.error_detail is not null;

    -- Without any row there is nothing whose change would do it.
    v_bare := array(
      select n.id
      from unnest(p_listing_ids) as n (id)
      where not exists (select 1 from public.listing_images as i where i.listing_id = n.id)
    );
    if cardinality(v_bare) > 0 then
      perform listing_mirror.refresh(v_bare);
    end if;
end $$;

-- -------------------------------------------------------------------------------------------------- follow_images
-- Called by: follow_listings, adopt_listings.
--
-- Brings the rows of listings in line with their images. A row whose URL stands where it stood keeps everything.
-- A URL that moved brings along what is known of it: its copy, to be copied inside the bucket under its new
-- name (or at once, when the name already fits), or its attempts and verdict. One that differs only in scheme or host
-- brings the copy along, to be compared with the new source; one that returns finds its retired copy again. Everything
-- else is new: pending. Ends with everything refreshed that follows from the rows.
create or replace function listing_mirror.follow_images(p_listing_ids bigint[])
returns void
language plpgsql
security definer
set search_path = ''
set jit = off
set enable_seqscan = off
set enable_nestloop = on
set plan_cache_mode = force_generic_plan
as $$
declare
  v_has_patterns boolean := listing_mirror.has_url_exclusions();
  v_bare bigint[];
begin
    with wanted as materialized (
      select l.id as listing_id, l.dealer_id, e.position, e.source_url, e.problem
      from unnest(p_listing_ids) as n (id)
      join public.listings as l on l.id = n.id
      cross join lateral listing_mirror.image_entries(l.images, l.url) as e
    ),
    -- Positions run without a gap from 0, so what is beyond the last one is what has no image any more.
    lengths as (
      select n.id as listing_id, coalesce(max(w.position) + 1, 0) as images
      from unnest(p_listing_ids) as n (id)
      left join wanted as w on w.listing_id = n.id
      group by n.id
    ),
    removed as (
      delete from public.listing_images as i
      using lengths as n
      where i.listing_id = n.listing_id
        and i.position >= n.images
    ),
    changed as materialized (
      select
        w.listing_id,
        w.dealer_id,
        w.position,
        w.source_url,
        w.problem,
        case
          when v_has_patterns and w.problem is null and w.position < 100
            then listing_mirror.hold_exclusion(listing_mirror.url_exclusion(w.dealer_id, w.source_url))
        end as exclusion_id
      from wanted as w
      left join public.listing_images as k
        on k.listing_id = w.listing_id and k.position = w.position and k.source_url = w.source_url
      where k.position is null
    ),
    placed as materialized (
      select
        c.listing_id,
        c.position,
        c.source_url,
        c.problem,
        c.exclusion_id,
        -- What a verdict was about is this very address only.
        case when (m.image).source_url = c.source_url then m.image end as memory,
        m.image as known,
        r.copy as retired,
        listing_mirror.hold_retired((r.copy).storage_path) as returning_path
      from changed as c
      left join lateral (
        select k as image
        from public.listing_images as k
        where k.listing_id = c.listing_id
          and k.position < 100
          and c.problem is null
          and (
            k.source_url = c.source_url
            or (
              coalesce(k.storage_path, k.copy_from) is not null
              and listing_mirror.picture_key(k.source_url) = listing_mirror.picture_key(c.source_url)
            )
          )
        order by
          (k.source_url = c.source_url) desc,
          (listing_mirror.position_in(coalesce(k.public_url, k.copy_url)) = c.position) desc nulls last,
          (k.state = 'stored') desc,
          (k.copy_from is not null) desc,
          (k.state <> 'pending') desc,
          k.position
        limit 1
      ) as m on true
      left join lateral (
        select t.copy
        from (
          select o as copy
          from public.retired_copies as o
          where o.listing_id = c.listing_id
            and (o.source_url = c.source_url or listing_mirror.picture_key(o.source_url) = listing_mirror.picture_key(c.source_url))
          union all
          select o as copy
          from public.retired_copies as o
          join public.dealers as d on d.id = c.dealer_id
          where o.source_url = c.source_url
            and o.listing_id <> c.listing_id
            and split_part(o.storage_path, '/', 1) = listing_mirror.slugify(d.slug)
        ) as t
        where m.image is null
          and c.problem is null
          and c.exclusion_id is null
          and c.position < 100
          -- A picture that was excluded after it left stays away.
          and not exists (
            select 1
            from public.image_exclusions as x
            where x.sha256 = (t.copy).sha256
              and (x.dealer_id is null or x.dealer_id = c.dealer_id)
          )
        order by ((t.copy).source_url = c.source_url) desc, ((t.copy).listing_id = c.listing_id) desc,
          (listing_mirror.position_in((t.copy).public_url) = c.position) desc, (t.copy).retired_at desc
        limit 1
      ) as r on true
    ),
    told as (
      select
        p.listing_id,
        p.position,
        p.source_url,
        p.memory,
        case
          when p.problem is not null then p.problem
          when p.position > 99 then 'a listing can have 100 copies at most'
          when p.exclusion_id is not null then 'excluded by an operator'
          -- Excluded by its digest, which moves along with it.
          when (p.memory).exclusion_id is not null then (p.memory).error_detail
        end as problem,
        p.problem is not null as is_bad_url,
        case
          when p.problem is null and p.position < 100 then coalesce(p.exclusion_id, (p.memory).exclusion_id)
        end as exclusion_id,
        coalesce((p.known).storage_path, (p.known).copy_from, p.returning_path) as copy_path,
        case
          when (p.known).position is not null then coalesce((p.known).public_url, (p.known).copy_url)
          when p.returning_path is not null then (p.retired).public_url
        end as copy_url,
        (p.known).position is not null or (p.retired).listing_id = p.listing_id as is_own_copy,
        -- Another address than the copy came from: the bytes there may be others.
        case
          when (p.known).position is not null
            then (p.known).source_url <> p.source_url
              or (p.known).recheck_after_copy
              or ((p.known).state = 'stored' and (p.known).due_at is not null)
          else (p.retired).source_url <> p.source_url or (p.retired).was_in_doubt
        end as is_in_doubt,
        case
          when (p.known).position is not null then (p.known).source_url = p.source_url
          else (p.retired).source_url = p.source_url
        end as is_same_address,
        case when (p.known).position is not null then (p.known).content_type else (p.retired).content_type end as content_type,
        case when (p.known).position is not null then (p.known).bytes else (p.retired).bytes end as bytes,
        case when (p.known).position is not null then (p.known).width else (p.retired).width end as width,
        case when (p.known).position is not null then (p.known).height else (p.retired).height end as height,
        case when (p.known).position is not null then (p.known).sha256 else (p.retired).sha256 end as sha256,
        case when (p.known).position is not null then (p.known).placeholder else (p.retired).placeholder end as placeholder,
        case when (p.known).position is not null then (p.known).average_color else (p.retired).average_color end
          as average_color,
        case when (p.known).position is not null then (p.known).phash else (p.retired).phash end as phash,
        case when (p.known).position is not null then (p.known).defect else (p.retired).defect end as defect,
        case when (p.known).position is not null then (p.known).stored_at else (p.retired).stored_at end as stored_at,
        case when (p.known).position is not null then (p.known).etag else (p.retired).etag end as etag,
        case when (p.known).position is not null then (p.known).last_modified else (p.retired).last_modified end
          as last_modified
      from placed as p
    ),
    decided as (
      select
        t.*,
        case
          when t.problem is not null then 'rejected'::public.image_state
          when t.copy_path is not null and t.is_own_copy
            and listing_mirror.position_in(t.copy_url) = t.position then 'stored'
          when t.copy_path is not null or (t.memory).state is null then 'pending'
          else (t.memory).state
        end as state,
        t.problem is null and t.copy_path is null as keeps_verdict
      from told as t
    )
    insert into public.listing_images as i (
      listing_id, position, source_url, state, error_kind, error_detail, http_status, attempts, absences,
      first_absent_at, due_at, storage_path, public_url, content_type, bytes, width, height, sha256, placeholder,
      average_color, phash, defect, stored_at, etag, last_modified, copy_from, copy_url, recheck_after_copy,
      exclusion_id, created_at, damaged_sha256, damaged_at, keep_at
    )
    select
      d.listing_id,
      d.position,
      d.source_url,
      d.state,
      case
        when d.is_bad_url then 'bad_url'::public.image_error_kind
        when d.problem is not null then 'other'
        when d.keeps_verdict then (d.memory).error_kind
      end,
      case
        when d.problem is not null then d.problem
        when d.keeps_verdict then (d.memory).error_detail
      end,
      case when d.keeps_verdict then (d.memory).http_status end,
      case when d.keeps_verdict then coalesce((d.memory).attempts, 0) else 0 end,
      case when d.keeps_verdict then coalesce((d.memory).absences, 0) else 0 end,
      case when d.keeps_verdict then (d.memory).first_absent_at end,
      case
        when d.state = 'pending' and d.copy_path is not null then now()
        when d.state = 'pending' then coalesce((d.memory).due_at, now())
        when d.state = 'failed' then (d.memory).due_at
        when d.state = 'stored' and d.is_in_doubt then now()
      end,
      case when d.state = 'stored' then d.copy_path end,
      case when d.state = 'stored' then d.copy_url end,
      case when d.problem is null then d.content_type end,
      case when d.problem is null then d.bytes end,
      case when d.problem is null then d.width end,
      case when d.problem is null then d.height end,
      case when d.problem is null or d.exclusion_id is not null then d.sha256 end,
      case when d.problem is null then d.placeholder end,
      case when d.problem is null then d.average_color end,
      case when d.problem is null then d.phash end,
      case when d.problem is null and d.copy_path is not null then d.defect end,
      case when d.state = 'stored' then coalesce(d.stored_at, now()) end,
      -- What a server calls its file says nothing about another server's.
      case when d.problem is null and d.is_same_address then d.etag end,
      case when d.problem is null and d.is_same_address then d.last_modified end,
      case when d.state = 'pending' then d.copy_path end,
      case when d.state = 'pending' then d.copy_url end,
      d.state = 'pending' and d.copy_path is not null and d.is_in_doubt,
      d.exclusion_id,
      now(),
      case when d.keeps_verdict then (d.memory).damaged_sha256 end,
      case when d.keeps_verdict then (d.memory).damaged_at end,
      case when d.keeps_verdict then (d.memory).keep_at end
    from decided as d
    on conflict (listing_id, position) do update
    set
      source_url = excluded.source_url,
      state = excluded.state,
      error_kind = excluded.error_kind,
      error_detail = excluded.error_detail,
      http_status = excluded.http_status,
      attempts = excluded.attempts,
      absences = excluded.absences,
      first_absent_at = excluded.first_absent_at,
      due_at = excluded.due_at,
      storage_path = excluded.storage_path,
      public_url = excluded.public_url,
      content_type = excluded.content_type,
      bytes = excluded.bytes,
      width = excluded.width,
      height = excluded.height,
      sha256 = excluded.sha256,
      placeholder = excluded.placeholder,
      average_color = excluded.average_color,
      phash = excluded.phash,
      defect = excluded.defect,
      damaged_sha256 = excluded.damaged_sha256,
      damaged_at = excluded.damaged_at,
      keep_at = excluded.keep_at,
      stored_at = excluded.stored_at,
      etag = excluded.etag,
      last_modified = excluded.last_modified,
      copy_from = excluded.copy_from,
      copy_url = excluded.copy_url,
      recheck_after_copy = excluded.recheck_after_copy,
      exclusion_id = excluded.exclusion_id,
      settled_by = null,
      created_at = excluded.created_at;

    -- Without any row there is nothing whose change would do it.
    v_bare := array(
      select n.id
      from unnest(p_listing_ids) as n (id)
      where not exists (select 1 from public.listing_images as i where i.listing_id = n.id)
    );
    if cardinality(v_bare) > 0 then
      perform listing_mirror.refresh(v_bare);
    end if;
end $$;

-- ------------------------------------------------------------------------------------------------------ copies_of
-- Called by: follow_listings, is_behind.
--
-- What stored_images must be: the public URLs of the stored copies, by position.
create or replace function listing_mirror.copies_of(p_listing_id bigint)
returns jsonb
language sql
stable
as $$
  select coalesce(jsonb_agg(i.public_url order by i.position), '[]'::jsonb)
  from public.listing_images as i
  where i.listing_id = p_listing_id
    and i.state = 'stored';
$$;

-- -------------------------------------------------------------------------------------------------- follow_copies
-- Called by: follow_listings.
--
-- Somebody other than us wrote stored_images (an older uploader, an admin who cleared it): the list is taken
-- at its word. A copy it names is stored, a copy it no longer names is due again.
create or replace function listing_mirror.follow_copies(p_listing_ids bigint[])
returns void
language plpgsql
security definer
set search_path = ''
set jit = off
set enable_seqscan = off
set enable_nestloop = on
set plan_cache_mode = force_generic_plan
as $$
begin
    with named as materialized (
      select l.id as listing_id, c.position, c.storage_path, c.public_url
      from unnest(p_listing_ids) as n (id)
      join public.listings as l on l.id = n.id
      cross join lateral listing_mirror.copy_entries(l.stored_images) as c
      where c.position is not null
        and not c.is_spare
    )
    update public.listing_images as i
    set
      state = case when c.position is null then 'pending'::public.image_state else 'stored' end,
      storage_path = case when c.position is not null then c.storage_path end,
      public_url = case when c.position is not null then c.public_url end,
      stored_at = case when c.position is not null then now() end,
      due_at = case when c.position is null then now() end,
      content_type = null,
      bytes = null,
      width = null,
      height = null,
      sha256 = null,
      placeholder = null,
      average_color = null,
      phash = null,
      defect = null,
      damaged_sha256 = null,
      damaged_at = null,
      etag = null,
      last_modified = null,
      error_kind = null,
      error_detail = null,
      http_status = null,
      attempts = 0,
      absences = 0,
      first_absent_at = null,
      copy_from = null,
      copy_url = null,
      recheck_after_copy = false
    from public.listing_images as mine
    left join named as c on c.listing_id = mine.listing_id and c.position = mine.position
    where mine.listing_id = any (p_listing_ids)
      and i.listing_id = mine.listing_id
      and i.position = mine.position
      and listing_mirror.may_be_retried(mine)
      and case
        when mine.state = 'stored' then mine.public_url is distinct from c.public_url
        else c.position is not null
      end;

    -- He may have overwritten a copy under its old name, which another address was to be copied from.
    update public.listing_images as i
    set copy_from = null, copy_url = null, recheck_after_copy = false
    from public.listing_images as written
    where i.listing_id = any (p_listing_ids)
      and written.listing_id = i.listing_id
      and i.copy_from = written.storage_path
      and i.source_url <> written.source_url;
end $$;
