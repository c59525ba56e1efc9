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
set jit = off
as $$
  select case
    when p_name ~ '^[a-z0-9][a-z0-9-]*/L[0-9]{5,}/[0-9a-f]{12}/[0-9]{2}\.[a-z]+$' then true
    when p_name ~ '^[^/]+/L[0-9]{5,}/[0-9]{2}\.[A-Za-z]+$' then exists (
      select 1 from public.listing_image_events as e where e.storage_path = p_name
    ) or exists (
      select 1 from public.retired_copies as r where r.storage_path = p_name
    )
    else false
  end;
$$;

-- -------------------------------------------------------------------------------------------- unreferenced_copies
-- Called by: `migrate prune`, page after page.
--
-- Copies nothing refers to, older than p_min_age_s, in pages by name. {"copies": […], "after": …, "done": …}:
-- a page may hold no name at all and not be the last. A retired copy counts as needed for p_keep_s; null: for ever.
create or replace function public.unreferenced_copies(
  p_bucket text,
  p_after text,
  p_limit integer,
  p_min_age_s integer,
  p_keep_s double precision,
  p_dealer_ids bigint[],
  p_listing_ids bigint[]
)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
set jit = off
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
        and not exists (
          select 1
          from public.retired_copies as r
          where r.storage_path = o.name
            and (r.retired_at > now() - make_interval(secs => $7)) is not false
        )
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
    p_dealer_ids, p_listing_ids, p_keep_s;
  return v_answer;
end $$;

-- ------------------------------------------------------------------------------------------------- forget_retired
-- Called by: `migrate prune`, for the objects that it is about to remove.
--
-- From here on these copies do not serve again. The answer is which of them still nothing needs: one whose address
-- has returned since they were named stays, and so does one that a writer is just bringing back.
create or replace function public.forget_retired(p_names text[], p_keep_s double precision)
returns jsonb
language plpgsql
security definer
set search_path = ''
set jit = off
as $$
declare
  v_names text[];
begin
  perform 1
  from public.retired_copies as r
  where r.storage_path = any (p_names)
  order by r.storage_path
  for update skip locked;

  -- A second statement, so that it sees what was committed while the first one waited for nobody.
  delete from public.retired_copies as r
  where r.storage_path in (
      select k.storage_path
      from public.retired_copies as k
      where k.storage_path = any (p_names)
      for update skip locked
    )
    and r.retired_at <= now() - make_interval(secs => p_keep_s)
    and not exists (select 1 from public.listing_images as i where i.storage_path = r.storage_path)
    and not exists (select 1 from public.listing_images as i where i.copy_from = r.storage_path);

  v_names := array(
    select n.name
    from unnest(p_names) as n (name)
    where not exists (select 1 from public.retired_copies as r where r.storage_path = n.name)
      and not exists (select 1 from public.listing_images as i where i.storage_path = n.name)
      and not exists (select 1 from public.listing_images as i where i.copy_from = n.name)
    order by n.name
  );
  return to_jsonb(v_names);
end $$;
