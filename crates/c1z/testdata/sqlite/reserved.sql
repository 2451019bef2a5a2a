pragma page_size = 512;

create table t (id integer primary key, k text, b blob);
create index t_k on t (k);
with recursive p(i) as (select 1 union all select i + 1 from p where i < 200)
insert into t (k, b) select substr(replace(hex(zeroblob(200)), '00', 'abc'), 1, i) || i, zeroblob(i * 13) from p;
