//! Paths of tiles and what is in them.

use veritrail_merkle::tile::{TileId, TileKind, entries, hashes, place_of};
use veritrail_merkle::{Hash, MAX_TREE_SIZE};

/// Any path: it comes back, and the tile has the nodes that are looked for in it.
pub fn tile_path(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(tile) = text.parse::<TileId>() else { return };
    assert_eq!(tile.to_string(), text);
    let (Some(leaves), Some(nodes)) = (tile.leaves(), tile.nodes()) else { return };
    let nodes: Vec<_> = nodes.collect();
    assert_eq!(nodes.len(), usize::from(tile.width()));
    if leaves.end > MAX_TREE_SIZE || tile.kind() == TileKind::Entries {
        return;
    }
    for (position, node) in nodes.into_iter().enumerate() {
        let place = place_of(node, leaves.end).expect("the node is complete in the tree that ends with it");
        assert_eq!(place.tile, tile);
        assert_eq!(place.hashes, position..position + 1);
    }
}

/// Any bytes as a bundle of entries and as a tile of hashes; the first byte says how many.
pub fn entry_bundle(data: &[u8]) {
    let Some((&width, bytes)) = data.split_first() else { return };
    let width = u16::from(width) + 1;
    let bundle = TileId::entries(0, width).expect("1 to 256");
    if let Ok(read) = entries::decode(bundle, bytes) {
        assert_eq!(read.len(), usize::from(width));
        assert_eq!(entries::encode(&read).as_deref(), Ok(bytes));
    }
    let tile = TileId::hashes(0, 0, width).expect("1 to 256");
    let read: Option<Vec<Hash>> = hashes::decode(tile, bytes).ok();
    if let Some(read) = read {
        assert_eq!(hashes::encode(&read), bytes);
    }
}
