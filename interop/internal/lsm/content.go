package lsm

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"slices"

	"c1z/interop/internal/report"
)

// content is what a database must serve: every live key with its value.
type content map[string][]byte

// digest summarises content: counts, and SHA-256 over `u32le klen ‖ u32le vlen ‖ key ‖
// value` of each entry in key order (`pebble-ondisk` §4).
type digest struct {
	Entries int64
	Bytes   int64
	SHA256  string
}

func (d digest) fields() report.Fields {
	return report.Fields{"entries": d.Entries, "bytes": d.Bytes, "sha256": d.SHA256}
}

// digester hashes entries in the order they come. Its second sum does not depend on
// the order, so that a backward scan can be compared with a forward one.
type digester struct {
	digest
	ordered  hash.Hash
	sum      [sha256.Size]byte
	entry    []byte
	lastKey  []byte
	unsorted bool
}

func newDigester() *digester { return &digester{ordered: sha256.New()} }

// add takes one entry. direction is +1 when keys must rise and -1 when they must fall.
func (d *digester) add(key, value []byte, direction int) {
	entry := d.entry[:0]
	entry = binary.LittleEndian.AppendUint32(entry, uint32(len(key)))
	entry = binary.LittleEndian.AppendUint32(entry, uint32(len(value)))
	entry = append(append(entry, key...), value...)
	d.entry = entry
	_, _ = d.ordered.Write(entry)
	one := sha256.Sum256(entry)
	subtle.XORBytes(d.sum[:], d.sum[:], one[:])
	if d.Entries > 0 && bytes.Compare(key, d.lastKey) != direction {
		d.unsorted = true
	}
	d.lastKey = append(d.lastKey[:0], key...)
	d.Entries++
	d.Bytes += int64(len(key) + len(value))
}

func (d *digester) result() digest {
	d.SHA256 = hex.EncodeToString(d.ordered.Sum(nil))
	return d.digest
}

func (c content) sortedKeys() []string {
	keys := make([]string, 0, len(c))
	for key := range c {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func (c content) digest() digest {
	sum := newDigester()
	for _, key := range c.sortedKeys() {
		sum.add([]byte(key), c[key], +1)
	}
	return sum.result()
}

// deleteRange removes every key in [start, end). Linear in the number of keys.
func (c content) deleteRange(start, end string) {
	for key := range c {
		if start <= key && key < end {
			delete(c, key)
		}
	}
}

// pair is one line of a kv.ndjson file.
type pair struct {
	Key   *string `json:"key_hex"`
	Value string  `json:"value_hex"`
}

// save writes the content in key order as kv.ndjson(.gz).
func (c content) save(path string) (err error) {
	out, err := report.CreateText(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	lines := report.NewLines(out)
	for _, key := range c.sortedKeys() {
		lines.Emit(report.Fields{
			"key_hex":   hex.EncodeToString([]byte(key)),
			"value_hex": hex.EncodeToString(c[key]),
		})
	}
	return lines.Err()
}

// loadContent reads a kv.ndjson(.gz). Lines without key_hex (range keys) are skipped.
func loadContent(path string) (content, error) {
	loaded := content{}
	err := report.EachLine(path, func(line []byte) error {
		var p pair
		if err := json.Unmarshal(line, &p); err != nil || p.Key == nil {
			return err
		}
		key, err := hex.DecodeString(*p.Key)
		if err != nil {
			return err
		}
		value, err := hex.DecodeString(p.Value)
		loaded[string(key)] = value
		return err
	})
	return loaded, err
}
