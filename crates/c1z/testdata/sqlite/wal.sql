pragma page_size = 1024;
pragma journal_mode = wal;
create table t (id integer primary key, k text);
insert into t (k) values ('one'), ('two');
create index t_k on t (k);
pragma wal_checkpoint(truncate);
