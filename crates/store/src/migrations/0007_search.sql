-- The lists that searches read: tasks, instances and copies of both families, behind a person or a
-- definition, of one status, in the order of one time. Whoever leads a list: 0 a person, else the
-- family of a definition.

CREATE TABLE search_row (
  tenant_id BIGINT NOT NULL,
  kind SMALLINT NOT NULL,
  leader SMALLINT NOT NULL,
  leader_id BIGINT NOT NULL,
  status SMALLINT NOT NULL,
  sort_time BIGINT NOT NULL,
  thing_id BIGINT NOT NULL,
  person_id BIGINT NOT NULL,
  family SMALLINT NOT NULL,
  definition_id BIGINT NOT NULL,
  instance_id BIGINT NOT NULL,
  start_time BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, kind, leader, leader_id, status, sort_time, thing_id, person_id, family)
) {clustered};

-- Instances by whatever any source calls them.
CREATE INDEX external_instance_by_own_id ON external_instance (tenant_id, external_id, instance_id);

ALTER TABLE definition ADD COLUMN group_code TEXT NOT NULL DEFAULT '';

UPDATE definition SET group_code = {member group_code of details};

CREATE INDEX definition_by_group ON definition (tenant_id, group_code, definition_id);

-- What is there already, first behind people. Kinds: 1 tasks by start, 2 by update, 3 instances,
-- 4 copies. Families: 1 flows, 2 third parties.

INSERT INTO search_row SELECT t.tenant_id, 1, 0, t.person_id, t.status, t.create_time, t.task_id,
  t.person_id, 2, i.definition_id, t.instance_id, t.create_time
  FROM external_task t JOIN external_instance i
  ON i.tenant_id = t.tenant_id AND i.instance_id = t.instance_id;

INSERT INTO search_row SELECT t.tenant_id, 2, 0, t.person_id, t.status, t.update_time, t.task_id,
  t.person_id, 2, i.definition_id, t.instance_id, t.create_time
  FROM external_task t JOIN external_instance i
  ON i.tenant_id = t.tenant_id AND i.instance_id = t.instance_id;

INSERT INTO search_row SELECT i.tenant_id, 3, 0, coalesce(i.initiator_id, 0), i.status, i.start_time,
  i.instance_id, coalesce(i.initiator_id, 0), 2, i.definition_id, i.instance_id, i.start_time
  FROM external_instance i WHERE i.purged = 0;

INSERT INTO search_row SELECT c.tenant_id, 4, 0, c.person_id, c.read_status, c.create_time, c.cc_id,
  c.person_id, 2, i.definition_id, c.instance_id, c.create_time
  FROM external_cc c JOIN external_instance i
  ON i.tenant_id = c.tenant_id AND i.instance_id = c.instance_id;

-- Of a person's parts the one that counts: what is open, else the last. Statuses: 1 in process, 2
-- agreed, 3 rejected, 9 unstarted.
INSERT INTO search_row SELECT p.tenant_id, 1, 0, p.person_id,
  CASE WHEN t.status = 1 AND p.status = 1 THEN 1 WHEN p.status = 2 THEN 2
  WHEN p.status = 3 THEN 3 ELSE 5 END, t.start_time,
  p.task_id, p.person_id, 1, i.flow_id, p.instance_id, t.start_time
  FROM flow_part p
  JOIN flow_task t ON t.tenant_id = p.tenant_id AND t.instance_id = p.instance_id
  AND t.task_id = p.task_id
  JOIN flow_instance i ON i.tenant_id = p.tenant_id AND i.instance_id = p.instance_id
  WHERE t.status <> 9 AND NOT (t.status = 1 AND p.status = 9)
  AND NOT EXISTS (SELECT 1 FROM flow_part q WHERE q.tenant_id = p.tenant_id
  AND q.instance_id = p.instance_id AND q.task_id = p.task_id AND q.person_id = p.person_id
  AND NOT (t.status = 1 AND q.status = 9)
  AND CASE WHEN t.status = 1 AND q.status = 1 THEN q.turn + 1000000 ELSE q.turn END
  > CASE WHEN t.status = 1 AND p.status = 1 THEN p.turn + 1000000 ELSE p.turn END);

INSERT INTO search_row SELECT p.tenant_id, 2, 0, p.person_id,
  CASE WHEN t.status = 1 AND p.status = 1 THEN 1 WHEN p.status = 2 THEN 2
  WHEN p.status = 3 THEN 3 ELSE 5 END, CASE WHEN p.end_time > t.start_time THEN p.end_time ELSE t.start_time END,
  p.task_id, p.person_id, 1, i.flow_id, p.instance_id, t.start_time
  FROM flow_part p
  JOIN flow_task t ON t.tenant_id = p.tenant_id AND t.instance_id = p.instance_id
  AND t.task_id = p.task_id
  JOIN flow_instance i ON i.tenant_id = p.tenant_id AND i.instance_id = p.instance_id
  WHERE t.status <> 9 AND NOT (t.status = 1 AND p.status = 9)
  AND NOT EXISTS (SELECT 1 FROM flow_part q WHERE q.tenant_id = p.tenant_id
  AND q.instance_id = p.instance_id AND q.task_id = p.task_id AND q.person_id = p.person_id
  AND NOT (t.status = 1 AND q.status = 9)
  AND CASE WHEN t.status = 1 AND q.status = 1 THEN q.turn + 1000000 ELSE q.turn END
  > CASE WHEN t.status = 1 AND p.status = 1 THEN p.turn + 1000000 ELSE p.turn END);

INSERT INTO search_row SELECT i.tenant_id, 3, 0, i.initiator_id, CASE i.status WHEN 1 THEN 1
  WHEN 2 THEN 2 WHEN 3 THEN 3 WHEN 4 THEN 4 WHEN 7 THEN 2 WHEN 9 THEN 1 ELSE 7 END, i.start_time,
  i.instance_id, i.initiator_id, 1, i.flow_id, i.instance_id, i.start_time FROM flow_instance i;

INSERT INTO search_row SELECT c.tenant_id, 4, 0, c.person_id, 2, t.start_time, c.task_id,
  c.person_id, 1, i.flow_id, c.instance_id, t.start_time FROM flow_cc c
  JOIN flow_task t ON t.tenant_id = c.tenant_id AND t.instance_id = c.instance_id
  AND t.task_id = c.task_id
  JOIN flow_instance i ON i.tenant_id = c.tenant_id AND i.instance_id = c.instance_id
  WHERE t.status <> 9;

-- Then behind definitions.
INSERT INTO search_row SELECT tenant_id, kind, family, definition_id, status, sort_time, thing_id,
  person_id, family, definition_id, instance_id, start_time FROM search_row;

-- Whom nobody knows leads no list.
DELETE FROM search_row WHERE leader = 0 AND leader_id = 0;
