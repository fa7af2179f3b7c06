-- A merge patch in one pass. To set its members one after the other copied the object for each of them: 255 KB of small
-- members kept PostgreSQL busy for seconds.

-- RFC 7396. In the database, so that two edits of different members of one object never undo each other: an UPDATE
-- that waited for a lock evaluates this again on the row that it then finds.
create or replace function merge_patch(target jsonb, patch jsonb) returns jsonb
language plpgsql immutable parallel safe as $$
declare
  stripped jsonb;
begin
  if jsonb_typeof(patch) is distinct from 'object' then
    return patch;
  end if;
  if jsonb_typeof(target) is distinct from 'object' then
    -- Nothing to merge with. What removes nothing stays as it is, without a call for each object in it. (The built-in
    -- function looks into arrays as well, which RFC 7396 takes as they are.)
    stripped := jsonb_strip_nulls(patch);
    if stripped = patch or strpos(patch::text, '[') = 0 then
      return stripped;
    end if;
    target := '{}';
  end if;
  return (
    select coalesce(jsonb_object_agg(key, case
      when jsonb_typeof(theirs.value) = 'object' then merge_patch(ours.value, theirs.value)
      else coalesce(theirs.value, ours.value)
    end), '{}')
    from jsonb_each(target) as ours full join jsonb_each(patch) as theirs using (key)
    where jsonb_typeof(theirs.value) is distinct from 'null');
end $$;
