-- What several server processes on one database need beside the data. SQLite has one process.

-- Locked by whoever changes something of a tenant that has this number.
{shared} CREATE TABLE aggregate_lock (
  tenant_id BIGINT NOT NULL,
  slot BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, slot)
);

-- What came to lists (+) and went (-) and is not in their counts yet.
{shared} CREATE TABLE inbox_delta (
  tenant_id BIGINT NOT NULL,
  family SMALLINT NOT NULL,
  person_id BIGINT NOT NULL,
  relation SMALLINT NOT NULL,
  state SMALLINT NOT NULL,
  seq BIGINT NOT NULL,
  start_time BIGINT NOT NULL,
  task_id BIGINT NOT NULL,
  flow_id BIGINT NOT NULL,
  delta BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, family, person_id, relation, state, seq)
);

-- Which process works on what of a tenant, until when.
{shared} CREATE TABLE lease (
  tenant_id BIGINT NOT NULL,
  work SMALLINT NOT NULL,
  holder BIGINT NOT NULL,
  until BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, work)
);

-- Global: which tenants may have work waiting. A hint, not a promise: it is written after the
-- transaction that made the work.
{shared} CREATE TABLE work_hint (
  tenant_id BIGINT NOT NULL,
  work SMALLINT NOT NULL,
  mark BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, work)
);
