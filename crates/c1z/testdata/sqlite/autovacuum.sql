pragma page_size = 512;
pragma auto_vacuum = full;
create table t (id integer primary key, k text, b blob);
create index t_k on t (k);
create table u (x text unique);
with recursive p(i) as (select 1 union all select i + 1 from p where i < 300)
insert into t (k, b) select 'key ' || (i * 7919 % 1009), zeroblob(i % 97 * 20) from p;
insert into u select k from t where id < 40;
delete from t where id % 3 = 0 or id between 100 and 200;
