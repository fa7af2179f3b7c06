-- Once, when Teamboard has made its schema in this database: `psql -1`, all or nothing. It is all that this database hears of it.
-- Who may read it says whoami.php.
select teamboard.reserve_keys('chat:');
select teamboard.open_board('chat:1', 'Chat');
select teamboard.publish('public.messages', board => 'room');
