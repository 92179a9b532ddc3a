-- Flows that the hub runs: versions of definitions, where instances stand, and histories that cannot
-- be changed unnoticed.

-- The text as its author wrote it, and what was read from it. A version never changes.
CREATE TABLE flow_version (
  tenant_id BIGINT NOT NULL,
  flow_id BIGINT NOT NULL,
  version BIGINT NOT NULL,
  source TEXT NOT NULL,
  definition TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, flow_id, version)
);

-- Where an instance stands, as one text; its rows, lists and card are derived. With it the end of its
-- history, and how much of that anchors know.
CREATE TABLE flow_run (
  tenant_id BIGINT NOT NULL,
  instance_id BIGINT NOT NULL,
  flow_id BIGINT NOT NULL,
  version BIGINT NOT NULL,
  next_due BIGINT,
  seq BIGINT NOT NULL,
  hash {bytes} NOT NULL,
  anchored BIGINT NOT NULL,
  state TEXT NOT NULL,
  PRIMARY KEY (tenant_id, instance_id)
);

CREATE INDEX flow_run_by_due ON flow_run (tenant_id, next_due) WHERE next_due IS NOT NULL;

CREATE INDEX flow_run_to_anchor ON flow_run (tenant_id, instance_id) WHERE seq > anchored;

-- Absent for instances that were imported: they are not run here, and have no chain.
ALTER TABLE flow_history ADD COLUMN hash {bytes};

-- Ends of histories, those that moved since the anchor before, with a hash over all this.
CREATE TABLE flow_anchor (
  tenant_id BIGINT NOT NULL,
  number BIGINT NOT NULL,
  at BIGINT NOT NULL,
  heads TEXT NOT NULL,
  hash {bytes} NOT NULL,
  PRIMARY KEY (tenant_id, number)
);

-- What a caller gave so that a repeated call starts nothing twice.
CREATE TABLE flow_start_key (
  tenant_id BIGINT NOT NULL,
  app_id BIGINT NOT NULL,
  flow_id BIGINT NOT NULL,
  key TEXT NOT NULL,
  instance_id BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, app_id, flow_id, key)
) {clustered};

CREATE INDEX flow_start_key_by_age ON flow_start_key (tenant_id, created_at);
