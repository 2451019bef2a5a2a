pragma page_size = 65536;
create table t (id integer primary key, k text, b blob);
create index t_k on t (k);
create table empty (x);
with recursive p(i) as (select 1 union all select i + 1 from p where i < 40)
insert into t (k, b) select printf('%s%d', substr(replace(hex(zeroblob(9000)), '00', 'ab'), 1, i * 450), i), zeroblob(i * 3300) from p;
