-- What a result makes of an image: states and due times. The runner says what happened; this file alone decides.

-- ---------------------------------------------------------------------------------------------------- pause_after
-- Called by: apply_results.
--
-- How long to wait after the nth fault of the source; null: it stops being due by itself.
create or replace function listing_mirror.pause_after(p_attempts integer)
returns interval
language sql
immutable
as $$
  select (array[
    interval '15 minutes',
    interval '1 hour',
    interval '4 hours',
    interval '12 hours',
    interval '24 hours',
    interval '48 hours'
  ])[p_attempts];
$$;

-- ----------------------------------------------------------------------------------------------- pause_of_damaged
-- Called by: apply_results.
--
-- How long until a copy that is kept though damaged is compared with its source again.
create or replace function listing_mirror.pause_of_damaged()
returns interval
language sql
immutable
as $$
  select interval '14 days';
$$;

-- ------------------------------------------------------------------------------------------------------ due_after
-- Called by: apply_results.
--
-- Due after that pause; the source's own wish counts when it is later, but not beyond a week, nor for what is
-- not due at all.
create or replace function listing_mirror.due_after(p_pause interval, p_retry_after_s double precision)
returns timestamptz
language sql
stable
as $$
  select case
    when p_pause is not null then now() + greatest(
      p_pause,
      make_interval(secs => least(greatest(coalesce(p_retry_after_s, 0), 0), 604800))
    )
  end;
$$;

-- --------------------------------------------------------------------------------------------------- is_our_fault
-- Called by: apply_results.
--
-- Faults of our own storage, or none at all: the image is not to blame and its attempts do not move.
create or replace function listing_mirror.is_our_fault(p_kind public.image_error_kind)
returns boolean
language sql
immutable
as $$
  select p_kind in ('storage_rejected', 'storage_unavailable', 'interrupted');
$$;

-- ----------------------------------------------------------------------------------------------------- results_of
-- Called by: results_problem, apply_results, gone_among.
--
-- The results as rows. A list that is no JSON array yields nothing; the caller tells it apart.
create or replace function listing_mirror.results_of(p_results text)
returns table (
  "position" integer,
  source_url text,
  outcome text,
  error_kind public.image_error_kind,
  error_detail text,
  http_status integer,
  retry_after_s double precision,
  storage_path text,
  public_url text,
  content_type text,
  bytes bigint,
  width integer,
  height integer,
  sha256 text,
  etag text,
  last_modified text,
  placeholder text,
  average_color text,
  phash bigint,
  defect text,
  damaged_sha256 text
)
language sql
stable
set search_path = ''
set jit = off
as $$
  select
    r.position,
    r.source_url,
    r.outcome,
    listing_mirror.error_kind_of(r.error_kind),
    left(r.error_detail, 1000),
    r.http_status,
    r.retry_after_s,
    r.storage_path,
    r.public_url,
    r.content_type,
    r.bytes,
    r.width,
    r.height,
    r.sha256,
    r.etag,
    r.last_modified,
    r.placeholder,
    r.average_color,
    r.phash,
    left(r.defect, 1000),
    r.damaged_sha256
  from jsonb_to_recordset(p_results::jsonb) as r (
    "position" integer,
    source_url text,
    outcome text,
    error_kind text,
    error_detail text,
    http_status integer,
    retry_after_s double precision,
    storage_path text,
    public_url text,
    content_type text,
    bytes bigint,
    width integer,
    height integer,
    sha256 text,
    etag text,
    last_modified text,
    placeholder text,
    average_color text,
    phash bigint,
    defect text,
    damaged_sha256 text
  );
$$;

-- -------------------------------------------------------------------------------------------------- apply_results
-- Called by: finish_listing, record_images.
--
-- Applies results by (position, address), each claim's result for an image once, however often it is told. A result
-- whose image changed meanwhile is dropped, except that a copy made for an address that now stands elsewhere is
-- remembered there, and one for an address that is gone is retired: nothing was downloaded in vain.
create or replace function listing_mirror.apply_results(
  p_listing_id bigint,
  p_dealer_id bigint,
  p_run_id bigint,
  p_claimed_at timestamptz,
  p_token uuid,
  p_results text
)
returns void
language plpgsql
security definer
set search_path = ''
set jit = off
as $$
begin
    with results as materialized (
      select distinct on (r.position, r.source_url) r.*
      from listing_mirror.results_of(p_results) as r
      where r.outcome in ('stored', 'failed', 'rejected')
      order by r.position, r.source_url
    ),
    mine as materialized (
      select i.*
      from public.listing_images as i
      where i.listing_id = p_listing_id
    ),
    applied as (
      select
        i as image,
        r as result,
        x.id as exclusion_id,
        x.reason as exclusion_reason,
        case
          when r.outcome in ('stored', 'rejected') and x.id is not null then 'excluded'
          -- What a re-check could not confirm is kept: images vanish, and for that we hold copies.
          when i.state = 'stored' and r.outcome <> 'stored' then 'kept'
          when r.outcome = 'failed' and listing_mirror.is_our_fault(r.error_kind) then 'ours'
          when r.outcome = 'failed' and r.error_kind in ('http_404', 'http_410') then 'absent'
          else r.outcome
        end as verdict
      from results as r
      join mine as i on i.position = r.position and i.source_url = r.source_url
      left join lateral (
        select x.id, x.reason
        from public.image_exclusions as x
        where (x.sha256 = r.sha256 or r.source_url like listing_mirror.like_pattern(x.url_pattern))
          and (x.dealer_id is null or x.dealer_id = p_dealer_id)
        order by x.id
        limit 1
        for key share -- see hold_exclusion
      ) as x on true
      where listing_mirror.may_be_retried(i)
        and i.settled_by is distinct from p_token
        -- Stored meanwhile and not due for a re-check: a failure of the older try says nothing.
        and (i.state <> 'stored' or i.due_at is not null or r.outcome = 'stored')
    ),
    absent as (
      select
        a.*,
        (a.image).absences + 1 >= 3
          and (a.image).first_absent_at <= now() - interval '48 hours' as is_confirmed
      from applied as a
    ),
    decided as (
      select
        (a.image).position as place,
        (a.image).source_url as address,
        a.verdict,
        a.result,
        a.image,
        a.exclusion_id,
        case
          when a.verdict in ('stored', 'kept') then 'stored'::public.image_state
          when a.verdict in ('rejected', 'excluded') then 'rejected'
          when a.verdict = 'ours' then (a.image).state
          when a.verdict = 'absent' and a.is_confirmed then 'gone'
          else 'failed'
        end as state,
        case
          when a.verdict = 'stored' then null
          when a.verdict = 'excluded' then 'other'::public.image_error_kind
          when a.verdict = 'rejected' then coalesce((a.result).error_kind, 'not_an_image')
          else coalesce((a.result).error_kind, 'other')
        end as kind,
        case
          when a.verdict = 'excluded' then 'excluded by an operator: ' || coalesce(a.exclusion_reason, 'no reason given')
          when a.verdict <> 'stored' then (a.result).error_detail
        end as detail,
        (a.image).attempts + case
          when a.verdict in ('failed', 'absent') then 1
          -- A limit of our own bucket is no fault of the source.
          when a.verdict = 'rejected' and not listing_mirror.is_our_fault((a.result).error_kind) then 1
          when a.verdict = 'kept' and not listing_mirror.is_our_fault((a.result).error_kind) then 1
          else 0
        end as attempts,
        (a.image).absences + case when a.verdict = 'absent' then 1 else 0 end as absences,
        case when a.verdict = 'absent' then coalesce((a.image).first_absent_at, now()) else (a.image).first_absent_at end
          as first_absent_at,
        case
          when a.verdict = 'ours' then (a.image).due_at
          when a.verdict = 'kept' and (a.image).defect is not null
            and not listing_mirror.is_our_fault((a.result).error_kind)
            and (a.result).error_kind not in ('http_404', 'http_410')
            then now() + listing_mirror.pause_of_damaged()
          when a.verdict = 'kept' and (a.result).outcome = 'failed' and listing_mirror.is_our_fault((a.result).error_kind)
            then (a.image).due_at
          -- The source has answered with something else than an image: it will not confirm this one any more.
          when a.verdict = 'kept' and (
            (a.result).outcome = 'rejected' or (a.result).error_kind in ('http_404', 'http_410', 'blocked_address')
          ) then null
          when a.verdict = 'absent' and not coalesce(a.is_confirmed, false)
            -- An absence not yet confirmed stays due, however many tries came before it.
            then listing_mirror.due_after(
              coalesce(listing_mirror.pause_after((a.image).attempts + 1), interval '48 hours'),
              (a.result).retry_after_s
            )
          when a.verdict in ('failed', 'kept') then listing_mirror.due_after(
            listing_mirror.pause_after((a.image).attempts + 1), (a.result).retry_after_s
          )
          -- A moved copy that was in doubt has its new name now.
          when a.verdict = 'stored' and (a.image).recheck_after_copy then now()
          -- Due again since the claim: these bytes may be of the item that was on the page before.
          when a.verdict = 'stored' and (a.image).state <> 'failed' and (a.image).due_at > p_claimed_at then now()
          -- The dealer may mend it.
          when a.verdict = 'stored' and (a.result).defect is not null then now() + listing_mirror.pause_of_damaged()
        end as due_at
      from absent as a
    ),
    changed as (
      update public.listing_images as i
      set
        state = d.state,
        error_kind = d.kind,
        error_detail = d.detail,
        http_status = case when d.verdict = 'stored' then null else (d.result).http_status end,
        attempts = case when d.verdict = 'stored' then 0 else d.attempts end,
        absences = case when d.verdict = 'stored' then 0 else d.absences end,
        first_absent_at = case when d.verdict <> 'stored' then d.first_absent_at end,
        due_at = d.due_at,
        storage_path = case when d.verdict = 'stored' then (d.result).storage_path end,
        public_url = case when d.verdict = 'stored' then (d.result).public_url end,
        stored_at = case
          when d.verdict = 'stored' and i.storage_path = (d.result).storage_path then i.stored_at
          when d.verdict = 'stored' then now()
        end,
        content_type = case when d.verdict = 'stored' then (d.result).content_type else i.content_type end,
        bytes = case when d.verdict = 'stored' then (d.result).bytes else i.bytes end,
        width = case when d.verdict = 'stored' then (d.result).width else i.width end,
        height = case when d.verdict = 'stored' then (d.result).height else i.height end,
        placeholder = case when d.verdict = 'stored' then (d.result).placeholder else i.placeholder end,
        average_color = case when d.verdict = 'stored' then (d.result).average_color else i.average_color end,
        phash = case when d.verdict = 'stored' then (d.result).phash else i.phash end,
        defect = case when d.verdict = 'stored' then (d.result).defect end,
        damaged_sha256 = case
          when d.verdict = 'stored' then null
          else coalesce((d.result).damaged_sha256, i.damaged_sha256)
        end,
        damaged_at = case
          when d.verdict = 'stored' then null
          when (d.result).damaged_sha256 is null or (d.result).damaged_sha256 = i.damaged_sha256 then i.damaged_at
          else now()
        end,
        sha256 = case when d.verdict in ('stored', 'excluded') then (d.result).sha256 else i.sha256 end,
        etag = case when d.verdict = 'stored' then (d.result).etag else i.etag end,
        last_modified = case when d.verdict = 'stored' then (d.result).last_modified else i.last_modified end,
        copy_from = case when d.verdict in ('failed', 'ours', 'absent') then i.copy_from end,
        copy_url = case when d.verdict in ('failed', 'ours', 'absent') then i.copy_url end,
        recheck_after_copy = i.recheck_after_copy and d.verdict in ('failed', 'ours', 'absent'),
        exclusion_id = d.exclusion_id,
        settled_by = p_token
      from decided as d
      where i.listing_id = p_listing_id
        and i.position = d.place
        and d.verdict <> 'kept'
    ),
    kept as (
      update public.listing_images as i
      set
        attempts = d.attempts,
        due_at = d.due_at,
        settled_by = p_token
      from decided as d
      where i.listing_id = p_listing_id
        and i.position = d.place
        and d.verdict = 'kept'
    ),
    moved as (
      update public.listing_images as i
      set
        state = 'pending',
        error_kind = null,
        error_detail = null,
        http_status = null,
        due_at = now(),
        copy_from = r.storage_path,
        copy_url = r.public_url,
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
        select distinct on (s.source_url) s.*
        from results as s
        where s.outcome = 'stored'
          and not exists (
            select 1 from mine as m where m.position = s.position and m.source_url = s.source_url
          )
        order by s.source_url, s.position
      ) as r
      where i.listing_id = p_listing_id
        and i.source_url = r.source_url
        and i.position <> r.position
        and i.state <> 'stored'
        and i.copy_from is null
        and listing_mirror.may_be_retried(i)
        and not exists (select 1 from applied as a where (a.image).position = i.position)
    ),
    retired as (
      insert into public.retired_copies as k (
        storage_path, public_url, listing_id, position, source_url, content_type, bytes, width, height, sha256,
        placeholder, average_color, phash, defect, stored_at, etag, last_modified
      )
      select
        r.storage_path, r.public_url, p_listing_id, r.position, r.source_url, r.content_type, r.bytes, r.width,
        r.height, r.sha256, r.placeholder, r.average_color, r.phash, r.defect, now(), r.etag,
        r.last_modified
      from results as r
      where r.outcome = 'stored'
        and not exists (select 1 from mine as m where m.position = r.position and m.source_url = r.source_url)
        and not exists (select 1 from public.listing_images as i where i.storage_path = r.storage_path)
      on conflict (storage_path) do nothing
    )
    insert into public.listing_image_events (
      listing_id, position, source_url, run_id, event, state, error_kind, error_detail, http_status, storage_path
    )
    select
      p_listing_id,
      coalesce(r.position, -1),
      coalesce(r.source_url, ''),
      p_run_id,
      case
        when d.place is null then 'outdated ' || r.outcome
        when d.verdict = 'kept' then 're-check ' || r.outcome
        when d.verdict = 'stored' and (d.image).storage_path = r.storage_path then 're-checked'
        else r.outcome
      end,
      d.state,
      coalesce(d.kind, r.error_kind),
      coalesce(d.detail, r.error_detail),
      r.http_status,
      r.storage_path
    from results as r
    left join decided as d on d.place = r.position and d.address = r.source_url
    order by r.position;
end $$;
