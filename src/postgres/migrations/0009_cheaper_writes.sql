-- What each write pays for: fewer calls, and no question before it.

set local lock_timeout = '2s';

-- The same text as before. Declared immutable, as which it was too much to say of `to_char`, it was called for each time
-- that an item or event shows; stable, PostgreSQL puts its body in the place of its call.
create or replace function rfc3339(at timestamptz) returns text
language sql stable parallel safe
return to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');

-- The next key of fractional indexing behind `last`, as the libraries of that name make it: the whole number goes up by
-- one, and where there is no higher one the fraction behind it. Null: the first key of all. A key that would be too long
-- to be kept is no way on: nobody can close a board for new items by one. So `last` comes again, and the ids decide.
create function rank_after(last text) returns text
language plpgsql immutable parallel safe set search_path from current as $$
declare
  alphabet constant text := '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
  first constant integer := ascii(last);
  is_positive constant boolean := first >= ascii('a');
  digit_count constant integer := case when is_positive then first - ascii('a') else ascii('Z') - first end + 1;
  -- Those in front of the ones that go from z to 0.
  kept constant text := rtrim(substr(last, 2, digit_count), 'z');
  fraction constant text := substr(last, digit_count + 2);
  rest constant text := ltrim(fraction, 'z');
  next text;
begin
  if last is null then
    return 'a0';
  end if;
  next := case
    when kept <> '' then chr(first) || left(kept, -1) || substr(alphabet, strpos(alphabet, right(kept, 1)) + 1, 1)
      || repeat('0', digit_count - char_length(kept))
    when first = ascii('Z') then 'a0'
    when first < ascii('z') then chr(first + 1) || repeat('0', digit_count + case when is_positive then 1 else -1 end)
    else left(last, 1 + digit_count + char_length(fraction) - char_length(rest))
      || substr(alphabet, (strpos(alphabet, left(rest, 1)) + 62) / 2 + 1, 1)
  end;
  return case when char_length(next) <= 200 then next else last end;
end $$;
