-- What becomes of a copy that leaves listing_images, for whatever reason, and of one that comes back.

-- ----------------------------------------------------------------------------------------------------- copies_left
-- Fired by: every statement that changes or deletes rows of listing_images.
--
-- A copy that no row names any more is retired: see retired_copies. And every path in the old layout that a copy of ours
-- ever had is kept in the history, so that it can be told from other programs' files after the copy was replaced.
create or replace function listing_mirror.copies_left()
returns trigger
language plpgsql
security definer
set search_path = ''
set jit = off
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
begin
  with left_alone as (
    select g.*
    from gone as g
    where g.storage_path is not null
      and not exists (select 1 from public.listing_images as i where i.storage_path = g.storage_path)
  ),
  retired as (
    insert into public.retired_copies as r (
      storage_path, public_url, listing_id, position, source_url, content_type, bytes, width, height, sha256,
      placeholder, average_color, phash, defect, stored_at, etag, last_modified, was_in_doubt
    )
    select distinct on (g.storage_path)
      g.storage_path, g.public_url, g.listing_id, g.position, g.source_url, g.content_type, g.bytes, g.width, g.height,
      g.sha256, g.placeholder, g.average_color, g.phash, g.defect, g.stored_at, g.etag, g.last_modified, g.due_at is not null
    from left_alone as g
    order by g.storage_path, g.stored_at desc
    on conflict (storage_path) do update
    set
      public_url = excluded.public_url,
      listing_id = excluded.listing_id,
      position = excluded.position,
      source_url = excluded.source_url,
      content_type = excluded.content_type,
      bytes = excluded.bytes,
      width = excluded.width,
      height = excluded.height,
      sha256 = excluded.sha256,
      placeholder = excluded.placeholder,
      average_color = excluded.average_color,
      phash = excluded.phash,
      defect = excluded.defect,
      stored_at = excluded.stored_at,
      etag = excluded.etag,
      last_modified = excluded.last_modified,
      was_in_doubt = excluded.was_in_doubt,
      retired_at = now()
  )
  insert into public.listing_image_events (listing_id, position, source_url, event, state, storage_path)
  select g.listing_id, g.position, g.source_url, 'copy dropped', g.state, g.storage_path
  from left_alone as g
  where g.storage_path !~ '/L[0-9]{5,}/[0-9a-f]{12}/'
    and exists (select 1 from public.listings as l where l.id = g.listing_id);
  return null;
end $$;

-- ------------------------------------------------------------------------------------------------- copies_returned
-- Fired by: every statement that writes rows of listing_images.
--
-- A copy that a row names is not retired.
create or replace function listing_mirror.copies_returned()
returns trigger
language plpgsql
security definer
set search_path = ''
set jit = off
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
begin
  delete from public.retired_copies as r
  using kept as k
  where k.storage_path is not null
    and r.storage_path = k.storage_path;
  return null;
end $$;

drop trigger if exists listing_mirror_copies_changed on public.listing_images;
create trigger listing_mirror_copies_changed
  after update on public.listing_images
  referencing old table as gone
  for each statement execute function listing_mirror.copies_left();

drop trigger if exists listing_mirror_copies_removed on public.listing_images;
create trigger listing_mirror_copies_removed
  after delete on public.listing_images
  referencing old table as gone
  for each statement execute function listing_mirror.copies_left();

drop trigger if exists listing_mirror_copies_added on public.listing_images;
create trigger listing_mirror_copies_added
  after insert on public.listing_images
  referencing new table as kept
  for each statement execute function listing_mirror.copies_returned();

drop trigger if exists listing_mirror_copies_kept on public.listing_images;
create trigger listing_mirror_copies_kept
  after update on public.listing_images
  referencing new table as kept
  for each statement execute function listing_mirror.copies_returned();
