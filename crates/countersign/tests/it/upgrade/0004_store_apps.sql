-- A store app that the demo's tenant installed, with nothing to be sent.
INSERT INTO app_install (tenant_id, app_id, installed_at) VALUES
(397909426176042318, 397909426176042400, 1767574800000);
INSERT INTO store_app (app_id, event_url, event_token, ticket_pushed) VALUES
(397909426176042400, '', X'00', 0);
