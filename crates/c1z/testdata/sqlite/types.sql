pragma page_size = 512;
create table numbers (id integer primary key, n integer, r real, x numeric, y);
with recursive p(i) as (select 0 union all select i + 1 from p where i < 62)
insert into numbers (n, r, x, y)
select v, v, v, v from (
  select (1 << i) as v from p union select (1 << i) - 1 from p union select -(1 << i) from p
  union select -(1 << i) - 1 from p union select 9223372036854775807
  union select -9223372036854775807 - 1);
insert into numbers (id, n, r, x, y) values
  (-5, 1.5, 2.25, '3.5', '7'), (-9223372036854775808, 1e300, 9e999, -9e999, -0.0),
  (9223372036854775807, null, null, null, null), (1000000, 4.0, 4.0, 4.0, 4.0);
create index numbers_n on numbers (n);
create index numbers_y on numbers (y, n);
create table lengths (id integer primary key, t text, b blob);
create index lengths_t on lengths (t);
create index lengths_b on lengths (b, t);
with recursive p(i) as (select 0 union all select i + 1 from p where i < 140)
insert into lengths (t, b)
select substr(replace(hex(zeroblob(200)), '00', 'abc'), 1, i) || i, zeroblob(i) from p;
with recursive p(i) as (select 465 union all select i + 1 from p where i < 485)
insert into lengths (t, b) select 'x' || i, zeroblob(i) from p;
with recursive p(i) as (select 960 union all select i + 1 from p where i < 1040)
insert into lengths (t, b) select 'y' || i, zeroblob(i) from p;
create table odd (t text, b blob);
insert into odd values (cast(x'ff00fe' as text), x''), ('', null), (char(0), x'00');
create index odd_t on odd (t);
