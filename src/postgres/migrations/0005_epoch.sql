-- Which history of the database a seq belongs to, asked for in the statement that reads the seq.
--
-- A failover that loses rows, or a restore, hands out their numbers again. The epoch changes with both, so that a
-- cursor from before is answered with `reset` and never taken for the event that has its number now. It is a hash of
-- * the system identifier: another for each initdb, the same in a copy (some managed servers deny it);
-- * the timeline, which every promotion and every point-in-time recovery begins anew. It is read from the name of the
--   WAL file in use and not from pg_control_checkpoint(), which still has the old one until the first checkpoint
--   after a promotion;
-- * log_epoch.value, that restore instructions can change where both stay the same.
--
-- Fails on a standby: what it holds may not become the history.
create function current_epoch() returns text language plpgsql stable as $$
declare
  system text := '';
begin
  if pg_is_in_recovery() then
    raise exception 'a standby has no history of its own' using errcode = 'read_only_sql_transaction';
  end if;
  begin
    select system_identifier::text into system from pg_control_system();
  exception when insufficient_privilege then null;
  end;
  return left(encode(sha256(convert_to(
    system || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8) || '/' || (select value from log_epoch), 'UTF8')),
    'hex'), 8);
end $$;
