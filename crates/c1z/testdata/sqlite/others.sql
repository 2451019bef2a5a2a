create table plain (id integer primary key, a text collate nocase, b text, n integer);
create index plain_a on plain (a);
create index plain_a_binary on plain (a collate binary);
create index plain_desc on plain (b desc);
create index plain_expr on plain (lower(b));
create index plain_part on plain (b) where n > 1 and b is not null;
create index plain_eq on plain (b) where n = 1;
create index plain_nn on plain (n) where b is not null;
create table keys (a text primary key, b integer unique, c text, unique (c, b), unique (b));
create table "without" (a text primary key, b) without rowid;
create index without_b on "without" (b);
create table computed (a, b as (a || 'x') stored, c);
create index computed_c on computed (c);
create table counted (id integer primary key autoincrement, a);
create view v as select a from plain;
create trigger tr after insert on plain begin select 1; end;
with recursive p(i) as (select 1 union all select i + 1 from p where i < 50)
insert into plain (a, b, n)
select char(65 + i % 26) || i, nullif('b' || i % 7, 'b3'), i % 4 from p;
insert into keys select b || id, id, a from plain where b is not null;
insert into keys values (null, null, null), (null, null, null);
insert into "without" select id, a from plain;
insert into computed (a, c) select a, b from plain;
insert into counted (a) select a from plain where id < 4;
