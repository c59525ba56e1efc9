-- One row an image, what happened to it, and what an operator does not want.

do $$
begin
  -- pending -> stored | failed | gone | rejected; failed -> stored | failed | gone | rejected;
  -- gone and rejected stay until an operator asks again; any -> pending when the image's URL is new.
  if to_regtype('public.image_state') is null then
    create type public.image_state as enum ('pending', 'stored', 'failed', 'gone', 'rejected');
  end if;
  if to_regtype('public.image_error_kind') is null then
    create type public.image_error_kind as enum (
      'timeout', 'connect', 'dns', 'tls', 'http_403', 'http_404', 'http_410', 'http_429', 'http_4xx',
      'http_5xx', 'truncated', 'too_large', 'not_an_image', 'blocked_address', 'too_many_redirects',
      'bad_url', 'storage_rejected', 'storage_unavailable', 'interrupted', 'other'
    );
  end if;
end $$;

-- A digest or a URL pattern an operator excluded: a banner, a placeholder, a hot-link block.
create table if not exists public.image_exclusions (
  id bigint generated always as identity primary key,
  dealer_id bigint,                       -- null: every dealer
  sha256 text,
  url_pattern text,                       -- found anywhere in the URL; '*' stands for any run of characters
  reason text,
  created_at timestamptz not null default now(),
  check (num_nonnulls(sha256, url_pattern) >= 1)
);

-- Serves: excluding the same thing twice changes nothing.
create unique index if not exists image_exclusions_once on public.image_exclusions
  (coalesce(dealer_id, 0), coalesce(sha256, ''), coalesce(url_pattern, ''));

create table if not exists public.listing_images (
  listing_id bigint not null references public.listings (id) on delete cascade,
  position integer not null check (position >= 0),
  source_url text not null,               -- of a malformed entry: its JSON text, cut
  state public.image_state not null default 'pending',
  error_kind public.image_error_kind,
  error_detail text,
  http_status integer,
  attempts integer not null default 0,    -- faults of the source only, never ours
  absences integer not null default 0,    -- of these, answers 404 or 410
  first_absent_at timestamptz,
  due_at timestamptz default now(),       -- null: not due by itself; of a stored image: when its copy is re-checked
  storage_path text,
  public_url text,
  content_type text,
  bytes bigint,
  width integer,
  height integer,
  sha256 text,
  placeholder text,                       -- a thumbhash of what the copy shows, base64, for the time until it is loaded
  average_color text,                     -- '#rrggbb'
  phash bigint,                           -- a perceptual hash: alike in all but a few bits means alike to the eye
  defect text,                            -- what the copy lacks although it shows; null: nothing, or nobody has looked
  damaged_sha256 text,                    -- of damaged bytes that came last; kept when the same come again
  damaged_at timestamptz,                 -- and since when the same have come
  keep_at timestamptz,                    -- an operator said so: keep it although it is damaged
  stored_at timestamptz,
  etag text,
  last_modified text,
  copy_from text,                         -- a copy of this very URL in the bucket, under another name
  copy_url text,                          -- and its public URL, should the name fit again
  recheck_after_copy boolean not null default false, -- that copy was due for a re-check when its image moved
  settled_by uuid,                        -- the claim whose result this is: told twice, it counts once
  exclusion_id bigint references public.image_exclusions (id) on delete set null,
  created_at timestamptz not null default now(),
  -- May a reader be shown it? What is gone or no picture would be a broken one; a file too large for us still shows.
  is_shown boolean not null generated always as (
    exclusion_id is null
    and (state in ('pending', 'stored', 'failed') or state = 'rejected' and error_kind = 'too_large')
    and source_url ~* '^https?://'
  ) stored,
  primary key (listing_id, position),
  -- A copy's name carries its position (two digits, then an extension in letters, ending the URL).
  constraint listing_images_copy_fits check (
    state <> 'stored'
    or (position < 100
      and storage_path is not null
      and public_url ~ ('/' || lpad(position::text, 2, '0') || '\.[A-Za-z]+$'))
  ),
  constraint listing_images_pending_is_due check (state <> 'pending' or due_at is not null),
  constraint listing_images_only_stored_has_a_copy check (state = 'stored' or storage_path is null),
  constraint listing_images_recheck_needs_a_copy check (not recheck_after_copy or copy_from is not null)
);

-- Serves: which rows a copy's name belongs to (prune, verify); only stored rows have one.
create index if not exists listing_images_by_path on public.listing_images (storage_path)
  where storage_path is not null;
-- Serves: the copies that moved rows still need (prune).
create index if not exists listing_images_by_copy on public.listing_images (copy_from)
  where copy_from is not null;
-- Serves: excluding a digest, and the digests that many listings share.
create index if not exists listing_images_by_digest on public.listing_images (sha256)
  where sha256 is not null;
-- Serves: the numbers about what is missing, on a table that is mostly stored.
create index if not exists listing_images_missing on public.listing_images (state, error_kind, listing_id)
  where state <> 'stored';
-- Serves: how many copies are due for a re-check, of the very many that are not.
create index if not exists listing_images_in_doubt on public.listing_images (listing_id)
  where state = 'stored' and due_at is not null;
-- Serves: how many copies are kept though damaged, and which.
create index if not exists listing_images_damaged on public.listing_images (listing_id)
  where defect is not null;
-- Serves: the copies that were never measured, which are few once `migrate measure` has run.
create index if not exists listing_images_unmeasured on public.listing_images (listing_id, position)
  where state = 'stored' and placeholder is null;
-- Serves: an operator's word about a digest that was not kept.
create index if not exists listing_images_by_damage on public.listing_images (damaged_sha256)
  where damaged_sha256 is not null;
-- Serves: dropping an exclusion.
create index if not exists listing_images_by_exclusion on public.listing_images (exclusion_id)
  where exclusion_id is not null;

-- What happened to each image, for people: --explain.
create table if not exists public.listing_image_events (
  id bigint generated always as identity primary key,
  listing_id bigint not null references public.listings (id) on delete cascade,
  position integer not null,
  source_url text not null,
  at timestamptz not null default now(),
  run_id bigint,
  event text not null,
  state public.image_state,
  error_kind public.image_error_kind,
  error_detail text,
  http_status integer,
  storage_path text
);

-- Serves: the history of one listing, in order.
create index if not exists listing_image_events_of_listing on public.listing_image_events (listing_id, id);
-- Serves: whether a copy in the old layout was ever ours (prune).
create index if not exists listing_image_events_of_path on public.listing_image_events (storage_path)
  where storage_path is not null;

-- The mirror's own: closed to everybody but the service role.
alter table public.image_exclusions enable row level security;
alter table public.listing_images enable row level security;
alter table public.listing_image_events enable row level security;
revoke all on public.image_exclusions, public.listing_images, public.listing_image_events from anon, authenticated;
revoke all on sequence public.image_exclusions_id_seq, public.listing_image_events_id_seq from anon, authenticated;
grant select, insert, update, delete on public.image_exclusions, public.listing_images, public.listing_image_events to service_role;
