-- The public bucket of the copies. An operator's own limits on it stay as they are.

-- Three statements instead of an upsert, which would need the right to change buckets even where none is changed.
do $$
begin
  insert into storage.buckets (id, name, public)
  select 'listing-images', 'listing-images', true
  where not exists (select 1 from storage.buckets as b where b.id = 'listing-images');

  if exists (select 1 from storage.buckets as b where b.id = 'listing-images' and b.public is not true) then
    update storage.buckets as b set public = true where b.id = 'listing-images';
  end if;
end $$;
