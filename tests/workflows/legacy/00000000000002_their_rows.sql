-- {{listings}} listings as the incident left them. What listing n is like follows from n % 10:
--   0 complete, and says so              5 failed, nothing stored
--   1 pending, nothing stored            6 no images at all, yet "failed" (null, or an empty list)
--   2 nothing stored, yet "completed"    7 a copy beyond the last image, yet "completed"
--   3 partial with gaps                  8 a dealer's own entry in the portal: nobody else's business
--   4 complete, yet "pending"            9 composite.jpg among the copies, two copies of one position, no status
-- Beyond the first {{lacking}} those with something missing are complete, which keeps the tests short.
-- Listing n has 1 to 4 images: {{shop}}/pictures/n/k.jpg.

insert into public.dealers (name, name_ja, domain, country, contact_email, accepts_wire_transfer)
values
  ('Aoi Art', '葵美術', 'aoijapan.com', 'JP', 'a@example.org', true),
  ('World Seiyudo', '銀座誠友堂', 'world-seiyudo.com', 'JP', null, null),
  ('Ginza_Seikodo', null, 'ginzaseikodo.com', 'JP', null, false),
  ('Nihonto Art', null, 'nihontoart.com', 'CA', 'n@example.org', null),
  ('勇進堂', '勇進堂', 'yushindou.com', 'JP', null, null);

with numbered as (
  select
    n,
    case when n > {{lacking}} and n % 10 in (1, 2, 3, 5) then 0 else n % 10 end as kind,
    1 + n % 4 as images,
    (array['aoi-art', 'world-seiyudo', 'ginza-seikodo', 'nihonto-art', 'yushindou-com'])[1 + n % 5] as slug
  from generate_series(1, {{listings}}) as n
),
copies as (
  select
    d.n,
    jsonb_agg(
      '{{storage}}/storage/v1/object/public/listing-images/' || d.slug || '/L' || lpad(d.n::text, 5, '0') || '/' || c.name
      order by c.place
    ) as stored
  from numbered as d
  cross join lateral (
    select k as place, lpad(k::text, 2, '0') || '.jpg' as name
    from generate_series(0, d.images - 1) as k
    where d.kind in (0, 4, 7, 9) or (d.kind = 3 and k % 2 = 0)
    union all select 7, '07.webp' where d.kind = 7
    union all select -1, '00.webp' where d.kind = 9
    union all select 100, 'composite.jpg' where d.kind = 9
    union all select 0, '00.jpg' where d.kind = 8
  ) as c
  group by d.n
)
insert into public.listings (
  url, dealer_id, status, is_available, is_sold, title, title_en, description, raw_fields, price_value,
  price_currency, price_raw, item_type, smith, cert_type, images, stored_images, images_stored_at,
  images_upload_status, images_upload_error, thumbnail_url, focal_x, focal_y, image_width, image_height,
  hero_image_index, last_scraped_at, scrape_count, status_admin_locked, admin_locked_fields, source, updated_at
)
select
  '{{shop}}/items/' || d.n,
  1 + d.n % 5,
  case when d.n % 7 = 0 then 'sold' when d.n % 11 = 0 then 'HOLD' else 'available' end,
  d.n % 7 <> 0 and d.n % 11 <> 0,
  d.n % 7 = 0,
  '刀 No. ' || d.n,
  'Sword no. ' || d.n,
  'Listing ' || d.n,
  jsonb_build_object('http_status', 200, 'n', d.n),
  case when d.n % 3 > 0 then d.n * 1000 end,
  case when d.n % 5 = 3 then 'USD' else 'JPY' end,
  'Price ' || d.n,
  'katana',
  'Kanemitsu',
  'Juyo',
  case
    when d.kind = 6 and d.n % 20 = 6 then null
    when d.kind = 6 then '[]'::jsonb
    when d.kind = 8 then to_jsonb(array['{{shop}}/portal/' || d.n || '/own.jpg', '{{shop}}/portal/' || d.n || '/own2.jpg'])
    else (select jsonb_agg('{{shop}}/pictures/' || d.n || '/' || k || '.jpg' order by k) from generate_series(0, d.images - 1) as k)
  end,
  case when d.kind in (1, 5) then null else coalesce(c.stored, '[]'::jsonb) end,
  case when d.kind in (0, 3, 7, 9) then timestamptz '2026-01-20 03:00:00+00' end,
  case d.kind
    when 0 then 'completed' when 1 then 'pending' when 2 then 'completed' when 3 then 'partial'
    when 4 then 'pending' when 5 then 'failed' when 6 then 'failed' when 7 then 'completed' when 8 then 'completed'
  end,
  case when d.kind = 5 then 'timeout' end,
  'https://frontend.example.org/thumbs/' || d.n || '.jpg',
  0.25, 0.75, 1200, 800,
  0,
  timestamptz '2026-01-20 03:00:00+00',
  3,
  d.n % 13 = 0,
  '{"status": true}'::jsonb,
  case when d.kind = 8 then 'dealer' else 'scraper' end,
  timestamptz '2026-01-20 03:00:00+00'
from numbered as d
left join copies as c on c.n = d.n
order by d.n;

insert into public.scrape_runs (run_type, status, urls_processed, completed_at)
values ('full', 'completed', {{listings}}, timestamptz '2026-01-20 04:00:00+00');
