package lsm

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"c1z/interop/internal/report"
)

const golden = "../../../testdata/golden"

// The SDK's own OPTIONS file says whether our options are the SDK's.
func TestOptionsAreThoseOfTheSDK(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "db")
	if err := copyOf(filepath.Join(golden, "basic/pebble-dir.tar"), dir); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join(dir, "OPTIONS-000003"))
	if err != nil {
		t.Fatal(err)
	}
	opts := sdkOptions()
	opts.EnsureDefaults()
	wanted := bufio.NewScanner(bytes.NewReader(want))
	found := bufio.NewScanner(strings.NewReader(opts.String()))
	for wanted.Scan() {
		if !found.Scan() || found.Text() != wanted.Text() {
			t.Errorf("want %q, got %q", wanted.Text(), found.Text())
		}
	}
}

func TestDigestOfTwoEntries(t *testing.T) {
	got := content{"b": []byte("2"), "a": nil}.digest()
	// printf '\1\0\0\0\0\0\0\0a\1\0\0\0\1\0\0\0b2' | sha256sum
	want := digest{2, 3, "44674426a501934f4030a6f44cb0142f8fcf7ae6eebdb439627ccc1ff8e07f8a"}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestContentRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kv.ndjson.gz")
	want := content{"": []byte("empty key"), "\x00\xff": {}, "k": []byte("v")}
	if err := want.save(path); err != nil {
		t.Fatal(err)
	}
	got, err := loadContent(path)
	if err != nil || got.digest() != want.digest() {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestDeleteRangeIsHalfOpen(t *testing.T) {
	c := content{"a": nil, "b": nil, "c": nil, "d": nil}
	c.deleteRange("b", "d")
	if _, ok := c["d"]; len(c) != 2 || !ok {
		t.Errorf("left %v", c.sortedKeys())
	}
}

func TestGoldenContentIsFound(t *testing.T) {
	out := report.NewLines(io.Discard)
	for _, name := range []string{"basic/pebble-dir.tar", "pebble/db-virtual/db.tar.gz"} {
		source := filepath.Join(golden, name)
		kv := filepath.Join(filepath.Dir(source), "kv.ndjson.gz")
		if err := Hash(out, []string{source}, HashPlan{Expect: kv}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	source := filepath.Join(golden, "basic/v3.indexed_zstd.c1z")
	other := filepath.Join(golden, "fanout/kv.ndjson.gz")
	if err := Hash(out, []string{source}, HashPlan{Expect: other}); err == nil {
		t.Error("another case's content was accepted")
	}
}

// Shapes with a marked structure must have it, and every database must survive.
func TestMadeDatabasesHaveTheirShape(t *testing.T) {
	root := t.TempDir()
	for name, want := range map[string]func(report.Fields) bool{
		"empty":       func(f report.Fields) bool { return f["entries"] == 0.0 },
		"virtual":     func(f report.Fields) bool { return f["virtual_tables"].(float64) > 0 },
		"two-level":   func(f report.Fields) bool { return f["two_level_tables"].(float64) > 0 },
		"wal-several": func(f report.Fields) bool { return f["logs"].(float64) > 2 },
		"wal-torn":    func(f report.Fields) bool { return f["entries"].(float64) > 0 },
		"format-13":   func(f report.Fields) bool { return f["entries"].(float64) > 0 },
	} {
		line := runOne(t, func(out *report.Lines) error {
			return Make(out, MakePlan{Seed: 42, Count: 1, Shape: name, Out: root})
		})
		if !want(line) {
			t.Errorf("%s: %v", name, line)
		}
		runOne(t, func(out *report.Lines) error {
			plan := ExercisePlan{Seed: 42, Out: filepath.Join(root, "out"), Batches: 4}
			return Exercise(out, []string{filepath.Join(root, name+"-42/db")}, plan)
		})
	}
}

func TestSameSeedMakesTheSameContent(t *testing.T) {
	var sums []any
	for range 2 {
		line := runOne(t, func(out *report.Lines) error {
			return Make(out, MakePlan{Seed: 9, Count: 1, Shape: "mixed", Out: t.TempDir()})
		})
		sums = append(sums, line["sha256"])
	}
	if sums[0] != sums[1] {
		t.Errorf("two runs: %v", sums)
	}
}

func TestADamagedTableIsFound(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "db")
	if err := copyOf(filepath.Join(golden, "basic/pebble-dir.tar"), dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, "000006.sst"), 6000); err != nil {
		t.Fatal(err)
	}
	if err := Hash(report.NewLines(io.Discard), []string{dir}, HashPlan{}); err == nil {
		t.Error("a shortened table was accepted")
	}
}

// runOne runs a command that succeeds and returns its last line.
func runOne(t *testing.T, command func(*report.Lines) error) report.Fields {
	t.Helper()
	var text bytes.Buffer
	if err := command(report.NewLines(&text)); err != nil {
		t.Fatal(err)
	}
	return lastLine(t, text.Bytes())
}
