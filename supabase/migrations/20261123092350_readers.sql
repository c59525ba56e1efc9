-- What a reader with the publishable key may see of the images: see docs/readers.md.
--
-- Both views work with the reader's own rights, so a listing that a policy hides hides its images, too. What the mirror
-- keeps for itself (attempts, errors, hosts, digests) is in columns that nobody was granted.

do $$
begin
  if not exists (
    select 1
    from pg_catalog.pg_policies as p
    where p.schemaname = 'public'
      and p.tablename = 'listing_images'
      and p.policyname = 'Images of public listings are public'
  ) then
    create policy "Images of public listings are public" on public.listing_images
      for select to anon, authenticated
      using (exists (select 1 from public.listings as l where l.id = listing_id));
  end if;
end $$;
grant select (
  listing_id, position, source_url, public_url, is_shown, width, height, content_type, bytes, placeholder, average_color
) on public.listing_images to anon, authenticated;

-- One row an image that can be shown: its copy where there is one, else the dealer's own address. What an operator
-- excluded, what is gone for good and what is no picture has none.
create or replace view public.listing_images_public
with (security_invoker = on) as
select
  i.listing_id,
  i.position,
  coalesce(i.public_url, i.source_url) as url,
  i.public_url is not null as is_copy,
  i.width,
  i.height,
  i.content_type,
  i.bytes,
  i.placeholder,
  i.average_color
from public.listing_images as i
where i.is_shown;

-- One row a listing: its images merged in page order, the first of them as its cover, and how many there are. Of the
-- listing itself only its number and its dealer's: a column that a view names can not be changed any more by its project.
create or replace view public.listing_gallery
with (security_invoker = on) as
select
  l.id as listing_id,
  l.dealer_id,
  coalesce(g.images, '[]'::jsonb) as images,
  g.images -> 0 as cover,
  coalesce(g.image_count, 0) as image_count,
  coalesce(g.copy_count, 0) as copy_count
from public.listings as l
left join lateral (
  select
    jsonb_agg(
      jsonb_build_object(
        'position', p.position,
        'url', p.url,
        'is_copy', p.is_copy,
        'width', p.width,
        'height', p.height,
        'placeholder', p.placeholder,
        'average_color', p.average_color
      )
      order by p.position
    ) as images,
    count(*)::integer as image_count,
    count(*) filter (where p.is_copy)::integer as copy_count
  from public.listing_images_public as p
  where p.listing_id = l.id
) as g on true;

revoke all on public.listing_images_public, public.listing_gallery from public, anon, authenticated;
grant select on public.listing_images_public, public.listing_gallery to anon, authenticated, service_role;
