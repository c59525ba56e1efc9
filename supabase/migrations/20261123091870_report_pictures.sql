-- Which pictures and listings the report page shows.

-- ------------------------------------------------------------------------------------------------ report_pictures
-- Called by: `migrate report`.
--
-- What arrived lately, newest first and one a listing; what needs a person, by dealer and reason with an example; and
-- of each dealer a few listings that miss something, newest first.
create or replace function public.report_pictures(p_dealer_ids bigint[], p_pictures integer, p_listings integer)
returns jsonb
language sql
stable
security definer
set search_path = ''
set jit = off
as $$
  with events as materialized (
    -- The last copies of all, so that a table of millions is not sorted for a dozen of them.
    select e.id, e.listing_id, e.position, e.storage_path, e.at
    from public.listing_image_events as e
    where e.state = 'stored'
      and e.storage_path is not null
    order by e.id desc
    limit 2000
  ),
  latest as (
    select distinct on (e.listing_id)
      e.id, e.listing_id, l.title, l.url, d.name as dealer, i.public_url, i.width, i.height, e.at
    from events as e
    join public.listing_images as i
      on i.listing_id = e.listing_id and i.position = e.position and i.storage_path = e.storage_path
    join public.listings as l on l.id = e.listing_id
    left join public.dealers as d on d.id = l.dealer_id
    where p_dealer_ids is null or l.dealer_id = any (p_dealer_ids)
    order by e.listing_id, i.position, e.id desc
  ),
  shown as (
    select t.* from latest as t order by t.id desc limit coalesce(p_pictures, 12)
  ),
  stuck as (
    select
      l.dealer_id,
      coalesce(i.error_kind::text, 'other') as kind,
      i.state,
      count(*) as images,
      count(distinct i.listing_id) as listings,
      min(i.listing_id) as example_id
    from public.listing_images as i
    join public.listings as l on l.id = i.listing_id
    where (p_dealer_ids is null or l.dealer_id = any (p_dealer_ids))
      and (
        (i.state = 'failed' and i.due_at is null)
        or (i.state = 'rejected' and i.exclusion_id is null)
      )
    group by l.dealer_id, 2, i.state
    order by count(*) desc
    limit 20
  )
  select jsonb_build_object(
    'latest', (
      select coalesce(jsonb_agg(to_jsonb(s) - 'id' order by s.id desc), '[]'::jsonb) from shown as s
    ),
    'stuck', (
      select coalesce(
        jsonb_agg(
          jsonb_build_object(
            'dealer', coalesce(d.name, ''),
            'kind', k.kind,
            'state', k.state,
            'images', k.images,
            'listings', k.listings,
            'example_id', k.example_id,
            'example_url', e.url,
            'example_title', e.title
          )
          order by k.images desc, k.kind
        ),
        '[]'::jsonb
      )
      from stuck as k
      join public.listings as e on e.id = k.example_id
      left join public.dealers as d on d.id = k.dealer_id
    ),
    'incomplete', (
      select coalesce(jsonb_agg(to_jsonb(f) order by f.dealer_id, f.id desc), '[]'::jsonb)
      from public.dealers as d
      cross join lateral (
        select l.id, l.dealer_id, l.url, l.title, l.images_upload_status as status
        from public.listings as l
        where l.dealer_id = d.id
          and l.images_upload_status in ('pending', 'partial', 'failed')
          and listing_mirror.is_ours(l)
        order by l.id desc
        limit coalesce(p_listings, 3)
      ) as f
      where p_dealer_ids is null or d.id = any (p_dealer_ids)
    )
  );
$$;
