-- The records of runs, and the version of all this.

-- ------------------------------------------------------------------------------------------------- schema_version
-- Called by: every command at its start.
create or replace function public.schema_version()
returns jsonb
language sql
immutable
security definer
set search_path = ''
set jit = off
as $$
  select jsonb_build_object('version', 1);
$$;

-- ------------------------------------------------------------------------------------------------------ start_run
-- Called by: `migrate` and `scrape` at the start of a run.
create or replace function public.start_run(p_run_type text, p_dealer_id bigint, p_runner text)
returns jsonb
language sql
security definer
set search_path = ''
set jit = off
as $$
  -- A migration that was killed never says so, and neither does one whose start was asked for twice.
  with ended as (
    update public.scrape_runs as r
    set status = 'failed', error_message = 'it ended without a word', completed_at = now()
    where p_run_type = 'migrate'
      and r.run_type = 'migrate'
      and r.status = 'running'
      and r.started_at < now() - interval '10 minutes'
      and not exists (
        select from public.image_queue as q
        where q.claimed_by_run = r.id and q.leased_until > now()
      )
    returning r.id
  ),
  started as (
    insert into public.scrape_runs (run_type, dealer_id, runner, status, started_at)
    values (p_run_type, p_dealer_id, p_runner, 'running', now())
    returning id
  )
  select jsonb_build_object(
    'run_id', s.id,
    'hosts_forgotten', case when p_run_type = 'migrate' then listing_mirror.forget_idle_hosts() end
  )
  from started as s;
$$;

-- ----------------------------------------------------------------------------------------------------- finish_run
-- Called by: `migrate` and `scrape` at the end of a run.
create or replace function public.finish_run(
  p_run_id bigint,
  p_status text,
  p_error_message text,
  p_urls_processed integer,
  p_new_listings integer,
  p_updated_listings integer,
  p_errors integer,
  p_counts text
)
returns jsonb
language sql
security definer
set search_path = ''
set jit = off
as $$
  with finished as (
    update public.scrape_runs as r
    set
      status = p_status,
      error_message = p_error_message,
      urls_processed = coalesce(p_urls_processed, 0),
      new_listings = coalesce(p_new_listings, 0),
      updated_listings = coalesce(p_updated_listings, 0),
      errors = coalesce(p_errors, 0),
      counts = coalesce(nullif(p_counts, '')::jsonb, '{}'::jsonb),
      completed_at = now()
    where r.id = p_run_id
    returning r.id
  ),
  -- A claim whose answer was lost on its way to the runner is known to nobody: it is free now.
  held as (
    select q.listing_id
    from public.image_queue as q
    where q.claimed_by_run = p_run_id
      and q.claim_token is not null
    for update skip locked
  ),
  freed as (
    update public.image_queue as q
    set claim_token = null, claimed_by_run = null, claimed_at = null, leased_until = null
    from held as h
    where q.listing_id = h.listing_id
    returning q.listing_id
  )
  select jsonb_build_object('finished', exists (select 1 from finished));
$$;
