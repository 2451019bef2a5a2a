package sqlfile

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"c1z/interop/internal/report"
)

const golden = "../../../testdata/golden"

func TestGoldenRowsAreFound(t *testing.T) {
	for _, name := range []string{"basic", "unusual-strings", "old-schema-2023"} {
		dir := filepath.Join(golden, name)
		plan := CheckPlan{Expect: filepath.Join(dir, "sqlite-rows.ndjson.gz")}
		if err := Check(report.NewLines(io.Discard), filepath.Join(dir, "v1.c1z"), plan); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOtherRowsAreRefused(t *testing.T) {
	plan := CheckPlan{Expect: filepath.Join(golden, "big-asset/sqlite-rows.ndjson.gz")}
	err := Check(report.NewLines(io.Discard), filepath.Join(golden, "basic/v1.c1z"), plan)
	if err == nil {
		t.Error("another case's rows were accepted")
	}
}

func TestADamagedFileIsRefused(t *testing.T) {
	damaged := filepath.Join(t.TempDir(), "damaged.db")
	err := extract(filepath.Join(golden, "basic/v1.c1z"), damaged)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(damaged)
	if err != nil {
		t.Fatal(err)
	}
	clear(raw[2*4096 : 3*4096]) // a page of the schema or of a table
	if err := os.WriteFile(damaged, raw, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Check(report.NewLines(io.Discard), damaged, CheckPlan{}); err == nil {
		t.Error("a page of zeros was accepted")
	}
}

func TestRowsArePrinted(t *testing.T) {
	var said bytes.Buffer
	path := filepath.Join(golden, "basic/v1.c1z")
	if err := Check(report.NewLines(&said), path, CheckPlan{Rows: true}); err != nil {
		t.Fatal(err)
	}
	want := `{"row":{"data":{"blob_hex":"0a0567726f7570120547726f75701a0102"},`
	if !strings.Contains(said.String(), want) {
		t.Errorf("no row begins with %s", want)
	}
}
