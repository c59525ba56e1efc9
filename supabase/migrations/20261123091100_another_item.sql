-- The same page, another item: what was known of its images is in doubt.

-- ------------------------------------------------------------------------------------------------------- words_of
-- Called by: is_another_item.
--
-- The words of a title: runs of Latin letters and digits, and each Japanese character by itself.
create or replace function listing_mirror.words_of(p_title text)
returns text[]
language sql
immutable
as $$
  select coalesce(array_agg(distinct w.word[1]), '{}')
  from regexp_matches(lower(left(p_title, 1000)), '[a-z0-9]{2,}|[\u3040-\u30ff\u4e00-\u9fff]', 'g') as w (word);
$$;

-- ------------------------------------------------------------------------------------------------ is_another_item
-- Called by: listings_updated, history_goes_on.
--
-- Whether a title has hardly a word in common with the one before (less than a third of the shorter one's), or
-- words of it were replaced and the price was too: "Katana, Kanesada, NBTHK Hozon" and "Katana, Tadayoshi, NBTHK
-- Hozon" share most words. A word that is only added ("SOLD") makes no other item.
create or replace function listing_mirror.is_another_item(p_before text, p_now text, p_has_new_price boolean)
returns boolean
language sql
immutable
as $$
  select cardinality(b.words) > 0
    and cardinality(n.words) > 0
    and (
      (select count(*) from unnest(b.words) as w (word) where w.word = any (n.words))
        < 0.34 * least(cardinality(b.words), cardinality(n.words))
      or (p_has_new_price and not b.words <@ n.words and not n.words <@ b.words)
    )
  from (select listing_mirror.words_of(p_before) as words) as b
  cross join (select listing_mirror.words_of(p_now) as words) as n;
$$;

-- --------------------------------------------------------------------------------------------------- doubt_images
-- Called by: listings_updated, after the images have followed: only what is still stored then stayed.
--
-- Dealers put another item on a page they had, and its photographs under the addresses of the old ones. So the
-- copies that stayed are compared with their source again, shown as before until then, and what was found out
-- about the others (gone, not an image) was about the old item.
create or replace function listing_mirror.doubt_images(p_listing_ids bigint[])
returns void
language plpgsql
security definer
set search_path = ''
set jit = off
set enable_seqscan = off
set enable_nestloop = on
set plan_cache_mode = force_generic_plan
as $$
begin
  perform 1
  from public.image_queue as q
  where q.listing_id = any (p_listing_ids)
  order by q.listing_id
  for update;
  update public.listing_images as i
  set
    state = case when i.state = 'stored' then i.state else 'pending' end,
    error_kind = null,
    error_detail = null,
    http_status = null,
    attempts = 0,
    absences = 0,
    first_absent_at = null,
    -- Later than any claim there is, whenever this transaction began: see apply_results.
    due_at = clock_timestamp(),
    -- A date alone proves nothing here: the new item's photograph may be the older file.
    last_modified = null,
    copy_from = null,
    copy_url = null,
    recheck_after_copy = false
  where i.listing_id = any (p_listing_ids)
    and listing_mirror.may_be_retried(i);
end $$;
