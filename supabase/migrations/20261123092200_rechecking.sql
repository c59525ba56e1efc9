-- Copies to be compared with their source again.

-- ------------------------------------------------------------------------------------------------- recheck_copies
-- Called by: `migrate recheck`, page after page.
--
-- Makes stored copies due, so that the next run compares them with their source. At most p_limit listings a call,
-- from the one after p_after on; those that somebody is writing at the moment are passed over ("busy").
create or replace function public.recheck_copies(
  p_after bigint,
  p_limit integer,
  p_dealer_ids bigint[],
  p_listing_ids bigint[],
  p_dry_run boolean
)
returns jsonb
language sql
security definer
set search_path = ''
set jit = off
as $$
  with page as materialized (
    select l.id
    from public.listings as l
    where l.id > coalesce(p_after, 0)
      and (p_dealer_ids is null or l.dealer_id = any (p_dealer_ids))
      and (p_listing_ids is null or l.id = any (p_listing_ids))
      and exists (
        select 1 from public.listing_images as i where i.listing_id = l.id and i.state = 'stored' and i.due_at is null
      )
    order by l.id
    limit least(greatest(coalesce(p_limit, 200), 1), 1000)
  ),
  locked as materialized (
    select k.listing_id
    from unnest(listing_mirror.lock_listings(
      array(select p.id from page as p where not coalesce(p_dry_run, false)), null
    )) as k (listing_id)
  ),
  found as (
    select i.listing_id
    from public.listing_images as i
    where coalesce(p_dry_run, false)
      and i.listing_id in (select p.id from page as p)
      and i.state = 'stored'
      and i.due_at is null
  ),
  made_due as (
    update public.listing_images as i
    set due_at = now(), attempts = 0
    where i.listing_id in (select k.listing_id from locked as k)
      and i.state = 'stored'
      and i.due_at is null
    returning i.listing_id
  ),
  chosen as (
    select f.listing_id from found as f
    union all
    select m.listing_id from made_due as m
  )
  select jsonb_build_object(
    'listings', (select count(distinct c.listing_id) from chosen as c),
    'copies', (select count(*) from chosen as c),
    'busy', (select count(*) from page as p where p.id not in (select c.listing_id from chosen as c)),
    'after', (select max(p.id) from page as p)
  );
$$;
