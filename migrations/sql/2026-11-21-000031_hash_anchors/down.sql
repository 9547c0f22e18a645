-- Removes the anchors; the logs keep their heads and checkpoints.
DROP TABLE veritrail.hash_anchors;
DROP FUNCTION veritrail.refuse_moving_back();
