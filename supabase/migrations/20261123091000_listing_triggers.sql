-- The database queues the work: whoever writes listings.images, listing_images follows in the same statement.
--
-- Side effects live in AFTER triggers only: an upsert fires BEFORE INSERT triggers even when it ends as an update.

-- ------------------------------------------------------------------------------------------------ listing_written
-- Fired by: whoever inserts a listing or changes its images, copies or upload status.
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

-- -------------------------------------------------------------------------------------------------- listing_moved
-- Fired by: whoever sells, loses or gives away a listing.
--
-- A listing that is sold, lost or given to another dealer changes its place in the queue, nothing else.
create or replace function listing_mirror.listing_moved()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform listing_mirror.queue_anew(array[new.id::bigint]);
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
