-- Human-task flows, and the lists under every inbox.

-- A flow's number is small and per tenant: it stands in every row and count of the lists.
CREATE TABLE flow (
  tenant_id BIGINT NOT NULL,
  flow_id BIGINT NOT NULL,
  api_id TEXT NOT NULL,
  details TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, flow_id)
);

CREATE UNIQUE INDEX flow_by_api_id ON flow (tenant_id, api_id);

-- The card comes before the details, so that reading it does not read them.
CREATE TABLE flow_instance (
  tenant_id BIGINT NOT NULL,
  instance_id BIGINT NOT NULL,
  flow_id BIGINT NOT NULL,
  initiator_id BIGINT NOT NULL,
  status SMALLINT NOT NULL,
  start_time BIGINT NOT NULL,
  end_time BIGINT NOT NULL,
  format SMALLINT NOT NULL,
  card {bytes} NOT NULL,
  details TEXT NOT NULL,
  PRIMARY KEY (tenant_id, instance_id)
);

CREATE TABLE flow_task (
  tenant_id BIGINT NOT NULL,
  instance_id BIGINT NOT NULL,
  task_id BIGINT NOT NULL,
  node TEXT NOT NULL,
  logic SMALLINT NOT NULL,
  status SMALLINT NOT NULL,
  start_time BIGINT NOT NULL,
  end_time BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, instance_id, task_id)
) {clustered};

CREATE UNIQUE INDEX flow_task_by_id ON flow_task (tenant_id, task_id);

CREATE TABLE flow_part (
  tenant_id BIGINT NOT NULL,
  instance_id BIGINT NOT NULL,
  task_id BIGINT NOT NULL,
  turn BIGINT NOT NULL,
  person_id BIGINT NOT NULL,
  status SMALLINT NOT NULL,
  end_time BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, instance_id, task_id, turn)
) {clustered};

CREATE TABLE flow_cc (
  tenant_id BIGINT NOT NULL,
  instance_id BIGINT NOT NULL,
  task_id BIGINT NOT NULL,
  person_id BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, instance_id, task_id, person_id)
) {clustered};

CREATE TABLE flow_history (
  tenant_id BIGINT NOT NULL,
  instance_id BIGINT NOT NULL,
  seq BIGINT NOT NULL,
  at BIGINT NOT NULL,
  action TEXT NOT NULL,
  person_id BIGINT,
  details TEXT NOT NULL,
  PRIMARY KEY (tenant_id, instance_id, seq)
);

-- In exactly the order that a page reads, backwards.
CREATE TABLE inbox_row (
  tenant_id BIGINT NOT NULL,
  family SMALLINT NOT NULL,
  person_id BIGINT NOT NULL,
  relation SMALLINT NOT NULL,
  state SMALLINT NOT NULL,
  start_time BIGINT NOT NULL,
  task_id BIGINT NOT NULL,
  flow_id BIGINT NOT NULL,
  instance_id BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, family, person_id, relation, state, start_time, task_id)
) {clustered};

-- A short list has a count; a long one has levels of nodes, whose counts add up to it.
CREATE TABLE inbox_list (
  tenant_id BIGINT NOT NULL,
  family SMALLINT NOT NULL,
  person_id BIGINT NOT NULL,
  relation SMALLINT NOT NULL,
  state SMALLINT NOT NULL,
  levels SMALLINT NOT NULL,
  n BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, family, person_id, relation, state)
) {clustered};

-- Level 1 covers rows, level 2 covers nodes of level 1, each from its low end to the next one's.
CREATE TABLE inbox_node (
  tenant_id BIGINT NOT NULL,
  family SMALLINT NOT NULL,
  person_id BIGINT NOT NULL,
  relation SMALLINT NOT NULL,
  state SMALLINT NOT NULL,
  level SMALLINT NOT NULL,
  low_start BIGINT NOT NULL,
  low_task BIGINT NOT NULL,
  n BIGINT NOT NULL,
  kids BIGINT NOT NULL,
  flows {bytes} NOT NULL,
  PRIMARY KEY (tenant_id, family, person_id, relation, state, level, low_start, low_task)
) {clustered};
