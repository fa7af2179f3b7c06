-- Once, when Teamboard has made its schema in this database: `psql -1`, all or nothing. It is all that this database hears of it.
-- Who may read it says the claim `boards` of each racer's token.
select teamboard.reserve_keys('race:');
select teamboard.open_board('race:1', 'Typing race');
select teamboard.publish('public.results', board => 'race');
