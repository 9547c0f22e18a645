-- Removes the events and their view.
DROP VIEW veritrail.events_jsonb;
DROP TABLE veritrail.events;
