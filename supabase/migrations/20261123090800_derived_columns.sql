-- What follows from the rows of listing_images: a listing's place in the queue, stored_images and its status.
--
-- Order of locks everywhere: the listing, then its row in image_queue, then its rows in listing_images.

-- ---------------------------------------------------------------------------------------------------- priority_of
-- Called by: queue_anew.
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

-- ------------------------------------------------------------------------------------------------- may_be_retried
-- Called by: queue_anew, is_wanted, apply_results, follow_copies, listing_renamed, doubt_images,
-- preview_exclusion, exclude_image, keep_images.
--
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

-- ----------------------------------------------------------------------------------------------------- queue_anew
-- Called by: refresh, listings_updated.
--
-- The places of these listings in the queue, from the rows of their images: one for the listing, one for each host.
create or replace function listing_mirror.queue_anew(p_listing_ids bigint[])
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
  -- The listing's place first, as whoever claims it does: the two can not lock each other out.
  perform 1
  from public.image_queue as q
  where q.listing_id = any (p_listing_ids)
  order by q.listing_id
  for update;

  with counted as (
    select
      i.listing_id,
      count(*) filter (where i.state = 'pending') as pending,
      count(*) filter (where i.state = 'failed' and i.due_at is not null) as repeats,
      min(i.due_at) as next_due_at,
      count(*) filter (
        where i.state in ('failed', 'gone', 'rejected') and listing_mirror.may_be_retried(i)
      ) as retryable
    from public.listing_images as i
    where i.listing_id = any (p_listing_ids)
    group by i.listing_id
  ),
  places as (
    select
      l.id as listing_id,
      coalesce(l.dealer_id, 0)::bigint as dealer_id,
      c.next_due_at,
      listing_mirror.priority_of(
        coalesce(c.pending, 0) > 0, coalesce(c.repeats, 0) > 0, listing_mirror.may_vanish(l)
      ) as priority,
      coalesce(c.retryable, 0) > 0 as is_retryable
    from public.listings as l
    left join counted as c on c.listing_id = l.id
    where l.id = any (p_listing_ids)
  )
  update public.image_queue as q
  set
    dealer_id = p.dealer_id,
    next_due_at = p.next_due_at,
    priority = p.priority,
    is_retryable = p.is_retryable
  from places as p
  where q.listing_id = p.listing_id
    and (q.dealer_id, q.next_due_at, q.priority, q.is_retryable)
      is distinct from (p.dealer_id, p.next_due_at, p.priority, p.is_retryable);

  with lanes as materialized (
    select
      i.listing_id,
      case
        when i.copy_from is not null then ''
        else coalesce(listing_mirror.host_of(i.source_url), '')
      end as host,
      bool_or(i.state = 'pending') as never_tried,
      bool_or(i.state = 'failed' and i.due_at is not null) as has_repeats,
      min(i.due_at) as next_due_at,
      bool_or(i.state in ('failed', 'gone', 'rejected') and listing_mirror.may_be_retried(i)) as is_retryable,
      count(*) filter (where i.state in ('pending', 'failed') and i.due_at is not null) as waiting
    from public.listing_images as i
    where i.listing_id = any (p_listing_ids)
      and (
        i.due_at is not null
        or (i.state in ('failed', 'gone', 'rejected') and listing_mirror.may_be_retried(i))
      )
    group by 1, 2
  ),
  gone as (
    delete from public.image_queue_hosts as h
    where h.listing_id = any (p_listing_ids)
      and not exists (select from lanes as n where n.listing_id = h.listing_id and n.host = h.host)
  )
  insert into public.image_queue_hosts as h (
    listing_id, host, dealer_id, priority, next_due_at, place_at, is_retryable, waiting
  )
  select
    q.listing_id,
    n.host,
    q.dealer_id,
    listing_mirror.priority_of(n.never_tried, n.has_repeats, q.priority % 2 = 0),
    n.next_due_at,
    coalesce(greatest(n.next_due_at, q.last_claimed_at), '-infinity'),
    n.is_retryable and q.is_retryable,
    n.waiting
  from lanes as n
  join public.image_queue as q on q.listing_id = n.listing_id
  on conflict (listing_id, host) do update
  set
    dealer_id = excluded.dealer_id,
    priority = excluded.priority,
    next_due_at = excluded.next_due_at,
    place_at = excluded.place_at,
    is_retryable = excluded.is_retryable,
    waiting = excluded.waiting
  where (h.dealer_id, h.priority, h.next_due_at, h.place_at, h.is_retryable, h.waiting) is distinct from (
    excluded.dealer_id, excluded.priority, excluded.next_due_at, excluded.place_at, excluded.is_retryable,
    excluded.waiting
  );
end $$;

-- ----------------------------------------------------------------------------------------------------- reasons_of
-- Called by: refresh.
--
-- Why copies of a listing are missing, most frequent first: 'http_404: 3, timeout: 1'.
create or replace function listing_mirror.reasons_of(p_listing_id bigint)
returns text
language sql
stable
as $$
  select string_agg(r.reason, ', ' order by r.images desc, r.reason)
  from (
    select coalesce(i.error_kind::text, i.state::text) || ': ' || count(*) as reason, count(*) as images
    from public.listing_images as i
    where i.listing_id = p_listing_id
      and i.state in ('failed', 'gone', 'rejected')
    group by coalesce(i.error_kind::text, i.state::text)
  ) as r;
$$;

-- ----------------------------------------------------------------------------------------------- upload_status_of
-- Called by: refresh.
--
-- A row of listings with nothing but this status, as the type that the column has at the moment: text with us, perhaps
-- an enum in a project of its own, which may change it while sessions are open.
create or replace function listing_mirror.upload_status_of(p_status text)
returns public.listings
language sql
stable
as $$
  select jsonb_populate_record(null::public.listings, jsonb_build_object('images_upload_status', p_status));
$$;

-- -------------------------------------------------------------------------------------------------------- refresh
-- Called by: refresh_changed, adopt, follow_images, follow_listings, adopt_listings.
--
-- Everything derived from the rows of listing_images, for the given listings: their place in the queue,
-- stored_images, images_upload_status and the error text. A column is written only when its value differs,
-- because the frontend resets crops and covers whenever stored_images is written.
-- A session keeps the plan it made when the tables were still empty, hence no sequential scan; without the last
-- setting it would plan anew for each call, which takes five times as long as the work itself for one listing.
create or replace function listing_mirror.refresh(p_listing_ids bigint[])
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
  v_group record;
begin
  if cardinality(p_listing_ids) is not distinct from 0 then
    return;
  end if;
  perform listing_mirror.queue_anew(p_listing_ids);

  -- A statement for each status, and of those one where the copies differ and one where they do not.
  for v_group in
    with counted as (
      select
        i.listing_id,
        count(*) as total,
        count(*) filter (where i.state = 'stored') as stored,
        count(*) filter (where i.state = 'pending') as pending,
        jsonb_agg(i.public_url order by i.position) filter (where i.state = 'stored') as stored_images,
        max(i.stored_at) filter (where i.state = 'stored') as stored_at,
        count(*) filter (where i.state not in ('stored', 'pending')) as refused
      from public.listing_images as i
      where i.listing_id = any (p_listing_ids)
      group by i.listing_id
    ),
    judged as (
      select
        l.id,
        l.images_upload_status::text as old_status,
        l.images_upload_error as old_error,
        coalesce(c.stored_images, '[]'::jsonb) as stored_images,
        -- No list at all and an empty list mean the same; neither is rewritten as the other.
        coalesce(c.stored_images, '[]'::jsonb) is distinct from (
          case
            when l.stored_images is null or l.stored_images = 'null'::jsonb then '[]'::jsonb
            else l.stored_images
          end
        ) as has_other_copies,
        c.stored_at,
        case when c.refused > 0 then listing_mirror.reasons_of(l.id) end as error,
        case
          when c.pending > 0 then 'pending'
          when coalesce(c.stored, 0) = coalesce(c.total, 0) then 'completed'
          when c.stored > 0 then 'partial'
          else 'failed'
        end as status
      from public.listings as l
      left join counted as c on c.listing_id = l.id
      where l.id = any (p_listing_ids)
        and listing_mirror.is_ours(l)
    )
    select
      j.status,
      j.has_other_copies,
      array_agg(j.id::bigint order by j.id) as ids,
      array_agg(j.stored_images order by j.id) as stored_images,
      array_agg(j.stored_at order by j.id) as stored_at,
      array_agg(j.error order by j.id) as errors
    from judged as j
    where j.has_other_copies
      or (j.old_status, j.old_error) is distinct from (j.status, j.error)
    group by j.status, j.has_other_copies
  loop
    perform set_config('listing_mirror.is_deriving', 'on', true);
    if v_group.has_other_copies then
      update public.listings as l
      set
        stored_images = n.stored_images,
        images_stored_at = n.stored_at,
        images_upload_status = (
          select (listing_mirror.upload_status_of(v_group.status)).images_upload_status
        ),
        images_upload_error = n.error
      from unnest(v_group.ids, v_group.stored_images, v_group.stored_at, v_group.errors)
        as n (id, stored_images, stored_at, error)
      where l.id = n.id;
    else
      update public.listings as l
      set
        images_upload_status = (
          select (listing_mirror.upload_status_of(v_group.status)).images_upload_status
        ),
        images_upload_error = n.error
      from unnest(v_group.ids, v_group.errors) as n (id, error)
      where l.id = n.id;
    end if;
    perform set_config('listing_mirror.is_deriving', 'off', true);
  end loop;
end $$;

-- ------------------------------------------------------------------------------------------------ refresh_changed
-- Fired by: every statement that writes listing_images.
--
-- Anybody's change of listing_images, an operator's SQL included, keeps what is derived from it true.
create or replace function listing_mirror.refresh_changed()
returns trigger
language plpgsql
security definer
set search_path = ''
set jit = off
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

-- -------------------------------------------------------------------------------------------------- lock_listings
-- Called by: report_missing_copies, recheck_copies, exclude_image, include_image, keep_images, record_measures,
-- hold_claim.
--
-- Locks these listings and their rows in the queue, in the order of locks, and says which. At most p_limit (null: all);
-- those that somebody is writing at this moment are passed over.
create or replace function listing_mirror.lock_listings(p_listing_ids bigint[], p_limit integer)
returns bigint[]
language plpgsql
security definer
set search_path = ''
set jit = off
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
