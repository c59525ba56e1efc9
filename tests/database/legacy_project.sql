-- A project from before the mirror: its own columns, types, triggers and mistakes. Invented, in the shape
-- such projects have: int ids, jsonb images, text statuses, triggers that react to any change of images.

create table public.dealers (
  id serial primary key,
  name text unique not null,
  name_ja text,
  domain text,
  catalog_url text,
  country text,
  is_active boolean default true,
  created_at timestamptz default now(),
  earliest_listing_at timestamptz
);

create table public.listings (
  id serial primary key,
  url text unique not null,
  dealer_id int references public.dealers (id),
  status text,
  is_available boolean,
  is_sold boolean,
  page_exists boolean default true,
  title text,
  description text,
  raw_fields jsonb,
  price_value numeric,
  price_currency text,
  price_raw text,
  item_type text,
  nagasa_cm numeric,
  images jsonb,
  stored_images jsonb,
  images_stored_at timestamptz,
  images_upload_status text,
  images_upload_error text,
  hero_image_index int,
  focal_x real,
  status_admin_locked boolean default false,
  source text default 'scraper',
  first_seen_at timestamptz default now(),
  last_scraped_at timestamptz,
  scrape_count int default 0,
  consecutive_404_count int default 0,
  first_404_at timestamptz,
  updated_at timestamptz default '2026-01-01'
);

create function public.reset_crops() returns trigger language plpgsql as $$
begin
  if new.images is distinct from old.images or new.stored_images is distinct from old.stored_images then
    new.hero_image_index := null;
    new.focal_x := null;
  end if;
  return new;
end $$;
create trigger reset_crops before update of images, stored_images on public.listings
  for each row execute function public.reset_crops();

create function public.strip_slash() returns trigger language plpgsql as $$
begin
  new.url := rtrim(new.url, '/');
  return new;
end $$;
create trigger strip_slash before insert or update on public.listings
  for each row execute function public.strip_slash();

create table public.discovered_urls (
  id serial primary key,
  url text unique not null,
  dealer_id int references public.dealers (id),
  discovered_at timestamptz default now(),
  is_scraped boolean default false,
  scrape_priority int default 0,
  last_scraped_at timestamptz,
  is_accessible boolean,
  consecutive_failures int default 0,
  last_error text
);

create table public.scrape_runs (
  id serial primary key,
  run_type text,
  dealer_id int,
  started_at timestamptz default now(),
  completed_at timestamptz,
  urls_processed int,
  new_listings int,
  updated_listings int,
  errors int,
  status text,
  error_message text
);

create table public.stored_images (object_uuid uuid, storage_path text, bucket text);

alter table public.listings enable row level security;
create policy "Everybody reads scraped listings" on public.listings for select using (source <> 'dealer');

insert into public.dealers (name, domain) values
  ('Aoi Art', 'aoijapan.com'),
  ('葵美術', 'www.aoi-bijutsu.jp'),
  ('刀剣', null),
  ('Aoi-Art', 'other.example'),
  ('Ginza_Seikodo', 'ginzaseikodo.com');

-- Five images each; the copies the number's remainder says; statuses as an incident left them.
insert into public.listings (
  url, dealer_id, status, images, stored_images, images_upload_status, hero_image_index, images_stored_at
)
select
  'https://aoijapan.com/item-' || n,
  1 + n % 2,
  (array['available', 'sold', 'HOLD', 'DELISTED', 'unknown'])[1 + n % 5],
  (select jsonb_agg('https://aoijapan.com/pics/' || n || '-' || p || '.jpg' order by p) from generate_series(0, 4) as p),
  case n % 4
    -- all stored
    when 0 then (
      select jsonb_agg('https://project.example/storage/v1/object/public/listing-images/aoi-art/L'
        || lpad(n::text, 5, '0') || '/' || lpad(p::text, 2, '0') || '.jpg' order by p)
      from generate_series(0, 4) as p)
    -- gaps
    when 1 then jsonb_build_array('https://project.example/storage/v1/object/public/listing-images/aoi-art/L'
      || lpad(n::text, 5, '0') || '/02.webp')
    -- a copy beyond the images, and one that carries no position
    when 2 then jsonb_build_array(
      'https://project.example/storage/v1/object/public/listing-images/aoi-art/L' || lpad(n::text, 5, '0') || '/01.jpg',
      'https://project.example/storage/v1/object/public/listing-images/aoi-art/L' || lpad(n::text, 5, '0') || '/07.jpg')
    else null
  end,
  (array['completed', 'pending', 'completed', 'failed'])[1 + n % 4],
  3,
  '2026-01-02'
from generate_series(1, 1200) as n;
