-- How the rows of listing_images follow a listing's images and stored_images.

-- ---------------------------------------------------------------------------------------------------------- adopt
-- Called by: listing_written, adopt_listings.
--
-- Rows for a listing that has none yet: its images, each with the copy whose name carries its position. A copy
-- that browsers cannot show is due for a re-check: its source is fetched and converted, and until then it stays.
-- True when it wrote a row; the trigger on listing_images has then refreshed what follows from them.
create or replace function listing_mirror.adopt(p_listing_id bigint, p_dealer_id bigint, p_images jsonb, p_stored_images jsonb, p_stored_at timestamptz)
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
begin
    with entries as materialized (
      select
        e.position,
        e.source_url,
        e.problem,
        c.storage_path,
        c.public_url,
        listing_mirror.hold_exclusion(listing_mirror.url_exclusion(p_dealer_id, e.source_url)) as exclusion_id
      from listing_mirror.image_entries(p_images) as e
      left join listing_mirror.copy_entries(p_stored_images) as c
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
    )
    insert into public.listing_images (
      listing_id, position, source_url, state, error_kind, error_detail, due_at,
      storage_path, public_url, stored_at, exclusion_id
    )
    select
      p_listing_id,
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
      end,
      case
        when d.state = 'pending' then now()
        when d.state = 'stored' and not listing_mirror.is_shown(d.storage_path) then now()
      end,
      case when d.state = 'stored' then d.storage_path end,
      case when d.state = 'stored' then d.public_url end,
      case when d.state = 'stored' then coalesce(p_stored_at, now()) end,
      case when d.problem is null and d.position < 100 then d.exclusion_id end
    from decided as d
    on conflict (listing_id, position) do nothing;
    return found;
end $$;

-- -------------------------------------------------------------------------------------------------- follow_images
-- Called by: listing_written, adopt_listings.
--
-- Brings the rows of one listing in line with its images. A row whose URL stands where it stood keeps everything.
-- A URL that moved brings along what is known of it: its copy, to be copied inside the bucket under its new
-- name (or at once, when the name already fits), or its attempts and verdict. Everything else is new: pending.
-- True when it wrote a row.
create or replace function listing_mirror.follow_images(p_listing_id bigint, p_dealer_id bigint, p_images jsonb)
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
begin
    with known as (
      select i.*
      from public.listing_images as i
      where i.listing_id = p_listing_id
    ),
    wanted as (
      select e.position, e.source_url, e.problem
      from listing_mirror.image_entries(p_images) as e
    ),
    removed as (
      delete from public.listing_images as i
      where i.listing_id = p_listing_id
        and not exists (select 1 from wanted as w where w.position = i.position)
    ),
    changed as materialized (
      select
        w.position,
        w.source_url,
        w.problem,
        case
          when w.problem is null and w.position < 100
            then listing_mirror.hold_exclusion(listing_mirror.url_exclusion(p_dealer_id, w.source_url))
        end as exclusion_id
      from wanted as w
      left join known as k on k.position = w.position and k.source_url = w.source_url
      where k.position is null
    ),
    placed as (
      select
        c.position,
        c.source_url,
        m as memory,
        case
          when c.problem is not null then c.problem
          when c.position > 99 then 'a listing can have 100 copies at most'
          when c.exclusion_id is not null then 'excluded by an operator'
          -- Excluded by its digest, which moves along with it.
          when m.exclusion_id is not null then m.error_detail
        end as problem,
        c.problem is not null as is_bad_url,
        case when c.problem is null and c.position < 100 then coalesce(c.exclusion_id, m.exclusion_id) end as exclusion_id,
        coalesce(m.storage_path, m.copy_from) as copy_path,
        coalesce(m.public_url, m.copy_url) as copy_url,
        listing_mirror.position_in(coalesce(m.public_url, m.copy_url)) = c.position as fits
      from changed as c
      left join lateral (
        select k.*
        from known as k
        where k.source_url = c.source_url
          and k.position < 100
        order by
          (listing_mirror.position_in(coalesce(k.public_url, k.copy_url)) = c.position) desc nulls last,
          (k.state = 'stored') desc,
          (k.copy_from is not null) desc,
          (k.state <> 'pending') desc,
          k.position
        limit 1
      ) as m on true
    ),
    decided as (
      select
        p.*,
        case
          when p.problem is not null then 'rejected'::public.image_state
          when p.fits then 'stored'
          when p.copy_path is not null or (p.memory).state is null then 'pending'
          else (p.memory).state
        end as state
      from placed as p
    )
    insert into public.listing_images as i (
      listing_id, position, source_url, state, error_kind, error_detail, http_status, attempts, absences,
      first_absent_at, due_at, storage_path, public_url, content_type, bytes, width, height, sha256, stored_at,
      etag, last_modified, copy_from, copy_url, recheck_after_copy, exclusion_id, created_at
    )
    select
      p_listing_id,
      d.position,
      d.source_url,
      d.state,
      case
        when d.is_bad_url then 'bad_url'::public.image_error_kind
        when d.problem is not null then 'other'
        when d.copy_path is null then (d.memory).error_kind
      end,
      case
        when d.problem is not null then d.problem
        when d.copy_path is null then (d.memory).error_detail
      end,
      case when d.problem is null and d.copy_path is null then (d.memory).http_status end,
      case when d.problem is null and d.copy_path is null then coalesce((d.memory).attempts, 0) else 0 end,
      case when d.problem is null and d.copy_path is null then coalesce((d.memory).absences, 0) else 0 end,
      case when d.problem is null and d.copy_path is null then (d.memory).first_absent_at end,
      case
        when d.state = 'pending' and d.copy_path is not null then now()
        when d.state = 'pending' then coalesce((d.memory).due_at, now())
        when d.state = 'failed' then (d.memory).due_at
        when d.state = 'stored' and (d.memory).recheck_after_copy then now()
        when d.state = 'stored' and (d.memory).state = 'stored' then (d.memory).due_at
      end,
      case when d.state = 'stored' then d.copy_path end,
      case when d.state = 'stored' then d.copy_url end,
      case when d.problem is null then (d.memory).content_type end,
      case when d.problem is null then (d.memory).bytes end,
      case when d.problem is null then (d.memory).width end,
      case when d.problem is null then (d.memory).height end,
      case when d.problem is null or d.exclusion_id is not null then (d.memory).sha256 end,
      case when d.state = 'stored' then coalesce((d.memory).stored_at, now()) end,
      case when d.problem is null then (d.memory).etag end,
      case when d.problem is null then (d.memory).last_modified end,
      case when d.state = 'pending' then d.copy_path end,
      case when d.state = 'pending' then d.copy_url end,
      d.state = 'pending' and d.copy_path is not null and (
        (d.memory).recheck_after_copy or ((d.memory).state = 'stored' and (d.memory).due_at is not null)
      ),
      d.exclusion_id,
      now()
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
      stored_at = excluded.stored_at,
      etag = excluded.etag,
      last_modified = excluded.last_modified,
      copy_from = excluded.copy_from,
      copy_url = excluded.copy_url,
      recheck_after_copy = excluded.recheck_after_copy,
      exclusion_id = excluded.exclusion_id,
      created_at = excluded.created_at;
    return found;
end $$;

-- ------------------------------------------------------------------------------------------------------ copies_of
-- Called by: listing_written, is_behind.
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
-- Called by: listing_written.
--
-- Somebody other than us wrote stored_images (an older uploader, an admin who cleared it): the list is taken
-- at its word. A copy it names is stored, a copy it no longer names is due again.
create or replace function listing_mirror.follow_copies(p_listing_id bigint, p_stored_images jsonb)
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
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
    left join listing_mirror.copy_entries(p_stored_images) as c
      on c.position = mine.position and not c.is_spare
    where mine.listing_id = p_listing_id
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
    where i.listing_id = p_listing_id
      and written.listing_id = p_listing_id
      and i.copy_from = written.storage_path
      and i.source_url <> written.source_url;
end $$;
