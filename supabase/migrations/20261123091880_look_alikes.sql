-- The same picture under another digest: a banner that was encoded anew, an item listed twice or by two dealers.

-- -------------------------------------------------------------------------------------------------- shows_the_same
-- Called by: look_alikes.
--
-- Whether two placeholders are of one picture: its shape, its colours, and the ten coarsest of its waves. A second
-- judge beside the hash, which alone takes one blade on a plain ground for another.
create or replace function listing_mirror.shows_the_same(p_one text, p_other text)
returns boolean
language sql
immutable
strict
as $$
  with decoded as (
    select decode(p_one, 'base64') as a, decode(p_other, 'base64') as b
  )
  select
    length(d.a) = length(d.b)
    and length(d.a) >= 15
    and get_byte(d.a, 3) & 7 = get_byte(d.b, 3) & 7                                     -- how narrow
    and get_byte(d.a, 4) >> 7 = get_byte(d.b, 4) >> 7                                   -- lying or standing
    and get_byte(d.a, 2) >> 7 = get_byte(d.b, 2) >> 7                                   -- transparent or not
    and (get_byte(d.a, 2) >> 2) & 31 >= 1                                               -- not flat
    and abs(((get_byte(d.a, 2) >> 2) & 31) - ((get_byte(d.b, 2) >> 2) & 31)) <= 1
    and abs((get_byte(d.a, 0) & 63) - (get_byte(d.b, 0) & 63)) <= 2
    and abs(
      (((get_byte(d.a, 0) >> 6) | (get_byte(d.a, 1) << 2)) & 63) - (((get_byte(d.b, 0) >> 6) | (get_byte(d.b, 1) << 2)) & 63)
    ) <= 2
    and abs(
      (((get_byte(d.a, 1) >> 4) | (get_byte(d.a, 2) << 4)) & 63) - (((get_byte(d.b, 1) >> 4) | (get_byte(d.b, 2) << 4)) & 63)
    ) <= 2
    and (
      select sum(
        abs((get_byte(d.a, n) & 15) - (get_byte(d.b, n) & 15)) + abs((get_byte(d.a, n) >> 4) - (get_byte(d.b, n) >> 4))
      )
      from generate_series(5, 14) as n
    ) <= 12
  from decoded as d;
$$;

-- ---------------------------------------------------------------------------------------------------- alike_hashes
-- Called by: look_alikes, with 0, 16, 32 and 48.
--
-- The hashes sorted by all but begun at bit p_turn, each compared with the three behind it: pairs that differ in up to
-- five bits and are about as light. What differs in so few agrees in a quarter of its bits nearly always, so that in one
-- of the four orders it stands close by. The cost grows with the number of pictures, not with its square; of very many
-- only the newest are looked at. A hash of hardly any bits is of a plain ground and says nothing.
create or replace function listing_mirror.alike_hashes(p_turn integer)
returns table (one bigint, other bigint)
language sql
stable
set search_path = ''
set jit = off
set work_mem = '64MB'
as $$
  with looks as materialized (
    select
      i.phash,
      (i.phash << p_turn) | ((i.phash >> (64 - p_turn)) & ((1::bigint << p_turn) - 1)) as turned,
      get_byte(decode(left(i.placeholder, 4), 'base64'), 0) & 63 as light
    from public.listing_images as i
    where i.phash is not null
      and i.placeholder is not null
      and i.state = 'stored'
      and bit_count(i.phash::bit(64)) between 6 and 58
    order by i.listing_id desc
    limit 300000
  ),
  rows as (
    select
      l.phash,
      l.light,
      lead(l.phash) over w as phash_1,
      lead(l.light) over w as light_1,
      lead(l.phash, 2) over w as phash_2,
      lead(l.light, 2) over w as light_2,
      lead(l.phash, 3) over w as phash_3,
      lead(l.light, 3) over w as light_3
    from looks as l
    window w as (order by l.turned)
  ),
  near as (
    select r.*
    from rows as r
    where abs(r.light - r.light_1) <= 2 and bit_count((r.phash # r.phash_1)::bit(64)) <= 5
      or abs(r.light - r.light_2) <= 2 and bit_count((r.phash # r.phash_2)::bit(64)) <= 5
      or abs(r.light - r.light_3) <= 2 and bit_count((r.phash # r.phash_3)::bit(64)) <= 5
  )
  select distinct least(r.phash, n.phash), greatest(r.phash, n.phash)
  from near as r
  cross join lateral (
    values (r.phash_1, r.light_1), (r.phash_2, r.light_2), (r.phash_3, r.light_3)
  ) as n (phash, light)
  where r.phash <> n.phash
    and abs(r.light - n.light) <= 2
    and bit_count((r.phash # n.phash)::bit(64)) <= 5
  limit 10000;
$$;

-- ------------------------------------------------------------------------------------------------------ look_alikes
-- Called by: `migrate stats`, `migrate report`.
--
-- Pictures that show the same and have another digest, on two listings or more, the widest spread first.
create or replace function public.look_alikes(p_dealer_ids bigint[], p_groups integer)
returns jsonb
language sql
stable
security definer
set search_path = ''
set jit = off
set work_mem = '128MB'
as $$
  with near as materialized (
    select distinct a.one, a.other
    from unnest(array[0, 16, 32, 48]) as t (turn)
    cross join lateral listing_mirror.alike_hashes(t.turn) as a
  ),
  placeholders as materialized (
    select i.phash, min(i.placeholder) as placeholder
    from public.listing_images as i
    where i.phash in (select n.one from near as n union all select n.other from near as n)
      and i.state = 'stored'
    group by i.phash
  ),
  pairs as materialized (
    select n.one, n.other
    from near as n
    join placeholders as a on a.phash = n.one
    join placeholders as b on b.phash = n.other
    where listing_mirror.shows_the_same(a.placeholder, b.placeholder)
    union all
    select i.phash, i.phash
    from public.listing_images as i
    where i.phash is not null
      and i.state = 'stored'
      and bit_count(i.phash::bit(64)) between 6 and 58
    group by i.phash
    having min(left(i.sha256, 16) collate "C") <> max(left(i.sha256, 16) collate "C")
      and listing_mirror.shows_the_same(min(i.placeholder), max(i.placeholder))
  ),
  both_ways as materialized (
    select p.one, p.other from pairs as p
    union
    select p.other, p.one from pairs as p
  ),
  -- Each takes the smallest of its neighbours for its name, then what that one and its neighbours took: chains of several.
  first_names as materialized (
    select b.one as phash, least(b.one, min(b.other)) as name from both_ways as b group by b.one
  ),
  second_names as materialized (
    select b.one as phash, least(min(f.name), min(g.name)) as name
    from both_ways as b
    join first_names as f on f.phash = b.other
    join first_names as g on g.phash = f.name
    group by b.one
  ),
  names as (
    select s.phash, least(s.name, t.name) as name
    from second_names as s
    join second_names as t on t.phash = s.name
  ),
  members as materialized (
    select n.name, i.listing_id, i.position, i.sha256, i.public_url, coalesce(l.dealer_id, 0) as dealer_id
    from names as n
    join public.listing_images as i on i.phash = n.phash and i.state = 'stored'
    join public.listings as l on l.id = i.listing_id
  ),
  groups as materialized (
    select
      m.name,
      count(*) as images,
      count(distinct m.sha256) as digests,
      count(distinct m.listing_id) as listings,
      count(distinct m.dealer_id) as dealers,
      min(m.listing_id) as first_listing,
      max(m.listing_id) as last_listing
    from members as m
    group by m.name
    having count(distinct m.sha256) > 1
      and count(distinct m.listing_id) > 1
      and (p_dealer_ids is null or bool_or(m.dealer_id = any (p_dealer_ids)))
  )
  select jsonb_build_object(
    'groups', (select count(*) from groups),
    'images', (select coalesce(sum(g.images), 0) from groups as g),
    'at_several_dealers', (select count(*) from groups as g where g.dealers > 1),
    'widest', (
      select coalesce(
        jsonb_agg(
          jsonb_build_object(
            'images', w.images,
            'digests', w.digests,
            'listings', w.listings,
            'dealers', (
              select jsonb_agg(distinct coalesce(d.name, ''))
              from members as m
              left join public.dealers as d on d.id = m.dealer_id
              where m.name = w.name
            ),
            'examples', (
              select jsonb_agg(
                jsonb_build_object(
                  'listing_id', e.listing_id,
                  'position', e.position,
                  'dealer', coalesce(d.name, ''),
                  'title', l.title,
                  'url', l.url,
                  'sha256', e.sha256,
                  'copy', e.public_url
                )
                order by e.listing_id, e.position
              )
              from (
                select distinct on (m.sha256) m.listing_id, m.position, m.sha256, m.public_url
                from members as m
                where m.name = w.name
                order by m.sha256, m.listing_id, m.position
                limit 4
              ) as e
              join public.listings as l on l.id = e.listing_id
              left join public.dealers as d on d.id = l.dealer_id
            )
          )
          order by w.listings desc, w.last_listing desc
        ),
        '[]'::jsonb
      )
      from (
        select g.* from groups as g order by g.listings desc, g.last_listing desc limit coalesce(p_groups, 10)
      ) as w
    )
  );
$$;
