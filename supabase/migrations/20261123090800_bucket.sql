-- The public bucket of the copies. An operator's own limits on it stay as they are.

insert into storage.buckets (id, name, public)
values ('listing-images', 'listing-images', true)
on conflict (id) do update
set public = true
where not storage.buckets.public;
