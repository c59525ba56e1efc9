-- Reading images and stored_images, whatever they hold: entries, addresses, names of copies.

-- ------------------------------------------------------------------------------------------------------- resolved
-- Called by: image_entries.
--
-- An address as a page at p_page means it (RFC 3986, section 5): absolute ones as they are, others made absolute;
-- as it came where the page has no address of the web either. A backslash is a slash, as in browsers.
create or replace function listing_mirror.resolved(p_entry text, p_page text)
returns text
language plpgsql
immutable
as $$
declare
  v_origin text := substring(p_page from '^[Hh][Tt][Tt][Pp][Ss]?://[^/?#\s\\]+');
  v_folder text;
  v_path text;
  v_rest text;
  v_shorter text;
begin
  if p_entry is null or p_entry = '' or p_entry ~ '^([A-Za-z][A-Za-z0-9+.-]*:|#)' or v_origin is null then
    return p_entry;
  end if;
  v_path := replace(substring(p_entry from '^[^?#]*'), '\', '/');
  v_rest := substr(p_entry, length(v_path) + 1);
  if v_path like '//%' then
    return substring(v_origin from '^[^:]+:') || v_path || v_rest;
  end if;
  v_folder := substring(substr(p_page, length(v_origin) + 1) from '^[^?#]*');
  if v_path = '' then
    v_path := coalesce(nullif(v_folder, ''), '/');
  elsif v_path not like '/%' then
    v_path := coalesce(nullif(regexp_replace(v_folder, '[^/]*$', ''), ''), '/') || v_path;
  end if;
  v_path := regexp_replace(v_path, '/\.(?=/|$)', '', 'g');
  loop
    v_shorter := regexp_replace(regexp_replace(v_path, '/(?!\.\.(/|$))[^/]*/\.\.(?=/|$)', ''), '^(/\.\.)+(?=/|$)', '');
    exit when v_shorter = v_path;
    v_path := v_shorter;
  end loop;
  return v_origin || case when v_path like '/%' then '' else '/' end || v_path || v_rest;
end $$;

-- -------------------------------------------------------------------------------------------------- image_entries
-- Called by: adopt, follow_images, is_behind, adopt_report, image_statistics.
--
-- One row an entry of listings.images, in page order. Never raises, whatever the value holds.
-- problem says why an entry can not be an image's address; null means it can.
-- An address without a host is meant as p_page, the listing's own page, means it.
create or replace function listing_mirror.image_entries(p_images jsonb, p_page text)
returns table ("position" integer, source_url text, problem text)
language sql
immutable
as $$
  with told as (
    select
      (e.ordinality - 1)::integer as entry_position,
      jsonb_typeof(e.value) as kind,
      btrim(e.value #>> '{}', E' \t\r\n\f\u00a0\u3000\ufeff') as entry
    from jsonb_array_elements(
      case when jsonb_typeof(p_images) = 'array' then p_images else '[]'::jsonb end
    ) with ordinality as e
  ),
  entries as (
    select
      t.entry_position,
      t.kind,
      case
        when t.kind <> 'string' or t.entry ~* '^https?://' or length(t.entry) > 2048 then t.entry
        else listing_mirror.resolved(t.entry, p_page)
      end as entry
    from told as t
  )
  select
    n.entry_position,
    left(coalesce(n.entry, 'null'), 2048),
    case
      when n.kind = 'null' then 'the entry is null'
      when n.kind <> 'string' then 'the entry is no text but of type ' || n.kind
      when n.entry = '' then 'the entry is empty'
      when length(n.entry) > 2048 then 'the address is longer than 2048 characters'
      when n.entry !~* '^https?://' then 'not an absolute http or https address, nor one on its page'
      when n.entry !~* '^https?://[^/?#\s\\]' then 'the address names no host'
      when n.entry ~ '[\u0001-\u001f\u007f]' then 'the address holds control characters'
    end
  from entries as n;
$$;

-- -------------------------------------------------------------------------------------------------------- host_of
-- Called by: queue_anew, has_reachable, claims_of, preview_claims, explain_listing.
--
-- The host of an address as the runners name it: lower case, without user, with the port only where it is odd;
-- null when there is none.
create or replace function listing_mirror.host_of(p_url text)
returns text
language sql
immutable
as $$
  select lower(regexp_replace(
    substring(p_url from '^[A-Za-z]+://(?:[^/?#@]*@)?((?:\[[^\]/?#]*\]|[^/?#:\\]+)(?::[0-9]+)?)'),
    ':(?:80|443)$',
    ''
  ));
$$;

-- ---------------------------------------------------------------------------------------------------- picture_key
-- Called by: follow_images, bring_back.
--
-- What two addresses of one picture have in common when only scheme or host differ (https, www, a CDN, a moved shop):
-- everything behind the host. WordPress' own CDN (Photon) names the shop's host in its path, and sizes in its query.
-- Null where nothing is left that could tell two pictures apart.
create or replace function listing_mirror.picture_key(p_url text)
returns text
language sql
immutable
as $$
  select case
    when p_url ~* '^https?://i[0-9]\.wp\.com/[^/]+/[^?]'
      then split_part(regexp_replace(p_url, '^[^:]+://[^/]+/[^/]+', ''), '?', 1)
    else substring(p_url from '^[A-Za-z]+://[^/?#\\]*([/?].*[^/?].*)$')
  end;
$$;

-- ---------------------------------------------------------------------------------------------------- position_in
-- Called by: copy_entries, follow_images, bring_back, results_problem, include_image.
--
-- The position a copy's name carries: the two digits before its extension; null when it carries none.
create or replace function listing_mirror.position_in(p_name text)
returns integer
language sql
immutable
as $$
  select substring(p_name from '/([0-9]{2})\.[A-Za-z]+$')::integer;
$$;

-- ------------------------------------------------------------------------------------------------------- is_shown
-- Called by: adopt, adopt_report.
--
-- Do browsers show a copy of this name? Older uploaders stored TIFF and BMP as they came.
create or replace function listing_mirror.is_shown(p_name text)
returns boolean
language sql
immutable
as $$
  select p_name ~* '\.(jpe?g|png|gif|webp|avif)$';
$$;

-- -------------------------------------------------------------------------------------------------------- path_in
-- Called by: copy_entries.
--
-- The object's name within its bucket, from a public URL on any host: what follows /object/public/{bucket}/.
create or replace function listing_mirror.path_in(p_public_url text)
returns text
language sql
immutable
as $$
  select coalesce(
    substring(p_public_url from '/object/(?:public/|sign/|authenticated/)?[^/]+/(.+)$'),
    substring(p_public_url from '^[A-Za-z]+://[^/]+/(?:.*/)?([^/]+/L[0-9]+/(?:[0-9a-f]+/)?[^/]+)$'),
    substring(p_public_url from '^[A-Za-z]+://[^/]+/(.+)$'),
    p_public_url
  );
$$;

-- --------------------------------------------------------------------------------------------------- copy_entries
-- Called by: adopt, follow_copies, adopt_report, image_statistics, unreferenced_copies.
--
-- The copies listed in stored_images, each with the position its name carries.
-- Of several for one position the last one counts (is_spare marks the others); position null: no name of ours.
-- A name too long for an index (and for any storage) would make the writer's statement fail, so it is none of ours.
create or replace function listing_mirror.copy_entries(p_stored_images jsonb)
returns table (ordinal integer, "position" integer, public_url text, storage_path text, is_spare boolean)
language sql
immutable
as $$
  with entries as (
    select
      e.ordinality::integer as ordinal,
      case when jsonb_typeof(e.value) = 'string' then e.value #>> '{}' end as url,
      e.value
    from jsonb_array_elements(
      case when jsonb_typeof(p_stored_images) = 'array' then p_stored_images else '[]'::jsonb end
    ) with ordinality as e
  ),
  placed as (
    select
      n.ordinal,
      case when octet_length(n.url) <= 2000 then listing_mirror.position_in(n.url) end as place,
      coalesce(n.url, n.value::text) as url
    from entries as n
  )
  select
    p.ordinal,
    p.place,
    p.url,
    listing_mirror.path_in(p.url),
    p.place is not null
      and row_number() over (partition by p.place order by p.ordinal desc) > 1
  from placed as p;
$$;

-- --------------------------------------------------------------------------------------------------- like_pattern
-- Called by: url_exclusion, preview_exclusion, exclude_image, include_image, apply_results.
--
-- A pattern is plain text found anywhere in the URL, '*' in it stands for any run of characters.
create or replace function listing_mirror.like_pattern(p_pattern text)
returns text
language sql
immutable
as $$
  select '%' || replace(replace(replace(replace(
    p_pattern, '\', '\\'), '%', '\%'), '_', '\_'), '*', '%') || '%';
$$;

-- -------------------------------------------------------------------------------------------------- error_kind_of
-- Called by: results_of, leave_host_alone.
--
-- A name of an error kind as the type; a name we do not know is 'other'.
create or replace function listing_mirror.error_kind_of(p_name text)
returns public.image_error_kind
language sql
stable
set search_path = ''
set jit = off
as $$
  select case
    when p_name is null then null
    else coalesce(
      (
        select k.kind
        from unnest(enum_range(null::public.image_error_kind)) as k (kind)
        where k.kind::text = p_name
      ),
      'other'
    )
  end;
$$;
