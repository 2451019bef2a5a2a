package store

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"c1z/interop/internal/report"
)

const golden = "../../../testdata/golden"

func TestMain(m *testing.M) {
	time.Local = time.UTC // v1 files hold local times
	os.Exit(m.Run())
}

// dumpFor dumps a file and returns the path of the dump.
func dumpFor(t *testing.T, path string) string {
	t.Helper()
	target := filepath.Join(t.TempDir(), "dump.ndjson.gz")
	if err := dumpTo(path, target); err != nil {
		t.Fatal(err)
	}
	return target
}

func TestDumpsEqualTheGoldenOnes(t *testing.T) {
	for file, dump := range map[string]string{
		"basic/v1.c1z":                    "basic/dump.v1.ndjson.gz",
		"basic/v3.indexed_zstd.c1z":       "basic/dump.v3.ndjson.gz",
		"multi-sync/v1.c1z":               "multi-sync/dump.v1.ndjson.gz",
		"realistic/v3.tar.c1z":            "realistic/dump.v3.ndjson.gz",
		"identity-collisions/from-v1.c1z": "identity-collisions/dump.from-v1.ndjson.gz",
	} {
		found := dumpFor(t, filepath.Join(golden, file))
		var said bytes.Buffer
		// What names no sync depends on today's date once a sync is unfinished.
		plan := ComparePlan{Strict: true, SkipUnnamed: true}
		if err := Compare(report.NewLines(&said), filepath.Join(golden, dump), found, plan); err != nil {
			t.Errorf("%s: %v\n%s", file, err, said.String())
		}
	}
}

func TestCompareTellsWhatDiffers(t *testing.T) {
	const base = `{"kind":"grant","i":0,"sync_id":"s","pb":"AA=="}
{"kind":"lookup","op":"Get","id":"g","error":{"code":"NotFound","msg":"no"},"result":false}
{"kind":"lookup","op":"List","id":"x","error":null,"result":["a","b"]}`
	write := func(text string) string {
		path := filepath.Join(t.TempDir(), "dump.ndjson")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct {
		old, new string
		plan     ComparePlan
		equal    bool
	}{
		{`"no"`, `"no"`, ComparePlan{Strict: true}, true},
		{`"no"`, `"other words"`, ComparePlan{Strict: true}, true},
		{`AA==`, `AQ==`, ComparePlan{}, false},
		{`NotFound`, `Internal`, ComparePlan{}, false},
		{`["a","b"]`, `["b","a"]`, ComparePlan{}, false},
		{`["a","b"]`, `["b","a"]`, ComparePlan{AnyOrder: true}, true},
		{`"id":"x"`, `"id":"y"`, ComparePlan{}, true},
		{`"id":"x"`, `"id":"y"`, ComparePlan{Strict: true}, false},
	} {
		other := strings.Replace(base, c.old, c.new, 1)
		err := Compare(report.NewLines(io.Discard), write(base), write(other), c.plan)
		if (err == nil) != c.equal {
			t.Errorf("%s to %s, %+v: %v", c.old, c.new, c.plan, err)
		}
	}
}

func TestMadeFilesAreEditedAndResumed(t *testing.T) {
	for engine := range engines {
		var said bytes.Buffer
		out := report.NewLines(&said)
		path := func(name string) string { return filepath.Join(t.TempDir(), name) }
		finished, unfinished := path("finished.c1z"), path("unfinished.c1z")
		plan := MakePlan{Engine: engine, Seed: 1, Grants: 300}
		if err := Make(out, finished, plan); err != nil {
			t.Fatal(err)
		}
		plan.Unfinished = true
		if err := Make(out, unfinished, plan); err != nil {
			t.Fatal(err)
		}
		for _, end := range []bool{false, true} {
			if err := Edit(out, finished, path("edited.c1z"), EditPlan{2, 3, end}); err != nil {
				t.Errorf("%s: %v", engine, err)
			}
		}
		if err := Resume(out, unfinished, path("resumed.c1z")); err != nil {
			t.Errorf("%s: %v", engine, err)
		}
		if err := Resume(out, finished, path("resumed.c1z")); err == nil {
			t.Errorf("%s: a finished sync was resumed", engine)
		}
		if err := Bench(out, finished); err != nil {
			t.Errorf("%s: %v", engine, err)
		}
		checkGrants(t, said.Bytes(), finished, 300)
	}
}

func checkGrants(t *testing.T, said []byte, path string, want int) {
	t.Helper()
	for line := range bytes.Lines(said) {
		var phase struct {
			Phase string
			Rows  int
		}
		if err := json.Unmarshal(line, &phase); err != nil {
			t.Fatal(err)
		}
		if phase.Phase == "list_grants" && phase.Rows != want {
			t.Errorf("%s: grants=%d want=%d", path, phase.Rows, want)
		}
	}
}

func TestEditCheckFindsALostEdit(t *testing.T) {
	e := &editor{ctx: t.Context(), grants: map[string]bool{"no-such-grant": true}}
	path := filepath.Join(golden, "basic/v3.indexed_zstd.c1z")
	if err := e.check(path, ""); err == nil {
		t.Error("a grant that is not there was not missed")
	}
}
