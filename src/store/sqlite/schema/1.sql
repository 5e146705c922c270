-- The lines of all chains, each without its end, are the truth; the rest finds them.

create table instances (
    id        integer primary key autoincrement,
    name      text    not null unique,
    epoch     integer not null,            -- the newest one that was given out
    cover     text    not null,            -- the line of its manifest
    unsettled integer not null default 0,  -- runs without an outcome
    waits     integer,                     -- the row of inbox_lines that the first of them came with
    holder    text,                        -- the claim under way: who has it,
    boot      text,                        -- and in which time of this machine
    renewed   integer,                     -- it was last renewed, in milliseconds since the start of that time,
    until     integer                      -- and when it ends
) strict;

create index instances_waits on instances (waits) where waits is not null;

create table log_lines (
    instance integer not null references instances,
    seq      integer not null,
    ends     integer not null,             -- bytes of the chain up to the end of this line
    line     text    not null,
    primary key (instance, seq)
) strict;

create table inbox_lines (
    id       integer primary key,
    instance integer not null references instances,
    seq      integer not null,
    ends     integer not null,
    line     text    not null,
    unique (instance, seq)
) strict;

create table applied_lines (
    instance integer not null references instances,
    seq      integer not null,
    ends     integer not null,
    line     text    not null,
    primary key (instance, seq)
) strict;

create table runs (
    instance integer not null references instances,
    run      text    not null,
    since    integer not null,             -- the row of inbox_lines that it came with
    primary key (instance, run)
) strict, without rowid;

create index runs_since on runs (instance, since);

create table blobs (
    instance integer not null references instances,
    digest   text    not null,
    content  blob    not null,
    primary key (instance, digest)
) strict;

-- For people. Columns that are computed would be computed at every insert, so these are views.

create view log as
select name as instance, seq, line ->> 'epoch' as epoch, line ->> 'at' as at, line ->> 'session' as session,
       line ->> 'parent' as parent, line ->> 'kind' as kind, line -> 'body' as body
from instances join log_lines on log_lines.instance = instances.id;

create view inbox as
select name as instance, seq, line ->> 'epoch' as epoch, line ->> 'at' as at,
       line ->> 'kind' as kind, line -> 'body' as body
from instances join inbox_lines on inbox_lines.instance = instances.id;

create view applied as
select name as instance, seq, line ->> 'epoch' as epoch, line ->> 'at' as at,
       line ->> 'kind' as kind, line -> 'body' as body
from instances join applied_lines on applied_lines.instance = instances.id;
