-- What was told about the mirror's health, so that each change is told once and bad news once a day.

create table if not exists public.health_told (
  is_only_row boolean primary key default true check (is_only_row),
  is_ok boolean not null,                 -- as the last check found it
  since timestamptz not null,             -- since when it is so
  told_ok boolean,                        -- what was told last; null: nothing, or it did not arrive
  told_at timestamptz
);

alter table public.health_told enable row level security;
revoke all on public.health_told from anon, authenticated;
grant select, insert, update, delete on public.health_told to service_role;

-- ---------------------------------------------------------------------------------------------------- health_news
-- Called by: `migrate check` and the daily chain, before they tell ALERT_URL.
--
-- What there is to tell: 'bad', 'still bad', 'good' or null. It counts as told from here on, so that of several checks
-- at once one tells it; who could not tell it says so by health_untold.
create or replace function public.health_news(p_ok boolean)
returns jsonb
language plpgsql
security definer
set search_path = ''
set jit = off
as $$
declare
  v_told public.health_told;
  v_news text;
begin
  insert into public.health_told (is_ok, since)
  values (p_ok, now())
  on conflict do nothing;

  select * into v_told from public.health_told for update;

  v_news := case
    when not p_ok and coalesce(v_told.told_ok, true) then 'bad'
    when not p_ok and v_told.told_at < now() - interval '24 hours' then 'still bad'
    when p_ok and not v_told.told_ok then 'good'
  end;

  update public.health_told
  set
    is_ok = p_ok,
    since = case when is_ok = p_ok then since else now() end,
    told_ok = case when v_news is null then told_ok else p_ok end,
    told_at = case when v_news is null then told_at else now() end
  where true;

  return jsonb_build_object(
    'news', v_news,
    'since', case when v_told.is_ok = p_ok then v_told.since else now() end,
    'told_before', jsonb_build_object('ok', v_told.told_ok, 'at', v_told.told_at)
  );
end $$;

-- -------------------------------------------------------------------------------------------------- health_untold
-- Called by: `migrate check`, when nobody took what it was given to tell: the next check tries again.
create or replace function public.health_untold(p_told_ok boolean, p_told_at timestamptz)
returns jsonb
language sql
security definer
set search_path = ''
set jit = off
as $$
  with mended as (
    update public.health_told
    set told_ok = p_told_ok, told_at = p_told_at
    where true
    returning is_ok
  )
  select jsonb_build_object('untold', exists (select 1 from mended));
$$;
