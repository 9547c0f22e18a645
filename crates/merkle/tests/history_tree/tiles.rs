//! Tiles: their names, which a tree has, what is in them, and proofs from nothing but tiles; compared with
//! `tlog_tiles`, which has another prefix and a hash reader but the same tiles.

use std::collections::HashMap;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use tlog_tiles::{Tile, split_stored_hash_index};
use veritrail_merkle::proof::{Plan, plan_consistency, plan_inclusion};
use veritrail_merkle::tile::entries::{self, MAX_ENTRY_BYTES};
use veritrail_merkle::tile::{
    MAX_TILE_LEVEL, TILE_WIDTH, TileError, TileId, TileKind, entry_tiles, hash_tiles, hashes,
    new_entry_tiles, new_hash_tiles, place_of,
};
use veritrail_merkle::{Hash, MAX_TREE_SIZE, NodeId, Sha256Hasher, verify_consistency, verify_inclusion};

use crate::reference::{SmallTree, Tree};

const SIZES: u64 = 600;

/// The path of one of their tiles, less the height that stands in it.
fn their_path(tile: &Tile) -> String {
    tile.path().replace("tile/8/data/", "tile/entries/").replace("tile/8/", "tile/")
}

/// The files of a log: the bytes of each tile by its path.
fn files(tree: &impl Tree, size: u64) -> HashMap<String, Vec<u8>> {
    let tiles = hash_tiles(size).expect("the size is small");
    tiles
        .map(|tile| {
            let nodes: Vec<NodeId> = tile.nodes().expect("a tile of a small tree").collect();
            (tile.to_string(), hashes::encode(&tree.fetch(&nodes)))
        })
        .collect()
}

/// What a reader of a log's files does for a proof.
fn fetch(files: &HashMap<String, Vec<u8>>, plan: &Plan, size: u64) -> Vec<Hash> {
    let fetched = plan.nodes().iter().map(|&node| {
        let place = place_of(node, size).expect("a planned node is complete");
        let tile = hashes::decode(place.tile, &files[&place.tile.to_string()]).expect("a whole tile");
        hashes::node_hash(&place, &tile).expect("the tile has the node")
    });
    plan.assemble(&Sha256Hasher, fetched.collect()).expect("all nodes were fetched")
}

#[test]
fn the_tiles_of_the_specifications_example_are_these() {
    // A tree of size 70,000: 273 full tiles and one of 112 at level 0, one and one of 17 at level 1, one of 1.
    let tiles: Vec<TileId> = hash_tiles(70_000).unwrap().collect();
    let full =
        |level| tiles.iter().filter(move |tile| tile.kind() == TileKind::Hashes { level } && tile.is_full());
    let partial: Vec<String> = tiles.iter().filter(|tile| !tile.is_full()).map(ToString::to_string).collect();
    assert_eq!((full(0).count(), full(1).count(), full(2).count()), (273, 1, 0));
    assert_eq!(partial, ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]);
    let of_256: Vec<String> = hash_tiles(256).unwrap().map(|tile| tile.to_string()).collect();
    assert_eq!(of_256, ["tile/0/000", "tile/1/000.p/1"]);
    assert_eq!(hash_tiles(0).unwrap().count() + entry_tiles(0).unwrap().count(), 0);
    assert_eq!(TileId::entries(1_234_067, 256).unwrap().to_string(), "tile/entries/x001/x234/067");
}

#[test]
fn a_tree_has_the_tiles_that_tlog_tiles_says() {
    for (old, new) in
        (0..SIZES).step_by(7).flat_map(|old| (old..=SIZES).step_by(11).map(move |new| (old, new)))
    {
        let theirs: Vec<String> = Tile::new_tiles(8, old, new).iter().map(their_path).collect();
        let ours: Vec<String> = new_hash_tiles(old, new).unwrap().map(|tile| tile.to_string()).collect();
        assert_eq!(ours, theirs, "from {old} to {new}");
    }
    for size in [65_535, 65_536, 65_537, 16_777_216, 16_777_217] {
        let theirs = Tile::new_tiles(8, size - 600, size);
        let ours = new_hash_tiles(size - 600, size).unwrap().map(|tile| tile.to_string());
        assert_eq!(ours.collect::<Vec<_>>(), theirs.iter().map(their_path).collect::<Vec<_>>());
    }
    let entries: Vec<String> = new_entry_tiles(255, 513).unwrap().map(|tile| tile.to_string()).collect();
    assert_eq!(entries, ["tile/entries/000", "tile/entries/001", "tile/entries/002.p/1"]);
    assert_eq!(new_entry_tiles(513, 513).unwrap().count(), 0);
}

#[test]
fn the_largest_tree_has_tiles_up_to_level_seven() {
    let last = hash_tiles(MAX_TREE_SIZE).unwrap().next().unwrap();
    assert_eq!(last.to_string(), "tile/0/000");
    let grown: Vec<TileId> = new_hash_tiles(MAX_TREE_SIZE - 1, MAX_TREE_SIZE).unwrap().collect();
    assert_eq!(grown.len(), 8);
    assert_eq!(grown[7].to_string(), "tile/7/000.p/128");
    assert_eq!(grown[0].leaves(), Some(MAX_TREE_SIZE - 256..MAX_TREE_SIZE));
    assert_eq!(grown[7].leaves(), Some(0..MAX_TREE_SIZE));
    let root = place_of(NodeId::new(63, 0), MAX_TREE_SIZE).unwrap();
    assert_eq!((root.tile, root.hashes), (grown[7], 0..128));

    let size = MAX_TREE_SIZE + 1;
    assert_eq!(hash_tiles(size).map(|_| ()), Err(TileError::SizeTooLarge { size }));
    assert_eq!(entry_tiles(size).map(|_| ()), Err(TileError::SizeTooLarge { size }));
    assert_eq!(new_hash_tiles(2, 1).map(|_| ()), Err(TileError::SizesReversed { old: 2, new: 1 }));
}

#[test]
fn every_node_is_where_tlog_tiles_finds_it() {
    let tree = SmallTree::numbered(SIZES);
    for size in [1, 2, 255, 256, 257, 300, 511, 512, SIZES] {
        let files = files(&tree, size);
        for index in 0..tlog_tiles::stored_hash_count(size) {
            let (level, number) = split_stored_hash_index(index);
            let node = NodeId::new(level, number);
            let place = place_of(node, size).unwrap();
            // Theirs is only as wide as this node needs.
            let theirs = Tile::from_index(8, index);
            assert_eq!(theirs.level_index(), place.tile.index());
            assert_eq!(TileKind::Hashes { level: theirs.level() }, place.tile.kind());
            assert_eq!(theirs.width() as usize, place.hashes.end);

            let bytes = &files[&place.tile.to_string()];
            let read = hashes::decode(place.tile, bytes).unwrap();
            assert_eq!(vec![hashes::node_hash(&place, &read).unwrap()], tree.fetch(&[node]));
            let wider = Tile::new(8, theirs.level(), theirs.level_index(), place.tile.width().into(), false);
            let expected = wider.hash_at_index(bytes, index).unwrap();
            assert_eq!(expected.0, *hashes::node_hash(&place, &read).unwrap().as_bytes());
        }
    }
}

#[test]
fn nodes_outside_of_the_tree_have_no_place() {
    for node in
        [NodeId::leaf(7), NodeId::new(1, 3), NodeId::new(3, 0), NodeId::new(64, 0), NodeId::new(255, 9)]
    {
        assert_eq!(place_of(node, 7), Err(TileError::NodeOutOfRange { node, size: 7 }));
    }
    let size = MAX_TREE_SIZE + 1;
    assert_eq!(place_of(NodeId::leaf(0), size), Err(TileError::SizeTooLarge { size }));
    assert_eq!(TileId::hashes(8, 0, 1).unwrap().leaves(), None);
    assert_eq!(TileId::hashes(7, u64::MAX, 256).unwrap().nodes().map(Iterator::count), None);
    assert_eq!(TileId::hashes(7, 0, 256).unwrap().leaves(), None);
    assert_eq!(TileId::entries(u64::MAX, 1).unwrap().leaves(), None);
}

#[test]
fn proofs_are_made_from_tiles_alone() {
    let tree = SmallTree::numbered(SIZES);
    for size in [1, 5, 256, 257, 511, SIZES] {
        let (files, root) = (files(&tree, size), tree.root(size));
        for index in (0..size).step_by(17).chain([size - 1]) {
            let path = fetch(&files, &plan_inclusion(index, size).unwrap(), size);
            assert_eq!(verify_inclusion(&Sha256Hasher, index, size, &tree.leaf(index), &path, &root), Ok(()));
            let proof = fetch(&files, &plan_consistency(index, size).unwrap(), size);
            let (old, old_root) = (index, tree.root(index));
            assert_eq!(verify_consistency(&Sha256Hasher, old, size, &old_root, &root, &proof), Ok(()));
        }
    }
}

#[test]
fn texts_that_are_no_paths_are_refused() {
    let refused = [
        "",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "tile//000",
        "/tile/0/000",
        "tile/0/000/",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/00/000",
        "tile/01/000",
        "tile/64/000",
        "tile/256/000",
        "tile/-1/000",
        "tile/+1/000",
        "tile/8/0/000",
        "tile/data/000",
        "tile/Entries/000",
        "Tile/0/000",
        "tile/0/x000",
        "tile/0/x000/001",
        "tile/0/000/001",
        "tile/0/x001/x002",
        "tile/0/x001/2",
        "tile/0/X001/002",
        "tile/0/x0a1/002",
        "tile/0/0a1",
        "tile/0/000.p",
        "tile/0/000.p/",
        "tile/0/000.p/0",
        "tile/0/000.p/00",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/257",
        "tile/0/000.p/65537",
        "tile/0/000.p/+1",
        "tile/0/000.p/1/",
        "tile/0/000.p/1.p/1",
        "tile/0/000 ",
        "tile/0/٠٠٠",
        "tile/0/x018/x446/x744/x073/x709/x551/616",
        "tile/entries/",
        "tile/entries",
        "tile/0/x001/x000/x000/x000/x000/x000/x000/000",
        "tile/entries/000\n",
    ];
    for path in refused {
        assert_eq!(path.parse::<TileId>(), Err(TileError::Path), "{path}");
    }
    let largest = "tile/63/x018/x446/x744/x073/x709/x551/615.p/255";
    assert_eq!(largest.parse(), TileId::hashes(63, u64::MAX, 255));
    assert_eq!(TileId::hashes(MAX_TILE_LEVEL + 1, 0, 1), Err(TileError::Level { level: 64 }));
    assert_eq!(TileId::hashes(0, 0, 0), Err(TileError::Width { width: 0 }));
    assert_eq!(TileId::entries(0, TILE_WIDTH + 1), Err(TileError::Width { width: 257 }));
    assert_eq!(TileId::hashes(2, 5, 9).unwrap().full(), TileId::hashes(2, 5, 256).unwrap());
}

#[test]
fn a_tile_of_another_length_is_refused() {
    let tile = TileId::hashes(0, 0, 3).unwrap();
    for length in [0, 1, 64, 95, 97, 128] {
        let refused = hashes::decode(tile, &vec![0; length]);
        assert_eq!(refused, Err(TileError::Bytes { expected: 96, actual: length }));
    }
    let read = hashes::decode(tile, &[7; 96]).unwrap();
    assert_eq!(read, [Hash::from([7; 32]); 3]);
    let place = place_of(NodeId::leaf(2), 3).unwrap();
    assert_eq!(hashes::node_hash(&place, &read[..2]), Err(TileError::Bytes { expected: 96, actual: 64 }));
}

#[test]
fn bundles_hold_exactly_their_entries() {
    let longest = vec![7; MAX_ENTRY_BYTES];
    let bundle = entries::encode(&[&longest[..], b"", b"x"]).unwrap();
    let tile = |width| TileId::entries(9, width).unwrap();
    assert_eq!(entries::decode(tile(3), &bundle).unwrap(), [&longest[..], b"", b"x"]);
    assert_eq!(entries::decode(tile(2), &bundle), Err(TileError::BundleTooLong { bytes: 3 }));
    assert_eq!(entries::decode(tile(4), &bundle), Err(TileError::BundleTruncated { entry: 3 }));
    assert_eq!(
        entries::decode(tile(3), &bundle[..bundle.len() - 1]),
        Err(TileError::BundleTruncated { entry: 2 })
    );
    assert_eq!(entries::decode(tile(1), &[0]), Err(TileError::BundleTruncated { entry: 0 }));

    let too_long = vec![0; MAX_ENTRY_BYTES + 1];
    let refused = entries::encode(&[&b"x"[..], &too_long]);
    assert_eq!(refused, Err(TileError::EntryTooLong { entry: 1, bytes: MAX_ENTRY_BYTES + 1 }));
    assert_eq!(entries::encode::<&[u8]>(&[]), Err(TileError::Width { width: 0 }));
    assert_eq!(entries::encode(&[b""; 257]), Err(TileError::Width { width: 257 }));
    assert_eq!(entries::encode(&[b""; 256]).unwrap().len(), 512);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        rng_seed: RngSeed::Fixed(0x7469_6c65),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn paths_read_as_what_they_write(
        level in 0..=MAX_TILE_LEVEL,
        index in prop_oneof![any::<u64>(), 0..2_000_000_u64],
        width in 1..=TILE_WIDTH,
    ) {
        for tile in [TileId::hashes(level, index, width).unwrap(), TileId::entries(index, width).unwrap()] {
            prop_assert_eq!(tile.to_string().parse(), Ok(tile));
            let is_data = tile.kind() == TileKind::Entries;
            let level = if is_data { 0 } else { level };
            prop_assert_eq!(tile.to_string(), their_path(&Tile::new(8, level, index, width.into(), is_data)));
        }
    }

    #[test]
    fn garbage_is_no_path_or_the_one_that_is_written(
        text in prop_oneof!["tile/([0-9]{1,3}|entries)(/x?[0-9]{2,4}){1,7}(\\.p/[0-9]{1,4})?", any::<String>()],
        bundle in prop::collection::vec(prop_oneof![4 => Just(0_u8), 2 => 0..4_u8, 1 => any::<u8>()], 0..40),
        width in 1..8_u16,
    ) {
        if let Ok(tile) = text.parse::<TileId>() {
            prop_assert_eq!(tile.to_string(), text);
        }
        if let Ok(read) = entries::decode(TileId::entries(0, width).unwrap(), &bundle) {
            prop_assert_eq!(read.len(), usize::from(width));
            prop_assert_eq!(entries::encode(&read).unwrap(), bundle);
        }
    }
}
