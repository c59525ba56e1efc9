-- Who may call what: the service role, and nobody else. A project's own function of the same name is not ours:
-- all of ours return jsonb and work as their owner.

do $$
declare
  wanted text;
  signature regprocedure;
begin
  foreach wanted in array array[
    'schema_version', 'start_run', 'finish_run', 'hold_host', 'claim_listings', 'extend_claims', 'release_claims',
    'finish_listing', 'waiting_claims', 'preview_claims', 'image_statistics', 'explain_listing', 'recorded_copies',
    'bucket_objects', 'report_missing_copies', 'unreferenced_copies', 'recheck_copies', 'exclude_image', 'include_image', 'list_exclusions',
    'adopt_report', 'adopt_listings'
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

-- The data API learns the new functions without a restart.
notify pgrst, 'reload schema';
