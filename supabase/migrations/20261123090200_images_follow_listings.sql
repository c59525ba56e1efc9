-- The database queues the work: whoever writes listings.images, listing_images follows in the same statement.
--
-- Order of locks everywhere: the listing, then its row in image_queue, then its rows in listing_images.
-- Side effects live in AFTER triggers only: an upsert fires BEFORE INSERT triggers even when it ends as an update.
-- Small functions that compute or look up have no search_path of their own (their callers have), so that Postgres can
-- put them into a query and plan as if their text stood there.

-- ------------------------------------------------------------------------------- reading the columns

-- One row an entry of listings.images, in page order. Never raises, whatever the value holds.
-- problem says why an entry can not be an image's address; null means it can.
create or replace function listing_mirror.image_entries(p_images jsonb)
returns table ("position" integer, source_url text, problem text)
language sql
immutable
as $$
  with entries as (
    select
      (e.ordinality - 1)::integer as entry_position,
      jsonb_typeof(e.value) as kind,
      btrim(e.value #>> '{}', E' \t\r\n\f\u00a0\u3000\ufeff') as entry
    from jsonb_array_elements(
      case when jsonb_typeof(p_images) = 'array' then p_images else '[]'::jsonb end
    ) with ordinality as e
  )
  select
    n.entry_position,
    left(coalesce(n.entry, 'null'), 2048),
    case
      when n.kind = 'null' then 'the entry is null'
      when n.kind <> 'string' then 'the entry is no text but of type ' || n.kind
      when n.entry = '' then 'the entry is empty'
      when length(n.entry) > 2048 then 'the address is longer than 2048 characters'
      when n.entry !~* '^https?://' then 'not an absolute http or https address'
      when n.entry !~* '^https?://[^/?#\s\\]' then 'the address names no host'
      when n.entry ~ '[\u0001-\u001f\u007f]' then 'the address holds control characters'
    end
  from entries as n;
$$;

-- The host of an address as the runners name it: lower case, without user, with the port only where it is odd;
-- null when there is none.
create or replace function listing_mirror.host_of(p_url text)
returns text
language sql
immutable
as $$
  select lower(regexp_replace(
    substring(p_url from '^[A-Za-z]+://(?:[^/?#@]*@)?((?:\[[^\]/?#]*\]|[^/?#:\\]+)(?::[0-9]+)?)'),
    ':(?:80|443)$',
    ''
  ));
$$;

-- The position a copy's name carries: the two digits before its extension; null when it carries none.
create or replace function listing_mirror.position_in(p_name text)
returns integer
language sql
immutable
as $$
  select substring(p_name from '/([0-9]{2})\.[A-Za-z]+$')::integer;
$$;

-- Do browsers show a copy of this name? Older uploaders stored TIFF and BMP as they came.
create or replace function listing_mirror.is_shown(p_name text)
returns boolean
language sql
immutable
as $$
  select p_name ~* '\.(jpe?g|png|gif|webp|avif)$';
$$;

-- The object's name within its bucket, from a public URL on any host: what follows /object/public/{bucket}/.
create or replace function listing_mirror.path_in(p_public_url text)
returns text
language sql
immutable
as $$
  select coalesce(
    substring(p_public_url from '/object/(?:public/|sign/|authenticated/)?[^/]+/(.+)$'),
    substring(p_public_url from '^[A-Za-z]+://[^/]+/(?:.*/)?([^/]+/L[0-9]+/(?:[0-9a-f]+/)?[^/]+)$'),
    substring(p_public_url from '^[A-Za-z]+://[^/]+/(.+)$'),
    p_public_url
  );
$$;

-- The copies listed in stored_images, each with the position its name carries.
-- Of several for one position the last one counts (is_spare marks the others); position null: no name of ours.
-- A name too long for an index (and for any storage) would make the writer's statement fail, so it is none of ours.
create or replace function listing_mirror.copy_entries(p_stored_images jsonb)
returns table (ordinal integer, "position" integer, public_url text, storage_path text, is_spare boolean)
language sql
immutable
as $$
  with entries as (
    select
      e.ordinality::integer as ordinal,
      case when jsonb_typeof(e.value) = 'string' then e.value #>> '{}' end as url,
      e.value
    from jsonb_array_elements(
      case when jsonb_typeof(p_stored_images) = 'array' then p_stored_images else '[]'::jsonb end
    ) with ordinality as e
  ),
  placed as (
    select
      n.ordinal,
      case when octet_length(n.url) <= 2000 then listing_mirror.position_in(n.url) end as place,
      coalesce(n.url, n.value::text) as url
    from entries as n
  )
  select
    p.ordinal,
    p.place,
    p.url,
    listing_mirror.path_in(p.url),
    p.place is not null
      and row_number() over (partition by p.place order by p.ordinal desc) > 1
  from placed as p;
$$;

-- Sold, on hold or no longer found: its pictures may vanish soon, so they go first.
-- (A project's own status may be an enum.)
create or replace function listing_mirror.may_vanish(p_listing public.listings)
returns boolean
language sql
immutable
as $$
  select coalesce(p_listing.is_sold, false)
    or not coalesce(p_listing.page_exists, true)
    or coalesce(p_listing.consecutive_404_count, 0) > 0
    or lower(coalesce(p_listing.status::text, '')) in ('reserved', 'hold', 'sold', 'presumed_sold', 'withdrawn', 'expired', 'delisted');
$$;

-- A pattern is plain text found anywhere in the URL, '*' in it stands for any run of characters.
create or replace function listing_mirror.like_pattern(p_pattern text)
returns text
language sql
immutable
as $$
  select '%' || replace(replace(replace(replace(
    p_pattern, '\', '\\'), '%', '\%'), '_', '\_'), '*', '%') || '%';
$$;

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

-- The same exclusion, held so that nobody takes it back before we commit; null when somebody just did. A row that
-- named it then would make the writer's statement fail.
create or replace function listing_mirror.hold_exclusion(p_id bigint)
returns bigint
language sql
strict
as $$
  select x.id from public.image_exclusions as x where x.id = p_id for key share;
$$;

-- ------------------------------------------------------------------------------ what follows from rows

-- Everything derived from the rows of listing_images, for the given listings: their place in the queue,
-- stored_images, images_upload_status and the error text. A column is written only when its value differs,
-- because the frontend resets crops and covers whenever stored_images is written.
-- A session keeps the plan it made when the tables were still empty, hence no sequential scan; without the second
-- setting it would plan anew for each listing, which takes five times as long as the work itself.
create or replace function listing_mirror.refresh(p_listing_ids bigint[])
returns void
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_listing record;
  v_has_no_copies boolean;
  v_status public.listings.images_upload_status%type; -- text with us, perhaps an enum in an older project
begin
  for v_listing in
    with counted as (
      select
        i.listing_id,
        count(*) as total,
        count(*) filter (where i.state = 'stored') as stored,
        count(*) filter (where i.state = 'pending') as pending,
        count(*) filter (where i.state = 'failed' and i.due_at is not null) as repeats,
        min(i.due_at) as next_due_at,
        count(*) filter (
          where i.state in ('failed', 'gone', 'rejected') and listing_mirror.may_be_retried(i)
        ) as retryable,
        jsonb_agg(i.public_url order by i.position) filter (where i.state = 'stored') as stored_images,
        max(i.stored_at) filter (where i.state = 'stored') as stored_at
      from public.listing_images as i
      where i.listing_id = any (p_listing_ids)
      group by i.listing_id
    ),
    reasons as (
      select r.listing_id, string_agg(r.reason, ', ' order by r.images desc, r.reason) as error
      from (
        select i.listing_id, coalesce(i.error_kind::text, i.state::text) || ': ' || count(*) as reason, count(*) as images
        from public.listing_images as i
        where i.listing_id = any (p_listing_ids)
          and i.state in ('failed', 'gone', 'rejected')
        group by i.listing_id, coalesce(i.error_kind::text, i.state::text)
      ) as r
      group by r.listing_id
    )
    select
      l.id,
      coalesce(l.dealer_id, 0) as dealer_id,
      l.stored_images as old_stored_images,
      l.images_upload_status as old_status,
      l.images_upload_error as old_error,
      listing_mirror.priority_of(
        coalesce(c.pending, 0) > 0,
        coalesce(c.repeats, 0) > 0,
        listing_mirror.may_vanish(l)
      ) as priority,
      c.next_due_at,
      coalesce(c.retryable, 0) > 0 as has_retryable,
      coalesce(c.stored_images, '[]'::jsonb) as stored_images,
      c.stored_at,
      r.error,
      case
        when c.pending > 0 then 'pending'
        when coalesce(c.stored, 0) = coalesce(c.total, 0) then 'completed'
        when c.stored > 0 then 'partial'
        else 'failed'
      end as status
    from public.listings as l
    left join counted as c on c.listing_id = l.id
    left join reasons as r on r.listing_id = l.id
    where l.id = any (p_listing_ids)
      and listing_mirror.is_ours(l)
    order by l.id
  loop
    update public.image_queue as q
    set
      dealer_id = v_listing.dealer_id,
      next_due_at = v_listing.next_due_at,
      priority = v_listing.priority,
      is_retryable = v_listing.has_retryable and v_listing.status in ('partial', 'failed')
    where q.listing_id = v_listing.id
      and (q.dealer_id, q.next_due_at, q.priority, q.is_retryable) is distinct from (
        v_listing.dealer_id,
        v_listing.next_due_at,
        v_listing.priority,
        v_listing.has_retryable and v_listing.status in ('partial', 'failed')
      );

    v_status := v_listing.status;

    -- No list at all and an empty list mean the same; neither is rewritten as the other.
    v_has_no_copies := v_listing.old_stored_images is null
      or v_listing.old_stored_images in ('null'::jsonb, '[]'::jsonb);
    if v_listing.stored_images is distinct from (
      case when v_has_no_copies then '[]'::jsonb else v_listing.old_stored_images end
    ) then
      update public.listings as l
      set
        stored_images = v_listing.stored_images,
        images_stored_at = v_listing.stored_at,
        images_upload_status = v_status,
        images_upload_error = v_listing.error
      where l.id = v_listing.id;
    elsif (v_listing.old_status, v_listing.old_error) is distinct from (v_status, v_listing.error) then
      update public.listings as l
      set
        images_upload_status = v_status,
        images_upload_error = v_listing.error
      where l.id = v_listing.id;
    end if;
  end loop;
end $$;

create or replace function listing_mirror.priority_of(p_never_tried boolean, p_has_repeats boolean, p_may_vanish boolean)
returns smallint
language sql
immutable
as $$
  select (
    case when p_never_tried then 0 when p_has_repeats then 2 else 4 end
    + case when p_may_vanish then 0 else 1 end
  )::smallint;
$$;

-- Locks these listings and their rows in the queue, in the order of locks, and says which. At most p_limit (null: all);
-- those that somebody is writing at this moment are passed over.
create or replace function listing_mirror.lock_listings(p_listing_ids bigint[], p_limit integer)
returns bigint[]
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_locked bigint[];
begin
  select array_agg(k.id) into v_locked
  from (
    select l.id
    from public.listings as l
    where l.id = any (p_listing_ids)
    order by l.id
    limit p_limit
    for no key update skip locked
  ) as k;
  select array_agg(k.listing_id) into v_locked
  from (
    select q.listing_id
    from public.image_queue as q
    where q.listing_id = any (v_locked)
    order by q.listing_id
    for update skip locked
  ) as k;
  return coalesce(v_locked, '{}');
end $$;

-- What --retry-failed may take: everything that is not impossible by its very address, place or exclusion.
create or replace function listing_mirror.may_be_retried(p_image public.listing_images)
returns boolean
language sql
immutable
as $$
  select p_image.position < 100
    and p_image.error_kind is distinct from 'bad_url'
    and p_image.exclusion_id is null;
$$;

-- Anybody's change of listing_images, an operator's SQL included, keeps what is derived from it true.
create or replace function listing_mirror.refresh_changed()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_listing_ids bigint[];
begin
  select array_agg(distinct c.listing_id) into v_listing_ids from changed as c;
  if v_listing_ids is not null then
    perform listing_mirror.refresh(v_listing_ids);
  end if;
  return null;
end $$;

drop trigger if exists listing_mirror_inserted on public.listing_images;
create trigger listing_mirror_inserted
  after insert on public.listing_images
  referencing new table as changed
  for each statement execute function listing_mirror.refresh_changed();

drop trigger if exists listing_mirror_updated on public.listing_images;
create trigger listing_mirror_updated
  after update on public.listing_images
  referencing new table as changed
  for each statement execute function listing_mirror.refresh_changed();

drop trigger if exists listing_mirror_deleted on public.listing_images;
create trigger listing_mirror_deleted
  after delete on public.listing_images
  referencing old table as changed
  for each statement execute function listing_mirror.refresh_changed();

-- ------------------------------------------------------------------------------ what follows from images

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

create or replace function listing_mirror.listing_written()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_is_new boolean;
  v_is_refreshed boolean := false;
begin
  if not listing_mirror.is_ours(new) then
    delete from public.image_queue as q where q.listing_id = new.id;
    delete from public.listing_images as i where i.listing_id = new.id;
    return null;
  end if;

  insert into public.image_queue as q (listing_id, dealer_id)
  values (new.id, coalesce(new.dealer_id, 0))
  on conflict (listing_id) do nothing
  returning true into v_is_new;

  if v_is_new and tg_op = 'INSERT' then
    v_is_refreshed := listing_mirror.adopt(
      new.id, new.dealer_id, new.images, new.stored_images, new.images_stored_at
    );
  elsif v_is_new then
    -- The first change of a listing that was here before us: its copies belong to the images it had.
    v_is_refreshed := listing_mirror.adopt(
      new.id,
      new.dealer_id,
      old.images,
      case when new.images is distinct from old.images then old.stored_images else new.stored_images end,
      old.images_stored_at
    );
  else
    perform 1 from public.image_queue as q where q.listing_id = new.id for update;
  end if;

  if tg_op = 'UPDATE' then
    if new.images is distinct from old.images then
      v_is_refreshed := listing_mirror.follow_images(new.id, new.dealer_id, new.images);
    elsif new.stored_images is distinct from old.stored_images and not v_is_new is true then
      perform listing_mirror.follow_copies(new.id, new.stored_images)
      where new.stored_images is distinct from listing_mirror.copies_of(new.id);
    end if;
  end if;

  if not v_is_refreshed then
    perform listing_mirror.refresh(array[new.id::bigint]);
  end if;
  return null;
end $$;

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

drop trigger if exists listing_mirror_new_images on public.listings;
create trigger listing_mirror_new_images
  after insert on public.listings
  for each row execute function listing_mirror.listing_written();

-- Compared by value and not by column list: another trigger may have changed images on the way in.
drop trigger if exists listing_mirror_changed_images on public.listings;
create trigger listing_mirror_changed_images
  after update on public.listings
  for each row
  when (
    new.images is distinct from old.images
    or new.stored_images is distinct from old.stored_images
    or new.images_upload_status is distinct from old.images_upload_status
  )
  execute function listing_mirror.listing_written();

-- A listing that becomes a dealer's own leaves the mirror as it is, one that becomes ours is adopted.
do $$
begin
  drop trigger if exists listing_mirror_given on public.listings;
  if exists (
    select 1
    from pg_catalog.pg_attribute as a
    where a.attrelid = 'public.listings'::regclass
      and a.attname = 'source'
      and not a.attisdropped
  ) then
    create trigger listing_mirror_given
      after update on public.listings
      for each row
      when (new.source is distinct from old.source)
      execute function listing_mirror.listing_written();
  end if;
end $$;

-- A listing that is sold, lost or given to another dealer changes its place in the queue, nothing else.
create or replace function listing_mirror.listing_moved()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  update public.image_queue as q
  set
    dealer_id = coalesce(new.dealer_id, 0),
    priority = m.priority
  from (
    select
      o.listing_id,
      listing_mirror.priority_of(
        o.priority < 2,
        o.priority < 4,
        listing_mirror.may_vanish(new)
      ) as priority
    from public.image_queue as o
    where o.listing_id = new.id
  ) as m
  where q.listing_id = m.listing_id
    and (q.dealer_id, q.priority) is distinct from (coalesce(new.dealer_id, 0)::bigint, m.priority);
  return null;
end $$;

drop trigger if exists listing_mirror_moved on public.listings;
create trigger listing_mirror_moved
  after update on public.listings
  for each row
  when (
    new.dealer_id is distinct from old.dealer_id
    or new.status is distinct from old.status
    or new.is_sold is distinct from old.is_sold
    or new.page_exists is distinct from old.page_exists
    or new.consecutive_404_count is distinct from old.consecutive_404_count
  )
  execute function listing_mirror.listing_moved();

-- ------------------------------------------------------------------------------------- the same page, another item

-- The words of a title: runs of Latin letters and digits, and each Japanese character by itself.
create or replace function listing_mirror.words_of(p_title text)
returns text[]
language sql
immutable
as $$
  select coalesce(array_agg(distinct w.word[1]), '{}')
  from regexp_matches(lower(left(p_title, 1000)), '[a-z0-9]{2,}|[\u3040-\u30ff\u4e00-\u9fff]', 'g') as w (word);
$$;

-- Whether a title has hardly a word in common with the one before (less than a third of the shorter one's), or
-- words of it were replaced and the price was too: "Katana, Kanesada, NBTHK Hozon" and "Katana, Tadayoshi, NBTHK
-- Hozon" share most words. A word that is only added ("SOLD") makes no other item.
create or replace function listing_mirror.is_another_item(p_before text, p_now text, p_has_new_price boolean)
returns boolean
language sql
immutable
as $$
  select cardinality(b.words) > 0
    and cardinality(n.words) > 0
    and (
      (select count(*) from unnest(b.words) as w (word) where w.word = any (n.words))
        < 0.34 * least(cardinality(b.words), cardinality(n.words))
      or (p_has_new_price and not b.words <@ n.words and not n.words <@ b.words)
    )
  from (select listing_mirror.words_of(p_before) as words) as b
  cross join (select listing_mirror.words_of(p_now) as words) as n;
$$;

-- Dealers put another item on a page they had, and its photographs under the addresses of the old ones. So the
-- copies that stayed are compared with their source again, shown as before until then, and what was found out
-- about the others (gone, not an image) was about the old item.
create or replace function listing_mirror.listing_renamed()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  if listing_mirror.is_ours(new)
    and listing_mirror.is_another_item(
      old.title, new.title, new.price_value is distinct from old.price_value
    )
  then
    perform 1 from public.image_queue as q where q.listing_id = new.id for update;
    update public.listing_images as i
    set
      state = case when i.state = 'stored' then i.state else 'pending' end,
      error_kind = null,
      error_detail = null,
      http_status = null,
      attempts = 0,
      absences = 0,
      first_absent_at = null,
      -- Later than any claim there is, whenever this transaction began: see apply_results.
      due_at = clock_timestamp(),
      -- A date alone proves nothing here: the new item's photograph may be the older file.
      last_modified = null,
      copy_from = null,
      copy_url = null,
      recheck_after_copy = false
    where i.listing_id = new.id
      and listing_mirror.may_be_retried(i);
  end if;
  return null;
end $$;

-- Named to come after the triggers above: only what is still stored then stayed.
drop trigger if exists listing_mirror_renamed on public.listings;
create trigger listing_mirror_renamed
  after update on public.listings
  for each row
  when (new.title is distinct from old.title)
  execute function listing_mirror.listing_renamed();
