-- The catalog's tables. Rows refer to each other by small integer keys; the text identity (`id`) is what policies name.
--
-- Everything that hangs on a table starts its primary key with the table's key and is stored in that order, so that
-- loading one table reads the pages of that table alone, however many others there are.

CREATE TABLE meta (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    format   INTEGER NOT NULL,             -- how many migrations have been applied
    made_by  TEXT    NOT NULL,             -- the version of Sluice that applied the last one
    epoch    INTEGER NOT NULL,             -- grows with every change that a statement could notice
    policies INTEGER NOT NULL DEFAULT 0    -- grows with every change to grants and policies
) STRICT;

CREATE TABLE principal (
    key        INTEGER PRIMARY KEY,
    name       TEXT    NOT NULL UNIQUE,
    kind       TEXT    NOT NULL CHECK (kind IN ('USER', 'SERVICE', 'GROUP')),
    created_by TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE membership (
    member_key INTEGER NOT NULL REFERENCES principal ON DELETE CASCADE,
    group_key  INTEGER NOT NULL REFERENCES principal ON DELETE CASCADE,
    PRIMARY KEY (member_key, group_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX membership_by_group ON membership (group_key);

CREATE TABLE namespace (
    key    INTEGER PRIMARY KEY,
    id     TEXT NOT NULL UNIQUE,
    name   TEXT NOT NULL UNIQUE,
    domain TEXT NOT NULL,
    owner  TEXT NOT NULL
) STRICT;

CREATE TABLE relation (
    key           INTEGER PRIMARY KEY,
    id            TEXT    NOT NULL UNIQUE,
    namespace_key INTEGER NOT NULL REFERENCES namespace,
    name          TEXT    NOT NULL,
    owner         TEXT    NOT NULL,
    kind          TEXT    NOT NULL CHECK (kind IN ('external', 'managed', 'view')),
    format        TEXT,                    -- of an external table's files
    location      TEXT,                    -- a URL; of external and managed tables
    options       TEXT,                    -- JSON; of external tables
    query         TEXT,                    -- of views
    approved      INTEGER NOT NULL DEFAULT 0,
    created_at    INTEGER NOT NULL,
    UNIQUE (namespace_key, name)
) STRICT;
CREATE INDEX relation_by_owner ON relation (owner);

CREATE TABLE relation_column (
    relation_key INTEGER NOT NULL REFERENCES relation ON DELETE CASCADE,
    position     INTEGER NOT NULL,
    name         TEXT    NOT NULL,
    sql_type     TEXT    NOT NULL,
    PRIMARY KEY (relation_key, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE tag (
    key        INTEGER PRIMARY KEY,
    name       TEXT    NOT NULL UNIQUE,
    indirect   TEXT    NOT NULL,
    comment    TEXT,
    created_by TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- The places where tags first came from; one row stands for each, however many columns they have reached.
CREATE TABLE origin (
    key         INTEGER PRIMARY KEY,
    schema_name TEXT NOT NULL,
    table_name  TEXT NOT NULL,
    column_name TEXT                       -- null: the table's rows
) STRICT;
CREATE UNIQUE INDEX origin_by_name ON origin (schema_name, table_name, coalesce(column_name, ''), column_name IS NULL);

-- `origin_key` 0 says: here. So a table that is renamed remains the origin of its own tags.
CREATE TABLE column_tag (
    relation_key INTEGER NOT NULL REFERENCES relation ON DELETE CASCADE,
    column_name  TEXT    NOT NULL,
    tag_key      INTEGER NOT NULL,
    flow         TEXT    NOT NULL CHECK (flow IN ('direct', 'indirect')),
    source       TEXT    NOT NULL CHECK (source IN ('set', 'propagated')),
    origin_key   INTEGER NOT NULL,
    PRIMARY KEY (relation_key, column_name, tag_key, flow, source, origin_key)
) STRICT, WITHOUT ROWID;

CREATE TABLE row_tag (
    relation_key INTEGER NOT NULL REFERENCES relation ON DELETE CASCADE,
    tag_key      INTEGER NOT NULL,
    source       TEXT    NOT NULL CHECK (source IN ('set', 'propagated')),
    origin_key   INTEGER NOT NULL,
    PRIMARY KEY (relation_key, tag_key, source, origin_key)
) STRICT, WITHOUT ROWID;

-- What happened stays on record when the table, the tag or the principal is gone: names and ids, no references.
-- One row for all that one statement changed on one table: `changes` is an array of
-- [whether the tag came, column or null for the rows, tag, flow, source].
CREATE TABLE tag_change (
    key         INTEGER PRIMARY KEY,
    at          INTEGER NOT NULL,
    by          TEXT    NOT NULL,
    why         TEXT,
    relation_id TEXT    NOT NULL,
    changes     TEXT    NOT NULL
) STRICT;
CREATE INDEX tag_change_by_relation ON tag_change (relation_id);

CREATE TABLE approval_change (
    key         INTEGER PRIMARY KEY,
    at          INTEGER NOT NULL,
    by          TEXT    NOT NULL,
    why         TEXT,
    approved    INTEGER NOT NULL,
    relation_id TEXT    NOT NULL
) STRICT;
CREATE INDEX approval_change_by_relation ON approval_change (relation_id);

-- AUTOINCREMENT: the audit names policies by their key, so none may ever be used again.
CREATE TABLE access_grant (
    key           INTEGER PRIMARY KEY AUTOINCREMENT,
    principal_key INTEGER NOT NULL REFERENCES principal ON DELETE CASCADE,
    action        TEXT    NOT NULL,
    tag_key       INTEGER REFERENCES tag ON DELETE CASCADE,
    namespace_key INTEGER REFERENCES namespace ON DELETE CASCADE,
    relation_key  INTEGER REFERENCES relation ON DELETE CASCADE,
    domain        TEXT,
    cedar         TEXT    NOT NULL,
    created_by    TEXT    NOT NULL,
    created_at    INTEGER NOT NULL,
    CHECK ((tag_key IS NOT NULL) + (namespace_key IS NOT NULL) + (relation_key IS NOT NULL) = 1)
) STRICT;
CREATE UNIQUE INDEX access_grant_once ON access_grant (
    principal_key, action, coalesce(tag_key, 0), coalesce(namespace_key, 0), coalesce(relation_key, 0),
    coalesce(domain, '')
);
CREATE INDEX access_grant_by_tag ON access_grant (tag_key) WHERE tag_key IS NOT NULL;
CREATE INDEX access_grant_by_namespace ON access_grant (namespace_key) WHERE namespace_key IS NOT NULL;
CREATE INDEX access_grant_by_relation ON access_grant (relation_key) WHERE relation_key IS NOT NULL;

CREATE TABLE policy (
    key        INTEGER PRIMARY KEY,
    name       TEXT    NOT NULL UNIQUE,
    text       TEXT    NOT NULL,
    created_by TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- By triggers, since a grant also goes with its principal, tag, schema or table.
CREATE TRIGGER grant_given AFTER INSERT ON access_grant BEGIN UPDATE meta SET policies = policies + 1; END;
CREATE TRIGGER grant_revoked AFTER DELETE ON access_grant BEGIN UPDATE meta SET policies = policies + 1; END;
CREATE TRIGGER policy_made AFTER INSERT ON policy BEGIN UPDATE meta SET policies = policies + 1; END;
CREATE TRIGGER policy_dropped AFTER DELETE ON policy BEGIN UPDATE meta SET policies = policies + 1; END;

CREATE TABLE lineage_statement (
    relation_key INTEGER PRIMARY KEY REFERENCES relation ON DELETE CASCADE,
    statement    TEXT NOT NULL
) STRICT;

CREATE TABLE lineage_edge (
    relation_key  INTEGER NOT NULL REFERENCES relation ON DELETE CASCADE,
    position      INTEGER NOT NULL,
    output_column TEXT,                    -- null: the rows
    input_schema  TEXT    NOT NULL,
    input_table   TEXT    NOT NULL,
    input_column  TEXT    NOT NULL,
    kind          TEXT    NOT NULL CHECK (kind IN ('DIRECT', 'INDIRECT')),
    subtype       TEXT    NOT NULL,
    PRIMARY KEY (relation_key, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE pipeline (
    name      TEXT PRIMARY KEY,
    owner     TEXT NOT NULL,
    domain    TEXT NOT NULL,
    cron      TEXT,
    time_zone TEXT,
    digest    TEXT NOT NULL,
    text      TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE pipeline_approval (
    digest      TEXT    NOT NULL,
    pipeline    TEXT    NOT NULL,
    approved_by TEXT    NOT NULL,
    approved_at INTEGER NOT NULL,
    PRIMARY KEY (digest, pipeline)
) STRICT, WITHOUT ROWID;

CREATE TABLE run (
    key        INTEGER PRIMARY KEY,
    id         TEXT    NOT NULL UNIQUE,
    pipeline   TEXT    NOT NULL,
    digest     TEXT    NOT NULL,
    params     TEXT    NOT NULL,
    principal  TEXT    NOT NULL,
    domain     TEXT    NOT NULL,
    status     TEXT    NOT NULL CHECK (status IN ('running', 'succeeded', 'failed')),
    started_at INTEGER NOT NULL,
    ended_at   INTEGER
) STRICT;
CREATE INDEX run_unfinished ON run (pipeline, digest) WHERE status = 'running';

CREATE TABLE run_stage (
    run_key    INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
    position   INTEGER NOT NULL,
    name       TEXT    NOT NULL,
    status     TEXT    NOT NULL CHECK (status IN ('pending', 'running', 'committed', 'skipped', 'failed')),
    attempt    INTEGER NOT NULL,
    rows       INTEGER,
    version    INTEGER,
    started_at INTEGER,
    ended_at   INTEGER,
    withheld   INTEGER NOT NULL,
    PRIMARY KEY (run_key, position),
    UNIQUE (run_key, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    at          INTEGER NOT NULL,
    principal   TEXT    NOT NULL,
    domain      TEXT    NOT NULL,
    statement   TEXT    NOT NULL,
    decision    TEXT    NOT NULL CHECK (decision IN ('allow', 'deny', 'audit')),
    reason      TEXT,
    fingerprint TEXT,
    cache       TEXT    NOT NULL,
    analysis_us INTEGER NOT NULL,
    rows        INTEGER,
    detail      TEXT    NOT NULL
) STRICT;
CREATE INDEX audit_by_principal ON audit (principal, id);
