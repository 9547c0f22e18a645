-- Removes what replay can rebuild.
DROP TABLE veritrail.entity_members;
DROP TABLE veritrail.entity_events;
DROP TABLE veritrail.entities;
