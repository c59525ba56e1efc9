-- Everything that is known of one listing, for a person.

-- ------------------------------------------------------------------------------------------------ explain_listing
-- Called by: `migrate explain`.
create or replace function public.explain_listing(p_listing_id bigint)
returns jsonb
language sql
stable
security definer
set search_path = ''
set jit = off
as $$
  select coalesce(
    (
      select jsonb_build_object(
        'listing', jsonb_build_object(
          'id', l.id,
          'url', l.url,
          'title', l.title,
          'dealer_id', l.dealer_id,
          'dealer', d.name,
          'slug', d.slug,
          'status', l.status,
          'images', l.images,
          'stored_images', l.stored_images,
          'images_upload_status', l.images_upload_status,
          'images_upload_error', l.images_upload_error,
          'images_stored_at', l.images_stored_at,
          'first_seen_at', l.first_seen_at,
          'last_scraped_at', l.last_scraped_at
        ),
        'queue', (
          select to_jsonb(q) - 'claim_token' - 'finished_token' || jsonb_build_object(
            'is_claimed', q.claim_token is not null and q.leased_until >= now(),
            'lease_s', extract(epoch from q.leased_until - now())::double precision,
            'due_in_s', extract(epoch from q.next_due_at - now())::double precision
          )
          from public.image_queue as q
          where q.listing_id = l.id
        ),
        'images', (
          select coalesce(
            jsonb_agg(
              to_jsonb(i) || jsonb_build_object(
                'due_in_s', extract(epoch from i.due_at - now())::double precision,
                'host', listing_mirror.host_of(i.source_url),
                'held_for_s', (
                  select extract(epoch from h.held_until - now())::double precision
                  from public.host_holds as h
                  where h.host = listing_mirror.host_of(i.source_url)
                    and h.held_until > now()
                ),
                'left_alone', case
                  when i.copy_from is null and i.state in ('pending', 'failed') and i.due_at is not null then (
                    select jsonb_build_object(
                      'host', a.host,
                      'is_whole_host', a.dealer_id = 0,
                      'since', a.since,
                      'kind', a.kind,
                      'detail', a.detail,
                      'tries', a.tries,
                      'next_look', a.next_look_at,
                      'next_look_in_s', extract(epoch from a.next_look_at - now())::double precision
                    )
                    from public.hosts_left_alone as a
                    where a.host = listing_mirror.host_of(i.source_url)
                      and a.dealer_id in (0, coalesce(l.dealer_id, 0))
                    order by a.next_look_at desc
                    limit 1
                  )
                end
              )
              order by i.position
            ),
            '[]'::jsonb
          )
          from public.listing_images as i
          where i.listing_id = l.id
        ),
        'holds', (
          select coalesce(
            jsonb_agg(
              jsonb_build_object(
                'host', h.host,
                'seconds', extract(epoch from h.held_until - now())::double precision,
                'reason', h.reason
              )
              order by h.host
            ),
            '[]'::jsonb
          )
          from public.host_holds as h
          where h.held_until > now()
            and h.host in (
              select listing_mirror.host_of(i.source_url)
              from public.listing_images as i
              where i.listing_id = l.id
            )
        ),
        'exclusions', (
          select coalesce(jsonb_agg(to_jsonb(x) order by x.id), '[]'::jsonb)
          from public.image_exclusions as x
          where x.id in (
            select i.exclusion_id
            from public.listing_images as i
            where i.listing_id = l.id
          )
        ),
        'events', (
          -- The last thousand are enough for a person to read.
          select coalesce(jsonb_agg(to_jsonb(e) order by e.id), '[]'::jsonb)
          from (
            select v.*
            from public.listing_image_events as v
            where v.listing_id = l.id
            order by v.id desc
            limit 1000
          ) as e
        )
      )
      from public.listings as l
      left join public.dealers as d on d.id = l.dealer_id
      where l.id = p_listing_id
    ),
    jsonb_build_object('listing', null)
  );
$$;
