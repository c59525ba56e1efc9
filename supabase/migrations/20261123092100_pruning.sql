-- Copies that nothing needs any more, told from other programs' files by their names.

-- ---------------------------------------------------------------------------------------------------- is_our_copy
-- Called by: unreferenced_copies.
--
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

-- -------------------------------------------------------------------------------------------- unreferenced_copies
-- Called by: `migrate prune`, page after page.
--
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

-- ------------------------------------------------------------------------------------------------- remember_paths
-- Fired by: every statement that changes or deletes rows of listing_images.
--
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
