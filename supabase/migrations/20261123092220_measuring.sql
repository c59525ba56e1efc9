-- Copies that were adopted, or stored before we looked at pictures: measured from the bucket.

-- ---------------------------------------------------------------------------------------------- copies_to_measure
-- Called by: `migrate measure`, page after page.
--
-- Stored copies of which nobody knows how they look, behind the place (p_after_listing, p_after_position).
create or replace function public.copies_to_measure(
  p_after_listing bigint,
  p_after_position integer,
  p_limit integer,
  p_dealer_ids bigint[],
  p_listing_ids bigint[]
)
returns jsonb
language sql
stable
security definer
set search_path = ''
set jit = off
as $$
  select coalesce(
    jsonb_agg(
      jsonb_build_object('listing_id', c.listing_id, 'position', c.position, 'storage_path', c.storage_path)
      order by c.listing_id, c.position
    ),
    '[]'::jsonb
  )
  from (
    select i.listing_id, i.position, i.storage_path
    from public.listing_images as i
    where (i.listing_id, i.position) > (coalesce(p_after_listing, 0), coalesce(p_after_position, -1))
      and i.state = 'stored'
      and i.placeholder is null
      and (p_listing_ids is null or i.listing_id = any (p_listing_ids))
      and (
        p_dealer_ids is null
        or exists (
          select 1 from public.listings as l where l.id = i.listing_id and l.dealer_id = any (p_dealer_ids)
        )
      )
    order by i.listing_id, i.position
    limit least(greatest(coalesce(p_limit, 200), 1), 1000)
  ) as c;
$$;

-- ------------------------------------------------------------------------------------------------ record_measures
-- Called by: `migrate measure`.
--
-- Writes what was measured to the rows that still show those copies; a listing that somebody is writing at the moment
-- is passed over. Says how many rows were written.
create or replace function public.record_measures(p_measures text)
returns jsonb
language sql
security definer
set search_path = ''
set jit = off
as $$
  with measures as materialized (
    select m.*
    from jsonb_to_recordset(p_measures::jsonb) as m (
      listing_id bigint,
      "position" integer,
      storage_path text,
      content_type text,
      bytes bigint,
      width integer,
      height integer,
      sha256 text,
      placeholder text,
      average_color text,
      phash bigint,
      defect text
    )
  ),
  locked as materialized (
    select k.listing_id
    from unnest(
      listing_mirror.lock_listings(array(select distinct m.listing_id from measures as m), null)
    ) as k (listing_id)
  ),
  written as (
    update public.listing_images as i
    set
      content_type = coalesce(i.content_type, m.content_type),
      bytes = coalesce(i.bytes, m.bytes),
      width = m.width,
      height = m.height,
      sha256 = coalesce(i.sha256, m.sha256),
      placeholder = m.placeholder,
      average_color = m.average_color,
      phash = m.phash,
      defect = coalesce(i.defect, m.defect)
    from measures as m
    where m.listing_id in (select k.listing_id from locked as k)
      and i.listing_id = m.listing_id
      and i.position = m.position
      and i.storage_path = m.storage_path
      and i.state = 'stored'
    returning 1
  )
  select jsonb_build_object('measured', (select count(*) from written));
$$;
