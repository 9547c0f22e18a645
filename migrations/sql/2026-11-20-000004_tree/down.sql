-- Removes tiles, heads and checkpoints.
DROP TABLE veritrail.checkpoints;
DROP TABLE veritrail.tree_heads;
DROP TABLE veritrail.merkle_tiles;
