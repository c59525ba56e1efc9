-- Takes the mirror out of a database again, for `psql -f` or the dashboard's SQL editor.
--
-- Listings with their history, dealers with their settings, their columns (those we added, too) and the bucket with its
-- copies stay as they are, so a frontend shows what it showed. What goes: the queue, the records of images, our functions and triggers.
-- Applying the migrations again adopts everything anew, by the names of the copies.

begin;

-- Our triggers on existing tables go with the functions they call.
drop schema if exists listing_mirror cascade;

do $$
declare
  ours regprocedure;
begin
  for ours in
    select p.oid::regprocedure
    from pg_catalog.pg_proc as p
    where p.pronamespace = 'public'::regnamespace
      -- A project's own function of the same name is not ours.
      and p.prosecdef
      and p.prorettype = 'jsonb'::regtype
      and p.proname in (
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
      )
  loop
    execute format('drop function %s', ours);
  end loop;
end $$;

drop view if exists public.scrapes;
drop view if exists public.listing_gallery;
drop view if exists public.listing_images_public;
drop table if exists
  public.coverage_by_day,
  public.dealer_leases,
  public.health_told,
  public.listing_image_events,
  public.listing_images,
  public.retired_copies,
  public.image_queue_hosts,
  public.image_queue,
  public.image_exclusions,
  public.hosts_left_alone,
  public.host_holds;
drop type if exists public.image_state;
drop type if exists public.image_error_kind;

-- So that `supabase db push` applies them again when you come back.
do $$
begin
  if to_regclass('supabase_migrations.schema_migrations') is not null then
    delete from supabase_migrations.schema_migrations
    where version in (
      '20261123090000',
      '20261123090100',
      '20261123090200',
      '20261123090300',
      '20261123090400',
      '20261123090410',
      '20261123090500',
      '20261123090600',
      '20261123090700',
      '20261123090800',
      '20261123090900',
      '20261123090910',
      '20261123091000',
      '20261123091100',
      '20261123091110',
      '20261123091300',
      '20261123091310',
      '20261123091320',
      '20261123091400',
      '20261123091500',
      '20261123091600',
      '20261123091700',
      '20261123091800',
      '20261123091850',
      '20261123091860',
      '20261123091870',
      '20261123091880',
      '20261123091900',
      '20261123092000',
      '20261123092100',
      '20261123092200',
      '20261123092210',
      '20261123092220',
      '20261123092300',
      '20261123092350',
      '20261123092400',
      '20261123092500',
      '20261123092600'
    );
  end if;
end $$;

commit;
