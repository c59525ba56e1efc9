-- Scrapes that run at once share the dealers: each takes what the others have not, as in the queue of images.

create table if not exists public.dealer_leases (
  dealer_id bigint primary key references public.dealers (id) on delete cascade,
  scrape uuid not null,                   -- one command, with all dealers it has
  runner text not null,                   -- which process on which machine, for people and for a dead one's successor
  leased_until timestamptz,               -- null: given back
  done_at timestamptz,                    -- when somebody was through with the whole dealer
  done_by uuid                            -- and which command that was
);

-- Serves: extending all leases of a command, and whether a command still works.
create index if not exists dealer_leases_of_scrape on public.dealer_leases (scrape)
  where leased_until is not null;

alter table public.dealer_leases enable row level security;
revoke all on public.dealer_leases from anon, authenticated;
grant select, insert, update, delete on public.dealer_leases to service_role;

-- --------------------------------------------------------------------------------------------------- lease_dealer
-- Called by: `scrape`, before it asks a dealer for anything.
--
-- {"granted": true}, or who has the dealer and for how long, or {"done": true} when another command was through
-- with it since this one began (p_running_s ago), or is still working on others (p_shares).
-- p_dead is a runner known to be dead: its lease is not waited for.
create or replace function public.lease_dealer(
  p_dealer_id bigint,
  p_scrape uuid,
  p_runner text,
  p_lease_s integer,
  p_running_s double precision,
  p_shares boolean,
  p_dead text
)
returns jsonb
language plpgsql
security definer
set search_path = ''
set jit = off
as $$
declare
  v_lease public.dealer_leases;
begin
  insert into public.dealer_leases as d (dealer_id, scrape, runner)
  values (p_dealer_id, p_scrape, p_runner)
  on conflict (dealer_id) do nothing;

  select * into v_lease
  from public.dealer_leases as d
  where d.dealer_id = p_dealer_id
  for update;

  if v_lease.leased_until > now() and v_lease.scrape <> p_scrape and v_lease.runner is distinct from p_dead then
    return jsonb_build_object(
      'granted', false,
      'done', false,
      'runner', v_lease.runner,
      'seconds', extract(epoch from v_lease.leased_until - now())::double precision
    );
  end if;
  if v_lease.done_by <> p_scrape and (
    v_lease.done_at > now() - make_interval(secs => greatest(coalesce(p_running_s, 0), 0))
    or (coalesce(p_shares, false) and exists (
      select from public.dealer_leases as o
      where o.scrape = v_lease.done_by and o.leased_until > now()
    ))
  ) then
    return jsonb_build_object('granted', false, 'done', true, 'runner', v_lease.runner);
  end if;

  update public.dealer_leases as d
  set
    scrape = p_scrape,
    runner = p_runner,
    leased_until = now() + make_interval(secs => least(greatest(coalesce(p_lease_s, 30), 1), 3600))
  where d.dealer_id = p_dealer_id;
  return jsonb_build_object('granted', true, 'done', false);
end $$;

-- -------------------------------------------------------------------------------------------- extend_dealer_leases
-- Called by: `scrape`, several times within a lease.
create or replace function public.extend_dealer_leases(p_scrape uuid, p_lease_s integer)
returns jsonb
language sql
security definer
set search_path = ''
set jit = off
as $$
  with extended as (
    update public.dealer_leases as d
    set leased_until = now() + make_interval(secs => least(greatest(coalesce(p_lease_s, 30), 1), 3600))
    where d.scrape = p_scrape
      and d.leased_until is not null
    returning d.dealer_id
  )
  select jsonb_build_object('dealers', (select count(*) from extended));
$$;

-- --------------------------------------------------------------------------------------------------- leave_dealer
-- Called by: `scrape`, when it is through with a dealer or was stopped.
create or replace function public.leave_dealer(p_dealer_id bigint, p_scrape uuid, p_is_done boolean)
returns jsonb
language sql
security definer
set search_path = ''
set jit = off
as $$
  with left_alone as (
    update public.dealer_leases as d
    set
      leased_until = null,
      done_at = case when p_is_done then now() else d.done_at end,
      done_by = case when p_is_done then p_scrape else d.done_by end
    where d.dealer_id = p_dealer_id
      and d.scrape = p_scrape
    returning d.dealer_id
  )
  select jsonb_build_object('left', exists (select from left_alone));
$$;
