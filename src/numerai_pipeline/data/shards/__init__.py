"""The shard format: packing, records, checksums, manifest."""
