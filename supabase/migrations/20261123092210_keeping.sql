-- An operator's word: a picture that is kept although it is damaged.

-- ---------------------------------------------------------------------------------------------------- keep_images
-- Called by: `migrate keep`.
--
-- Marks images, named by listing and position or by the digest of bytes that were not kept, and makes them due.
-- p_listing_ids and p_positions belong together by place. Answers for each what it was before; a listing that
-- somebody is writing at the moment is passed over ("busy").
create or replace function public.keep_images(p_listing_ids bigint[], p_positions integer[], p_digest text)
returns jsonb
language sql
security definer
set search_path = ''
set jit = off
as $$
  with named as materialized (
    select i.listing_id, i.position, i.source_url, i.state, i.error_kind, i.error_detail, i.defect,
      listing_mirror.may_be_retried(i) as is_possible
    from unnest(p_listing_ids, p_positions) as n (listing_id, place)
    join public.listing_images as i on i.listing_id = n.listing_id and i.position = n.place
    union
    select i.listing_id, i.position, i.source_url, i.state, i.error_kind, i.error_detail, i.defect,
      listing_mirror.may_be_retried(i)
    from public.listing_images as i
    where p_digest is not null
      and i.damaged_sha256 is not null
      and i.damaged_sha256 like lower(p_digest) || '%'
  ),
  locked as materialized (
    select k.listing_id
    from unnest(listing_mirror.lock_listings(array(select distinct n.listing_id from named as n), null)) as k (listing_id)
  ),
  marked as (
    update public.listing_images as i
    set
      keep_at = now(),
      state = case when i.state in ('rejected', 'gone') then 'failed' else i.state end,
      due_at = case when i.state = 'stored' then i.due_at else now() end
    from named as n
    where i.listing_id = n.listing_id
      and i.position = n.position
      and n.is_possible
      and n.listing_id in (select k.listing_id from locked as k)
    returning i.listing_id, i.position, i.source_url, i.state
  ),
  noted as (
    insert into public.listing_image_events (listing_id, position, source_url, event, state, error_detail)
    select m.listing_id, m.position, m.source_url, 'to be kept', m.state, 'an operator wants it although it is damaged'
    from marked as m
  )
  select jsonb_build_object(
    'images', coalesce(
      (
        select jsonb_agg(
          jsonb_build_object(
            'listing_id', n.listing_id,
            'position', n.position,
            'state', n.state,
            'error_kind', n.error_kind,
            'error_detail', n.error_detail,
            'defect', n.defect,
            'is_possible', n.is_possible,
            'is_busy', n.listing_id not in (select k.listing_id from locked as k)
          )
          order by n.listing_id, n.position
        )
        from named as n
      ),
      '[]'::jsonb
    )
  );
$$;
