-- The database queues the work: whoever writes listings.images, listing_images follows in the same statement.
--
-- Side effects live in AFTER triggers only: an upsert fires BEFORE INSERT triggers even when it ends as an update.

-- They are fired once a statement, however many rows it wrote; a row's present values are read from the table, because
-- another trigger may have changed them since. Joining the two transition tables row by row would take the square of a
-- bulk update's size, hence no nested loops here.

-- ------------------------------------------------------------------------------------------------ follow_listings
-- Called by: listings_updated.
--
-- Of listings whose images changed, and of others whose copies or status somebody wrote.
create or replace function listing_mirror.follow_listings(p_images bigint[], p_copies bigint[])
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
  v_written bigint[];
begin
  perform 1
  from public.image_queue as q
  where q.listing_id = any (p_images || p_copies)
  order by q.listing_id
  for update;

  if cardinality(p_images) > 0 then
    perform listing_mirror.follow_images(p_images);
  end if;
  if cardinality(p_copies) > 0 then
    v_written := array(
      select l.id
      from public.listings as l
      where l.id = any (p_copies)
        and l.stored_images is distinct from listing_mirror.copies_of(l.id)
    );
    perform listing_mirror.follow_copies(v_written);
    perform listing_mirror.refresh(p_copies);
  end if;
end $$;

-- ----------------------------------------------------------------------------------------------- listings_inserted
-- Fired by: whoever inserts listings.
create or replace function listing_mirror.listings_inserted()
returns trigger
language plpgsql
security definer
set search_path = ''
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  -- Joined to the table itself, a plan made for thousands of rows would read all of it for one.
  v_written bigint[] := array(select w.id from written as w);
  v_ids bigint[];
begin
  with queued as (
    insert into public.image_queue as q (listing_id, dealer_id)
    select l.id, coalesce(l.dealer_id, 0)
    from public.listings as l
    where l.id = any (v_written)
      and listing_mirror.is_ours(l)
    order by l.id
    on conflict (listing_id) do nothing
    returning q.listing_id
  )
  select array_agg(q.listing_id order by q.listing_id) into v_ids
  from queued as q;

  if v_ids is not null then
    perform listing_mirror.adopt(n.ids, n.images, n.stored_images, n.stored_at, false)
    from (
      select
        array_agg(l.id::bigint order by l.id) as ids,
        array_agg(l.images order by l.id) as images,
        array_agg(l.stored_images order by l.id) as stored_images,
        array_agg(l.images_stored_at::timestamptz order by l.id) as stored_at
      from public.listings as l
      where l.id = any (v_ids)
    ) as n;
  end if;
  return null;
end $$;

-- ------------------------------------------------------------------------------------------------ listings_updated
-- Fired by: whoever changes listings.
--
-- What has to follow: the images (changed by anybody), the copies and the status (changed by somebody else than
-- refresh), the place in the queue (sold, lost, given to another dealer), and what is known of the images when the page
-- shows another item. A listing that becomes a dealer's own leaves the mirror as it is.
create or replace function listing_mirror.listings_updated()
returns trigger
language plpgsql
security definer
set search_path = ''
set jit = off
set enable_nestloop = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_is_deriving boolean := coalesce(current_setting('listing_mirror.is_deriving', true), '') = 'on';
  v_changed bigint[];
  v_images bigint[];
  v_copies bigint[];
  v_moved bigint[];
  v_renamed bigint[];
  v_ours bigint[];
  v_foreign bigint[];
  v_new bigint[];
begin
  select
    array_agg(c.id order by c.id) filter (where c.has_images or c.has_copies or c.is_given),
    array_agg(c.id order by c.id) filter (where c.has_images),
    array_agg(c.id order by c.id) filter (where c.has_copies and not c.has_images),
    array_agg(c.id order by c.id) filter (where c.is_moved),
    array_agg(c.id order by c.id) filter (where c.is_renamed)
  into v_changed, v_images, v_copies, v_moved, v_renamed
  from (
    select
      n.id::bigint as id,
      n.images is distinct from o.images as has_images,
      not v_is_deriving and (
        n.stored_images is distinct from o.stored_images
        or n.images_upload_status is distinct from o.images_upload_status
      ) as has_copies,
      listing_mirror.is_ours(n) is distinct from listing_mirror.is_ours(o) as is_given,
      n.dealer_id is distinct from o.dealer_id
        or n.status is distinct from o.status
        or n.is_sold is distinct from o.is_sold
        or n.page_exists is distinct from o.page_exists
        or n.consecutive_404_count is distinct from o.consecutive_404_count as is_moved,
      n.title is distinct from o.title
        and listing_mirror.is_another_item(o.title, n.title, n.price_value is distinct from o.price_value) as is_renamed
    from before as o
    join after as n on n.id = o.id
  ) as c;

  if v_changed is not null then
    v_ours := array(
      select l.id from public.listings as l where l.id = any (v_changed) and listing_mirror.is_ours(l) order by l.id
    );
    if cardinality(v_ours) < cardinality(v_changed) then
      v_foreign := array(select unnest(v_changed) except select unnest(v_ours));
      delete from public.image_queue as q where q.listing_id = any (v_foreign);
      delete from public.listing_images as i where i.listing_id = any (v_foreign);
    end if;

    with queued as (
      insert into public.image_queue as q (listing_id, dealer_id)
      select l.id, coalesce(l.dealer_id, 0)
      from public.listings as l
      where l.id = any (v_ours)
      order by l.id
      on conflict (listing_id) do nothing
      returning q.listing_id
    )
    select array_agg(q.listing_id) into v_new
    from queued as q;

    if v_new is not null then
      -- The first change of listings that were here before us: their copies belong to the images they had.
      perform listing_mirror.adopt(c.ids, c.images, c.stored_images, c.stored_at, true)
      from (
        select
          array_agg(o.id::bigint order by o.id) as ids,
          array_agg(o.images order by o.id) as images,
          array_agg(
            case when n.images is distinct from o.images then o.stored_images else n.stored_images end order by o.id
          ) as stored_images,
          array_agg(o.images_stored_at::timestamptz order by o.id) as stored_at
        from before as o
        join after as n on n.id = o.id
        where o.id = any (v_new)
      ) as c;
    end if;

    perform listing_mirror.follow_listings(
      array(select unnest(v_images) intersect select unnest(v_ours)),
      array(select unnest(v_copies) intersect select unnest(v_ours) except select unnest(v_new))
    );
  end if;

  if v_moved is not null then
    perform listing_mirror.queue_anew(v_moved);
  end if;
  if v_renamed is not null then
    perform listing_mirror.doubt_images(v_renamed);
  end if;
  return null;
end $$;

drop trigger if exists listing_mirror_new_images on public.listings;
create trigger listing_mirror_new_images
  after insert on public.listings
  referencing new table as written
  for each statement execute function listing_mirror.listings_inserted();

drop trigger if exists listing_mirror_changed_images on public.listings;
create trigger listing_mirror_changed_images
  after update on public.listings
  referencing old table as before new table as after
  for each statement execute function listing_mirror.listings_updated();
