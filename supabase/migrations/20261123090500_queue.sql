-- One row a listing in the queue, and what is remembered about hosts.

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
  finished_token uuid,                    -- the last claim that was finished, so that a repeated call is answered alike
  constraint image_queue_claim_is_leased check ((claim_token is null) = (leased_until is null))
) with (fillfactor = 70);

-- Serves: the next due listings of one dealer in one priority, oldest first (claim, dry run).
create index if not exists image_queue_due on public.image_queue
  (dealer_id, priority, next_due_at, listing_id)
  where next_due_at is not null;
-- Serves: the same with --retry-failed, where due times do not matter.
create index if not exists image_queue_retryable on public.image_queue
  (dealer_id, priority, listing_id)
  where is_retryable;
-- Serves: extending and releasing claims by token, and counting what others hold.
create unique index if not exists image_queue_claims on public.image_queue (claim_token)
  where claim_token is not null;

-- A host that asked to be left alone for a while (Retry-After); it binds every runner.
create table if not exists public.host_holds (
  host text primary key,
  held_until timestamptz not null,
  reason text,
  set_at timestamptz not null default now()
);

-- The mirror's own: closed to everybody but the service role.
alter table public.image_queue enable row level security;
alter table public.host_holds enable row level security;
revoke all on public.image_queue, public.host_holds from anon, authenticated;
grant select, insert, update, delete on public.image_queue, public.host_holds to service_role;
