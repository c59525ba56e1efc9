-- Records compared with the bucket.

-- ------------------------------------------------------------------------------------------------ recorded_copies
-- Called by: `migrate verify`, page after page.
--
-- The copies our records name, in pages by (listing, position). A page costs the same wherever it begins: narrowed or
-- not are three statements, because one for all of them is planned once for all of them (before PostgreSQL 18 an SQL
-- function never sees what it was called with).
create or replace function public.recorded_copies(
  p_after_listing bigint,
  p_after_position integer,
  p_limit integer,
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
  v_listing bigint := coalesce(p_after_listing, 0);
  v_position integer := coalesce(p_after_position, -1);
  v_limit integer := least(greatest(coalesce(p_limit, 1000), 1), 5000);
  v_copies jsonb;
begin
  if p_dealer_ids is null and p_listing_ids is null then
    select jsonb_agg(to_jsonb(c) order by c.listing_id, c.position) into v_copies
    from (
      select i.listing_id, i.position, i.storage_path, i.public_url, i.bytes, i.sha256, i.content_type, i.source_url
      from public.listing_images as i
      where i.state = 'stored'
        and (i.listing_id, i.position) > (v_listing, v_position)
      order by i.listing_id, i.position
      limit v_limit
    ) as c;
  elsif p_listing_ids is not null then
    select jsonb_agg(to_jsonb(c) order by c.listing_id, c.position) into v_copies
    from (
      select i.listing_id, i.position, i.storage_path, i.public_url, i.bytes, i.sha256, i.content_type, i.source_url
      from (select distinct n.id from unnest(p_listing_ids) as n (id) where n.id >= v_listing) as w
      cross join lateral (
        select i.*
        from public.listing_images as i
        where i.listing_id = w.id
          and i.state = 'stored'
        offset 0 -- so that it is looked up by listing, whatever is thought of the list's length
      ) as i
      where (i.listing_id > v_listing or i.position > v_position)
        and (
          p_dealer_ids is null
          or exists (select from public.listings as l where l.id = w.id and l.dealer_id = any (p_dealer_ids))
        )
      order by i.listing_id, i.position
      limit v_limit
    ) as c;
  else
    select jsonb_agg(to_jsonb(c) order by c.listing_id, c.position) into v_copies
    from (
      select i.listing_id, i.position, i.storage_path, i.public_url, i.bytes, i.sha256, i.content_type, i.source_url
      from (
        select l.id
        from public.listings as l
        where l.dealer_id = any (p_dealer_ids)
          and l.id >= v_listing
        order by l.id
      ) as w
      cross join lateral (
        select i.*
        from public.listing_images as i
        where i.listing_id = w.id
          and i.state = 'stored'
          and (i.listing_id > v_listing or i.position > v_position)
        order by i.position
        offset 0
      ) as i
      order by w.id, i.position
      limit v_limit
    ) as c;
  end if;
  return coalesce(v_copies, '[]'::jsonb);
end $$;

-- --------------------------------------------------------------------------------------------------- sees_objects
-- Called by: bucket_objects, unreferenced_copies.
--
-- Is there a table of the bucket's objects, and do we see all of its rows? One with policies that hide some
-- from the functions' owner would make every copy look missing.
create or replace function listing_mirror.sees_objects()
returns boolean
language plpgsql
stable
security definer
set search_path = ''
set jit = off
as $$
begin
  return to_regclass('storage.objects') is not null and not row_security_active('storage.objects');
exception
  when insufficient_privilege then
    return false;
end $$;

-- ------------------------------------------------------------------------------------------------- bucket_objects
-- Called by: `migrate verify`, page after page.
--
-- The objects of a bucket in pages by name. Where we cannot read such a table: {"available": false}.
create or replace function public.bucket_objects(p_bucket text, p_prefix text, p_after text, p_limit integer)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
set jit = off
as $$
declare
  v_objects jsonb;
begin
  if not listing_mirror.sees_objects() then
    return jsonb_build_object('available', false);
  end if;
  execute $query$
    select coalesce(
      jsonb_agg(
        jsonb_build_object('name', o.name, 'bytes', o.bytes, 'created_at', o.created_at, 'updated_at', o.updated_at)
        order by o.name
      ),
      '[]'::jsonb
    )
    from (
      select s.name collate "C" as name, (s.metadata ->> 'size')::bigint as bytes, s.created_at, s.updated_at
      from storage.objects as s
      where s.bucket_id = $1
        and starts_with(s.name, $2)
        and s.name collate "C" > $3
      order by s.name collate "C"
      limit $4
    ) as o
  $query$
  into v_objects
  using p_bucket, coalesce(p_prefix, ''), coalesce(p_after, ''), least(greatest(coalesce(p_limit, 1000), 1), 5000);
  return v_objects;
exception
  when insufficient_privilege or undefined_column or undefined_table then
    return jsonb_build_object('available', false);
end $$;

-- ------------------------------------------------------------------------------------------ report_missing_copies
-- Called by: `migrate verify`, for what it did not find.
--
-- Copies that are not in the bucket any more: due now, nobody blamed. An item whose row names another copy
-- by now is passed over. Listings somebody is changing at this moment are left for the next verification.
create or replace function public.report_missing_copies(p_items text)
returns jsonb
language plpgsql
security definer
set search_path = ''
set jit = off
as $$
declare
  v_answer jsonb;
begin
  with items as (
    select r.listing_id, r.position, r.storage_path, r.reason
    from jsonb_to_recordset(p_items::jsonb) as r (listing_id bigint, "position" integer, storage_path text, reason text)
  ),
  locked as materialized (
    select k.listing_id
    from unnest(listing_mirror.lock_listings(array(select distinct i.listing_id from items as i), null)) as k (listing_id)
  ),
  mended as (
    update public.listing_images as i
    set
      state = 'failed',
      error_kind = 'other',
      error_detail = coalesce(m.reason, 'the copy is not in the bucket'),
      due_at = now(),
      storage_path = null,
      public_url = null,
      stored_at = null,
      etag = null,
      last_modified = null
    from items as m
    where i.listing_id = m.listing_id
      and i.position = m.position
      and i.storage_path = m.storage_path
      and i.state = 'stored'
      and i.listing_id in (select k.listing_id from locked as k)
    returning i.listing_id, i.position, i.source_url, i.error_detail, m.storage_path
  ),
  -- A copy that moved rows were to be made from is missing for them too.
  forgotten as (
    update public.listing_images as i
    set copy_from = null, copy_url = null, recheck_after_copy = false
    from items as m
    where i.listing_id = m.listing_id
      and i.copy_from = m.storage_path
      and i.position <> m.position
      and i.listing_id in (select k.listing_id from locked as k)
    returning i.position
  ),
  noted as (
    insert into public.listing_image_events (listing_id, position, source_url, event, state, error_kind, error_detail, storage_path)
    select m.listing_id, m.position, m.source_url, 'copy missing', 'failed', 'other', m.error_detail, m.storage_path
    from mended as m
    returning id
  )
  select jsonb_build_object(
    'images', (select count(*) from mended),
    'listings', (select count(distinct m.listing_id) from mended as m),
    'forgotten', (select count(*) from forgotten)
  )
  into v_answer;

  -- What is not in the bucket can not serve again either.
  delete from public.retired_copies as r
  where r.storage_path in (
    select i.storage_path from jsonb_to_recordset(p_items::jsonb) as i (storage_path text)
  );
  return v_answer;
end $$;
