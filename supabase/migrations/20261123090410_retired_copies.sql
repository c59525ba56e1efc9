-- Copies that left stored_images: kept for a while, so that they can serve again without asking the dealer.
--
-- The triggers on listing_images (file "leaving copies") write a record for whatever leaves, for whatever reason, and
-- take it back when a row names the copy again. `migrate prune` forgets a record when its time is over, and only then
-- removes the object.

create table if not exists public.retired_copies (
  storage_path text primary key,
  public_url text not null,
  listing_id bigint not null,             -- no foreign key: the record outlives a deleted listing
  position integer not null,
  source_url text not null,
  content_type text,
  bytes bigint,
  width integer,
  height integer,
  sha256 text,
  placeholder text,
  average_color text,
  phash bigint,
  defect text,
  stored_at timestamptz,
  etag text,
  last_modified text,
  was_in_doubt boolean not null default false, -- it was due for a re-check when it left
  retired_at timestamptz not null default now()
);

-- Serves: the address that returns to its listing.
create index if not exists retired_copies_of_listing on public.retired_copies (listing_id);
-- Serves: the address that returns to another listing of the same dealer, such as one deleted and scraped anew.
create index if not exists retired_copies_of_source on public.retired_copies using hash (source_url);
-- Serves: those whose time is over (prune), and how many there are.
create index if not exists retired_copies_by_age on public.retired_copies (retired_at);

-- The mirror's own: closed to everybody but the service role.
alter table public.retired_copies enable row level security;
revoke all on public.retired_copies from anon, authenticated;
grant select, insert, update, delete on public.retired_copies to service_role;

-- --------------------------------------------------------------------------------------------------- hold_retired
-- Called by: follow_images, include_image, bring_back.
--
-- The same copy, held so that nobody prunes it before we commit; null when somebody just did.
create or replace function listing_mirror.hold_retired(p_storage_path text)
returns text
language sql
strict
as $$
  select r.storage_path from public.retired_copies as r where r.storage_path = p_storage_path for key share;
$$;
