-- A project as it was before the mirror: its own tables, columns, types, triggers and policies.
-- Only the names are those a frontend already reads; everything here must survive adoption.

create table public.dealers (
  id serial primary key,
  name text not null unique,
  name_ja text,
  domain text,
  catalog_url text,
  country text,
  is_active boolean default true,
  created_at timestamptz default now(),
  earliest_listing_at timestamptz,
  contact_email text,
  accepts_wire_transfer boolean
);

create table public.listings (
  id serial primary key,
  url text not null unique,
  dealer_id integer references public.dealers (id),
  status text default 'available',
  is_available boolean,
  is_sold boolean,
  page_exists boolean default true,
  status_changed_at timestamptz,
  consecutive_404_count integer default 0,
  first_404_at timestamptz,
  title text,
  title_en text,
  description text,
  description_en text,
  raw_page_text text,
  raw_fields jsonb,
  price_value numeric,
  price_currency text,
  price_raw text,
  price_jpy numeric,
  has_price boolean generated always as (price_value is not null) stored,
  item_type text,
  item_category text,
  nagasa_cm numeric,
  smith text,
  school text,
  cert_type text,
  cert_session integer,
  images jsonb,
  stored_images jsonb,
  images_stored_at timestamptz,
  images_upload_status text,
  images_upload_error text,
  thumbnail_url text,
  focal_x real,
  focal_y real,
  image_width integer,
  image_height integer,
  hero_image_index integer,
  first_seen_at timestamptz default now(),
  last_scraped_at timestamptz,
  scrape_count integer default 0,
  is_initial_import boolean default false,
  status_admin_locked boolean default false,
  admin_hidden boolean default false,
  admin_locked_fields jsonb default '{}'::jsonb,
  source text default 'scraper',
  updated_at timestamptz default now()
);
create index idx_listings_dealer on public.listings (dealer_id);

create table public.discovered_urls (
  id serial primary key,
  url text not null unique,
  dealer_id integer references public.dealers (id),
  discovered_at timestamptz default now(),
  is_scraped boolean default false,
  scrape_priority integer default 0,
  last_scraped_at timestamptz,
  last_checked_at timestamptz,
  is_accessible boolean,
  consecutive_failures integer default 0,
  last_error text,
  needs_rescrape boolean default false,
  rescrape_reason text
);

create table public.scrape_runs (
  id serial primary key,
  run_type text not null,
  dealer_id integer references public.dealers (id),
  started_at timestamptz default now(),
  completed_at timestamptz,
  urls_processed integer default 0,
  new_listings integer default 0,
  updated_listings integer default 0,
  errors integer default 0,
  status text default 'running',
  error_message text
);

create table public.price_history (
  id serial primary key,
  listing_id integer references public.listings (id),
  old_price numeric,
  new_price numeric,
  change_type text,
  detected_at timestamptz default now()
);

-- Another project's table that only shares a name with the column listings.stored_images.
create table public.stored_images (
  object_uuid uuid primary key default gen_random_uuid(),
  storage_path text,
  bucket text
);

create function public.their_listing_rules() returns trigger language plpgsql as $$
begin
  new.url := regexp_replace(new.url, '/$', '');
  new.item_type := replace(lower(new.item_type), '_', '-');
  new.price_jpy := case new.price_currency when 'USD' then new.price_value * 156 else new.price_value end;
  return new;
end $$;
create trigger their_listing_rules before insert or update on public.listings
  for each row execute function public.their_listing_rules();

-- Crops, cover and thumbnail belong to the pictures: a change of those resets them.
create function public.their_picture_rules() returns trigger language plpgsql as $$
begin
  if new.images is distinct from old.images or new.stored_images is distinct from old.stored_images then
    new.focal_x := null;
    new.focal_y := null;
    new.image_width := null;
    new.image_height := null;
    new.thumbnail_url := null;
    new.hero_image_index := null;
  end if;
  return new;
end $$;
create trigger their_picture_rules before update on public.listings
  for each row execute function public.their_picture_rules();

-- Stamps every row that anybody writes, whether or not a value changed.
create function public.their_stamp() returns trigger language plpgsql as $$
begin
  new.updated_at := clock_timestamp();
  return new;
end $$;
create trigger their_stamp before update on public.listings
  for each row execute function public.their_stamp();

create function public.their_price_history() returns trigger language plpgsql as $$
begin
  insert into public.price_history (listing_id, old_price, new_price, change_type)
  values (new.id, old.price_value, new.price_value, 'status_change');
  return null;
end $$;
create trigger their_price_history after update on public.listings
  for each row when (new.price_value is distinct from old.price_value or new.status is distinct from old.status)
  execute function public.their_price_history();

alter table public.listings enable row level security;
create policy "Anyone reads visible listings" on public.listings
  for select to anon using (not admin_hidden and source <> 'dealer');
alter table public.dealers enable row level security;
create policy "Anyone reads dealers" on public.dealers for select to anon using (true);
