-- One row a listing in the queue, one for each host that it waits for, and what is remembered about hosts.

-- The queue: one narrow row a listing, so that claiming and leasing never touch the listing itself.
-- next_due_at, priority and is_retryable are derived from listing_images, in the same transaction.
create table if not exists public.image_queue (
  listing_id bigint primary key references public.listings (id) on delete cascade,
  dealer_id bigint not null default 0,    -- 0: the listing has none
  next_due_at timestamptz,                -- null: nothing is due by itself
  priority smallint not null default 1,   -- 0, 1: an image was never tried; 2, 3: repeats; 4, 5: only re-checks; even: may vanish
  is_retryable boolean not null default false,
  claim_token uuid,
  claimed_by_run bigint,
  claimed_at timestamptz,
  leased_until timestamptz,
  last_run_id bigint,                     -- a run claims a listing once
  last_claimed_at timestamptz,            -- what was handed out goes behind what was not, whatever came of it
  finished_token uuid,                    -- the last claim that was finished, so that a repeated call is answered alike
  constraint image_queue_claim_is_leased check ((claim_token is null) = (leased_until is null))
) with (fillfactor = 70);

-- Serves: extending and releasing claims by token, and counting what others hold.
create unique index if not exists image_queue_claims on public.image_queue (claim_token)
  where claim_token is not null;

-- The lanes of the queue: where a listing's images are to be asked for, one row a host. Derived like the row above, so
-- that claiming passes over a whole host, or one dealer's part of it, without reading any of its listings.
create table if not exists public.image_queue_hosts (
  listing_id bigint not null references public.image_queue (listing_id) on delete cascade,
  host text not null,                     -- '': no dealer's, the copy is in the bucket under another name
  dealer_id bigint not null,
  priority smallint not null,             -- as in image_queue, by the images of this host
  next_due_at timestamptz,                -- null: nothing is due by itself
  place_at timestamptz not null,          -- its place in line: since when it is due, or when it was last handed out
  is_retryable boolean not null,
  waiting integer not null,               -- images without a copy that are due now or later
  primary key (listing_id, host)
) with (fillfactor = 70);

-- Serves: the next due listings of one dealer on one host in one priority (claim, dry run).
create index if not exists image_queue_hosts_due on public.image_queue_hosts
  (priority, dealer_id, host, place_at, listing_id)
  where next_due_at is not null;
-- Serves: the same with --retry-failed, where due times do not matter.
create index if not exists image_queue_hosts_retryable on public.image_queue_hosts
  (priority, dealer_id, host, place_at, listing_id)
  where is_retryable;
-- Serves: what waits for a host that is left alone.
create index if not exists image_queue_hosts_waiting on public.image_queue_hosts (host, dealer_id)
  where waiting > 0;

-- A host that is left alone because nothing came back from it, or only errors for one dealer's images on it. It stays
-- here until it answers; a look at it may be had from next_look_at on.
create table if not exists public.hosts_left_alone (
  host text not null,
  dealer_id bigint not null default 0,    -- 0: the whole host; else only this dealer's part of it
  since timestamptz not null default now(),
  kind public.image_error_kind not null,  -- of the last try
  detail text,
  http_status integer,
  tries integer not null default 1,       -- looks that ended like this
  last_look_at timestamptz not null default now(),
  next_look_at timestamptz not null,
  primary key (host, dealer_id)
);

-- A host that asked to be left alone for a while (Retry-After); it binds every runner.
create table if not exists public.host_holds (
  host text primary key,
  held_until timestamptz not null,
  reason text,
  set_at timestamptz not null default now()
);

-- The mirror's own: closed to everybody but the service role.
alter table public.image_queue enable row level security;
alter table public.image_queue_hosts enable row level security;
alter table public.hosts_left_alone enable row level security;
alter table public.host_holds enable row level security;
revoke all on public.image_queue, public.image_queue_hosts, public.hosts_left_alone, public.host_holds
  from anon, authenticated;
grant select, insert, update, delete
  on public.image_queue, public.image_queue_hosts, public.hosts_left_alone, public.host_holds
  to service_role;
