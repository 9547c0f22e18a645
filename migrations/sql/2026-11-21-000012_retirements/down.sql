-- Removes the records of what was retired.
DROP TABLE veritrail.retirements;
