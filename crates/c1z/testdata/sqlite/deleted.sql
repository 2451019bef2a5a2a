pragma page_size = 512;
create table t (id integer primary key, k text, b blob);
create index t_k on t (k);
with recursive p(i) as (select 1 union all select i + 1 from p where i < 400)
insert into t (k, b) select 'key ' || (i * 7919 % 1009), zeroblob(i % 97 * 9) from p;
delete from t where id % 3 = 0 or id between 100 and 330;
update t set b = zeroblob(3), k = k || ' changed' where id % 5 = 0;
insert into t (id, k, b) values (1000, 'last', null);
create table gone (x);
insert into gone select randomblob(300) from t;
drop table gone;
