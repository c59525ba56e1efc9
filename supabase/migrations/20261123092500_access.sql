-- Who may call what: the service role, and nobody else. A project's own function of the same name is not ours:
-- all of ours return jsonb and work as their owner.

-- ============================================================================================= the writer of rows

-- The writer of rows is the service role; nobody else may change them.
grant select, insert, update, delete
  on public.dealers, public.dealer_settings, public.listings, public.discovered_urls, public.scrape_runs
  to service_role;

do $$
declare
  owned text;
begin
  for owned in
    select format('%I.%I', s.schemaname, s.sequencename)
    from pg_catalog.pg_sequences as s
    where s.schemaname = 'public'
      and format('%I.%I', s.schemaname, s.sequencename) in (
        pg_get_serial_sequence('public.dealers', 'id'),
        pg_get_serial_sequence('public.listings', 'id'),
        pg_get_serial_sequence('public.discovered_urls', 'id'),
        pg_get_serial_sequence('public.scrape_runs', 'id')
      )
  loop
    execute format('grant usage, select on sequence %s to service_role', owned);
  end loop;
end $$;

-- =========================================================================================== callers of functions

do $$
declare
  wanted text;
  signature regprocedure;
begin
  foreach wanted in array array[
    'adopt_listings',
    'adopt_report',
    'bucket_objects',
    'claim_listings',
    'copies_to_measure',
    'confirm_listings',
    'exclude_image',
    'explain_listing',
    'extend_claims',
    'extend_dealer_leases',
    'finish_listing',
    'finish_run',
    'forget_retired',
    'health_news',
    'health_untold',
    'hold_host',
    'host_answered',
    'image_statistics',
    'include_image',
    'keep_images',
    'lease_dealer',
    'leave_dealer',
    'leave_host_alone',
    'look_alikes',
    'list_exclusions',
    'mirror_history',
    'move_addresses',
    'note_coverage',
    'preview_claims',
    'preview_exclusion',
    'recheck_copies',
    'record_coverage',
    'record_images',
    'record_measures',
    'record_results',
    'recorded_copies',
    'release_claims',
    'report_missing_copies',
    'report_pictures',
    'schema_version',
    'start_run',
    'unreferenced_copies',
    'waiting_claims'
  ] loop
    for signature in
      select p.oid::regprocedure
      from pg_catalog.pg_proc as p
      where p.pronamespace = 'public'::regnamespace
        and p.proname = wanted
        and p.prosecdef
        and p.prorettype = 'jsonb'::regtype
    loop
      execute format('revoke execute on function %s from public, anon, authenticated', signature);
      execute format('grant execute on function %s to service_role', signature);
    end loop;
  end loop;

  -- What the functions above are made of is nobody's to call.
  for signature in
    select p.oid::regprocedure
    from pg_catalog.pg_proc as p
    where p.pronamespace = 'listing_mirror'::regnamespace
  loop
    execute format('revoke execute on function %s from public, anon, authenticated, service_role', signature);
  end loop;
end $$;

-- But for what the view scrapes is made of, which works as whoever reads the view.
grant execute on function listing_mirror.scrapes() to service_role;

-- The data API learns the new functions without a restart.
notify pgrst, 'reload schema';
