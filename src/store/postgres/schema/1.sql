-- Every statement may be said again: who lost its connection does not know which were done.

-- Where an operator made the schema, no right to make one is needed.
DO $$ BEGIN
    IF to_regnamespace('hob') IS NULL THEN
        CREATE SCHEMA hob;
    END IF;
END $$;

CREATE TABLE IF NOT EXISTS hob.version (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    version integer NOT NULL
);

-- An instance, and the end of each of its chains. Every verb compares what it expects here, and
-- writes here, in the one statement that also writes its lines.
CREATE TABLE IF NOT EXISTS hob.instances (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- What its id is digested to: a key in it may be longer than an index takes.
    name text COLLATE "C" NOT NULL UNIQUE,
    id text COLLATE "C" NOT NULL,
    -- The newest epoch that was given out.
    epoch bigint NOT NULL,
    -- The bytes of manifest.json.
    cover bytea NOT NULL,
    log_next bigint NOT NULL DEFAULT 0,
    log_epoch bigint NOT NULL DEFAULT 0,
    log_sum text COLLATE "C" NOT NULL DEFAULT repeat('0', 64),
    log_length bigint NOT NULL DEFAULT 0,
    inbox_next bigint NOT NULL DEFAULT 0,
    inbox_epoch bigint NOT NULL DEFAULT 0,
    inbox_sum text COLLATE "C" NOT NULL DEFAULT repeat('0', 64),
    inbox_length bigint NOT NULL DEFAULT 0,
    applied_next bigint NOT NULL DEFAULT 0,
    applied_epoch bigint NOT NULL DEFAULT 0,
    applied_sum text COLLATE "C" NOT NULL DEFAULT repeat('0', 64),
    applied_length bigint NOT NULL DEFAULT 0,
    -- How many runs were ever admitted, and how many of them have no outcome.
    admitted bigint NOT NULL DEFAULT 0,
    unsettled bigint NOT NULL DEFAULT 0,
    -- Since when the first of those waits.
    waits timestamptz,
    -- The claim under way: its name, who has it, and when it ends unless it is renewed.
    claim text COLLATE "C",
    holder text,
    lease timestamptz,
    CHECK ((claim IS NULL) = (holder IS NULL) AND (claim IS NULL) = (lease IS NULL)),
    CHECK ((waits IS NULL) = (unsettled = 0))
) WITH (fillfactor = 70);

CREATE INDEX IF NOT EXISTS instances_waits ON hob.instances (waits) WHERE waits IS NOT NULL;

-- The lines of all chains, each without its end. As bytes: what a checksum is over must come back
-- as it was, whatever the encoding of the database.
CREATE TABLE IF NOT EXISTS hob.lines (
    instance bigint NOT NULL REFERENCES hob.instances ON DELETE CASCADE,
    chain text COLLATE "C" NOT NULL CHECK (chain IN ('log', 'inbox', 'applied')),
    place bigint NOT NULL,
    line bytea NOT NULL,
    -- Of a line of the log; and that line without what a tool said, where that is much.
    kind text COLLATE "C",
    short bytea,
    PRIMARY KEY (instance, chain, place),
    CHECK ((chain = 'log') = (kind IS NOT NULL))
);

CREATE INDEX IF NOT EXISTS lines_turns ON hob.lines (instance, place) WHERE kind IN ('compaction', 'leaf_moved');

-- Every run that an inbox admits, in the order of admission.
CREATE TABLE IF NOT EXISTS hob.runs (
    instance bigint NOT NULL REFERENCES hob.instances ON DELETE CASCADE,
    run text COLLATE "C" NOT NULL,
    place bigint NOT NULL,
    admitted timestamptz NOT NULL,
    PRIMARY KEY (instance, run)
);

CREATE INDEX IF NOT EXISTS runs_place ON hob.runs (instance, place);

CREATE TABLE IF NOT EXISTS hob.blobs (
    instance bigint NOT NULL REFERENCES hob.instances ON DELETE CASCADE,
    digest text COLLATE "C" NOT NULL,
    content bytea NOT NULL,
    PRIMARY KEY (instance, digest)
);

-- What model calls cost, by UTC day; the actor is the host's number of who started the runs, 0 for nobody.
-- No instance is named: what it cost counts when it is forgotten, too.
CREATE TABLE IF NOT EXISTS hob.spent (
    day date NOT NULL,
    host text COLLATE "C" NOT NULL,
    repo bigint NOT NULL,
    agent text COLLATE "C" NOT NULL,
    actor bigint NOT NULL,
    nano_usd bigint NOT NULL,
    PRIMARY KEY (day, host, repo, agent, actor)
) WITH (fillfactor = 70);

-- For people: SELECT * FROM hob.records WHERE id = '...' ORDER BY chain, place.
CREATE OR REPLACE VIEW hob.records AS
SELECT id, chain, place, convert_from(line, 'UTF8') AS line
FROM hob.lines JOIN hob.instances ON number = instance;
