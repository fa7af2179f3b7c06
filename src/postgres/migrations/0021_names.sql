-- What a name is, whoever writes it: one line without control characters that shows something. As src/name.ts; regular
-- expressions know no Unicode classes here, so the ranges are those of Z, Cc, Cf, Default_Ignorable_Code_Point and the
-- blank of Braille. A test compares the two, code point by code point.

-- The constraints lock tables that are in use.
set local lock_timeout = '2s';

create function is_name(name text) returns boolean
language sql immutable parallel safe
return name !~ '[\u0001-\u001f\u007f-\u009f\u2028\u2029]' and name ~ ('[^'
  '\u0001-\u0020\u007f-\u00a0\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890-\u0891\u08e2\u115f-\u1160\u1680'
  '\u17b4-\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0'
  '\ufff0-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a'
  '\U000e0000-\U000e0fff]');

-- Names that were taken before: their line breaks become blanks, and what shows nothing gets a name.
create function clean_name(name text) returns text
language sql immutable
return (
  select case when is_name(line) then line else 'Unnamed' end
  from (select regexp_replace(name, '[\u0001-\u001f\u007f-\u009f\u2028\u2029]+', ' ', 'g') as line) cleaned);

update users set name = clean_name(name) where not is_name(name);
update boards set name = clean_name(name) where not is_name(name);
update tokens set name = clean_name(name) where not is_name(name);
drop function clean_name;
-- A board's new name is an event, which waits for the commit: until it is written the table cannot be altered.
set constraints all immediate;

alter table users add constraint users_name check (is_name(name));
alter table boards add constraint boards_name check (is_name(name));
alter table tokens add constraint tokens_name check (is_name(name));
