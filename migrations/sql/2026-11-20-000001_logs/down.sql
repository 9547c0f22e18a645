-- Removes the logs' identities; the tables that speak of them are gone by now.
DROP TABLE veritrail.logs;
