-- What this migration makes has PostgreSQL alone, and it is empty while nobody works: nothing to add.
SELECT 1;
