-- Adopting listings that were here before us: their copies are kept, the rest becomes due.
--
-- A listing is adopted when it has its row in image_queue; one that anybody changes is adopted by the trigger.

-- ------------------------------------------------------------------------------------------------------ is_behind
-- Called by: adopt_report, adopt_listings.
--
-- Was this adopted listing written while triggers were off (a restore, a bulk load with session_replication_role)?
-- Then its records are of other images than it has.
create or replace function listing_mirror.is_behind(p_listing_id bigint, p_images jsonb, p_stored_images jsonb)
returns boolean
language sql
stable
as $$
  select
    array(
      select e.source_url
      from listing_mirror.image_entries(
        p_images, (select l.url from public.listings as l where l.id = p_listing_id)
      ) as e
      order by e.position
    ) is distinct from array(
      select i.source_url from public.listing_images as i where i.listing_id = p_listing_id order by i.position
    )
    or coalesce(nullif(p_stored_images, 'null'), '[]') is distinct from listing_mirror.copies_of(p_listing_id);
$$;

-- --------------------------------------------------------------------------------------------------- adopt_report
-- Called by: `python -m workflows adopt`, before it writes anything.
--
-- What adopting would do and what is wrong today, for one page of listings by id. Writes nothing.
create or replace function public.adopt_report(p_after bigint, p_limit integer)
returns jsonb
language sql
stable
security definer
set search_path = ''
set jit = off
as $$
  with page as materialized (
    select
      l.id, l.dealer_id, l.url, l.images, l.stored_images, l.images_upload_status::text as images_upload_status,
      l.images_upload_error, listing_mirror.is_ours(l) as is_ours,
      case when jsonb_typeof(l.images) = 'array' then jsonb_array_length(l.images) else 0 end as image_count
    from public.listings as l
    where l.id > coalesce(p_after, 0)
    order by l.id
    limit least(greatest(coalesce(p_limit, 500), 1), 2000)
  ),
  waiting as materialized (
    select p.*
    from page as p
    where p.is_ours
      and not exists (select 1 from public.image_queue as q where q.listing_id = p.id)
  ),
  behind as materialized (
    select p.id
    from page as p
    where p.is_ours
      and exists (select 1 from public.image_queue as q where q.listing_id = p.id)
      and listing_mirror.is_behind(p.id, p.images, p.stored_images)
  ),
  images as materialized (
    select
      w.id, e.position, e.source_url, e.problem,
      listing_mirror.url_exclusion(w.dealer_id, e.source_url) is not null as is_excluded
    from waiting as w
    cross join lateral listing_mirror.image_entries(w.images, w.url) as e
  ),
  copies as materialized (
    select w.id, w.image_count, c.*
    from waiting as w
    cross join lateral listing_mirror.copy_entries(w.stored_images) as c
  ),
  matched as (
    select
      i.id,
      i.position,
      c.public_url,
      case
        when i.problem is not null then 'bad_url'
        when i.position > 99 or i.is_excluded then 'other'
        when c.position is not null then 'stored'
        else 'pending'
      end as fate
    from images as i
    left join copies as c on c.id = i.id and c.position = i.position and not c.is_spare
  ),
  counted as (
    select
      m.id,
      count(*) as images,
      count(*) filter (where m.fate = 'stored') as stored,
      count(*) filter (where m.fate = 'pending') as pending,
      count(*) filter (where m.fate = 'bad_url') as bad_urls,
      count(*) filter (where m.fate = 'other') as others,
      jsonb_agg(m.public_url order by m.position) filter (where m.fate = 'stored') as stored_images
    from matched as m
    group by m.id
  ),
  outcome as (
    select
      w.id,
      w.images_upload_status as old_status,
      coalesce(w.images_upload_error, '') as old_error,
      case
        when w.stored_images is null or w.stored_images = 'null'::jsonb then '[]'::jsonb
        else w.stored_images
      end as old_stored_images,
      coalesce(c.images, 0) as images,
      coalesce(c.stored, 0) as stored,
      coalesce(c.pending, 0) as pending,
      coalesce(c.bad_urls + c.others, 0) as rejected,
      case
        when c.pending > 0 then 'pending'
        when coalesce(c.stored, 0) = coalesce(c.images, 0) then 'completed'
        when c.stored > 0 then 'partial'
        else 'failed'
      end as new_status,
      concat_ws(
        ', ',
        case when c.others > c.bad_urls then 'other: ' || c.others end,
        case when c.bad_urls > 0 then 'bad_url: ' || c.bad_urls end,
        case when c.others between 1 and c.bad_urls then 'other: ' || c.others end
      ) as new_error,
      coalesce(c.stored_images, '[]'::jsonb) as new_stored_images
    from waiting as w
    left join counted as c on c.id = w.id
  ),
  findings as (
    select b.id, 'unnoticed_write' as kind, 'its records are of other images or copies than it has' as detail
    from behind as b
    union all
    select c.id, 'unreadable_copy',
      case
        when octet_length(c.public_url) > 2000 then 'its name is over-long: '
        else 'its name carries no position: '
      end || left(c.public_url, 300)
    from copies as c
    where c.position is null
    union all
    select c.id, 'unshowable_copy', 'position ' || c.position || ': ' || left(c.public_url, 300)
    from copies as c
    join images as i on i.id = c.id and i.position = c.position and i.problem is null
    where not c.is_spare
      and not listing_mirror.is_shown(c.storage_path)
    union all
    select w.id, 'images_no_list', 'images is no list but of type ' || jsonb_typeof(w.images)
      || ': ' || left(w.images::text, 300)
    from waiting as w
    where jsonb_typeof(w.images) not in ('array', 'null')
    union all
    select o.id, 'strange_list', 'stored_images is no list but of type ' || jsonb_typeof(o.old_stored_images)
    from outcome as o
    where jsonb_typeof(o.old_stored_images) <> 'array'
    union all
    select c.id, 'unordered_copies',
      'positions ' || string_agg(c.position::text, ', ' order by c.ordinal)
    from copies as c
    where c.position is not null
      and not c.is_spare
    group by c.id
    having array_agg(c.position order by c.ordinal) <> array_agg(c.position order by c.position)
    union all
    select c.id, 'copy_without_image',
      'position ' || c.position || ', but there are ' || c.image_count || ' images: ' || left(c.public_url, 300)
    from copies as c
    where c.position >= c.image_count
    union all
    select c.id, 'copy_of_malformed_image', 'position ' || c.position || ': ' || i.problem
    from copies as c
    join images as i on i.id = c.id and i.position = c.position
    where i.problem is not null
    union all
    select c.id, 'several_copies', 'position ' || c.position || ' has another copy: ' || left(c.public_url, 300)
    from copies as c
    where c.is_spare
    union all
    select c.id, 'copy_of_excluded_image', 'position ' || c.position || ': ' || left(i.source_url, 300)
    from copies as c
    join images as i on i.id = c.id and i.position = c.position
    where i.problem is null
      and i.is_excluded
    union all
    select i.id, 'malformed_image', 'position ' || i.position || ': ' || i.problem || ': ' || left(i.source_url, 300)
    from images as i
    where i.problem is not null
    union all
    select i.id, 'too_many_images', 'position ' || i.position || ' and beyond: a listing can have 100 copies at most'
    from images as i
    where i.position = 100
    union all
    select o.id, 'wrong_status', coalesce(o.old_status, 'none') || ' should be ' || o.new_status
    from outcome as o
    where o.old_status is distinct from o.new_status
  )
  select jsonb_build_object(
    'listings', (select count(*) from page),
    'last_id', (select max(p.id) from page as p),
    'done', (select count(*) from page) < least(greatest(coalesce(p_limit, 500), 1), 2000),
    'listings_total', (select count(*) from listing_mirror.chosen_listings(null, null)),
    'already_adopted', (select count(*) from page as p where p.is_ours) - (select count(*) from waiting),
    'not_ours', (select count(*) from page as p where not p.is_ours),
    'to_adopt', (select count(*) from waiting),
    'to_change', (
      select count(*)
      from outcome as o
      where (o.old_stored_images, o.old_status, o.old_error)
        is distinct from (o.new_stored_images, o.new_status, o.new_error)
    ),
    'images', jsonb_build_object(
      'total', coalesce((select sum(o.images) from outcome as o), 0),
      'stored', coalesce((select sum(o.stored) from outcome as o), 0),
      'pending', coalesce((select sum(o.pending) from outcome as o), 0),
      'rejected', coalesce((select sum(o.rejected) from outcome as o), 0)
    ),
    'statuses', (
      select coalesce(
        jsonb_agg(jsonb_build_object('from', s.old_status, 'to', s.new_status, 'listings', s.listings)
          order by s.old_status, s.new_status),
        '[]'::jsonb
      )
      from (
        select o.old_status, o.new_status, count(*) as listings
        from outcome as o
        where o.old_status is distinct from o.new_status
        group by o.old_status, o.new_status
      ) as s
    ),
    'problems', (
      select coalesce(jsonb_object_agg(f.kind, f.found), '{}'::jsonb)
      from (select n.kind, count(*) as found from findings as n group by n.kind) as f
    ),
    'findings', (
      -- What a person can read; "problems" counts all of them.
      select coalesce(
        jsonb_agg(
          jsonb_build_object('listing_id', f.id, 'kind', f.kind, 'detail', f.detail) order by f.id, f.kind, f.detail
        ),
        '[]'::jsonb
      )
      from (
        select n.*
        from (
          select x.*, row_number() over (partition by x.kind order by x.id, x.detail) as place
          from findings as x
        ) as n
        where n.place <= 200
      ) as f
    )
  );
$$;

-- ------------------------------------------------------------------------------------------------- adopt_listings
-- Called by: `python -m workflows adopt`, page after page.
--
-- Adopts one page of listings by id, in one short transaction: rows for their images, and the two columns
-- that follow from those, only where they are wrong today. A listing adopted before whose records are behind is
-- mended. One that somebody is writing at this moment is passed over and counted in "skipped"; the trigger or the
-- next call adopts it. What is done is left alone, so that a broken-off adoption goes on where it was.
create or replace function public.adopt_listings(p_after bigint, p_limit integer)
returns jsonb
language plpgsql
security definer
set search_path = ''
set jit = off
as $$
declare
  v_page bigint[];
  v_wanted bigint[];
  v_seen public.listings[];
  v_seen_ids bigint[];
  v_adopted bigint[];
  v_behind bigint[];
  v_changed bigint;
begin
  v_page := array(
    select l.id
    from public.listings as l
    where l.id > coalesce(p_after, 0)
    order by l.id
    limit least(greatest(coalesce(p_limit, 200), 1), 1000)
  );
  v_wanted := array(
    select l.id
    from public.listings as l
    where l.id = any (v_page)
      and listing_mirror.is_ours(l)
      and (
        not exists (select 1 from public.image_queue as q where q.listing_id = l.id)
        or listing_mirror.is_behind(l.id, l.images, l.stored_images)
      )
  );
  v_seen := array(
    select l
    from public.listings as l
    where l.id = any (v_wanted)
    order by l.id
    for no key update skip locked
  );
  v_seen_ids := array(select s.id from unnest(v_seen) as s order by s.id);

  with queued as (
    insert into public.image_queue as q (listing_id, dealer_id)
    select s.id, coalesce(s.dealer_id, 0)
    from unnest(v_seen) as s
    order by s.id
    on conflict (listing_id) do nothing
    returning q.listing_id
  )
  select coalesce(array_agg(q.listing_id order by q.listing_id), '{}') into v_adopted
  from queued as q;

  perform listing_mirror.adopt(n.ids, n.images, n.stored_images, n.stored_at, true)
  from (
    select
      array_agg(s.id::bigint order by s.id) as ids,
      array_agg(s.images order by s.id) as images,
      array_agg(s.stored_images order by s.id) as stored_images,
      array_agg(s.images_stored_at::timestamptz order by s.id) as stored_at
    from unnest(v_seen) as s
    where s.id = any (v_adopted)
  ) as n
  where n.ids is not null;

  v_behind := array(
    select s.id
    from unnest(v_seen) as s
    where s.id <> all (v_adopted)
      and listing_mirror.is_behind(s.id, s.images, s.stored_images)
    order by s.id
  );
  if cardinality(v_behind) > 0 then
    perform 1 from public.image_queue as q where q.listing_id = any (v_behind) order by q.listing_id for update;
    perform listing_mirror.follow_images(v_behind);
    perform listing_mirror.refresh(v_behind);
  end if;

  v_changed := (
    select count(*)
    from unnest(v_seen) as s
    join public.listings as l on l.id = s.id
    where (l.stored_images, l.images_upload_status, l.images_upload_error)
      is distinct from (s.stored_images, s.images_upload_status, s.images_upload_error)
  );

  return jsonb_build_object(
    'adopted', cardinality(v_adopted),
    'mended', cardinality(v_behind),
    'changed', v_changed,
    'skipped', cardinality(v_wanted) - cardinality(v_seen_ids),
    'images', (
      select jsonb_build_object(
        'total', count(*),
        'stored', count(*) filter (where i.state = 'stored'),
        'pending', count(*) filter (where i.state = 'pending'),
        'rejected', count(*) filter (where i.state = 'rejected')
      )
      from public.listing_images as i
      where i.listing_id = any (v_adopted)
    ),
    'last_id', (select max(p.id) from unnest(v_page) as p (id)),
    'done', cardinality(v_page) < least(greatest(coalesce(p_limit, 200), 1), 1000)
  );
end $$;
