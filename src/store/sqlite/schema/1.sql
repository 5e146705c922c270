-- The lines of all chains, each without its end, are the truth; the rest finds them.

create table instances (
    id        integer primary key autoincrement,
    name      text    not null unique,
    epoch     integer not null,            -- the newest one that was given out
    cover     text    not null,            -- the line of its manifest
    holder    text,                        -- the claim under way: who has it,
    boot      text,                        -- and in which time of this machine
    renewed   integer,                     -- it was last renewed, in milliseconds since the start of that time,
    until     integer                      -- and when it ends
) strict;

create table waiting (
    instance  integer primary key references instances,
    unsettled integer not null,            -- how many of its runs have no outcome
    since     integer not null             -- the row of inbox_lines that admits the first of them
) strict;

create index waiting_since on waiting (since);

create table log_lines (
    instance integer not null references instances,
    seq      integer not null,
    ends     integer not null,             -- bytes of the chain up to the end of this line
    kind     text    not null,
    short    text,                         -- the line without what a tool said, where that is much
    line     text    not null,
    primary key (instance, seq)
) strict;

create index log_turns on log_lines (instance, seq) where kind in ('compaction', 'leaf_moved');

create table inbox_lines (
    id       integer primary key,
    instance integer not null references instances,
    seq      integer not null,
    ends     integer not null,
    run      text,                         -- which it admits, if it does
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

create table blobs (
    instance integer not null references instances,
    digest   text    not null,
    content  blob    not null,
    primary key (instance, digest)
) strict;

-- What model calls cost. No instance is named: what it cost counts when it is forgotten, too.
create table spent (
    day      text    not null,             -- UTC
    host     text    not null,
    repo     integer not null,
    agent    text    not null,
    actor    integer not null,             -- the host's number of who started the runs; 0 for nobody
    nano_usd integer not null,
    primary key (day, host, repo, agent, actor)
) strict, without rowid;

-- For people. Columns that are computed would be computed at every insert, so these are views.

create view log as
select name as instance, seq, line ->> 'epoch' as epoch, line ->> 'at' as at, line ->> 'session' as session,
       line ->> 'parent' as parent, kind, line -> 'body' as body
from instances join log_lines on log_lines.instance = instances.id;

create view inbox as
select name as instance, seq, line ->> 'epoch' as epoch, line ->> 'at' as at,
       line ->> 'kind' as kind, line -> 'body' as body
from instances join inbox_lines on inbox_lines.instance = instances.id;

create view applied as
select name as instance, seq, line ->> 'epoch' as epoch, line ->> 'at' as at,
       line ->> 'kind' as kind, line -> 'body' as body
from instances join applied_lines on applied_lines.instance = instances.id;
