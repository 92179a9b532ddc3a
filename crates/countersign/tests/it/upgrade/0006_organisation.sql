-- Who leads, who has a role, who stands in for whom, and a hand-over that is over.
UPDATE person SET leader_id = 397909426176042323 WHERE tenant_id = 397909426176042318
AND person_id = 397909426176042324;
UPDATE department SET leader_id = 397909426176042323 WHERE tenant_id = 397909426176042318
AND department_id = 'finance';
INSERT INTO person_department (tenant_id, person_id, place, department_id) VALUES
(397909426176042318, 397909426176042325, 1, 'finance');
INSERT INTO company_role (tenant_id, role_id, name) VALUES
(397909426176042318, 'cashier', '出纳');
INSERT INTO role_member (tenant_id, role_id, person_id) VALUES
(397909426176042318, 'cashier', 397909426176042324);
INSERT INTO substitution (tenant_id, substitution_id, person_id, substitute_id, from_at, until_at, due_at, cursor_id) VALUES
(397909426176042318, 397909426176043001, 397909426176042324, 397909426176042325, 1767574800000, 1767661200000, NULL, 0);
INSERT INTO hand_over (tenant_id, hand_over_id, from_id, to_id, begun_at, cursor_id, moved_instances, moved_tasks, refused_instances, finished_at) VALUES
(397909426176042318, 397909426176043002, 397909426176042325, 397909426176042324, 1767574800000, 0, 0, 0, 0, 1767574800001);
INSERT INTO admin_change (tenant_id, change_id, at, origin, action, subject, details) VALUES
(397909426176042318, 397909426176043003, 1767574800000, 'http', 'role.put', 'cashier', '{}');
