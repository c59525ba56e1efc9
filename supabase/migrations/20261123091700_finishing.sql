-- Recording what came of a claim, once and only by its holder.

-- --------------------------------------------------------------------------------------------------- image_counts
-- Called by: finish_listing.
create or replace function listing_mirror.image_counts(p_listing_id bigint)
returns jsonb
language sql
stable
security definer
set search_path = ''
set jit = off
as $$
  select jsonb_object_agg(s.state, (
    select count(*)
    from public.listing_images as i
    where i.listing_id = p_listing_id
      and i.state = s.state
  ))
  from unnest(enum_range(null::public.image_state)) as s (state);
$$;

-- ----------------------------------------------------------------------------------------------------- gone_among
-- Called by: finish_listing, record_images.
--
-- How many images of these results are confirmed absent now.
create or replace function listing_mirror.gone_among(p_listing_id bigint, p_results text)
returns bigint
language sql
stable
security definer
set search_path = ''
set jit = off
as $$
  select count(*)
  from listing_mirror.results_of(p_results) as r
  join public.listing_images as i
    on i.listing_id = p_listing_id
    and i.position = r.position
    and i.source_url = r.source_url
  where r.outcome = 'failed'
    and i.state = 'gone';
$$;

-- ----------------------------------------------------------------------------------------------------- bring_back
-- Called by: finish_listing, record_images.
--
-- An image whose source is gone, while a retired copy of that picture is at hand, is not lost: the copy serves again.
create or replace function listing_mirror.bring_back(p_listing_id bigint)
returns void
language plpgsql
security definer
set search_path = ''
set jit = off
as $$
begin
  if not exists (select 1 from public.listing_images as i where i.listing_id = p_listing_id and i.state = 'gone') then
    return;
  end if;
  update public.listing_images as i
  set
    state = 'stored',
    error_kind = null,
    error_detail = null,
    http_status = null,
    due_at = null,
    storage_path = r.storage_path,
    public_url = r.public_url,
    stored_at = coalesce(r.stored_at, now()),
    content_type = r.content_type,
    bytes = r.bytes,
    width = r.width,
    height = r.height,
    sha256 = r.sha256,
    placeholder = r.placeholder,
    average_color = r.average_color,
    phash = r.phash,
    defect = r.defect
  from (
    select distinct on (r.position, coalesce(listing_mirror.picture_key(r.source_url), r.source_url)) r.*
    from public.retired_copies as r
    where r.listing_id = p_listing_id
    order by r.position, coalesce(listing_mirror.picture_key(r.source_url), r.source_url), r.retired_at desc
  ) as r
  where i.listing_id = p_listing_id
    and i.state = 'gone'
    and i.exclusion_id is null
    and (
      r.source_url = i.source_url
      or listing_mirror.picture_key(r.source_url) = listing_mirror.picture_key(i.source_url)
    )
    and listing_mirror.position_in(r.public_url) = i.position
    and listing_mirror.hold_retired(r.storage_path) is not null;
end $$;

-- ------------------------------------------------------------------------------------------------ results_problem
-- Called by: finish_listing, record_images.
--
-- Why these results can not be recorded; null: they can.
create or replace function listing_mirror.results_problem(p_results text)
returns text
language plpgsql
stable
security definer
set search_path = ''
set jit = off
as $$
begin
  return (
    select min(case
      when r.outcome is distinct from 'stored' then null
      when r.storage_path is null or r.public_url is null then 'a stored result needs storage_path and public_url'
      when listing_mirror.position_in(r.storage_path) is distinct from r.position
        or listing_mirror.position_in(r.public_url) is distinct from r.position
        then 'the name of a copy must carry its position: ' || r.storage_path
    end)
    from listing_mirror.results_of(coalesce(nullif(p_results, ''), '[]')) as r
  );
exception
  when data_exception then
    return 'the results are not a JSON array of results: ' || sqlerrm;
end $$;

-- ------------------------------------------------------------------------------------------------- record_images
-- Called by: record_results, or a runner whose listing was busy there, while other images of the claim are worked on.
--
-- What was recorded is not repeated by a successor, should the runner die. The claim stays as it is.
create or replace function public.record_images(p_listing_id bigint, p_token uuid, p_results text)
returns jsonb
language plpgsql
security definer
set search_path = ''
set jit = off
as $$
declare
  v_dealer_id bigint;
  v_claim public.image_queue;
  v_problem text := listing_mirror.results_problem(p_results);
begin
  if v_problem is not null then
    return jsonb_build_object('accepted', false, 'reason', v_problem);
  end if;
  select l.dealer_id into v_dealer_id
  from public.listings as l
  where l.id = p_listing_id
  for no key update;
  if not found then
    return jsonb_build_object('accepted', false, 'reason', 'the listing does not exist any more');
  end if;
  select q.* into v_claim
  from public.image_queue as q
  where q.listing_id = p_listing_id
  for update;
  if v_claim.claim_token is null or v_claim.claim_token is distinct from p_token then
    return jsonb_build_object('accepted', false, 'reason', 'the claim was lost');
  end if;

  perform listing_mirror.apply_results(
    p_listing_id,
    v_dealer_id,
    v_claim.claimed_by_run,
    v_claim.claimed_at,
    p_token,
    coalesce(nullif(p_results, ''), '[]')
  );
  perform listing_mirror.bring_back(p_listing_id);
  return jsonb_build_object(
    'accepted', true,
    'gone', listing_mirror.gone_among(p_listing_id, coalesce(nullif(p_results, ''), '[]')),
    'holds', listing_mirror.holds()
  );
end $$;

-- ------------------------------------------------------------------------------------------------- finish_listing
-- Called by: record_results, or a runner whose listing was busy there, once for each claim.
create or replace function public.finish_listing(p_listing_id bigint, p_token uuid, p_results text)
returns jsonb
language plpgsql
security definer
set search_path = ''
set jit = off
as $$
declare
  v_listing record;
  v_claim public.image_queue;
  v_problem text := listing_mirror.results_problem(p_results);
begin
  if v_problem is not null then
    return jsonb_build_object('accepted', false, 'reason', v_problem);
  end if;

  -- Whoever changes the images at this moment is waited for here, with nothing else locked.
  select l.id, l.dealer_id into v_listing
  from public.listings as l
  where l.id = p_listing_id
  for no key update;
  if not found then
    return jsonb_build_object('accepted', false, 'reason', 'the listing does not exist any more');
  end if;

  select q.* into v_claim
  from public.image_queue as q
  where q.listing_id = p_listing_id
  for update;
  if v_claim.finished_token = p_token then
    -- The first answer was lost on its way; nothing is applied twice.
    return jsonb_build_object(
      'accepted', true,
      'status', (select l.images_upload_status from public.listings as l where l.id = p_listing_id),
      'images', listing_mirror.image_counts(p_listing_id),
      'gone', listing_mirror.gone_among(p_listing_id, coalesce(nullif(p_results, ''), '[]')),
      'holds', listing_mirror.holds(),
      'repeated', true
    );
  end if;
  if v_claim.claim_token is null or v_claim.claim_token is distinct from p_token then
    return jsonb_build_object('accepted', false, 'reason', 'the claim was lost');
  end if;

  perform listing_mirror.apply_results(
    p_listing_id,
    v_listing.dealer_id,
    v_claim.claimed_by_run,
    v_claim.claimed_at,
    p_token,
    coalesce(nullif(p_results, ''), '[]')
  );
  perform listing_mirror.bring_back(p_listing_id);

  update public.image_queue as q
  set
    claim_token = null,
    claimed_by_run = null,
    claimed_at = null,
    leased_until = null,
    finished_token = p_token
  where q.listing_id = p_listing_id;

  -- The last thousand events are kept, and the names in the old layout, by which prune knows our own.
  delete from public.listing_image_events as e
  where e.listing_id = p_listing_id
    and e.id < (
      select min(v.id)
      from (
        select n.id from public.listing_image_events as n where n.listing_id = p_listing_id order by n.id desc limit 1000
      ) as v
    )
    and (e.storage_path is null or e.storage_path ~ '/L[0-9]{5,}/[0-9a-f]{12}/');

  return jsonb_build_object(
    'accepted', true,
    'status', (select l.images_upload_status from public.listings as l where l.id = p_listing_id),
    'images', listing_mirror.image_counts(p_listing_id),
    'gone', listing_mirror.gone_among(p_listing_id, coalesce(nullif(p_results, ''), '[]')),
    'holds', listing_mirror.holds()
  );
end $$;

-- ----------------------------------------------------------------------------------------------------- hold_claim
-- Called by: record_results.
--
-- Locks a listing and its place in the queue without waiting; false: somebody else has one of them.
create or replace function listing_mirror.hold_claim(p_listing_id bigint)
returns boolean
language sql
security definer
set search_path = ''
set jit = off
as $$
  -- What is not there can not be held by anybody; it is told apart afterwards.
  select cardinality(listing_mirror.lock_listings(array[p_listing_id], null)) = 1
    or not exists (select 1 from public.listings as l where l.id = p_listing_id);
$$;

-- ------------------------------------------------------------------------------------------------ record_results
-- Called by: a runner, with all that has come in since it called last.
--
-- What record_images (or with is_last finish_listing) does, for several claims at once: one answer each, in their
-- order. A listing that somebody else is changing at this moment is answered "busy" and left as it is: a runner that
-- holds many rows never waits for a writer, so the two can not lock each other out.
create or replace function public.record_results(p_claims text)
returns jsonb
language plpgsql
security definer
set search_path = ''
set jit = off
as $$
declare
  v_claim record;
  v_answer jsonb;
  v_answers jsonb[] := '{}';
begin
  for v_claim in
    select c.*
    from rows from (
      jsonb_to_recordset(p_claims::jsonb) as (listing_id bigint, token uuid, is_last boolean, results jsonb)
    ) with ordinality as c (listing_id, token, is_last, results, place)
    order by c.place
  loop
    if not listing_mirror.hold_claim(v_claim.listing_id) then
      v_answer := jsonb_build_object('accepted', false, 'busy', true);
    elsif v_claim.is_last then
      v_answer := public.finish_listing(v_claim.listing_id, v_claim.token, v_claim.results::text);
    else
      v_answer := public.record_images(v_claim.listing_id, v_claim.token, v_claim.results::text);
    end if;
    v_answers := v_answers || (v_answer - 'holds');
  end loop;
  return jsonb_build_object('answers', to_jsonb(v_answers), 'holds', listing_mirror.holds());
end $$;
