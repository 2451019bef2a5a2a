package lsm

import (
	"fmt"
	"math/rand/v2"
)

// neighbourKey is a new key close to one that exists, so that writes fall between the
// keys of the tables below.
func (w *writer) neighbourKey() string {
	if len(w.known) == 0 || w.chance(10) {
		return string(randomBytes(w.rng, 1+w.rng.IntN(40)))
	}
	base := w.known[w.rng.IntN(len(w.known))]
	cut := len(base) - w.rng.IntN(min(len(base), 4)+1)
	return base[:cut] + string(randomBytes(w.rng, 1+w.rng.IntN(6)))
}

// keyStyles are the kinds of keys that made databases hold.
var keyStyles = map[string]func(*rand.Rand) string{
	// Like the SDK's grants: two header bytes, components parted by NUL.
	"grants": func(r *rand.Rand) string {
		return fmt.Sprintf("\x03\x04\x00group\x00g%d\x001\x00member\x00user\x00u%06d",
			r.IntN(40), r.IntN(100000))
	},
	"short": func(r *rand.Rand) string { return string(randomBytes(r, 1+r.IntN(6))) },
	// Bytes that codecs treat with care, many common prefixes.
	"binary": func(r *rand.Rand) string {
		key := make([]byte, 1+r.IntN(24))
		for i := range key {
			key[i] = "\x00\x00\x01\xfe\xff\xffa"[r.IntN(7)]
		}
		return string(key)
	},
	// One in eight is longer than several blocks of the smaller sizes.
	"long": func(r *rand.Rand) string {
		prefix := make([]byte, 200*r.IntN(60)*(r.IntN(8)/7))
		for i := range prefix {
			prefix[i] = byte('a' + i%7)
		}
		return string(prefix) + string(randomBytes(r, 1+r.IntN(300)))
	},
}

// valueStyles are the kinds of values that made databases hold.
var valueStyles = map[string]func(*rand.Rand) []byte{
	"empty": func(*rand.Rand) []byte { return []byte{} },
	"tiny":  func(r *rand.Rand) []byte { return randomBytes(r, r.IntN(9)) },
	"text":  func(r *rand.Rand) []byte { return textValue(r, 100+r.IntN(400)) },
	"mixed": func(r *rand.Rand) []byte {
		if r.IntN(20) == 0 {
			return textValue(r, 20*kib+r.IntN(60*kib))
		}
		return randomBytes(r, r.IntN(200))
	},
	"big": func(r *rand.Rand) []byte {
		if r.IntN(2) == 0 {
			return textValue(r, 10*kib+r.IntN(190*kib))
		}
		return randomBytes(r, 10*kib+r.IntN(50*kib))
	},
}

// randomBytes does not compress.
func randomBytes(r *rand.Rand, n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(r.Uint32())
	}
	return out
}

// textValue compresses well.
func textValue(r *rand.Rand, n int) []byte {
	words := [...]string{"member ", "owner ", "type.example.com/Trait ", "group:g", "user:u"}
	out := make([]byte, 0, n+32)
	for len(out) < n {
		out = append(out, words[r.IntN(len(words))]...)
	}
	return out[:n]
}
